"""The voice menu: its rows, what is known of each, and how a voice sounds."""

from __future__ import annotations

import dataclasses
import io
import json
import urllib.error
import urllib.request
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from bark.errors import BarkError, QueueFullError
from bark.options import GenerationOptions
from bark.spec import BARK
from bark.ui.actions.voice_menu import rows_for, sample, voice_rows
from bark.ui.build import build_demo, serve
from bark.ui.state import voice_samples
from bark.ui.state.studio import Studio
from bark.ui.state.voice_samples import MAX_SAMPLE_S, VoiceSamples
from tests.fake_bark import FakeBark
from tests.studio_fixtures import make_studio


class Singer(FakeBark):
    """Its voices are tones of five seconds more than a sample is long."""

    pitch_hz = 120.0
    n_previews = 0
    refuses = False

    def preview(self, voice: Any) -> np.ndarray:
        if self.refuses:
            raise QueueFullError("No GPU is left.")
        self.n_previews += 1
        time_s = np.arange(int((MAX_SAMPLE_S + 5) * 24_000)) / 24_000
        tones = [np.sin(2 * np.pi * k * self.pitch_hz * time_s) / k for k in range(1, 8)]
        return (0.2 * np.sum(tones, axis=0)).astype(np.float32)


def singing(model: str = "nano", pitch_hz: float = 120.0) -> tuple[Studio, Singer]:
    studio = make_studio(None, model=model)
    singer = Singer(model, spec=studio.engine.ready().spec)
    singer.pitch_hz = pitch_hz
    studio.engine._bark = singer  # type: ignore[assignment]
    return studio, singer


def test_rows_tell_language_speaker_and_set_in_words() -> None:
    studio = make_studio(None, model="small")
    rows = {row.value: row for row in voice_rows(BARK, studio.access())}
    assert rows["v2/en_speaker_9"].speaker == "woman"
    assert rows["v2/de_speaker_3"].label == "German 3"
    assert rows["v2/de_speaker_3"].language == "German"
    assert rows["de_speaker_3"].detail.startswith("first set")
    assert rows["de_speaker_3"].speaker == ""
    assert not rows[""].can_be_heard


def test_a_packaged_voice_is_told_by_how_high_it_is() -> None:
    studio, singer = singing(pitch_hz=120.0)
    visit = studio.visits.session("tab").visit
    rows = {row.value: row for row in rows_for(studio, visit)}
    assert rows["alder"].speaker == "low voice"
    singer.pitch_hz = 210.0
    assert {row.speaker for row in rows_for(studio, visit) if row.value} == {"low voice"}  # kept
    assert singer.n_previews == len(rows) - 1


def test_a_packaged_voice_tells_whom_it_has_learned_from() -> None:
    studio, _ = singing()
    rows = {row.value: row for row in rows_for(studio, studio.visits.session("tab").visit)}
    assert rows["birch"].detail == "American woman"
    assert rows["alder"].detail == ""


def test_the_menu_waits_for_nobody_who_speaks() -> None:
    studio, singer = singing()
    visit = studio.visits.session("tab").visit
    ticket = studio.engine.queue.ticket()
    assert {row.speaker for row in rows_for(studio, visit)} == {""}
    assert singer.n_previews == 0
    ticket.close()


def test_the_menu_waits_for_no_computation_that_is_not_in_the_line() -> None:
    studio, singer = singing()
    visit = studio.visits.session("tab").visit
    with singer.lock.computation():
        assert {row.speaker for row in rows_for(studio, visit)} == {""}
    assert singer.n_previews == 0


def test_the_menu_uses_no_gpu_and_knows_what_was_heard_before() -> None:
    studio, singer = singing()
    visit = studio.visits.session("tab").visit
    singer.device = torch.device("cuda")
    assert {row.speaker for row in rows_for(studio, visit)} == {""}
    sample(studio, visit, "alder")  # somebody pressed for it
    rows = {row.value: row.speaker for row in rows_for(studio, visit)}
    assert (rows["alder"], rows["birch"]) == ("low voice", "")
    assert singer.n_previews == 1


def test_a_voice_that_cannot_be_decoded_is_a_row_still() -> None:
    studio, singer = singing()
    singer.refuses = True
    rows = rows_for(studio, studio.visits.session("tab").visit)
    assert "alder" in {row.value for row in rows}
    assert studio.engine.queue.n_waiting == 0


def test_how_high_a_voice_is_stays_known_when_its_sound_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(voice_samples, "_MAX_KEPT", 1)
    studio, singer = singing()
    visit = studio.visits.session("tab").visit
    rows_for(studio, visit)
    n_previews = singer.n_previews
    assert {row.speaker for row in rows_for(studio, visit) if row.value} == {"low voice"}
    assert singer.n_previews == n_previews


def test_a_sample_is_short_and_ends_softly_and_is_decoded_once() -> None:
    studio, singer = singing()
    visit = studio.visits.session("tab").visit
    found = sample(studio, visit, "alder")
    audio, rate = soundfile.read(io.BytesIO(found.wav))
    assert len(audio) == MAX_SAMPLE_S * rate
    assert abs(audio[-1]) < 1e-3
    assert found.pitch_hz == pytest.approx(120, rel=0.03)
    assert sample(studio, visit, "alder") is found
    assert singer.n_previews == 1
    sample(studio, visit, "birch")
    assert singer.n_previews == 2


def test_a_name_that_changes_hands_gets_the_new_voice() -> None:
    samples, singer = VoiceSamples(), Singer()
    one = singer.generate("One.", options=GenerationOptions(seed=1)).tokens
    other = singer.generate("One.", options=GenerationOptions(seed=2)).tokens
    first = samples.sample(singer, dataclasses.replace(one, name="ada"))  # type: ignore[arg-type]
    samples.sample(singer, dataclasses.replace(other, name="ada"))  # type: ignore[arg-type]
    assert singer.n_previews == 2
    assert samples.known(singer, one) is first  # type: ignore[arg-type]


def test_no_voice_and_an_unknown_one_are_sentences() -> None:
    studio, _ = singing()
    visit = studio.visits.session("tab").visit
    with pytest.raises(BarkError, match="Choose a voice"):
        sample(studio, visit, "")
    with pytest.raises(BarkError, match="did you mean 'alder'"):
        sample(studio, visit, "aldre")


def test_the_page_gets_rows_and_sounds_by_its_own_key_only() -> None:
    studio, _ = singing()
    server = serve(studio, build_demo(studio), quiet=True)
    visit = studio.visits.session("tab").visit
    try:
        with urllib.request.urlopen(f"{server.url}takes/{visit.key}/voices?keep=alder") as answer:
            rows = json.load(answer)["rows"]
        assert {"alder", "birch", ""} <= {row["value"] for row in rows}
        address = f"takes/{visit.key}/voices/sample?voice=alder"
        with urllib.request.urlopen(server.url + address) as answer:
            assert answer.headers["Content-Type"] == "audio/wav"
            assert answer.read(4) == b"RIFF"
        for address, status in (
            (f"takes/{visit.key}/voices/sample?voice=nobody", 409),
            ("takes/somebody/voices", 404),
            ("takes/somebody/voices/sample?voice=alder", 404),
        ):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(server.url + address)
            assert refused.value.code == status
    finally:
        server.demo.close()
        studio.close()
