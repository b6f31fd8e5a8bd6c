"""Who is speaking: a small classifier of nano's speakers, trained on the teacher's speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from bark.codecs.harmonics import SAMPLE_RATE_HZ, speak

from .features import Utterance
from .speakers import SPEAKERS, in_voice

_FRAME_LEN, _HOP_LEN = 600, 240  # 25 and 10 ms
_N_BANDS, _N_COEFFICIENTS = 32, 20
_TOP_HZ = 7_800.0


def mean_mfcc(audio: np.ndarray) -> np.ndarray:
    """(20,) mean mel-frequency cepstrum of the loud half of (n,) audio at 24 kHz."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, _FRAME_LEN)[::_HOP_LEN]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME_LEN), 1_024)) ** 2
    loudness = power.sum(1)
    loud = power[loudness >= np.median(loudness)]
    bands = np.log(loud @ _mel_bands() + 1e-8)
    return dct(bands, axis=1, norm="ortho")[:, 1 : _N_COEFFICIENTS + 1].mean(0)


@dataclass(frozen=True, eq=False)
class SpeakerClassifier:
    """One Gaussian a speaker on mean MFCCs, with a covariance that all share.

    Attributes:
        names: of the speakers.
        means: (n_speakers, 20).
        precision: (20, 20) inverse covariance.
    """

    names: tuple[str, ...]
    means: np.ndarray
    precision: np.ndarray

    def name_speaker(self, audio: np.ndarray) -> str:
        """The most probable speaker of (n,) audio at 24 kHz."""
        difference = self.means - mean_mfcc(audio)
        return self.names[
            int(np.einsum("si,ij,sj->s", difference, self.precision, difference).argmin())
        ]


def train_classifier(
    utterances: Sequence[Utterance], recorded: Mapping[str, Sequence[Utterance]] | None = None
) -> SpeakerClassifier:
    """Trains on the teacher's utterances, each speaker on other ones.

    Args:
        utterances: the teacher's, of which each of `SPEAKERS` is given a share.
        recorded: what other voices said, by name.
    """
    everybody = {
        speaker.name: [in_voice(u, speaker) for u in utterances[i :: len(SPEAKERS)]]
        for i, speaker in enumerate(SPEAKERS)
    }
    everybody.update((name, list(said)) for name, said in (recorded or {}).items())
    means, scatter = [], []
    for said in everybody.values():
        points = np.stack([mean_mfcc(speak(u.bands, 0, len(u.mel))) for u in said])
        means.append(points.mean(0))
        scatter.append(points - points.mean(0))
    residual = np.concatenate(scatter)
    covariance = residual.T @ residual / len(residual)
    covariance += 1e-2 * np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
    return SpeakerClassifier(tuple(everybody), np.stack(means), np.linalg.inv(covariance))


def median_pitch(f0: np.ndarray) -> float:
    """Median in Hz of the voiced frames, 0 without any."""
    voiced = f0[f0 > 0]
    return float(np.median(voiced)) if len(voiced) else 0.0


def _mel_bands() -> np.ndarray:
    """(513, 32) triangular bands, evenly spaced in mel."""
    mel = np.linspace(0, 2_595 * np.log10(1 + _TOP_HZ / 700), _N_BANDS + 2)
    edges = 700 * (10 ** (mel / 2_595) - 1)
    frequencies = np.linspace(0, SAMPLE_RATE_HZ / 2, 513)
    rising = (frequencies[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies[:, None]) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None)
