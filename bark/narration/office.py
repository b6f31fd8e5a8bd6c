"""Word documents and PDFs, through python-docx and pypdf (`pip install bark-studio[documents]`)."""

from __future__ import annotations

import io
import re
from collections import Counter

from ..errors import InvalidInputError
from ..files.archive_file import open_archive
from .documents import HEADING, Block, Document
from .markup import Marked, chapters_of, left_out_sentences

_MAX_DIRECTORY_BYTES = 1 << 20
_MAX_UNPACKED_BYTES = 64 << 20
_MANY_PAGES = 3  # on so many a line must stand to be a running head


def read_docx(data: bytes, name: str) -> Document:
    """Reads a Word document.

    Raises:
        InvalidInputError: the library is missing, or the file is no such document.
    """
    try:
        import docx
    except ImportError as error:
        raise InvalidInputError(_missing(name, "python-docx")) from error
    try:
        _check_size(data)
        document = docx.Document(io.BytesIO(data))
        core = document.core_properties
        blocks = []
        for paragraph in document.paragraphs:
            if paragraph.text.strip():
                match = re.match(
                    r"Heading (\d)|(Title)", getattr(paragraph.style, "name", None) or ""
                )
                level = int(match[1] or 1) if match else 0
                block = Block(paragraph.text, HEADING) if level else Block(paragraph.text)
                blocks.append(Marked(block, level))
        left_out = {"tables": len(document.tables), "images": len(document.inline_shapes)}
        title, author = core.title or "", core.author or ""
    except Exception as error:  # the library raises many kinds for damaged files
        raise InvalidInputError(f"{name} is no Word document that can be read.") from error
    return Document(
        chapters_of(blocks, title), title=title, author=author,
        left_out=left_out_sentences(left_out),
    )  # fmt: skip


def _check_size(data: bytes) -> None:
    """The library unpacks a document as a whole: it must not be a thousand times its file."""
    file = io.BytesIO(data)
    with open_archive(file, max_directory_bytes=_MAX_DIRECTORY_BYTES) as archive:
        if sum(info.file_size for info in archive.infolist()) > _MAX_UNPACKED_BYTES:
            raise ValueError("it unpacks to more than is read")


def read_pdf(data: bytes, name: str) -> Document:
    """Reads a PDF: paragraphs are guessed from lines, running heads and page numbers left out.

    Raises:
        InvalidInputError: the library is missing, the file is no PDF, is protected, or holds
            images of text only.
    """
    try:
        import pypdf
    except ImportError as error:
        raise InvalidInputError(_missing(name, "pypdf")) from error
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise InvalidInputError(f"{name} is protected by a password.")
        pages = [(page.extract_text() or "").splitlines() for page in reader.pages]
        about = reader.metadata
        title = (about.title if about else "") or ""
        author = (about.author if about else "") or ""
    except InvalidInputError:
        raise
    except Exception as error:  # the library raises many kinds for damaged files
        raise InvalidInputError(f"{name} is no PDF that can be read.") from error
    blocks, n_heads = pdf_blocks(pages)
    if not blocks:
        raise InvalidInputError(f"{name} has no text; it may hold pictures of pages only.")
    return Document(
        chapters_of([Marked(block) for block in blocks], title), title=title, author=author,
        left_out=left_out_sentences({"running heads and page numbers": n_heads}),
    )  # fmt: skip


def pdf_blocks(pages: list[list[str]]) -> tuple[list[Block], int]:
    """Paragraphs of a PDF's lines.

    A paragraph ends at an empty line, or at a line that ends a sentence and is shorter than its
    neighbours; a hyphen at a line's end joins its word. A first or last line that stands on several
    pages, or is a number, is left out.

    Returns:
        blocks, and how many lines were left out.
    """
    edges: Counter[str] = Counter()
    for lines in pages:
        filled = [line.strip() for line in lines if line.strip()]
        edges.update({_shape(line) for line in filled[:1] + filled[-1:]})
    kept: list[str] = []
    n_left_out = 0
    for lines in pages:
        filled = [line.strip() for line in lines]
        for at in (0, -1):
            while filled and not filled[at]:
                filled.pop(at)
            shape = _shape(filled[at]) if filled else ""
            if filled and (edges[shape] >= _MANY_PAGES or re.fullmatch(r"[\W\d]*", shape)):
                filled.pop(at)
                n_left_out += 1
        kept += filled
    return _paragraphs(kept), n_left_out


def _shape(line: str) -> str:
    """A line without its numbers, by which running heads are alike."""
    return re.sub(r"\d+", "0", line.strip())


def _paragraphs(lines: list[str]) -> list[Block]:
    widths = sorted(len(line) for line in lines if line)
    wide = widths[len(widths) * 3 // 4] if widths else 0
    blocks: list[Block] = []
    text = ""
    for line in [*lines, ""]:
        if line:
            joined = re.match(r".*\w-$", text) and line[:1].islower()
            text = text[:-1] + line if joined else f"{text} {line}".strip()
        ends = re.search(r"[.!?…:\"”’)]$", line) and len(line) < 0.8 * wide
        if text and (not line or ends):
            blocks.append(Block(text))
            text = ""
    return blocks


def _missing(name: str, package: str) -> str:
    return (
        f"{name} is read by {package}, which is not installed: pip install bark-studio[documents]."
    )
