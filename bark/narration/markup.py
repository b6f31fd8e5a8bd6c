"""HTML and XHTML as blocks to speak; what cannot be spoken is counted, not forgotten."""

from __future__ import annotations

import collections
import dataclasses
import re
from html.parser import HTMLParser

from .documents import HEADING, PARAGRAPH, Block, Chapter

_BLOCKS = frozenset(
    "p div li dt dd blockquote section article main header h1 h2 h3 h4 h5 h6 body td th tr ul ol"
    " dl hr figcaption address center title".split()
)
_LEFT_OUT = {
    "pre": "blocks of code",
    "table": "tables",
    "figure": "figures",
    "svg": "figures",
    "math": "formulas",
    "aside": "notes",
}
_SILENT = frozenset(
    "script style nav head noscript template iframe object form button rt rp".split()
)
_VOID = frozenset("br img hr input meta link wbr source area base col embed track".split())
_NOTES = frozenset(
    "footnote footnotes endnote endnotes rearnote rearnotes noteref pagebreak doc-footnote"
    " doc-endnotes doc-noteref doc-pagebreak".split()
)


@dataclasses.dataclass(frozen=True)
class Marked:
    """A block with the level of its heading: 1 to 6, 0 for a paragraph."""

    block: Block
    level: int = 0


@dataclasses.dataclass(frozen=True)
class Markup:
    """What a page of markup holds.

    Attributes:
        blocks: in order.
        title: of its head; "" where it has none.
        language: of its root; "" where it does not say.
        anchors: id of an element to the number of blocks before it.
        left_out: kind of thing to how often it was left out.
    """

    blocks: tuple[Marked, ...]
    title: str
    language: str
    anchors: dict[str, int]
    left_out: dict[str, int]


def read_markup(text: str) -> Markup:
    """Reads HTML of any quality."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.end_block()
    return Markup(
        tuple(reader.blocks), reader.title, reader.language, reader.anchors, dict(reader.left_out)
    )


class _Reader(HTMLParser):
    """Collects blocks between the tags that part them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Marked] = []
        self.left_out: collections.Counter[str] = collections.Counter()
        self.anchors: dict[str, int] = {}
        self.title = self.language = ""
        self._words: list[str] = []
        self._level = 0
        self._skipped: list[str] = []  # open elements inside of one that is not spoken
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = values.get("lang") or values.get("xml:lang") or ""
        if values.get("id"):
            self.anchors[values["id"]] = len(self.blocks) + bool(self._text())
        self._in_title = self._in_title or tag == "title"
        if self._skipped:
            if tag not in _VOID:
                self._skipped.append(tag)
            return
        if tag == "img":
            self.left_out["images"] += 1
        kind = self._kind_left_out(tag, values)
        if kind is not None:
            if kind:
                self.left_out[kind] += 1
            if tag in _LEFT_OUT:
                self.end_block()
            if tag not in _VOID:
                self._skipped.append(tag)
        elif tag == "br":
            self._words.append("\n")
        elif tag in _BLOCKS:
            self.end_block()
            self._level = int(tag[1]) if re.fullmatch("h[1-6]", tag) else 0

    def _kind_left_out(self, tag: str, values: dict[str, str]) -> str | None:
        """What is left out with this element: "" for what nobody misses; None for nothing."""
        kinds = set(f"{values.get('epub:type', '')} {values.get('role', '')}".split())
        if kinds & _NOTES:
            return "" if kinds & {"pagebreak", "doc-pagebreak"} else "notes"
        if tag in _LEFT_OUT:
            return _LEFT_OUT[tag]
        hidden = "hidden" in values or values.get("aria-hidden") == "true"
        return "" if tag in _SILENT or hidden else None

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if self._skipped:
            if tag in self._skipped:
                while self._skipped.pop() != tag:
                    pass
            return
        if tag in _BLOCKS:
            self.end_block()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if self._in_title and not self.title:
            self.title = " ".join(data.split())
        elif not self._skipped:
            self._words.append(re.sub(r"\s+", " ", data))

    def end_block(self) -> None:
        """Closes the block that is open."""
        text = self._text()
        if text:
            kind = HEADING if self._level else PARAGRAPH
            self.blocks.append(Marked(Block(text, kind), self._level))
        self._words, self._level = [], 0

    def _text(self) -> str:
        lines = "".join(self._words).split("\n")
        return "\n".join(" ".join(line.split()) for line in lines).strip()


def chapters_of(blocks: list[Marked] | tuple[Marked, ...], title: str) -> tuple[Chapter, ...]:
    """Blocks as chapters: a new one at every heading of the highest level that occurs twice.

    Args:
        title: of what stands before the first such heading, and of all where there is none.
    """
    levels = collections.Counter(marked.level for marked in blocks if marked.level)
    often = [level for level, n in sorted(levels.items()) if n > 1]
    limit = often[0] if often else 0
    chapters: list[tuple[str, list[Block]]] = [(title, [])]
    for marked in blocks:
        if 0 < marked.level <= limit:
            name = " ".join(marked.block.text.split())
            if chapters[-1][1] and not all(b.kind == HEADING for b in chapters[-1][1]):
                chapters.append((name, []))
            elif not chapters[-1][1]:
                chapters[-1] = (name, [])
        chapters[-1][1].append(marked.block)
    return tuple(Chapter(name, tuple(found)) for name, found in chapters if found)


def left_out_sentences(counts: dict[str, int]) -> tuple[str, ...]:
    """One sentence for each kind of thing that is not spoken."""
    return tuple(f"Not spoken: {n} {kind}." for kind, n in sorted(counts.items()) if n)
