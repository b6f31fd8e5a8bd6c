"""Cutting a text into pieces that a model can say in one go, as even as they can be.

A piece ends with a sentence where it can, else with a clause, else with a word, and at last within
a word. Tags such as [laughs] and lines between ♪ stay whole as long as they fit at all. Nothing but
white space is lost, nothing is said twice, and the order stays.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from ..text.splitting import clause_ends, normalize_whitespace, sentence_ends

LEVELS = ("sentence", "clause", "word", "character")
"""What a piece may end with, the best first."""

_KEPT_WHOLE = re.compile(r"\[[^\[\]\n]{1,60}\]|♪[^♪\n]{0,300}♪|♪[^♪\n]{0,300}$")
_WORD_END = re.compile(r"\S(?=\s)")
# What a piece costs that ends within a sentence; a piece more costs 1.
_JOINT_COST = {"sentence": 0.0, "clause": 0.3, "word": 0.8, "character": 1.0}


@dataclasses.dataclass(frozen=True)
class Size:
    """How much a text is.

    Attributes:
        n_tokens: text tokens of the model.
        seconds: how long it is expected to be when it is spoken.
    """

    n_tokens: int
    seconds: float

    def __add__(self, other: Size) -> Size:
        return Size(self.n_tokens + other.n_tokens, self.seconds + other.seconds)

    def within(self, limit: Size) -> bool:
        """Whether neither count is above the limit's."""
        return self.n_tokens <= limit.n_tokens and self.seconds <= limit.seconds


Measure = Callable[[str], Size]


@dataclasses.dataclass(frozen=True)
class Piece:
    """A part of a text.

    Attributes:
        text: without white space at its ends; never empty.
        start, end: its characters in the text that was cut.
        ends: what it ends with, one of `LEVELS`; the last piece of a text ends a sentence.
    """

    text: str
    start: int
    end: int
    ends: str


@dataclasses.dataclass(frozen=True)
class _Atom:
    start: int
    end: int
    ends: str
    size: Size


def cut(
    text: str,
    measure: Measure,
    limit: Size,
    *,
    first_s: float | None = None,
    kept: Sequence[tuple[int, int]] = (),
    always_at: str | None = None,
) -> list[Piece]:
    """Cuts one paragraph.

    Args:
        text: its white space is taken as normalised (`bark.text.splitting.normalize_whitespace`).
        measure: the size of a part; sizes of parts are taken to add up while pieces are chosen,
            and each piece is measured once more as a whole.
        limit: the largest piece; a single character may be larger.
        first_s: the first piece shall be about that short, in seconds, so that sound starts soon.
        kept: spans (start, end) that stay whole besides tags and lines between ♪.
        always_at: "sentence" or "clause": a piece never goes on past one.

    Returns:
        pieces in order; none where the text is empty.
    """
    spans = [*kept, *(match.span() for match in _KEPT_WHOLE.finditer(text))]
    cutter = _Cutter(text, measure, limit, spans)
    pieces: list[Piece] = []
    start = 0
    if first_s is not None:
        head = cutter.head(first_s)
        if head is not None:
            pieces.append(cutter.piece(head.start, head.end, head.ends))
            start = head.end
    atoms = list(cutter.atoms(start, len(text), _depth(always_at)))
    for group in cutter.pack(atoms, separate=always_at):
        pieces += cutter.checked(group)
    return pieces


def cut_text(text: str, measure: Measure, limit: Size) -> list[str]:
    """Cuts a text of any number of paragraphs (blank lines part them) into texts that fit."""
    paragraphs = (normalize_whitespace(block) for block in re.split(r"\n\s*\n", text))
    return [piece.text for block in paragraphs if block for piece in cut(block, measure, limit)]


def _depth(always_at: str | None) -> int:
    """Down to which level a text is taken apart even where it would fit."""
    return 0 if always_at is None else LEVELS.index(always_at)


