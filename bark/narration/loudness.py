"""Loudness by EBU R128 (ITU-R BS.1770), true peaks, and where speech begins and ends."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import convolve1d, minimum_filter1d
from scipy.signal import resample_poly

from ..compare.loudness import SILENCE_LUFS, loudness

_OVERSAMPLING = 4  # BS.1770 finds true peaks so, below 96 kHz
_ATTACK_S = 0.004
_FRAME_S = 0.01
_SILENCE_DB = -45.0  # below the loudest frames
_FLOOR_DB = -60.0  # below full scale; digital noise of a decoder is no speech
_MAX_RAISE_DB = 12.0
_MAX_CUT_DB = 30.0


def integrated_loudness(audio: np.ndarray, sample_rate: int) -> float | None:
    """Gated loudness in LUFS; None for silence.

    Args:
        audio: (n,) float within ±1.
    """
    level = loudness(audio, sample_rate)
    return None if level <= SILENCE_LUFS else level


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
    threshold = max(loud * 10 ** (_SILENCE_DB / 10), 10 ** (_FLOOR_DB / 10))
    heard = np.flatnonzero(power > threshold)
    if not heard.size:
        return (0, 0)
    margin = int(margin_s * sample_rate)
    first = max(0, int(heard[0]) * frame - margin)
    last = min(audio.size, (int(heard[-1]) + 1) * frame + margin)
    return first, last
