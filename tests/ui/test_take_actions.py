"""What one does with takes: choosing, reusing, dropping files, keeping voices."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bark.errors import BarkError, InvalidInputError
from bark.options import GenerationOptions
from bark.ui.actions import take_actions
from bark.ui.actions.speak import speak
from bark.ui.actions.voice_menu import sample, voice_rows
from bark.ui.page.form import Form
from bark.ui.state.sessions import Session
from bark.ui.state.studio import Studio
from tests.fake_bark import FakeBark
from tests.studio_fixtures import make_studio

TEXT = "Hello there, this is a test."


@pytest.fixture
def studio() -> Studio:
    return make_studio(None)  # visitors of a Space


@pytest.fixture
def session(studio: Studio) -> Session:
    return studio.visits.session("tab")


def say(studio: Studio, session: Session, **changes: object) -> str:
    list(speak(studio, session, dataclasses.replace(Form(text=TEXT), **changes)))
    assert session.selected is not None
    return session.selected


def test_reuse_restores_text_settings_and_seed(studio: Studio, session: Session) -> None:
    say(studio, session, text_temperature=0.3, seed=77, hold_seed=True)
    form = take_actions.settings_of(studio, session, Form(text="something else"))
    assert (form.text, form.text_temperature, form.seed, form.hold_seed) == (TEXT, 0.3, 77, True)
    assert form.voice == ""


def test_use_as_voice_speaks_on_with_the_takes_own_tokens(studio: Studio, session: Session) -> None:
    first = say(studio, session)
    choice = take_actions.as_voice(session)
    second = session.visit.takes.load(say(studio, session, voice=choice))
    tokens = session.visit.takes.load(first).tokens
    assert second.voice is not None
    assert (second.voice.semantic == tokens.semantic).all()
    access = studio.access(session.visit)
    rows = voice_rows(studio.engine.ready().spec, access, keep=choice)
    assert [row.label for row in rows if row.value == choice] == ["As take 1"]


def test_reuse_restores_the_very_voice_that_was_given(studio: Studio, session: Session) -> None:
    say(studio, session)
    say(studio, session, voice=take_actions.as_voice(session), seed=4, hold_seed=True)
    made = session.visit.takes.load(session.selected or "")
    form = take_actions.settings_of(studio, session, Form())
    again = session.visit.takes.load(say(studio, session, voice=form.voice, seed=4, hold_seed=True))
    assert made.voice is not None
    assert again.voice is not None
    assert (again.voice.fine == made.voice.fine).all()


def test_a_saved_voice_is_in_the_menu_and_only_in_this_visit(
    studio: Studio, session: Session
) -> None:
    say(studio, session)
    path = take_actions.keep_voice(studio, session, "Aunt Ada")
    assert path.exists()
    spec = studio.engine.ready().spec
    assert "Aunt Ada" in [row.value for row in voice_rows(spec, studio.access(session.visit))]
    other = studio.visits.session("another tab")
    assert "Aunt Ada" not in [row.value for row in voice_rows(spec, studio.access(other.visit))]
    assert sample(studio, session.visit, "Aunt Ada").wav[:4] == b"RIFF"
    before = path.read_bytes()
    say(studio, session)
    with pytest.raises(BarkError, match="already"):
        take_actions.keep_voice(studio, session, "Aunt Ada")
    assert path.read_bytes() == before


def test_a_voice_that_comes_with_the_model_is_not_hidden_by_one_of_its_name(
    studio: Studio, session: Session
) -> None:
    say(studio, session)
    access, spec = studio.access(session.visit), studio.engine.ready().spec
    packaged = next(info.name for info in access.voices(spec) if info.origin == "packaged")
    for name in (packaged, packaged.capitalize()):
        with pytest.raises(BarkError, match="already"):
            take_actions.keep_voice(studio, session, name)
    assert packaged in {info.name for info in access.voices(spec) if info.origin == "packaged"}


def test_the_voice_of_a_take_that_is_gone_is_said_to_be_the_voice(
    studio: Studio, session: Session
) -> None:
    made = say(studio, session)
    choice = take_actions.as_voice(session)
    session.visit.takes.delete(made)
    told = speak(studio, session, Form(text=TEXT, voice=choice))
    assert any("choose another voice" in (update.status or "") for update in told)
    session.visit.takes.restore()
    say(studio, session, voice=choice)


@pytest.mark.parametrize("name", ["", "  ", "../../evil", "a/b", "x.npz", "C:\\evil", "<b>"])
def test_a_name_that_is_no_name_is_refused(studio: Studio, session: Session, name: str) -> None:
    say(studio, session)
    with pytest.raises(BarkError, match="name"):
        take_actions.keep_voice(studio, session, name)


@pytest.mark.parametrize("format", ["wav", "flac", "ogg", "mp3"])
def test_a_dropped_take_restores_everything(
    studio: Studio, session: Session, tmp_path: Path, format: str
) -> None:
    made = say(studio, session, text_temperature=0.45, seed=31, hold_seed=True)
    file = tmp_path / f"old.{format}"
    file.write_bytes(session.visit.takes.encode(made, format))
    stranger = studio.visits.session("another tab")
    opened = take_actions.open_file(studio, stranger, file)
    form = take_actions.settings_of(studio, stranger, Form())
    assert opened.take is not None
    assert (form.text, form.seed, form.text_temperature) == (TEXT, 31, 0.45)
    again = stranger.visit.takes.load(opened.take.id)
    assert (again.tokens.fine == session.visit.takes.load(made).tokens.fine).all()


def test_dropping_a_take_that_is_listed_selects_it(
    studio: Studio, session: Session, tmp_path: Path
) -> None:
    first = say(studio, session)
    say(studio, session)
    file = tmp_path / "first.flac"
    file.write_bytes(session.visit.takes.encode(first, "flac"))
    take_actions.open_file(studio, session, file)
    assert session.selected == first
    assert len(session.visit.takes.all()) == 2


def test_a_take_of_another_model_says_so(studio: Studio, session: Session, tmp_path: Path) -> None:
    take = FakeBark("large").generate("From afar.", options=GenerationOptions(seed=1))
    file = tmp_path / "large.wav"
    file.write_bytes(take.encode("wav"))
    opened = take_actions.open_file(studio, session, file)
    assert "made by large" in opened.line


@pytest.mark.parametrize("name", ["song.wav", "voice.npz", "noise.mp3"])
def test_a_file_that_is_neither_is_a_sentence(
    studio: Studio, session: Session, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(b"nothing of ours")
    for opening in (take_actions.open_file, take_actions.open_voice):
        with pytest.raises(BarkError):
            opening(studio, session, file)
    assert not session.visit.takes.all()


def test_a_take_file_and_an_npz_serve_as_voices(
    studio: Studio, session: Session, tmp_path: Path
) -> None:
    made = session.visit.takes.load(say(studio, session))
    audio, arrays = tmp_path / "ada.ogg", tmp_path / "ada.npz"
    audio.write_bytes(made.encode("ogg"))
    np.savez(arrays, **made.tokens.to_dict())
    for file in (audio, arrays):
        opened = take_actions.open_voice(studio, session, file)
        spoken = session.visit.takes.load(say(studio, session, voice=opened.voice))
        assert spoken.voice is not None
        assert (spoken.voice.fine == made.tokens.fine).all()


def test_the_menus_choice_and_a_takes_voice_are_never_paths(
    studio: Studio, session: Session, tmp_path: Path
) -> None:
    made = session.visit.takes.load(say(studio, session))
    for name in ("ada.npz", "ada.npz.npz"):
        with (tmp_path / name).open("wb") as file:
            np.savez(file, **made.tokens.to_dict())
    for choice in (f"{tmp_path}/ada", f"{tmp_path}/ada.npz", f"{tmp_path}/ada.npz.npz"):
        with pytest.raises(BarkError, match="Unknown voice"):
            sample(studio, session.visit, choice)
        named = dataclasses.replace(made.tokens, name=choice)
        stored = session.visit.takes.add(dataclasses.replace(made, voice=named))
        session.selected = stored.id
        form = take_actions.settings_of(studio, session, Form())
        assert form.voice == f"given:{stored.id}"


def act(session: Session, do: str, *ids: str, **more: object) -> dict:
    return take_actions.act(session.visit, {"do": do, "ids": list(ids), **more})


def test_star_note_delete_and_undo(studio: Studio, session: Session) -> None:
    first, second = say(studio, session), say(studio, session)
    told = act(session, "star", first, star=True)
    told = act(session, "note", first, note=" dull ", version=told["version"])
    assert [(card["star"], card["note"]) for card in told["takes"]] == [(True, "dull")]
    told = act(session, "delete", second, version=told["version"])
    told = act(session, "delete", first, version=told["version"])
    assert (told["removed"], told["undo"]) == ([first], 2)
    (back,) = act(session, "restore", version=told["version"])["takes"]
    assert (back["id"], back["star"], back["note"]) == (first, True, "dull")
    act(session, "restore")
    assert {take.id for take in session.visit.takes.all()} == {first, second}


def test_asking_for_what_is_gone_or_unknown_changes_nothing(
    studio: Studio, session: Session
) -> None:
    made = say(studio, session)
    for do in ("star", "note", "delete"):
        act(session, do, "take-9999-gone", star=True)
    assert [take.star for take in session.visit.takes.all()] == [False]
    for asked in ({"do": "burn"}, {"do": "star", "ids": made}, {"ids": [7]}, {}):
        with pytest.raises(InvalidInputError):
            take_actions.act(session.visit, asked)
    assert len(session.visit.takes.all()) == 1


def test_several_dropped_files_are_all_opened(
    studio: Studio, session: Session, tmp_path: Path
) -> None:
    paths = []
    for seed in (1, 2):
        take = FakeBark().generate("From a file.", options=GenerationOptions(seed=seed))
        paths.append(take.save(tmp_path / f"take {seed}.flac"))
    found = take_actions.open_files(studio, session, paths)
    assert len(session.visit.takes.all()) == 2
    assert "Opened 2 takes" in found.line
    with pytest.raises(BarkError, match="No file came"):
        take_actions.open_files(studio, session, [])


def test_one_dropped_file_that_is_none_keeps_none_of_the_others_away(
    studio: Studio, session: Session, tmp_path: Path
) -> None:
    paths = []
    for seed in (1, 2):
        take = FakeBark().generate("From a file.", options=GenerationOptions(seed=seed))
        paths.append(take.save(tmp_path / f"take {seed}.flac"))
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    found = take_actions.open_files(studio, session, [paths[0], broken, paths[1]])
    assert len(session.visit.takes.all()) == 2
    assert "Opened 2 takes; the last one is in place. broken.wav is no WAV" in found.line
    assert "more came" not in found.line
    many = take_actions.open_files(studio, session, [*paths * take_actions.MAX_FILES])
    assert f"At most {take_actions.MAX_FILES}" in many.line
    assert f"{take_actions.MAX_FILES} more came" in many.line
    with pytest.raises(BarkError, match="broken"):
        take_actions.open_files(studio, session, [broken, broken])
