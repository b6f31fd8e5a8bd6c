"""How long a text takes to say, guessed from its characters alone."""

from __future__ import annotations

import unicodedata

_CHARS_PER_S = 14.0  # of alphabets
_WIDE_CHARS_PER_S = 5.0  # of scripts that write a syllable or more with one character


def speaking_time_s(text: str) -> float:
    """A guess at how long a text takes to say, in seconds, without any limit."""
    n_wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return n_wide / _WIDE_CHARS_PER_S + (len(text) - n_wide) / _CHARS_PER_S
