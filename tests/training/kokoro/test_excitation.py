"""Sound is parted into what repeats with the pitch and what does not."""

from __future__ import annotations

import numpy as np
import pytest

from bark.codecs.harmonics import N_BANDS, band_centres_hz
from training.analysis import analyse, noise_bands
from training.kokoro.bands import read_bands
from training.kokoro.excitation import amplitudes, split, stretches, voiced_only
from training.teacher import voiced_pitch

N_VALUES = 80
N_SAMPLES = 300 * N_VALUES
VOICED = slice(20, 60)


@pytest.fixture(scope="module", name="predicted")
def _predicted() -> np.ndarray:
    """A pitch that glides, between two silences in which the model predicts next to nothing."""
    pitch = np.full(N_VALUES, 8.0, np.float32)
    pitch[VOICED] = np.linspace(110, 160, 40)
    return pitch


@pytest.fixture(scope="module", name="voice")
def _voice(predicted: np.ndarray) -> np.ndarray:
    """Twenty harmonics, each half as loud at every fourth and turned by a third of its number."""
    (stretch,) = stretches(predicted, N_SAMPLES)
    numbers = np.arange(1, 21)[:, None]
    phase = 2 * np.pi * numbers * stretch.inner(stretch.cycles) + 0.5
    audio = np.zeros(N_SAMPLES, np.float32)
    audio[stretch.start : stretch.stop] = (0.5 ** (numbers / 4) * np.cos(phase)).sum(0)
    return audio


def test_single_voiced_values_are_no_voice() -> None:
    pitch = np.array([8, 120, 8, 120, 130, 40, 120, 121], np.float32)
    assert voiced_only(pitch).tolist() == [0, 0, 0, 120, 130, 0, 120, 121]


def test_cycles_are_the_running_sum_of_the_pitch(predicted: np.ndarray) -> None:
    (stretch,) = stretches(predicted, N_SAMPLES)
    assert (stretch.start, stretch.stop) == (6_000, 18_000)
    assert stretch.first < stretch.start
    inner = slice(1_500, -1_500)
    speed = np.diff(stretch.cycles)[inner] * 24_000
    np.testing.assert_allclose(speed, stretch.frequency[1:][inner], rtol=0.02)


def test_harmonics_leave_nothing_and_noise_stays(predicted: np.ndarray, voice: np.ndarray) -> None:
    inner = slice(6_900, 17_100)
    harmonic, rest, _ = split(voice, predicted)
    np.testing.assert_allclose(harmonic + rest, voice, atol=1e-6)
    assert rest[inner].std() < 0.03 * voice[inner].std()
    noise = 0.1 * np.random.default_rng(0).standard_normal(N_SAMPLES).astype(np.float32)
    _, rest, _ = split(voice + noise, predicted)
    assert 0.4 * noise[inner].std() < rest[inner].std() < 1.05 * noise[inner].std()
    np.testing.assert_array_equal(rest[:6_000], noise[:6_000])


def test_the_valleys_of_noise_are_deepened_and_silence_is_left_alone() -> None:
    sound = np.zeros(N_SAMPLES, np.float32)
    sound[: N_SAMPLES // 2] = 0.1 * np.random.default_rng(0).standard_normal(N_SAMPLES // 2)
    as_read, bands = noise_bands(sound), read_bands(sound, np.full(N_VALUES, 8.0, np.float32), 75)
    sharpened = bands.noise.numpy()
    ratio = np.diff(sharpened[2:30]).std() / np.diff(as_read[2:30]).std()
    assert 1.1 < ratio < 1.4
    assert sharpened[2:30].mean() == pytest.approx(as_read[2:30].mean(), abs=0.02)
    np.testing.assert_array_equal(sharpened[45:], as_read[45:])


def test_bands_are_those_that_the_harmonics_were_made_with(
    predicted: np.ndarray, voice: np.ndarray
) -> None:
    frames = np.arange(N_SAMPLES // 320)
    f0 = voiced_pitch(voiced_only(predicted), frames * 320 / 300 - 0.5)
    assert f0[[10, -10]].tolist() == [0, 0]
    plain = analyse(*split(voice, predicted), f0)
    turned = analyse(*split(voice, predicted, turn=-0.5), f0)
    middle = slice(26, 50)
    low = slice(6, 20)  # from 240 Hz to 800 Hz
    np.testing.assert_allclose(plain.turn[middle, low], 0.5, atol=0.1)
    np.testing.assert_allclose(turned.turn[middle, low], 0.0, atol=0.1)
    assert float(plain.size[middle, 6].mean()) > float(plain.size[middle, 20].mean()) + 0.4


def test_shifted_pulses_turn_high_harmonics_more(predicted: np.ndarray, voice: np.ndarray) -> None:
    frames = np.arange(N_SAMPLES // 320)
    f0 = voiced_pitch(voiced_only(predicted), frames * 320 / 300 - 0.5)
    plain = analyse(*split(voice, predicted), f0)
    shifted = analyse(*split(voice, predicted, shift=0.05), f0)
    turn = (shifted.turn - plain.turn)[35].numpy()
    harmonics = band_centres_hz(N_BANDS) / f0[35]
    expected = 2 * np.pi * 0.05 * harmonics
    np.testing.assert_allclose(np.angle(np.exp(1j * (turn - expected)))[6:20], 0, atol=0.2)


def test_harmonics_are_read_where_they_are(predicted: np.ndarray, voice: np.ndarray) -> None:
    bands = read_bands(voice, predicted, 80)
    assert bands.f0.shape == (80,)
    middle, low = slice(26, 50), slice(6, 20)
    np.testing.assert_allclose(bands.turn[middle, low], 0.5, atol=0.05)
    numbers = band_centres_hz(N_BANDS)[low] / bands.f0[middle, None].numpy()
    np.testing.assert_allclose(bands.size[middle, low], np.log(0.5) / 4 * numbers, atol=0.1)
    turned = read_bands(voice, predicted, 80, shift=0.05, turn=0.3)
    turn = (turned.turn - bands.turn)[35, low].numpy()
    expected = 2 * np.pi * 0.05 * numbers[9] + 0.3
    np.testing.assert_allclose(np.angle(np.exp(1j * (turn - expected))), 0, atol=0.1)


def test_noise_counts_little_as_a_harmonic(predicted: np.ndarray, voice: np.ndarray) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(N_SAMPLES).astype(np.float32)
    clean, noisy = (read_bands(sound, predicted, 80) for sound in (voice, voice + noise))
    middle, low, high = slice(26, 50), slice(6, 12), slice(80, 140)
    np.testing.assert_allclose(noisy.size[middle, low], clean.size[middle, low], atol=0.2)
    (stretch,) = stretches(predicted, N_SAMPLES)
    at = np.arange(26, 50) * 320
    found, _ = amplitudes(voice + noise, stretch, at)
    heard = np.log(np.abs(found[:, 45:60])).mean()
    assert float(noisy.size[middle, high].mean()) < heard - 0.15
