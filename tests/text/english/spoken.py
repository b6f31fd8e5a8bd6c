"""Normalised words as one line, which tests compare with."""

from __future__ import annotations

from collections.abc import Iterable

from bark.text.english.normalize import Word


def spoken_text(words: Iterable[Word]) -> str:
    """Words and the marks behind them, a space between."""
    return " ".join(word.text + word.mark for word in words)
