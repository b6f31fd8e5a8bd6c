"""Pulses and noise, and the bands that shape them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bark.codecs.harmonics import (
    HOP_LEN,
    N_BANDS,
    N_NOISE_BANDS,
    SAMPLE_RATE_HZ,
    Bands,
    band_centres_hz,
    band_matrix,
    pulse_train,
    speak,
)


def steady(n: int, f0: float, *, size: float = -6.0, noise: float = -20.0) -> Bands:
    """One sound held for n frames, flat over frequency."""
    return Bands(
        f0=torch.full((n,), f0),
        size=torch.full((n, N_BANDS), size if f0 else -20.0),
        turn=torch.zeros(n, N_BANDS),
        noise=torch.full((n, 2, N_NOISE_BANDS), noise),
    )


def said(bands: Bands) -> np.ndarray:
    return speak(bands, 0, len(bands.f0))


@pytest.mark.parametrize("f0", [90.0, 133.0, 220.0])
def test_speaks_at_the_pitch_it_is_given(f0: float) -> None:
    middle = said(steady(150, f0))[6_000:30_000].astype(np.float64)
    period = SAMPLE_RATE_HZ / f0
    lags = np.arange(int(0.7 * period), int(1.4 * period))
    correlation = [np.dot(middle[:-lag], middle[lag:]) for lag in lags]
    assert lags[int(np.argmax(correlation))] == pytest.approx(period, rel=0.01)


def test_every_harmonic_below_11_khz_is_of_one_size_and_none_above() -> None:
    pulses = pulse_train(torch.full((200,), 200.0)).numpy()[: 200 * 240]
    spectrum = np.abs(np.fft.rfft(pulses)) / (len(pulses) / 2)
    harmonics = spectrum[:: len(pulses) // 120]  # every 200 Hz
    np.testing.assert_allclose(harmonics[1:55], 1.0, atol=0.02)
    assert harmonics[57:].max() < 0.02


def test_unvoiced_frames_have_no_pitch() -> None:
    audio = said(steady(150, 0.0, noise=-4.0))[6_000:30_000].astype(np.float64)
    correlation = [np.dot(audio[:-lag], audio[lag:]) for lag in range(80, 300)]
    assert max(correlation) < 0.2 * np.dot(audio, audio)
    assert not pulse_train(torch.zeros(9)).any()


def test_noise_is_as_strong_as_its_bands_say() -> None:
    soft, loud = (said(steady(120, 0.0, noise=power)) for power in (-8.0, -8.0 + np.log(4)))
    assert soft.std() ** 2 == pytest.approx(np.exp(-8.0), rel=0.1)
    assert loud.std() / soft.std() == pytest.approx(2, rel=0.01)


def test_a_band_of_the_voice_is_heard_where_it_lies() -> None:
    bands = steady(150, 100.0, size=-9.0)
    bands.size[:, 30] = -3.0
    audio = said(bands)[6_000:30_000]
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    heard = np.argmax(power) * SAMPLE_RATE_HZ / len(audio)
    assert abs(heard - band_centres_hz(N_BANDS)[30]) <= 50


def test_a_turn_of_the_phase_moves_the_wave_and_keeps_its_spectrum() -> None:
    plain, turned = (steady(80, 150.0, noise=-60.0) for _ in range(2))
    turned.turn[:] = np.pi
    np.testing.assert_allclose(said(turned)[3_000:-3_000], -said(plain)[3_000:-3_000], atol=1e-5)


def test_a_part_sounds_as_it_does_in_the_whole() -> None:
    rng = np.random.default_rng(0)
    bands = steady(60, 120.0, noise=-6.0)
    bands.f0[:] = torch.from_numpy(rng.uniform(90, 200, 60)).float()
    bands.f0[20:30] = 0.0
    whole = said(bands)
    for start, stop in ((0, 7), (7, 26), (26, 60)):
        part = speak(bands, start, stop)
        np.testing.assert_allclose(part, whole[start * HOP_LEN : stop * HOP_LEN], atol=1e-6)


def test_a_voiced_part_needs_nothing_before_it() -> None:
    bands = steady(60, 120.0, noise=-6.0)
    bands.f0[20:30] = 0.0
    whole = said(bands)
    later = Bands(*(values[25:] for values in vars(bands).values()))
    alone = speak(later, 10, 35, first_frame=25)
    np.testing.assert_allclose(alone, whole[35 * HOP_LEN :], atol=1e-6)


def test_bins_between_two_centres_are_joined_linearly() -> None:
    matrix = band_matrix(8, 64)
    np.testing.assert_allclose(matrix.sum(0), 1.0, atol=1e-6)
    assert band_centres_hz(8)[0] == 0
    assert band_centres_hz(8)[-1] == SAMPLE_RATE_HZ / 2
