"""From the teacher's sound to the bands that nano's codec speaks, and what its encoder hears."""

from __future__ import annotations

import functools

import numpy as np
import torch
from scipy.fft import rfft

from bark.codecs.harmonics import (
    HOP_LEN,
    N_BANDS,
    N_NOISE_BANDS,
    SAMPLE_RATE_HZ,
    Bands,
    band_centres_hz,
    band_matrix,
)

N_MELS = 80
_VOICE_FFT_LEN, _NOISE_FFT_LEN, _NOISE_HOP_LEN, _MEL_FFT_LEN = 1_280, 320, 160, 1_024
_TOP_HZ = 11_000.0
_UNVOICED_SIZE = -12.0
_QUIETEST = 1e-3  # of a mel band


def analyse(harmonic: np.ndarray, rest: np.ndarray, pulses: np.ndarray, f0: np.ndarray) -> Bands:
    """Bands of a sound whose voiced part and rest are known apart.

    Args:
        harmonic, rest, pulses: (T * 320,) as in `training.teacher.Speech`.
        f0: (T,) Hz, 0 where unvoiced.
    """
    window = _hann(_VOICE_FFT_LEN)
    spoken = rfft(windows(harmonic, _VOICE_FFT_LEN, HOP_LEN) * window, axis=1)
    unit = rfft(windows(pulses, _VOICE_FFT_LEN, HOP_LEN) * window, axis=1)
    size = np.full((len(f0), N_BANDS), _UNVOICED_SIZE, np.float32)
    turn = np.zeros((len(f0), N_BANDS), np.float32)
    centres = band_centres_hz(N_BANDS)
    for i in np.flatnonzero(f0 > 0):
        harmonics = f0[i] * np.arange(1, int(_TOP_HZ / f0[i]) + 1)
        bins = np.round(harmonics * _VOICE_FFT_LEN / SAMPLE_RATE_HZ).astype(int)
        response = spoken[i, bins] / (unit[i, bins] + 1e-6)
        size[i] = np.interp(centres, harmonics, np.log(np.abs(response) + 1e-6))
        direction = response / (np.abs(response) + 1e-9)
        real, imaginary = (np.interp(centres, harmonics, part) for part in _parts(direction))
        turn[i] = np.arctan2(imaginary, real)
    to_numbers = torch.from_numpy
    noise = to_numbers(noise_bands(rest))
    return Bands(to_numbers(f0.astype(np.float32)), to_numbers(size), to_numbers(turn), noise)


def noise_bands(rest: np.ndarray) -> np.ndarray:
    """Log power of (T * 320,) noise: (T, 2, 64) float32."""
    window = np.sqrt(_hann(_NOISE_FFT_LEN))
    spectra = rfft(windows(rest, _NOISE_FFT_LEN, _NOISE_HOP_LEN) * window, axis=1)
    power = np.abs(spectra) ** 2 / (window**2).sum()
    bands = np.log(power @ _noise_means() + 1e-10)
    return bands.reshape(-1, 2, N_NOISE_BANDS).astype(np.float32)


def bend(bands: Bands, pitch: float, formants: float) -> Bands:
    """Another voice: the pitch multiplied, the spectra stretched along the frequency axis.

    Args:
        bands: of a voice.
        pitch: its f0 is multiplied by this.
        formants: above 1 moves them up.
    """
    voice, breath = band_centres_hz(N_BANDS), band_centres_hz(N_NOISE_BANDS)

    def stretched(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(centres / formants, centres, row) for row in rows])

    size, turn, noise = (part.numpy() for part in (bands.size, bands.turn, bands.noise))
    # Fewer harmonics to a band carry its power: each is larger, or smaller.
    size = stretched(size, voice) + 0.5 * np.log(pitch)
    cosine, sine = stretched(np.cos(turn), voice), stretched(np.sin(turn), voice)
    noise = stretched(noise.reshape(-1, N_NOISE_BANDS), breath).reshape(noise.shape)
    parts = (size, np.arctan2(sine, cosine), noise)
    return Bands(bands.f0 * pitch, *(torch.from_numpy(p.astype(np.float32)) for p in parts))


def log_mel(audio: np.ndarray, n_frames: int) -> np.ndarray:
    """(n_frames, 80) float32 natural log of the mel spectrum of audio at 24 kHz, 75 Hz."""
    frames = windows(audio, _MEL_FFT_LEN, HOP_LEN)[:n_frames]
    spectra = np.abs(rfft(frames * _hann(_MEL_FFT_LEN), axis=1))
    return np.log(np.maximum(spectra @ _mel_matrix(), _QUIETEST)).astype(np.float32)


def windows(signal: np.ndarray, length: int, hop: int) -> np.ndarray:
    """(n / hop, length) stretches around every hop-th sample; beyond the ends is silence."""
    padded = np.pad(signal, (length // 2, length + hop))
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::hop][: len(signal) // hop]


def _parts(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.real, values.imag


def _hann(length: int) -> np.ndarray:
    return np.hanning(length + 1)[:-1].astype(np.float32)


@functools.cache
def _noise_means() -> np.ndarray:
    """(161, 64) that gives the mean power of each band."""
    to_bins = band_matrix(N_NOISE_BANDS, _NOISE_FFT_LEN)  # (64, 161)
    return (to_bins / np.maximum(to_bins.sum(1, keepdims=True), 1e-6)).T


@functools.cache
def _mel_matrix() -> np.ndarray:
    """(513, 80) triangles, evenly spaced in mel."""
    top = SAMPLE_RATE_HZ / 2
    mel = np.linspace(0, 2_595 * np.log10(1 + top / 700), N_MELS + 2)
    edges = 700 * (10 ** (mel / 2_595) - 1)
    bins = np.arange(_MEL_FFT_LEN // 2 + 1)[:, None] * SAMPLE_RATE_HZ / _MEL_FFT_LEN
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
