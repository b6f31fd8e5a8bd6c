"""Sentences for who called the program, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def tell(what: object) -> None:
    """Says a sentence, under the program's name."""
    print(f"bark-studio: {what}", file=sys.stderr, flush=True)


def tell_left_out(cut_text: str, unspoken: Sequence[str], model: str, line: str = "") -> None:
    """Says on standard error, also with --silent, what of a text is not spoken."""
    sentences = []
    if cut_text:
        sentences.append(f"The text is too long for one take; not spoken: {cut_text!r}.")
    if unspoken:
        listed = ", ".join(map(repr, unspoken))
        sentences.append(f"The model {model} cannot say {listed}; spoken without.")
    for sentence in sentences:
        tell(f"{line}{sentence}")
