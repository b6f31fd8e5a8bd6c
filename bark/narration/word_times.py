"""When each word of a take is said, where the model's own tokens know it."""

from __future__ import annotations

from typing import Any

from ..compare.word_times import nano_word_times, spoken_spans
from ..spec import NANO
from ..take import Take

WordTime = tuple[int, int, float, float]
"""First character, behind the last, start in seconds, end in seconds."""


def word_times(bark: Any, take: Take, spoken: str) -> tuple[WordTime, ...]:
    """The words of a take, exact to one token (27 ms) where nano made it.

    Returns:
        a written word each, in order; empty for another family, or where the model said another
        number of words than the text has.
    """
    if bark.spec.name != NANO.name:
        return ()
    spans = spoken_spans(bark.tokenizer, spoken)
    words = nano_word_times(take.tokens.semantic, spans)
    if len(words) < len(set(spans)):
        return ()
    return tuple((w.start, w.end, round(w.start_s, 4), round(w.end_s, 4)) for w in words)
