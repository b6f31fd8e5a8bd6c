"""Loudness by the standard: what makes two takes comparable by ear."""

import numpy as np
import pytest

from bark.listening.loudness import SILENCE_LUFS, TARGET_LUFS, gain_to, loudness

RATE = 24_000


def sine(hz: float, seconds: float = 3.0, peak: float = 1.0, rate: int = RATE) -> np.ndarray:
    return peak * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [24_000, 48_000])
def test_a_full_sine_has_the_standards_loudness(rate: int) -> None:
    assert loudness(sine(997, rate=rate), rate) == pytest.approx(-3.01, abs=0.05)
    assert loudness(sine(997, peak=0.1, rate=rate), rate) == pytest.approx(-23.01, abs=0.05)


def test_high_sounds_count_for_more_and_rumble_for_nothing() -> None:
    assert loudness(sine(4_000), RATE) > loudness(sine(500), RATE) + 2
    assert loudness(sine(20), RATE) < loudness(sine(500), RATE) - 10


def test_pauses_do_not_make_a_take_quieter() -> None:
    speech = sine(500, peak=0.2)
    paused = np.concatenate([speech, np.zeros(10 * RATE)])
    assert loudness(paused, RATE) == pytest.approx(loudness(speech, RATE), abs=0.5)


def test_the_gain_reaches_the_target_and_never_clips() -> None:
    quiet = sine(500, peak=0.05)
    assert loudness(gain_to(quiet, RATE) * quiet, RATE) == pytest.approx(TARGET_LUFS, abs=0.05)
    click = np.zeros(RATE)
    click[::2000] = 1.0
    assert gain_to(click, RATE) <= 1.0
    for nothing in (np.zeros(0), np.zeros(RATE)):
        assert loudness(nothing, RATE) == SILENCE_LUFS
        assert gain_to(nothing, RATE) == 1.0
