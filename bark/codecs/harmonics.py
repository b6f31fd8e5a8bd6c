"""Pulses and noise, shaped frame by frame: how nano's codec makes sound from its bands.

A frame is 320 samples. The voice is a train of pulses (all harmonics at one size) whose spectrum
is shaped in size and phase by 160 bands; the breath is white noise shaped in power by 64 bands,
twice a frame. Each is filtered in overlapping windows and added up, so that a part of an utterance
sounds the same whether it is made alone or with the rest.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

SAMPLE_RATE_HZ = 24_000
HOP_LEN = 320
N_BANDS = 160
"""Bands of the voice, a frame."""
N_NOISE_BANDS = 64
"""Bands of the noise, a half frame."""
MARGIN_FRAMES = 4
"""Frames on both sides that are heard in a frame, by their windows and what these read."""

_VOICE_FFT_LEN = 1_280
_NOISE_FFT_LEN = 320
_NOISE_HOP_LEN = 160
_TOP_HZ = 11_000.0
"""Harmonics lie below this."""
_BEND = 0.47  # how much wider bands become towards the top
_OVERLAP_GAIN = 1.5  # what four squared Hann windows add up to
_SMALL_SINE = 2e-3
_SEED = 0


@dataclass(frozen=True, eq=False)
class Bands:
    """What is spoken, one row a frame of 320 samples; all float32.

    Attributes:
        f0: (T,) Hz, 0 where unvoiced.
        size: (T, 160) natural log of the harmonics' size.
        turn: (T, 160) radians by which their phase is turned.
        noise: (T, 2, 64) natural log of the noise's power.
    """

    f0: Tensor
    size: Tensor
    turn: Tensor
    noise: Tensor


def band_centres_hz(n: int) -> np.ndarray:
    """Centres of n bands from 0 Hz to half the sample rate, narrow at the bottom: (n,) float64."""
    x = np.arange(n) / (n - 1)
    return SAMPLE_RATE_HZ / 2 * ((1 - _BEND) * x + _BEND * x * x)


def band_matrix(n_bands: int, fft_len: int) -> np.ndarray:
    """(n_bands, fft_len / 2 + 1) float32: bands to bins, linear between the centres."""
    bins = np.arange(fft_len // 2 + 1) * SAMPLE_RATE_HZ / fft_len
    centres = band_centres_hz(n_bands)
    rows = [np.interp(bins, centres, unit) for unit in np.eye(n_bands)]
    return np.stack(rows).astype(np.float32)


def speak(bands: Bands, start: int, stop: int, *, first_frame: int = 0) -> np.ndarray:
    """Sound of some frames.

    Args:
        bands: of T frames, from the start of a voiced part or earlier, because the pulses' phase
            runs on through it.
        start, stop: frames to speak, counted from the first given one. Windows reach
            `MARGIN_FRAMES` further; beyond the given frames is silence.
        first_frame: the number in the utterance of the first given frame, which decides on the
            noise.

    Returns:
        ((stop - start) * 320,) float32, 24 kHz, not clipped.
    """
    first, last = max(0, start - MARGIN_FRAMES), min(len(bands.f0), stop + MARGIN_FRAMES)
    part = Bands(*(values[first:last] for values in vars(bands).values()))
    samples = slice(first * HOP_LEN, last * HOP_LEN)
    pulses = pulse_train(bands.f0)[samples]
    noise = _white_noise((first_frame + last) * HOP_LEN)[(first_frame + first) * HOP_LEN :]
    audio = shape_pulses(pulses, part.size, part.turn) + shape_noise(noise, part.noise)
    return audio[(start - first) * HOP_LEN : (stop - first) * HOP_LEN].numpy()


def pulse_train(f0: Tensor) -> Tensor:
    """Pulses that hold every harmonic below 11 kHz at one size: (T,) Hz -> (T * 320,) float32.

    The phase begins anew with every voiced part, at 0, so that a part needs nothing before it.
    """
    frequency, voiced = _curve(f0)
    cycles = torch.cumsum(frequency / SAMPLE_RATE_HZ, 0)
    begins = voiced & ~torch.cat([voiced.new_zeros(1), voiced[:-1]])
    # What had been counted when the part began is taken off again.
    before = torch.where(begins, cycles, 0.0).cummax(0).values
    phase = (cycles - before).remainder(1.0) * 2 * np.pi
    count = torch.floor(_TOP_HZ / frequency) + 0.5
    below = 2 * torch.sin(phase / 2)
    at_peak = below.abs() < _SMALL_SINE
    ratio = torch.where(at_peak, count, torch.sin(count * phase) / torch.where(at_peak, 1.0, below))
    return torch.where(voiced, ratio - 0.5, 0.0).float()


def shape_pulses(pulses: Tensor, size: Tensor, turn: Tensor) -> Tensor:
    """Gives pulses (T * 320,) the sizes and phases of (T, 160) bands each."""
    to_bins, window = _voice_constants()
    spectra = torch.fft.rfft(_windows(pulses, _VOICE_FFT_LEN, HOP_LEN) * window)  # (T, 641)
    cosine, sine = torch.cos(turn) @ to_bins, torch.sin(turn) @ to_bins
    # Phases between two bands: the mean direction, at full size.
    scale = torch.exp(size @ to_bins) / torch.hypot(cosine, sine).clamp(min=1e-4)
    shaped = spectra * torch.complex(cosine * scale, sine * scale)
    pieces = torch.fft.irfft(shaped, _VOICE_FFT_LEN) * (window / _OVERLAP_GAIN)
    return _overlap_add(pieces, HOP_LEN, len(pulses))


def shape_noise(noise: Tensor, power: Tensor) -> Tensor:
    """Gives white noise (T * 320,) the powers of (T, 2, 64) bands."""
    to_bins, window = _noise_constants()
    spectra = torch.fft.rfft(_windows(noise, _NOISE_FFT_LEN, _NOISE_HOP_LEN) * window)  # (2T, 161)
    shaped = spectra * torch.exp(0.5 * power.flatten(0, 1) @ to_bins)
    pieces = torch.fft.irfft(shaped, _NOISE_FFT_LEN) * window
    return _overlap_add(pieces, _NOISE_HOP_LEN, len(noise))


def _curve(f0: Tensor) -> tuple[Tensor, Tensor]:
    """Hz and whether voiced, (T * 320,) float64 and bool each; frame i is centred on sample 320 i.

    Frames are joined on a log scale within a voiced part; at its ends the pitch is held.
    """
    at = torch.arange(len(f0) * HOP_LEN, dtype=torch.float64) / HOP_LEN
    low, here = at.long(), (at + 0.5).long().clamp(max=len(f0) - 1)
    high = (low + 1).clamp(max=len(f0) - 1)
    log_f0 = torch.log(f0.double().clamp(min=1.0))
    left = torch.where(f0[low] > 0, log_f0[low], log_f0[here])
    right = torch.where(f0[high] > 0, log_f0[high], log_f0[here])
    voiced = f0[here] > 0
    frequency = torch.exp(torch.lerp(left, right, at - low))
    return torch.where(voiced, frequency, 100.0), voiced


def _windows(signal: Tensor, length: int, hop: int) -> Tensor:
    """(n / hop, length): stretches around every hop-th sample, beyond the ends zero."""
    padded = torch.nn.functional.pad(signal, (length // 2, length // 2))
    return padded.unfold(0, length, hop)[: len(signal) // hop]


def _overlap_add(pieces: Tensor, hop: int, n_samples: int) -> Tensor:
    """Adds (n, length) pieces up, each around its hop-th sample: (n_samples,)."""
    count, length = pieces.shape
    per_piece = length // hop
    blocks = pieces.new_zeros(count + per_piece - 1, hop)
    for i in range(per_piece):
        blocks[i : i + count] += pieces[:, i * hop : (i + 1) * hop]
    padded = torch.nn.functional.pad(blocks.flatten(), (0, hop))
    return padded[length // 2 : length // 2 + n_samples]


def _white_noise(n_samples: int) -> Tensor:
    noise = np.random.default_rng(_SEED).standard_normal(n_samples, dtype=np.float32)
    return torch.from_numpy(noise)


@functools.cache
def _voice_constants() -> tuple[Tensor, Tensor]:
    to_bins = torch.from_numpy(band_matrix(N_BANDS, _VOICE_FFT_LEN))
    return to_bins, torch.hann_window(_VOICE_FFT_LEN)


@functools.cache
def _noise_constants() -> tuple[Tensor, Tensor]:
    to_bins = torch.from_numpy(band_matrix(N_NOISE_BANDS, _NOISE_FFT_LEN))
    return to_bins, torch.hann_window(_NOISE_FFT_LEN).sqrt()
