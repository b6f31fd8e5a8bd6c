"""How a voice sounds, in few numbers: its pitch and the shape of its spectrum."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy.fft import dct, irfft, rfft

_FRAME_S, _STEP_S = 0.04, 0.01
_N_BANDS, _N_SHAPE = 24, 12
_BAND_HZ = (80.0, 7_600.0)
_PITCH_HZ = (60.0, 450.0)
_VOICED = 0.5  # of the autocorrelation
_LOUD_SHARE = 0.05  # of the mean power: quieter frames are pauses


@dataclasses.dataclass(frozen=True, eq=False)
class VoicePrint:
    """A voice's average.

    Attributes:
        pitch_hz: the median; None where hardly anything is voiced.
        shape: (12,) mean cepstrum of the mel spectrum, without its level.
    """

    pitch_hz: float | None
    shape: np.ndarray


def voice_print(audio: np.ndarray, sample_rate: int) -> VoicePrint | None:
    """The print of (n,) float audio; None where too little is heard."""
    frame, step = int(_FRAME_S * sample_rate), int(_STEP_S * sample_rate)
    if len(audio) < 20 * step + frame:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64), frame)[::step]
    power = (frames**2).mean(axis=1)
    frames = frames[power > _LOUD_SHARE * power.mean()] * np.hanning(frame)
    if len(frames) < 20:
        return None
    n_fft = 1 << (2 * frame - 1).bit_length()
    spectrum = np.abs(rfft(frames, n_fft)) ** 2  # (frames, bins)
    bands = np.log(spectrum @ _filters(n_fft, sample_rate) + 1e-10)
    shape = dct(bands, norm="ortho", axis=1)[:, 1 : _N_SHAPE + 1].mean(axis=0)
    return VoicePrint(_pitch(spectrum, n_fft, sample_rate), shape)


def distance(one: VoicePrint, other: VoicePrint) -> tuple[float, float]:
    """Semitones between the pitches (0 where one is not known), and the shapes' distance."""
    semitones = 0.0
    if one.pitch_hz and other.pitch_hz:
        semitones = abs(12 * math.log2(one.pitch_hz / other.pitch_hz))
    return semitones, float(np.sqrt(((one.shape - other.shape) ** 2).mean()))


def _pitch(spectrum: np.ndarray, n_fft: int, sample_rate: int) -> float | None:
    low, high = (int(sample_rate / hz) for hz in reversed(_PITCH_HZ))
    correlation = irfft(spectrum, n_fft)
    window = irfft(np.abs(rfft(np.hanning(int(_FRAME_S * sample_rate)), n_fft)) ** 2, n_fft)
    normed = correlation[:, low:high] / correlation[:, :1] / (window[low:high] / window[0])
    lag = normed.argmax(axis=1)
    voiced = normed[np.arange(len(lag)), lag] > _VOICED
    if voiced.sum() < 10:
        return None
    return float(np.median(sample_rate / (lag[voiced] + low)))


def _filters(n_fft: int, sample_rate: int) -> np.ndarray:
    """(bins, 24) triangles, evenly spaced in mel."""

    def mel(hz: np.ndarray | float) -> np.ndarray:
        return 2_595 * np.log10(1 + np.asarray(hz) / 700)

    edges = np.linspace(mel(_BAND_HZ[0]), mel(_BAND_HZ[1]), _N_BANDS + 2)
    place = mel(np.arange(n_fft // 2 + 1) * sample_rate / n_fft)[:, None]
    rising = (place - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - place) / (edges[2:] - edges[1:-1])
    result: np.ndarray = np.clip(np.minimum(rising, falling), 0, None)
    return result
