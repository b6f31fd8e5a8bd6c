"""How loud a take sounds (ITU-R BS.1770-4), so that takes are compared at one loudness."""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import lfilter

TARGET_LUFS = -20.0
SILENCE_LUFS = -70.0
"""Blocks below it do not count, and nothing is said to be quieter."""

_BLOCK_S, _STEP_S = 0.4, 0.1
_OFFSET_DB = -0.691  # so that a 997 Hz sine of full scale in one channel gives -3.01
_RELATIVE_GATE_DB = 10.0

# The two filters of the standard as analogue prototypes: corner in Hz, quality, gain in dB.
_SHELF = (1681.974450955533, 0.7071752369554196, 3.999843853973347)
_HIGH_PASS = (38.13547087602444, 0.5003270373238773)


def loudness(audio: np.ndarray, sample_rate: int) -> float:
    """The integrated loudness of one channel.

    Args:
        audio: (n,) float within ±1.

    Returns:
        LUFS, at least `SILENCE_LUFS`; sound shorter than 0.4 s counts as one block.
    """
    if len(audio) == 0:
        return SILENCE_LUFS
    weighted = _weighted(np.asarray(audio, np.float64), sample_rate)
    block, step = round(_BLOCK_S * sample_rate), round(_STEP_S * sample_rate)
    sums = np.concatenate([[0.0], np.cumsum(weighted**2)])
    starts = np.arange(0, max(1, len(audio) - block + 1), step)
    ends = np.minimum(starts + block, len(audio))
    powers = (sums[ends] - sums[starts]) / (ends - starts)
    powers = powers[powers > _power(SILENCE_LUFS)]
    if len(powers) == 0:
        return SILENCE_LUFS
    powers = powers[powers > powers.mean() / 10 ** (_RELATIVE_GATE_DB / 10)]
    return max(SILENCE_LUFS, _OFFSET_DB + 10 * math.log10(powers.mean()))


def gain_to(audio: np.ndarray, sample_rate: int, target_lufs: float = TARGET_LUFS) -> float:
    """The factor that brings a take to a loudness without clipping it; 1 for silence."""
    level = loudness(audio, sample_rate)
    if level <= SILENCE_LUFS:
        return 1.0
    peak = float(np.abs(audio).max())
    return min(10 ** ((target_lufs - level) / 20), 1 / peak if peak else 1.0)


def _power(lufs: float) -> float:
    return 10 ** ((lufs - _OFFSET_DB) / 10)


def _weighted(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """The audio through the standard's two filters, for this sample rate."""
    corner, quality, gain_db = _SHELF
    k = math.tan(math.pi * corner / sample_rate)
    high = 10 ** (gain_db / 20)
    middle = high**0.4996667741545416
    a0 = 1 + k / quality + k * k
    shelf_b = [
        (high + middle * k / quality + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - middle * k / quality + k * k) / a0,
    ]
    shelf_a = [1.0, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0]
    corner, quality = _HIGH_PASS
    k = math.tan(math.pi * corner / sample_rate)
    a0 = 1 + k / quality + k * k
    pass_a = [1.0, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0]
    result: np.ndarray = lfilter([1.0, -2.0, 1.0], pass_a, lfilter(shelf_b, shelf_a, audio))
    return result
