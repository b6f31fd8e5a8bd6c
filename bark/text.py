"""Text before it becomes tokens: white space, sentences, chunks that fit, and speakers' turns."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

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

_TAG_WORDS = frozenset(tag.strip("[]").casefold() for tag in TAGS)

_CLOSING = "\"'”’»)\\]}」』）】》"
# Ends of a sentence: with white space after it (alphabets), or without (Chinese, Japanese).
_SPACED_END = re.compile(rf"[.!?…؟।]+[{_CLOSING}]*(?:\s+\[[^\]A-Z]*\])*(?=\s)")
_UNSPACED_END = re.compile(rf"[。！？｡]+[{_CLOSING}]*")
_BLANK_LINE = re.compile(r"\s*\n\s*\n\s*")
_CLAUSE_END = re.compile(rf"[,;:—–、，；：]+[{_CLOSING}]*(?=\s|[^\x00-\x7f])")
_WORD_END = re.compile(r"\S(?=\s)")

# Words whose full stop ends no sentence, in lower case; the second kind only before a number.
_ABBREVIATIONS = frozenset(
    "mr mrs ms mx dr prof st sr jr mt rev gen col capt lt sgt gov sen rep vs e.g i.e cf approx"
    " u.s u.k ph.d z.b d.h u.a bzw mme mlle sra dott".split()
)
_BEFORE_NUMBERS = frozenset(
    "no nos nr vol fig figs p pp ch sec art ca jan feb mar apr jun jul aug sep sept oct nov"
    " dec".split()
)

_TURN = re.compile(r"[ \t]*\[([^\[\]\n]{1,60})\][ \t]*(.*)")


@dataclasses.dataclass(frozen=True, eq=False)
class EncodedText:
    """A text as a tokenizer's ids, each with the characters it stands for.

    Attributes:
        ids: (n,) int64, the tokenizer's own ids (no offset).
        spans: n pairs (start, end) of character positions in `text`.
        text: the text that was encoded, white space normalised.
    """

    ids: np.ndarray
    spans: tuple[tuple[int, int], ...]
    text: str

    def __len__(self) -> int:
        return len(self.spans)

    def first(self, n: int) -> EncodedText:
        """The first `n` ids of the same text."""
        return EncodedText(self.ids[:n], self.spans[:n], self.text)


@dataclasses.dataclass(frozen=True)
class Turn:
    """What one speaker of a dialogue says; `speaker` is None before the first `[Name]`."""

    speaker: str | None
    text: str


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


def split_chunks(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Splits a text into chunks that fit, each as long as it can be.

    A chunk ends with a sentence where it can; else with a clause, a word, and at last within a
    word. Nothing but white space is lost.

    Args:
        text: any length.
        fits: whether a chunk may be said in one go. A part of what fits is taken to fit too; a
            single character is taken to fit.

    Returns:
        chunks with white space normalised, none empty.
    """
    whole, sentence_ends = _sentence_ends(text)
    levels = (
        sentence_ends,
        [match.end() for match in _CLAUSE_END.finditer(whole)],
        [match.end() for match in _WORD_END.finditer(whole)],
    )
    chunks: list[str] = []
    start = 0
    while start < len(whole):
        end = _furthest_fit(whole, start, levels, fits)
        chunks.append(whole[start:end].strip())
        start = end + 1 if whole[end : end + 1] == " " else end
    return chunks


def parse_turns(text: str) -> list[Turn]:
    """Reads a dialogue: a line that begins with `[Name]` is said by Name, until the next such line.

    Names begin with a capital, a digit or a letter of a script without capitals, so that
    [whispers] remains a tag; Bark's own tags ([MAN], [Music]) are no names.

    Returns:
        turns with white space normalised, none empty.
    """
    speaker: str | None = None
    said: list[tuple[str | None, list[str]]] = [(None, [])]
    for line in text.splitlines():
        match = _TURN.match(line)
        if match and _is_name(match[1]):
            speaker = normalize_whitespace(match[1])
            said.append((speaker, [match[2]]))
        else:
            said[-1][1].append(line)
    turns = (Turn(name, normalize_whitespace("\n".join(lines))) for name, lines in said)
    return [turn for turn in turns if turn.text]


def _is_name(words: str) -> bool:
    name = normalize_whitespace(words)
    first = name[:1]
    return first.isalnum() and not first.islower() and name.casefold() not in _TAG_WORDS


def _sentence_ends(text: str) -> tuple[str, list[int]]:
    """The normalised text, and where its sentences end (the last at its length)."""
    whole = ""
    ends: list[int] = []
    for block in _BLANK_LINE.split(text):
        paragraph = normalize_whitespace(block)
        if not paragraph:
            continue
        offset = len(whole) + 1 if whole else 0
        whole = f"{whole} {paragraph}" if whole else paragraph
        ends += [offset + end for end in _paragraph_ends(paragraph)]
    return whole, ends


def _paragraph_ends(paragraph: str) -> list[int]:
    ends = {match.end() for match in _UNSPACED_END.finditer(paragraph)}
    for match in _SPACED_END.finditer(paragraph):
        if _is_sentence_end(paragraph, match):
            ends.add(match.end())
    return sorted(ends | {len(paragraph)})


def _is_sentence_end(paragraph: str, match: re.Match[str]) -> bool:
    following = paragraph[match.end() :].lstrip().lstrip("\"'“‘«([{¿¡-–—♪ ")
    if following[:1].islower():
        return False
    if match[0] != ".":
        return True
    word = paragraph[: match.start()].rsplit(" ", 1)[-1].lstrip("\"'“‘«([{")
    is_initial = len(word) == 1 and word.isupper() and word != "I"
    before_number = following[:1].isdecimal() and word.casefold() in _BEFORE_NUMBERS
    return not (is_initial or before_number or word.casefold() in _ABBREVIATIONS)


def _pieces(whole: str, ends: Sequence[int]) -> list[str]:
    starts = [0, *ends]
    return [whole[start:end].strip() for start, end in zip(starts, ends, strict=False)]


def _furthest_fit(
    whole: str, start: int, levels: Sequence[Sequence[int]], fits: Callable[[str], bool]
) -> int:
    """Where the longest chunk from `start` ends, at the highest level that has one."""
    for ends in levels:
        candidates = [end for end in ends if end > start]
        n_fitting = _count_fitting(whole, start, candidates, fits)
        if n_fitting:
            return candidates[n_fitting - 1]
    within_word = list(range(start + 1, len(whole) + 1))
    return within_word[max(0, _count_fitting(whole, start, within_word, fits) - 1)]


def _count_fitting(whole: str, start: int, ends: Sequence[int], fits: Callable[[str], bool]) -> int:
    """How many of the ascending `ends` give a chunk that fits: doubling, then halving."""
    low, step = 0, 1
    while low + step <= len(ends) and fits(whole[start : ends[low + step - 1]].strip()):
        low += step
        step *= 2
    high = min(low + step, len(ends) + 1)  # the first count known not to fit, or one too many
    while high - low > 1:
        middle = (low + high) // 2
        if fits(whole[start : ends[middle - 1]].strip()):
            low = middle
        else:
            high = middle
    return low
