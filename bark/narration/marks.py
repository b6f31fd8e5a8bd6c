"""Marks inside a text: pauses, a small subset of SSML, and words to be said otherwise.

Bark's own tags ([laughs], ♪ ...) are no marks; they go to the model as they stand.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterator

from ..errors import InvalidInputError

MAX_PAUSE_S = 60.0
KNOWN_TAGS = ("speak", "p", "s", "break", "sub", "say-as")

_TAG = re.compile(r"<(/?)([A-Za-z][\w:-]*)((?:\s+[\w:-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*(/?)>")
_ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_PAUSE = re.compile(r"\[pause(?:[ :]+([\d.]+)\s*(ms|s)?)?\]", re.IGNORECASE)
_DURATION = re.compile(r"\s*\+?([\d.]+)\s*(ms|s)\s*")
_STRENGTHS_S = {
    "none": 0.0,
    "x-weak": 0.1,
    "weak": 0.25,
    "medium": 0.5,
    "strong": 0.8,
    "x-strong": 1.2,
}
_PAUSE_S = 0.5  # of [pause] without a number


@dataclasses.dataclass(frozen=True)
class Swap:
    """Some characters of a text that are spoken otherwise.

    Attributes:
        start, end: in the shown text.
        spoken: what the model is given in their place.
    """

    start: int
    end: int
    spoken: str


@dataclasses.dataclass(frozen=True)
class Words:
    """Text without marks: as it is shown, and what of it is spoken otherwise."""

    text: str
    swaps: tuple[Swap, ...] = ()


@dataclasses.dataclass(frozen=True)
class Break:
    """A pause that somebody asked for.

    Attributes:
        seconds: of silence, in place of whatever would be there.
        ends: "" in running text, "paragraph" or "sentence" where a tag ended one.
    """

    seconds: float | None
    ends: str = ""


def read_marks(text: str, *, tags: bool = True) -> list[Words | Break]:
    """Takes the marks out of a text.

    `[pause]`, `[pause 0.5s]`, `[pause 300ms]` and, as SSML has them, `<speak>`, `<p>`, `<s>`,
    `<break time="500ms"/>` or `strength="strong"`, `<sub alias="...">` and `<say-as>` with
    interpret-as "characters", "spell-out" or anything that is read as it stands ("cardinal",
    "date", ...).

    Args:
        tags: whether SSML tags are marks; else only [pause ...] is.

    Returns:
        words and breaks in order; white space is kept as it is.

    Raises:
        InvalidInputError: another tag, or a pause that is none; the sentence names it.
    """
    return list(_Reader(text, tags).parts())


def spoken(text: str, swaps: tuple[Swap, ...] | list[Swap], start: int = 0) -> str:
    """A part of a shown text as it is spoken.

    Args:
        text: the part.
        swaps: of the whole text, ascending.
        start: where the part begins in the whole text; swaps lie inside or outside of it.
    """
    pieces, place = [], 0
    for swap in swaps:
        left, right = swap.start - start, swap.end - start
        if place <= left and right <= len(text):
            pieces += [text[place:left], swap.spoken]
            place = right
    return "".join([*pieces, text[place:]])


def normalized(words: Words) -> Words:
    """The same words with one space for any white space and none at the ends."""
    text, places = "", []  # of each character of the given text: where it stands now
    for char in words.text:
        if not char.isspace():
            places.append(len(text))
            text += char
        else:
            places.append(len(text))
            text += " " if text and not text.endswith(" ") else ""
    text = text.rstrip()
    places.append(len(text))
    swaps = [
        Swap(places[swap.start], min(len(text), places[swap.end - 1] + 1), swap.spoken)
        for swap in words.swaps
    ]
    return Words(text, tuple(swaps))


def _seconds(value: str, unit: str | None, mark: str) -> float:
    try:
        seconds = float(value) / (1_000 if unit == "ms" else 1)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_PAUSE_S:
        raise InvalidInputError(
            f"{mark} is no pause; give 0 to {MAX_PAUSE_S:.0f} seconds, as in [pause 0.5s]."
        )
    return seconds


class _Reader:
    """Walks over one text."""

    def __init__(self, text: str, tags: bool) -> None:
        self.text = text
        self.tags = list(_TAG.finditer(text)) if tags else []
        self.words = ""
        self.swaps: list[Swap] = []
        self.open: list[tuple[str, int, dict[str, str]]] = []  # tag, where it began, attributes
        self.has_tags = any(m[2].lower() in KNOWN_TAGS for m in self.tags)

    def parts(self) -> Iterator[Words | Break]:
        """Yields words and breaks."""
        place = 0
        marks = sorted([*_PAUSE.finditer(self.text), *self.tags], key=lambda m: m.start())
        for match in marks:
            if match.start() < place:
                continue
            self._add(self.text[place : match.start()])
            place = match.end()
            if match.re is _PAUSE:
                pause = _PAUSE_S if match[1] is None else _seconds(match[1], match[2], match[0])
                yield from self._flush()
                yield Break(pause)
            else:
                yield from self._tag(match)
        self._add(self.text[place:])
        if self.open:
            raise InvalidInputError(f"The tag <{self.open[-1][0]}> is never closed.")
        yield from self._flush()

    def _add(self, text: str) -> None:
        self.words += html.unescape(text) if self.has_tags else text

    def _flush(self) -> Iterator[Words]:
        if self.words.strip():
            yield Words(self.words, tuple(self.swaps))
        self.words, self.swaps = "", []
        self.open = [(name, 0, attributes) for name, _, attributes in self.open]

    def _tag(self, match: re.Match[str]) -> Iterator[Words | Break]:
        closing, name, attributes, empty = match[1], match[2].lower(), match[3], match[4]
        if name not in KNOWN_TAGS:
            raise InvalidInputError(
                f"The tag {match[0]} is not known; known are "
                f"{', '.join(f'<{known}>' for known in KNOWN_TAGS)}."
            )
        values = {m[1].lower(): html.unescape(m[2] or m[3] or "")
                  for m in _ATTRIBUTE.finditer(attributes)}  # fmt: skip
        if name == "break":
            if not closing:
                yield from self._flush()
                yield Break(_break_s(values, match[0]))
        elif closing:
            yield from self._close(name)
        elif not empty:
            if name in ("p", "s"):
                yield from self._flush()
            self.open.append((name, len(self.words), values))

    def _close(self, name: str) -> Iterator[Words | Break]:
        if not self.open or self.open[-1][0] != name:
            raise InvalidInputError(f"The tag </{name}> closes nothing that was opened last.")
        _, start, values = self.open.pop()
        if name == "sub":
            self._swap(start, values.get("alias", ""))
        elif name == "say-as" and values.get("interpret-as") in ("characters", "spell-out"):
            letters = [char for char in self.words[start:] if not char.isspace()]
            self._swap(start, ", ".join(letters))
        elif name in ("p", "s"):
            yield from self._flush()
            yield Break(None, "paragraph" if name == "p" else "sentence")

    def _swap(self, start: int, words: str) -> None:
        shown = self.words[start:]
        start += len(shown) - len(shown.lstrip())
        end = len(self.words.rstrip())
        if start < end:
            self.swaps = [swap for swap in self.swaps if swap.end <= start]
            self.swaps.append(Swap(start, end, words))


def _break_s(values: dict[str, str], mark: str) -> float:
    if "time" in values:
        match = _DURATION.fullmatch(values["time"])
        if not match:
            raise InvalidInputError(f'{mark} has no duration; write time="500ms" or time="0.5s".')
        return _seconds(match[1], match[2], mark)
    strength = values.get("strength", "medium")
    if strength not in _STRENGTHS_S:
        raise InvalidInputError(f"{mark} has no strength; known are {', '.join(_STRENGTHS_S)}.")
    return _STRENGTHS_S[strength]
