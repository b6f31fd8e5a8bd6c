"""How loud a take sounds (ITU-R BS.1770-4), and where in it something is heard."""

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

_FRAME_S = 0.01
_QUIET_DB = -45.0  # below the loudest frames
_FLOOR_DB = -60.0  # below full scale; digital noise of a decoder is no speech

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


def integrated_loudness(audio: np.ndarray, sample_rate: int) -> float | None:
    """Gated loudness in LUFS; None for silence.

    Args:
        audio: (n,) float within ±1.
    """
    level = loudness(audio, sample_rate)
    return None if level <= SILENCE_LUFS else level


def gain_to(audio: np.ndarray, sample_rate: int, target_lufs: float = TARGET_LUFS) -> float:
    """The factor that brings a take to a loudness without clipping it; 1 for silence."""
    level = loudness(audio, sample_rate)
    if level <= SILENCE_LUFS:
        return 1.0
    peak = float(np.abs(audio).max())
    return min(10 ** ((target_lufs - level) / 20), 1 / peak if peak else 1.0)


def speech_bounds(audio: np.ndarray, sample_rate: int, margin_s: float = 0.03) -> tuple[int, int]:
    """Where what is heard begins and ends.

    Args:
        audio: (n,) float within ±1.
        margin_s: kept around it.

    Returns:
        samples (first, behind the last); (0, 0) for silence.
    """
    frame = max(1, int(_FRAME_S * sample_rate))
    n_frames = audio.size // frame
    if not n_frames:
        return (0, 0)
    power = (audio[: n_frames * frame].astype(np.float64).reshape(n_frames, frame) ** 2).mean(
        axis=1
    )
    loud = np.sort(power)[-max(1, n_frames // 10) :].mean()
    threshold = max(loud * 10 ** (_QUIET_DB / 10), 10 ** (_FLOOR_DB / 10))
    heard = np.flatnonzero(power > threshold)
    if not heard.size:
        return (0, 0)
    margin = int(margin_s * sample_rate)
    first = max(0, int(heard[0]) * frame - margin)
    last = min(audio.size, (int(heard[-1]) + 1) * frame + margin)
    return first, last


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
