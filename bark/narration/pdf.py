"""PDFs through pypdf: paragraphs, headings and what is not spoken, guessed from sizes and places.

A PDF knows letters at places and nothing of a text's parts. So lines larger than the rest are
headings, smaller ones footnotes, short pieces side by side on several lines a table, and what
stands at the edge of many pages a running head.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import InvalidInputError
from .documents import HEADING, Block, Document
from .markup import Marked, chapters_of, left_out_sentences

_MANY_PAGES = 3  # on so many a line must stand to be a running head
_LARGE, _SMALL = 1.15, 0.88  # of the usual size
_WIDE_STEP = 1.45  # of the usual step from line to line: a paragraph ends
_LETTER_WIDTH = 0.5  # of the size, on average
_GAP, _CELL_CHARS = 2.0, 30  # between a table's cells, of the size; their longest text
_MAX_HEADING_CHARS = 120


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a page.

    Attributes:
        text: stripped.
        size: of its letters, in points; 0 where it is not known.
        y: its height on the page, in points, upwards.
        is_row: whether it is made of short pieces with room between them.
    """

    text: str
    size: float = 0.0
    y: float = 0.0
    is_row: bool = False


def read_pdf(data: bytes, name: str) -> Document:
    """Reads a PDF: columns one after the other, as the file has them.

    Raises:
        InvalidInputError: pypdf is missing, the file is no PDF, is protected, or holds images of
            text only.
    """
    try:
        import pypdf
    except ImportError as error:
        raise InvalidInputError(
            f"{name} is read by pypdf, which is not installed: pip install bark-studio[documents]."
        ) from error
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what is wrong is told once, below
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise InvalidInputError(f"{name} is protected by a password.")
        pages = [_lines(page) for page in reader.pages]
        about = reader.metadata
        title = (about.title if about else "") or ""
        author = (about.author if about else "") or ""
    except InvalidInputError:
        raise
    except Exception as error:  # the library raises many kinds for damaged files
        raise InvalidInputError(f"{name} is no PDF that can be read.") from error
    blocks, left_out = pdf_blocks(pages)
    if not blocks:
        raise InvalidInputError(f"{name} has no text; it may hold pictures of pages only.")
    return Document(
        chapters_of(blocks, title), title=title, author=author,
        left_out=left_out_sentences(left_out),
    )  # fmt: skip


def _lines(page: Any) -> list[Line]:
    """The lines of a page, from the pieces of text as pypdf meets them."""
    lines: list[list[tuple[str, float, float, float]]] = [[]]

    def piece(text: str, _: Any, matrix: Sequence[float], __: Any, size: float) -> None:
        for n, part in enumerate(text.split("\n")):
            if n:
                lines.append([])
            if part.strip():
                scale = abs(matrix[3]) or 1.0
                lines[-1].append((part, size * scale, matrix[4], matrix[5]))

    page.extract_text(visitor_text=piece)
    return [_line(pieces) for pieces in lines if pieces]


def _line(pieces: Sequence[tuple[str, float, float, float]]) -> Line:
    text = re.sub(r"\s+", " ", " ".join(text.strip() for text, *_ in pieces))
    size = max(pieces, key=lambda piece: len(piece[0]))[1]
    gaps = [
        x - (left + _LETTER_WIDTH * size * len(before.strip()))
        for (before, _, left, _), (_, _, x, _) in itertools.pairwise(pieces)
    ]
    short = all(len(text.strip()) <= _CELL_CHARS for text, *_ in pieces)
    is_row = bool(gaps) and short and max(gaps) > _GAP * size
    return Line(text, round(size, 1), pieces[0][3], is_row)


def pdf_blocks(pages: Sequence[Sequence[Line]]) -> tuple[list[Marked], dict[str, int]]:
    """Paragraphs and headings of a PDF's lines.

    A paragraph ends where more room follows than between its lines, where the letters' size
    changes, or at a line that ends a sentence and is shorter than its neighbours; a hyphen at a
    line's end joins its word.

    Returns:
        blocks, a heading's level with it; and how much of which kind was left out.
    """
    left_out: Counter[str] = Counter()
    kept = list(_without_heads(pages, left_out))
    usual = _usual_size(line for lines in kept for line in lines)
    text: list[Line | None] = []
    for lines in kept:
        text += _spoken(lines, usual, left_out)
    return list(_paragraphs(text, usual)), dict(left_out)


def _without_heads(pages: Sequence[Sequence[Line]], left_out: Counter[str]) -> Iterator[list[Line]]:
    """The pages without the first or last line where it stands on many, or is a number."""
    edges: Counter[str] = Counter()
    for lines in pages:
        edges.update({_shape(line) for line in [*lines[:1], *lines[-1:]]})
    for lines in pages:
        filled = list(lines)
        for at in (0, -1):
            shape = _shape(filled[at]) if filled else ""
            if filled and (edges[shape] >= _MANY_PAGES or re.fullmatch(r"[\W\d]*", shape)):
                filled.pop(at)
                left_out["running heads and page numbers"] += 1
        yield filled


def _shape(line: Line) -> str:
    """A line without its numbers, by which running heads are alike."""
    return re.sub(r"\d+", "0", line.text)


def _usual_size(lines: Iterator[Line]) -> float:
    """The size of most letters."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _spoken(lines: Sequence[Line], usual: float, left_out: Counter[str]) -> list[Line | None]:
    """A page's lines without tables and footnotes, None where a paragraph ends."""
    steps = Counter(
        round(one.y - other.y)
        for one, other in itertools.pairwise(lines)
        if one.y > other.y and one.size == other.size == usual
    )
    step = steps.most_common(1)[0][0] if steps else 0
    spoken: list[Line | None] = []
    before: Line | None = None
    for i, line in enumerate(lines):
        beside = (*lines[max(0, i - 1) : i], *lines[i + 1 : i + 2])
        if line.is_row and any(other.is_row for other in beside):
            left_out["tables"] += not (before and before.is_row)
            spoken.append(None)
        elif usual and line.size < _SMALL * usual:
            left_out["footnotes"] += not (before and before.size == line.size)
        else:
            far = before is not None and step and before.y - line.y > _WIDE_STEP * step
            if far or (before is not None and before.size != line.size):
                spoken.append(None)
            spoken.append(line)
        before = line
    return spoken


def _paragraphs(lines: Sequence[Line | None], usual: float) -> Iterator[Marked]:
    widths = sorted(len(line.text) for line in lines if line)
    wide = widths[len(widths) * 3 // 4] if widths else 0
    sizes = sorted({line.size for line in lines if line and line.size > _LARGE * usual})[::-1]
    text, size = "", 0.0
    for line in [*lines, None]:
        if line:
            joined = re.match(r".*\w-$", text) and line.text[:1].islower()
            text = text[:-1] + line.text if joined else f"{text} {line.text}".strip()
            size = line.size
        ends = line and re.search(r"[.!?…:\"”’)]$", line.text) and len(line.text) < 0.8 * wide
        if text and (not line or ends):
            is_heading = size in sizes and len(text) <= _MAX_HEADING_CHARS and usual > 0
            level = sizes.index(size) + 1 if is_heading else 0
            yield Marked(Block(text, HEADING) if level else Block(text), level)
            text = ""
