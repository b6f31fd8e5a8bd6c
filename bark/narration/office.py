"""Word documents, through python-docx (`pip install bark-studio[documents]`)."""

from __future__ import annotations

import io
import re

from ..errors import InvalidInputError
from ..files.archive_file import open_archive
from .documents import HEADING, Block, Document
from .markup import Marked, chapters_of, left_out_sentences

_MAX_DIRECTORY_BYTES = 1 << 20
_MAX_UNPACKED_BYTES = 64 << 20


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
        left_out = {
            "tables": len(document.tables),
            "images": len(document.inline_shapes),
            "footnotes": len(document.element.body.xpath(".//w:footnoteReference")),
        }
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


def _missing(name: str, package: str) -> str:
    return (
        f"{name} is read by {package}, which is not installed: pip install bark-studio[documents]."
    )
