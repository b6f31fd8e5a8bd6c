"""Text before it becomes tokens: white space, sentences and clauses."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

import numpy as np

TAGS = (
    "[laughter]",
    "[laughs]",
    "[sighs]",
    "[music]",
    "[gasps]",
    "[clears throat]",
    "[MAN]",
    "[WOMAN]",
)
"""What official Bark was shown in brackets; `[MAN]` and `[WOMAN]` lean the voice."""

_CLOSING = "\"'”’»)\\]}」』）】》"
# Ends of a sentence: with white space after it (alphabets), or without (Chinese, Japanese).
# A match begins only where a run of marks does, and looks ahead a bounded way: linear in all.
_STOPS, _COMMAS = ".!?…؟۔।॥", ",;:—–、，；：،؛"
_SPACED_END = re.compile(
    rf"(?<![{_STOPS}])[{_STOPS}]+[{_CLOSING}]*(?:\s+\[[^\]A-Z]{{0,60}}\]){{0,8}}(?=\s)"
)
_UNSPACED_END = re.compile(rf"[。！？｡]+[{_CLOSING}]*")
_SPACE = re.compile(r"\s+")
_CLAUSE_END = re.compile(rf"(?<![{_COMMAS}])[{_COMMAS}]+[{_CLOSING}]*(?=\s|[^\x00-\x7f])")
_WINDOW = 80  # characters looked at on either side of a possible end

# Words whose full stop ends no sentence, in lower case; the second kind only before a number.
_ABBREVIATIONS = frozenset(
    "mr mrs ms mx dr prof st sr jr mt rev gen col capt lt sgt gov sen rep vs e.g i.e cf approx"
    " u.s u.k ph.d z.b d.h u.a bzw mme mlle sra dott".split()
)
_BEFORE_NUMBERS = frozenset(
    "no nos nr vol fig figs p pp ch sec art ca jan feb mar apr jun jul aug sep sept oct nov"
    " dec".split()
)


@dataclasses.dataclass(frozen=True, eq=False)
class EncodedText:
    """A text as a tokenizer's ids, each with the characters it stands for.

    Attributes:
        ids: (n,) int64, the tokenizer's own ids (no offset).
        spans: n pairs (start, end) of character positions in `text`.
        text: the text that was encoded, white space normalised.
        unspoken: the stretches of it that no id stands for, though they are no mere marks.
    """

    ids: np.ndarray
    spans: tuple[tuple[int, int], ...]
    text: str
    unspoken: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.spans)

    def first(self, n: int) -> EncodedText:
        """The first `n` ids of the same text."""
        return dataclasses.replace(self, ids=self.ids[:n], spans=self.spans[:n])


def valid_text(text: str) -> str:
    """Puts U+FFFD where a text cannot be written as UTF-8.

    JSON and file names can hold half a surrogate pair, which no file, page or tokenizer takes, so
    whatever comes from outside goes through here first. Two halves that meet become one character.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def normalize_whitespace(text: str) -> str:
    """Puts one space where any white space was, and none at the ends (as the reference)."""
    return re.sub(r"\s+", " ", valid_text(text)).strip()


def typed_places(text: str) -> list[int]:
    """Where each character of `normalize_whitespace(text)` stands in a valid text; its end last."""
    places: list[int] = []
    for i, char in enumerate(text):
        if not char.isspace() or (places and not text[places[-1]].isspace()):
            places.append(i)
    if places and text[places[-1]].isspace():
        places.pop()
    return [*places, places[-1] + 1 if places else 0]


def split_sentences(text: str) -> list[str]:
    """Splits a text into sentences; nothing but white space is lost.

    A blank line ends a sentence, a single line break does not. A full stop after an abbreviation
    or an initial, or before a lower-case word, ends none. A tag such as [laughs] stays with the
    sentence before it, unless it is in capitals ([MAN]).

    Returns:
        sentences with white space normalised, none empty.
    """
    whole, ends = _sentence_ends(text)
    return [piece for piece in _pieces(whole, ends) if piece]


def clause_ends(paragraph: str) -> list[int]:
    """Where the clauses of one paragraph end (behind commas, colons, dashes), ascending.

    Args:
        paragraph: white space normalised.
    """
    return [match.end() for match in _CLAUSE_END.finditer(paragraph)]


def _sentence_ends(text: str) -> tuple[str, list[int]]:
    """The normalised text, and where its sentences end (the last at its length)."""
    paragraphs: list[str] = []
    ends: list[int] = []
    offset = 0
    for paragraph in _paragraphs(text):
        paragraphs.append(paragraph)
        ends += [offset + end for end in sentence_ends(paragraph)]
        offset += len(paragraph) + 1
    return " ".join(paragraphs), ends


def _paragraphs(text: str) -> Iterator[str]:
    """What stands between blank lines, white space normalised, none empty."""
    start = 0
    for match in _SPACE.finditer(text):
        if match[0].count("\n") > 1:
            if paragraph := normalize_whitespace(text[start : match.start()]):
                yield paragraph
            start = match.end()
    if paragraph := normalize_whitespace(text[start:]):
        yield paragraph


def sentence_ends(paragraph: str) -> list[int]:
    """Where the sentences of one paragraph end, as `split_sentences` sees them.

    Args:
        paragraph: white space normalised.

    Returns:
        ascending character positions, the last the paragraph's length.
    """
    ends = {match.end() for match in _UNSPACED_END.finditer(paragraph)}
    for match in _SPACED_END.finditer(paragraph):
        if _is_sentence_end(paragraph, match):
            ends.add(match.end())
    return sorted(ends | {len(paragraph)})


def _is_sentence_end(paragraph: str, match: re.Match[str]) -> bool:
    following = paragraph[match.end() : match.end() + _WINDOW].lstrip().lstrip("\"'“‘«([{¿¡-–—♪ ")
    if following[:1].islower():
        return False
    if match[0] != ".":
        return True
    behind = paragraph[max(0, match.start() - _WINDOW) : match.start()]
    word = behind.rsplit(" ", 1)[-1].lstrip("\"'“‘«([{")
    is_initial = len(word) == 1 and word.isupper() and word != "I"
    before_number = following[:1].isdecimal() and word.casefold() in _BEFORE_NUMBERS
    return not (is_initial or before_number or word.casefold() in _ABBREVIATIONS)


def _pieces(whole: str, ends: Sequence[int]) -> list[str]:
    starts = [0, *ends]
    return [whole[start:end].strip() for start, end in zip(starts, ends, strict=False)]
