"""Who speaks in a voice, as far as it is known."""

from __future__ import annotations

import pytest

from bark.voices.presets import OFFICIAL_VOICES
from bark.voices.speakers import register_of, speaker_of, teacher_of


def test_only_what_the_makers_say_is_said() -> None:
    assert speaker_of("v2/en_speaker_9") == "woman"
    assert speaker_of("v2/en_speaker_6") == "man"
    assert speaker_of("en_speaker_9") == ""  # of the first set nobody says so
    assert speaker_of("v2/de_speaker_3") == ""
    said = [name for name in OFFICIAL_VOICES if speaker_of(name)]
    assert said == [f"v2/en_speaker_{i}" for i in range(10)]


def test_a_voice_that_was_bent_from_birch_has_nobody_for_a_teacher() -> None:
    assert teacher_of("birch") == "American woman"
    assert teacher_of("alder") == ""
    assert teacher_of("oak") == "British, bent from hazel"


@pytest.mark.parametrize(
    ("pitch_hz", "word"),
    [(None, ""), (110.0, "low voice"), (160.0, "middle voice"), (210.0, "high voice")],
)
def test_a_pitch_is_told_as_how_high_the_voice_is(pitch_hz: float | None, word: str) -> None:
    assert register_of(pitch_hz) == word
