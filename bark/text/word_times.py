"""When each word of nano's speech is said: its semantic tokens know it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from .english.phones import N_PAUSES, semantic_to_phones, text_begins_word
from .splitting import EncodedText


@dataclasses.dataclass(frozen=True)
class WordTime:
    """A written word and when it is said.

    Attributes:
        start, end: characters of the text, its white space normalised.
        start_s, end_s: seconds from the beginning of the take.
    """

    start: int
    end: int
    start_s: float
    end_s: float


def nano_word_times(
    semantic: np.ndarray, spans: Sequence[tuple[int, int]], *, rate_hz: float
) -> list[WordTime]:
    """The words of a take of nano's, exactly: its tokens say where a word begins.

    Args:
        semantic: (T,) int64, the take's own semantic tokens.
        spans: characters of each spoken word in its text, in order; a number that is read as
            several words gives its span several times.
        rate_hz: of the semantic tokens.

    Returns:
        one entry a written word; fewer where the take was stopped before its end.
    """
    spoken: list[tuple[float, float]] = []
    frame = 0
    for phone in semantic_to_phones(semantic):
        start_s = frame / rate_hz
        frame += phone.n_frames
        end_s = frame / rate_hz
        if phone.begins_word:
            spoken.append((start_s, end_s))
        elif spoken and phone.index >= N_PAUSES:
            spoken[-1] = (spoken[-1][0], end_s)
    words: list[WordTime] = []
    for (start, end), (start_s, end_s) in zip(spans, spoken, strict=False):
        if words and (words[-1].start, words[-1].end) == (start, end):
            words[-1] = dataclasses.replace(words[-1], end_s=end_s)
        else:
            words.append(WordTime(start, end, start_s, end_s))
    return words


def spoken_spans(encoded: EncodedText) -> list[tuple[int, int]]:
    """The span of every spoken word of a text, as `nano_word_times` takes them.

    Args:
        encoded: by nano's tokenizer.
    """
    if not len(encoded.ids):
        return []
    begins = text_begins_word(encoded.ids)
    return [span for span, first in zip(encoded.spans, begins, strict=True) if first]
