"""Levels of a joined text: each chunk evened by EBU R128, true peaks held below a limit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import convolve1d, minimum_filter1d
from scipy.signal import resample_poly

UNEVEN_DB = 8.0
_OVERSAMPLING = 4  # BS.1770 finds true peaks so, below 96 kHz
_ATTACK_S = 0.004
_MAX_RAISE_DB = 12.0
_MAX_CUT_DB = 30.0


def evening_gain(loudness_lufs: float | None, target_lufs: float | None) -> float:
    """The factor that brings audio to the target; 1 for silence or without a target.

    Raises by 12 dB at most, so that a breath does not become a shout.
    """
    if loudness_lufs is None or target_lufs is None:
        return 1.0
    decibels = float(np.clip(target_lufs - loudness_lufs, -_MAX_CUT_DB, _MAX_RAISE_DB))
    return float(10 ** (decibels / 20))


def true_peak(audio: np.ndarray) -> float:
    """The largest value between the samples too: (n,) float, 1 is full scale."""
    if audio.size == 0:
        return 0.0
    return float(np.abs(resample_poly(audio, _OVERSAMPLING, 1)).max())


def limited(audio: np.ndarray, sample_rate: int, peak_db: float) -> np.ndarray:
    """Audio whose true peak is at most `peak_db`: turned down for milliseconds around its peaks.

    Args:
        audio: (n,) float32, of any level.

    Returns:
        (n,) float32; the same array where nothing has to be done.
    """
    ceiling = 10 ** (peak_db / 20)
    if audio.size == 0 or true_peak(audio) <= ceiling:
        return audio
    fine = np.abs(resample_poly(audio, _OVERSAMPLING, 1)).reshape(-1, _OVERSAMPLING).max(axis=1)
    # what lies between two samples counts for both
    fine = np.maximum(fine, np.concatenate([fine[:1], fine[:-1]]))
    wanted = np.minimum(1.0, ceiling * 0.98 / np.maximum(fine, 1e-9))
    width = 2 * int(_ATTACK_S * sample_rate) + 1
    lowest = minimum_filter1d(wanted, width)
    window = np.hanning(width + 2)[1:-1]
    gain = convolve1d(lowest, window / window.sum(), mode="nearest")
    limited_audio = (audio * gain).astype(np.float32)
    peak = true_peak(limited_audio)
    result: np.ndarray = (
        limited_audio if peak <= ceiling else limited_audio * np.float32(ceiling / peak)
    )
    return result


def uneven_levels(levels_lufs: Sequence[float | None]) -> list[tuple[int, float]]:
    """Chunks whose level is far from their neighbours'.

    Args:
        levels_lufs: loudness of each chunk as it was made, in order; None for silence.

    Returns:
        index and decibels above (or, negative, below) the median of the three on either side, for
        every chunk that is more than `UNEVEN_DB` away.
    """
    found: list[tuple[int, float]] = []
    for i, level in enumerate(levels_lufs):
        near = [other for other in (*levels_lufs[max(0, i - 3) : i], *levels_lufs[i + 1 : i + 4])
                if other is not None]  # fmt: skip
        if level is not None and len(near) >= 3:
            difference = level - float(np.median(near))
            if abs(difference) > UNEVEN_DB:
                found.append((i, difference))
    return found
