"""When each word of a take is said, and the same place in the sentence in another take."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..spec import NANO
from ..text.english.phones import N_PAUSES, semantic_to_phones


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


def nano_word_times(semantic: np.ndarray, spans: Sequence[tuple[int, int]]) -> list[WordTime]:
    """The words of a take of nano's, exactly: its tokens say where a word begins.

    Args:
        semantic: (T,) int64, the take's own semantic tokens.
        spans: characters of each spoken word in its text, in order; a number that is read as
            several words gives its span several times.

    Returns:
        one entry a written word; fewer where the take was stopped before its end.
    """
    spoken: list[tuple[float, float]] = []
    frame = 0
    for phone in semantic_to_phones(semantic):
        start_s = frame / NANO.semantic_rate_hz
        frame += phone.n_frames
        end_s = frame / NANO.semantic_rate_hz
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


def spoken_spans(tokenizer: Any, text: str) -> list[tuple[int, int]]:
    """The span of every spoken word, as `nano_word_times` takes them.

    Args:
        tokenizer: nano's; `encode(text)` gives ids with their spans.
    """
    from ..text.english.phones import text_begins_word

    encoded = tokenizer.encode(text)
    if not len(encoded.ids):
        return []
    begins = text_begins_word(encoded.ids)
    return [span for span, first in zip(encoded.spans, begins, strict=True) if first]


def matching_time(
    time_s: float,
    one: Sequence[tuple[float, float]],
    other: Sequence[tuple[float, float]],
    durations_s: tuple[float, float],
) -> float:
    """The place in another take where the same thing is said.

    Args:
        time_s: in the first take.
        one, other: (start, end) of the words of the two takes, in seconds, in order; where they
            are not as many, or not known, the share of the length decides.
        durations_s: how long the two takes are.

    Returns:
        seconds in the other take, within its length.
    """
    lengths = [max(length, 1e-9) for length in durations_s]
    if not one or len(one) != len(other):
        return min(max(time_s, 0.0) / lengths[0], 1.0) * lengths[1]
    marks = [[0.0], [0.0]]
    for side, words in enumerate((one, other)):
        for start_s, end_s in words:
            marks[side] += [start_s, end_s]
        marks[side].append(lengths[side])
    return float(np.interp(time_s, marks[0], marks[1]))
