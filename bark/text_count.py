"""What a text amounts to before it is spoken: tokens, seconds, words that would not be heard."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from .families import Tokenizer
from .spec import ModelSpec

CHARS_PER_SECOND = 14.0
"""Of spoken English; only for estimates of how long a text will be."""


@dataclasses.dataclass(frozen=True)
class TextCount:
    """What a text amounts to before it is spoken.

    Attributes:
        n_tokens: text tokens; the model hears the first `max_tokens` of them.
        expected_s: a guess at its duration, of what is heard.
        cut_text: the words that would not be heard; "" when all would.
        unspoken: the stretches that the model cannot say, for example in another script.
    """

    n_tokens: int
    max_tokens: int
    expected_s: float
    cut_text: str
    unspoken: tuple[str, ...] = ()


def count_text(text: str, tokenizer: Tokenizer, spec: ModelSpec) -> TextCount:
    """Counts a text's tokens and names the words past the limit; "" counts as nothing."""
    encoded = tokenizer.encode(text)
    words = encoded.text
    _, cut_text = tokenizer.cut(encoded, spec.text_len)
    spoken = words[: len(words) - len(cut_text)] if cut_text else words
    expected = expected_duration_s(spoken, spec) if words else 0.0
    return TextCount(len(encoded.ids), spec.text_len, expected, cut_text, encoded.unspoken)


def nothing_to_speak(text: str, unspoken: Sequence[str], spec: ModelSpec) -> str:
    """The sentence for a text of which nothing can be said."""
    if not unspoken:
        return f"There is nothing to speak in {text!r}; write words."
    listed = ", ".join(f"“{stretch}”" for stretch in unspoken)
    return f"The model {spec.name} cannot say {listed}; there is nothing to speak, write words."


def expected_duration_s(text: str, spec: ModelSpec) -> float:
    """A guess at how long a text will be when it is spoken, in seconds."""
    return min(spec.max_duration_s, 0.5 + len(text) / CHARS_PER_SECOND)
