"""A listener who judges speech: pocketsphinx with its general English model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

from .phone_errors import edit_distance

_RATE_HZ = 16_000
_LOUDNESS = 0.7  # the peak that the listener is given


class Listener:
    """Writes down what it hears; slow (about real time), deterministic for one utterance."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder  # a development dependency

        self._new = lambda: Decoder(samprate=_RATE_HZ, loglevel="ERROR")
        self._decoder = self._new()

    def hear(self, audio: np.ndarray, sample_rate: int) -> str:
        """Words in (n,) float audio."""
        share = Fraction(_RATE_HZ, sample_rate)
        audio = resample_poly(audio, share.numerator, share.denominator)
        audio = audio / max(1e-6, float(np.abs(audio).max())) * _LOUDNESS
        self._decoder.start_utt()
        self._decoder.process_raw((audio * 32_767).astype(np.int16).tobytes(), full_utt=True)
        self._decoder.end_utt()
        heard = self._decoder.hyp()
        return heard.hypstr if heard else ""


def plain_words(text: str) -> list[str]:
    """Lower-case words without punctuation; hyphens part words."""
    return re.sub(r"[^a-z' ]", " ", text.lower().replace("-", " ")).split()


def word_error_rate(wanted: Sequence[str], heard: Sequence[str]) -> float:
    """Edits between the words, per wanted word, over all sentences."""
    pairs = [(plain_words(a), plain_words(b)) for a, b in zip(wanted, heard, strict=True)]
    edits = sum(edit_distance(said, meant) for meant, said in pairs)
    return edits / max(1, sum(len(meant) for meant, _ in pairs))


def closed_choice_rate(
    wanted: Sequence[str], heard: Sequence[str], *, others: int = 19, seed: int = 0
) -> float:
    """Share of the sentences that are nearer to what was heard than `others` drawn ones.

    Near is the edit distance between letters, over the longer of the two.
    """
    rng = np.random.default_rng(seed)
    right = 0
    for i, said in enumerate(heard):
        rivals = [j for j in range(len(wanted)) if j != i]
        drawn = rng.choice(rivals, min(others, len(rivals)), replace=False)
        best = min(drawn, key=lambda j: _distance(said, wanted[j]))
        right += _distance(said, wanted[i]) < _distance(said, wanted[best])
    return right / max(1, len(heard))


def _distance(a: str, b: str) -> float:
    first, second = " ".join(plain_words(a)), " ".join(plain_words(b))
    return edit_distance(first, second) / max(1, len(first), len(second))
