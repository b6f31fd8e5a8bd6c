"""How one run of letters is said: as a word, as an abbreviation, or letter by letter."""

from __future__ import annotations

import re

from .abbreviations import (
    AMBIGUOUS_IN_CAPITALS,
    DOTTED,
    INTERJECTIONS,
    LETTER_CUES,
    SPELLED_ACRONYMS,
    SPOKEN_ACRONYMS,
    TWO_LETTER_WORDS,
    UNDOTTED,
    UNDOTTED_TITLES,
)
from .number_words import letters
from .rules import Context

_MAX_ACRONYM_LEN = 5


def word(text: str, context: Context) -> list[str]:
    """Say one run of letters (and inner apostrophes): as a word, or as letters."""
    lower = text.lower()
    if lower in UNDOTTED:
        return UNDOTTED[lower].split()
    if lower in UNDOTTED_TITLES and text != lower:
        return [DOTTED[lower]]
    if len(text) == 1:
        return _letter(text, context)
    if text.isupper():
        return _capitals(text, lower, context)
    plural_acronym = re.fullmatch(r"([A-Z]{2,})'?s", text)
    if plural_acronym and not context.shouting:
        if plural_acronym[1].lower() in SPOKEN_ACRONYMS:
            return [lower]
        *head, last = letters(plural_acronym[1])
        return [*head, last + "'s"]
    if not context.is_word(lower):
        pieces = re.findall(r"[A-Z]?[a-z']+|[A-Z]+(?![a-z])", text)
        if len(pieces) > 1 and not text.startswith(("Mc", "Mac", "O'", "D'")):
            return [said for piece in pieces for said in word(piece, context)]
        if _unpronounceable(lower):
            return letters(lower)
    return [_shortened(lower, context)]


def _letter(text: str, context: Context) -> list[str]:
    lower = text.lower()
    if lower == "i":
        return ["i"]
    lettered = context.last_word in LETTER_CUES
    if lower == "a" and not (lettered and text == "A"):
        return ["a"]
    return letters(lower)


def _capitals(text: str, lower: str, context: Context) -> list[str]:
    if lower in SPOKEN_ACRONYMS or lower in INTERJECTIONS:
        return [lower]
    if len(text) == 2:
        plain = lower in TWO_LETTER_WORDS or (context.shouting and lower == "us")
        return [lower] if plain else letters(lower)
    if lower in SPELLED_ACRONYMS and not (context.shouting and lower in AMBIGUOUS_IN_CAPITALS):
        return letters(lower)
    if context.is_word(lower) or "'" in lower:
        return [lower]
    if len(text) <= (3 if context.shouting else _MAX_ACRONYM_LEN) or _unpronounceable(lower):
        return letters(lower)
    return [_shortened(lower, context)]


def _unpronounceable(lower: str) -> bool:
    return not re.search(r"[aeiouy]", lower) and lower not in INTERJECTIONS and "'" not in lower


def _shortened(lower: str, context: Context) -> str:
    """Take the drawn-out letters out of an unknown "sooo" or "yesss"."""
    if context.is_word(lower) or lower in INTERJECTIONS or not re.search(r"(.)\1\1", lower):
        return lower
    single, double = (re.sub(r"(.)\1{2,}", repl, lower) for repl in (r"\1", r"\1\1"))
    return double if context.is_word(double) and not context.is_word(single) else single