class _Cutter:
    """One text with its possible ends."""

    def __init__(
        self, text: str, measure: Measure, limit: Size, kept: Sequence[tuple[int, int]]
    ) -> None:
        self.text, self.measure, self.limit = text, measure, limit
        inside = {i for start, end in kept for i in range(start + 1, end)}
        whole = {"sentence": sentence_ends(text), "clause": clause_ends(text)}
        whole["word"] = [match.end() for match in _WORD_END.finditer(text)]
        self.ends = {
            level: [end for end in ends if end not in inside] for level, ends in whole.items()
        }

    def piece(self, start: int, end: int, ends: str) -> Piece:
        """The piece between two places, without the white space at its ends."""
        text = self.text[start:end]
        start += len(text) - len(text.lstrip())
        end -= len(text) - len(text.rstrip())
        return Piece(self.text[start:end], start, end, ends)

    def size(self, start: int, end: int) -> Size:
        """The size of what stands between two places."""
        return self.measure(self.text[start:end].strip())

    def head(self, first_s: float) -> _Atom | None:
        """A short beginning that ends with the first sentence, or a clause of a long one."""
        if not self.text or self.size(0, len(self.text)).seconds <= 1.5 * first_s:
            return None
        sentence = next(iter(self.ends["sentence"]), len(self.text))
        ends = [(end, "clause") for end in self.ends["clause"] if end < sentence]
        fitting = [
            _Atom(0, end, level, self.size(0, end))
            for end, level in [*ends, (sentence, "sentence")]
        ]
        fitting = [atom for atom in fitting if atom.size.within(self.limit)]
        if not fitting or fitting[-1].end == len(self.text):
            return None
        if fitting[-1].ends == "sentence" and fitting[-1].size.seconds <= 1.5 * first_s:
            return fitting[-1]
        short = [atom for atom in fitting if atom.size.seconds <= first_s]
        return short[-1] if short else None

    def atoms(self, start: int, end: int, forced: int, level: int = 0, last: str = "sentence"
    ) -> Iterator[_Atom]:  # fmt: skip
        """The smallest parts that need not be cut further, in order."""
        name = LEVELS[level]
        if name == "character":
            yield from self._characters(start, end, last)
            return
        inner = [place for place in self.ends[name] if start < place < end]
        bounds = [start, *inner, end]
        for i, (left, right) in enumerate(itertools.pairwise(bounds)):
            if not self.text[left:right].strip():
                continue
            ends = last if i == len(bounds) - 2 else name
            size = self.size(left, right)
            if size.within(self.limit) and level >= forced:
                yield _Atom(left, right, ends, size)
            else:
                yield from self.atoms(left, right, forced, level + 1, ends)

    def _characters(self, start: int, end: int, last: str) -> Iterator[_Atom]:
        """Even parts of something without an end that would do, such as a very long word."""
        places = [i for i in range(start + 1, end) if _may_part(self.text, i)]
        n_parts = 1
        while True:
            n_parts = min(n_parts, len(places) + 1)
            inner = (
                [places[len(places) * k // n_parts] for k in range(1, n_parts)] if places else []
            )
            bounds = sorted({start, *inner, end})
            parts = [
                _Atom(left, right, last if right == end else "character", self.size(left, right))
                for left, right in itertools.pairwise(bounds)
            ]
            if n_parts > len(places) or all(part.size.within(self.limit) for part in parts):
                yield from (part for part in parts if self.text[part.start : part.end].strip())
                return
            n_parts *= 2

    def pack(self, atoms: Sequence[_Atom], separate: str | None) -> list[list[_Atom]]:
        """Groups of atoms within the limit: as few as can be, and then as even as can be."""
        longest = max(self.limit.seconds, 1e-9)
        best: list[tuple[float, int]] = [(0.0, 0)]  # of the first n atoms: cost, last group's start
        for n in range(1, len(atoms) + 1):
            size, choice = Size(0, 0.0), (float("inf"), n - 1)
            for first in range(n - 1, -1, -1):
                size = atoms[first].size + size
                parted = first < n - 1 and _parts(atoms[first].ends, separate)
                if first < n - 1 and (parted or not size.within(self.limit)):
                    break
                cost = 1 + 0.5 * (size.seconds / longest) ** 2 + _JOINT_COST[atoms[n - 1].ends]
                choice = min(choice, (best[first][0] + cost, first))
            best.append(choice)
        groups: list[list[_Atom]] = []
        end = len(atoms)
        while end:
            start = best[end][1]
            groups.append(list(atoms[start:end]))
            end = start
        return groups[::-1]

    def checked(self, group: Sequence[_Atom]) -> Iterator[Piece]:
        """The group as a piece; halves of it where the whole is larger than its parts said."""
        start, end = group[0].start, group[-1].end
        if len(group) == 1 or self.size(start, end).within(self.limit):
            yield self.piece(start, end, group[-1].ends)
            return
        middle = len(group) // 2
        yield from self.checked(group[:middle])
        yield from self.checked(group[middle:])


def _parts(ends: str, separate: str | None) -> bool:
    return separate is not None and LEVELS.index(ends) <= LEVELS.index(separate)


def _may_part(text: str, i: int) -> bool:
    """Whether a letter and its marks stay together when the text is cut before character i."""
    joined = unicodedata.combining(text[i]) or unicodedata.category(text[i]) in ("Mn", "Mc", "Me")
    return not joined and "\u200d" not in (text[i], text[i - 1])
