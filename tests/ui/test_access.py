"""What a stranger sees and hears of the owner's things: nothing, whichever way in is taken."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from bark.checkpoints.registry import packaged_nano_dir
from bark.errors import BarkError, CheckpointError, VoiceNotFoundError
from bark.options import GenerationOptions
from bark.spec import BARK, NANO
from bark.ui.actions import models
from bark.ui.actions.speak import speak
from bark.ui.actions.voice_menu import rows_for, sample, voice_rows
from bark.ui.build import build_demo, serve
from bark.ui.page.form import Form
from bark.ui.state.engine import Engine
from bark.ui.state.sessions import Visits
from bark.ui.state.studio import Studio
from bark.voices.library import own_voices_dir
from tests.fake_bark import FakeBark
from tests.studio_fixtures import make_studio

SECRET = "grandmother-secret"


@pytest.fixture
def owners_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner of this machine has kept a voice."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    tokens = FakeBark().generate("Secret.", options=GenerationOptions(seed=1)).tokens
    own_voices_dir().mkdir(parents=True)
    np.savez(own_voices_dir() / f"{SECRET}.npz", **tokens.to_dict())


@pytest.mark.usefixtures("owners_voice")
def test_the_owner_hears_an_own_voice_and_a_stranger_is_not_told_of_it(tmp_path: Path) -> None:
    mine, theirs = make_studio(tmp_path / "takes"), make_studio(None)
    assert SECRET in {info.name for info in mine.access().voices(NANO)}
    assert mine.access().load_voice(SECRET, NANO) is not None
    for access in (theirs.access(), theirs.access(theirs.visits.session("tab").visit)):
        assert SECRET not in {info.name for info in access.voices(NANO)}
        assert SECRET not in str(voice_rows(NANO, access))
        for name in (SECRET, SECRET.upper(), SECRET[:-1], "zzz"):
            with pytest.raises(VoiceNotFoundError) as refused:
                access.load_voice(name, NANO)
            said = str(refused.value).replace(repr(name), "")
            assert SECRET not in said
            assert said.startswith("Unknown voice ;")


@pytest.mark.usefixtures("owners_voice")
def test_no_event_of_the_page_lets_a_stranger_hear_an_owners_voice() -> None:
    studio = make_studio(None)
    session = studio.visits.session("tab")
    assert SECRET not in str(rows_for(studio, session.visit))
    with pytest.raises(VoiceNotFoundError, match="Unknown voice"):
        sample(studio, session.visit, SECRET)
    told_of = [update.status for update in speak(studio, session, Form("Hello.", SECRET))]
    assert any("Unknown voice" in (status or "") for status in told_of)
    assert session.visit.takes.all() == []


@pytest.mark.usefixtures("owners_voice")
def test_no_endpoint_tells_of_an_owners_voice() -> None:
    studio = make_studio(None)
    server = serve(studio, build_demo(studio), quiet=True)
    try:
        client = Client(server.url, verbose=False)
        assert SECRET not in json.dumps(client.predict(api_name="/voices"))
        with pytest.raises(AppError) as refused:
            client.predict("Hi.", "qqqqqqqq", api_name="/tts")
        assert SECRET not in str(refused.value)
        with pytest.raises(AppError, match="Unknown voice"):
            client.predict("Hi.", SECRET, api_name="/tts")
    finally:
        server.demo.close()
        studio.close()


def test_a_program_has_no_takes_and_a_visitor_only_its_own() -> None:
    studio = make_studio(None)
    one, other = studio.visits.session("one"), studio.visits.session("other")
    list(speak(studio, one, Form(text="Mine.")))
    take_id = one.visit.takes.all()[0].id
    assert studio.access(one.visit).take_file(take_id, "wav")
    assert studio.access(other.visit).take_file(take_id, "wav") is None
    assert studio.access().take_file(take_id, "wav") is None
    assert studio.access(one.visit).take_file(take_id, "exe") is None
    with pytest.raises(BarkError):
        studio.access(other.visit).load_voice(f"take:{take_id}", NANO)
    with pytest.raises(VoiceNotFoundError):
        studio.access().load_voice(f"take:{take_id}", NANO)
    with pytest.raises(BarkError, match="no place"):
        studio.access().folder_for_voices()


def test_a_model_folder_is_named_to_its_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "private" / "my-model"
    folder.parent.mkdir()
    folder.symlink_to(packaged_nano_dir())
    monkeypatch.setenv("BARK_MODEL", str(folder))
    mine, theirs = make_studio(tmp_path / "takes"), make_studio(None, model=str(folder))
    assert str(folder) in str(models.model_choices(mine.access()))
    assert "private" not in str(models.model_choices(theirs.access()))
    server = serve(theirs, build_demo(theirs), quiet=True)
    try:
        with urllib.request.urlopen(f"{server.url}healthz", timeout=60) as answer:
            assert json.loads(answer.read())["model"] == "my-model"
        client = Client(server.url, verbose=False)
        assert "private" not in json.dumps(client.predict(api_name="/models"))
    finally:
        server.demo.close()
        theirs.close()


def test_why_a_model_does_not_load_is_told_to_its_owner_only() -> None:
    def open_model(name: str) -> FakeBark:
        raise CheckpointError("/home/owner/private/text.pt is damaged.")

    def engine(fault: str | None) -> Engine:
        made = Engine(
            "small",
            open_model=open_model,  # type: ignore[arg-type]
            fetch_model=lambda *_: None,
            fault=fault,
        )
        made.start()
        made.wait(5)
        return made

    studio = Studio(engine("It could not be loaded."), Visits(None))
    with pytest.raises(BarkError, match=r"^It could not be loaded\.$"):
        studio.engine.ready()
    assert "private" not in models.model_line(studio)
    with pytest.raises(BarkError, match="private"):
        engine(None).ready()


def test_a_folder_models_own_voices_are_everybodys(tmp_path: Path) -> None:
    tokens = FakeBark(spec=BARK).generate("Hi.", options=GenerationOptions(seed=1)).tokens
    (tmp_path / "speaker_embeddings").mkdir()
    for key, array in tokens.to_dict().items():
        np.save(tmp_path / "speaker_embeddings" / f"anna_{key}.npy", array)
    studio = make_studio(None, model=str(tmp_path))
    assert "anna" in {info.name for info in studio.access().voices(BARK)}
    voice = studio.access().load_voice("anna", BARK)
    assert voice is not None
    assert (voice.fine == tokens.fine).all()
