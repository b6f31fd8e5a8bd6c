"""What is wrong with a take is found: levels, lengths, silences, voices and words."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest

from bark.errors import OptionError
from bark.listening import listeners
from bark.listening.check import examine
from bark.listening.listeners import listening, look_with, plain_words, word_error_rate
from bark.listening.voice_print import distance, voice_print
from bark.options import GenerationOptions
from bark.take import Take

from ..fake_bark import FakeBark

RATE = 24_000


def voiced(seconds: float, hz: float = 120.0, tilt: float = 1.0, level: float = 0.1) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * k * hz * time) / k**tilt for k in range(1, 20))
    swell = 0.6 - 0.4 * np.cos(2 * np.pi * 4 * time)
    return (level * swell * wave).astype(np.float32)


@pytest.fixture
def take() -> Take:
    options = GenerationOptions(seed=1)
    made = FakeBark().generate("It was late, and nobody came.", options=options)
    return dataclasses.replace(made, audio=voiced(2.0))


def kinds(take: Take, audio: np.ndarray, text: str = "It was late, and nobody came.") -> list[str]:
    return [f.kind for f in examine(dataclasses.replace(take, audio=audio), text).findings]


def test_a_good_take_has_no_findings(take: Take) -> None:
    assert kinds(take, take.audio) == []


def test_faults_are_told_apart(take: Take) -> None:
    gap = np.zeros(int(2.6 * RATE), np.float32)
    assert kinds(take, np.zeros(2 * RATE, np.float32)) == ["silent"]
    assert kinds(take, np.zeros(0, np.float32)) == ["silent"]
    assert kinds(take, np.clip(take.audio * 20, -1, 1)) == ["clipped"]
    assert kinds(take, voiced(0.4)) == ["short"]
    assert kinds(take, voiced(9.0)) == ["long"]
    assert kinds(take, np.concatenate([voiced(1.5), gap, voiced(0.5)])) == ["tail"]
    cut = dataclasses.replace(take, stop_reason="length")
    assert [f.kind for f in examine(cut, "It was late, and nobody came.").findings] == ["cut"]


def test_a_voice_has_its_pitch_and_shape() -> None:
    low, high = voice_print(voiced(2), RATE), voice_print(voiced(2, 240), RATE)
    dark = voice_print(voiced(2, tilt=3.0), RATE)
    assert low is not None
    assert high is not None
    assert dark is not None
    assert low.pitch_hz == pytest.approx(120, rel=0.03)
    assert distance(low, high)[0] == pytest.approx(12, abs=0.6)
    assert distance(low, low) == (0, 0)
    assert distance(low, dark)[1] > 1
    assert voice_print(np.zeros(RATE), RATE) is None
    assert voice_print(voiced(0.1), RATE) is None


def test_another_voice_than_the_given_one_is_found(take: Take) -> None:
    given = voice_print(voiced(3), RATE)
    assert examine(take, "It was late, and nobody came.", given).findings == ()
    other = dataclasses.replace(take, audio=voiced(2, 240))
    [finding] = examine(other, "It was late, and nobody came.", given).findings
    assert finding.kind == "voice"


class Parrot:
    """A listener who always hears the same."""

    def __init__(self, heard: str) -> None:
        self.heard = heard

    def hear(self, audio: np.ndarray, sample_rate: int) -> str:
        return self.heard


def test_a_listener_counts_the_words_it_missed(take: Take) -> None:
    text = "It was late, and nobody came."
    good = listening(Parrot("it was late and nobody came"), plain_words, 0.5)(take, text)
    assert (good.word_error_rate, good.findings) == (0.0, ())
    bad = listening(Parrot("something else altogether"), plain_words, 0.5)(take, text)
    assert bad.word_error_rate == 1.0
    assert [finding.kind for finding in bad.findings] == ["words"]


@pytest.mark.parametrize(
    ("wanted", "heard", "rate"),
    [("a b c", "a b c", 0), ("a b c d", "a x c", 0.5), ("a", "b c d", 3), ("", "a", 0)],
)
def test_word_error_rates(wanted: str, heard: str, rate: float) -> None:
    assert word_error_rate(wanted.split(), heard.split()) == pytest.approx(rate)


def test_the_error_rate_is_that_of_an_independent_count() -> None:
    jiwer = pytest.importorskip("jiwer")
    one, other = "the cat sat on the mat today", "a cat sat mat on today again"
    assert word_error_rate(one.split(), other.split()) == pytest.approx(jiwer.wer(one, other))


def test_an_unknown_listener_is_named() -> None:
    with pytest.raises(OptionError, match="'siri'"):
        look_with(FakeBark(), "siri")


def test_a_listener_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[object] = []

    class Deaf:
        def __init__(self) -> None:
            loaded.append(self)

        def hear(self, audio: np.ndarray, sample_rate: int) -> str:
            return ""

    monkeypatch.setattr(listeners, "PocketSphinx", Deaf)
    listeners._kept_listener.cache_clear()
    try:
        for _ in range(2):
            look_with(FakeBark(), "pocketsphinx")
        assert len(loaded) == 1
    finally:
        listeners._kept_listener.cache_clear()


def test_a_listener_that_cannot_be_loaded_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    listeners._kept_listener.cache_clear()
    for _ in range(2):
        with pytest.raises(OptionError, match="pip install"):
            look_with(FakeBark(), "pocketsphinx")
