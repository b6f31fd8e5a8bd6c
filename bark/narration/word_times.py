"""When each word of a take is said, where the model's own tokens know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..families import family_of
from ..take import Take

if TYPE_CHECKING:
    from ..pipeline import Bark

WordTime = tuple[int, int, float, float]
"""First character, behind the last, start in seconds, end in seconds."""


def word_times(bark: Bark, take: Take, spoken: str) -> tuple[WordTime, ...]:
    """The words of a take, exact to one token (27 ms) where nano made it.

    Returns:
        a written word each, in order; empty for another family, or where the model said another
        number of words than the text has.
    """
    times = family_of(bark.spec).word_times
    if times is None:
        return ()
    words = times(bark.tokenizer, spoken, take.tokens.semantic)
    if len(words) < len(set(bark.tokenizer.encode(spoken).spans)):
        return ()
    return tuple((w.start, w.end, round(w.start_s, 4), round(w.end_s, 4)) for w in words)
