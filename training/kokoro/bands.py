"""The codec's bands of Kokoro's sound: its harmonics are read where they are known to be.

Their windows are three periods long. A window of fixed length, as `training.analysis.analyse` has
it, hears a high voice's changes late: by DistillMOS what is joined again from these bands has 3.53
(bf_emma, six short sentences, 4.15 themselves) against 3.25.
"""

from __future__ import annotations

import numpy as np
import torch

from bark.codecs.banded import sharpening_matrix
from bark.codecs.harmonics import HOP_LEN, N_BANDS, N_NOISE_BANDS, Bands, band_centres_hz

from ..analysis import noise_bands
from .excitation import amplitudes, split, stretches

_UNVOICED_SIZE = -12.0
_LEAST_SHARE = 0.1  # of a harmonic's power, whatever of it may be noise
_TINY = 1e-12
_SHARPENING, _REACH = 0.28, 6  # of the noise, over its bands
_QUIET_LOG_POWER = -15.0  # frames whose loudest band is below keep their noise


def sharpen_noise(noise: np.ndarray) -> np.ndarray:
    """Deepens the valleys of the noise's spectrum.

    What leaks from the harmonics fills them. When the codec sharpened the noise by 1.0 instead of
    0.7, DistillMOS and P.808 of bm_george rose from 3.86 and 3.65 to 3.93 and 3.68 (ten short
    sentences, two codebooks); by 1.3, those of am_fenrir from 3.95 and 3.85 to 4.01 and 3.89. This
    lies between. hibari's noise is known apart, and birch lost P.808 by it.

    Args:
        noise: (T, 2, 64) log power.
    """
    matrix = sharpening_matrix(N_NOISE_BANDS, _REACH, _SHARPENING)
    loud = noise.max((1, 2), keepdims=True) > _QUIET_LOG_POWER
    return np.where(loud, noise @ matrix.T, noise)


def read_bands(
    audio: np.ndarray,
    predicted: np.ndarray,
    n_frames: int,
    *,
    shift: float = 0.0,
    turn: float = 0.0,
) -> Bands:
    """Bands of a sound whose excitation is known.

    Args:
        audio: (n,) float32, 24 kHz; silence follows it.
        predicted: as in `training.kokoro.excitation.stretches`.
        n_frames: of 320 samples.
        shift, turn: as in `training.kokoro.excitation.split`.
    """
    n_samples = n_frames * HOP_LEN
    sound = np.pad(audio, (0, max(0, n_samples - len(audio))))[:n_samples]
    _, rest, _ = split(sound, predicted)
    noise = noise_bands(rest)  # (T, 2, 64)
    f0 = np.zeros(n_frames, np.float32)
    size = np.full((n_frames, N_BANDS), _UNVOICED_SIZE, np.float32)
    turns = np.zeros((n_frames, N_BANDS), np.float32)
    for stretch in stretches(predicted, n_samples):
        frames = np.arange(-(-stretch.start // HOP_LEN), -(-stretch.stop // HOP_LEN))
        at = frames * HOP_LEN
        for frame, found, share in zip(frames, *amplitudes(sound, stretch, at), strict=True):
            f0[frame] = stretch.frequency[frame * HOP_LEN - stretch.first]
            leaked = share * np.exp(noise[frame].mean(0))
            size[frame], turns[frame] = _one_frame(found, float(f0[frame]), leaked, shift, turn)
    parts = (f0, size, turns, sharpen_noise(noise))
    return Bands(*(torch.from_numpy(part) for part in parts))


def _one_frame(
    found: np.ndarray, f0: float, leaked: np.ndarray, shift: float, turn: float
) -> tuple[np.ndarray, np.ndarray]:
    """Log size and turn, (160,) each, of the bands between the harmonics.

    Args:
        found: complex amplitudes, 0 above the highest.
        f0: Hz.
        leaked: (64,) power that the noise gives a harmonic.
        shift, turn: as in `read_bands`.
    """
    found = found[: max(1, int(np.count_nonzero(found)))]
    numbers = np.arange(1, len(found) + 1)
    heights, centres = f0 * numbers, band_centres_hz(N_BANDS)
    power = np.abs(found) ** 2
    noise = np.interp(heights, band_centres_hz(N_NOISE_BANDS), leaked)
    power = np.maximum(power - noise, _LEAST_SHARE * power)
    size = np.interp(centres, heights, 0.5 * np.log(power + _TINY))
    turned = found / (np.abs(found) + _TINY) * np.exp(1j * (2 * np.pi * shift * numbers + turn))
    real, imaginary = (np.interp(centres, heights, p) for p in (turned.real, turned.imag))
    return size, np.arctan2(imaginary, real)
