"""A written document as chapters of headings and paragraphs, and reading one from a file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

from ..errors import InvalidInputError
from ..files.whole_file import open_regular

HEADING, PARAGRAPH = "heading", "paragraph"
SUFFIXES = (".txt", ".text", ".md", ".markdown", ".html", ".htm", ".xhtml", ".srt", ".vtt", ".epub",
            ".docx", ".pdf", ".ssml", ".xml")  # fmt: skip
MAX_FILE_BYTES = 256 << 20
MAX_TEXT_CHARS = 20_000_000


@dataclasses.dataclass(frozen=True)
class Block:
    """A heading, a paragraph, or a cue of a subtitle file.

    Attributes:
        text: with its line breaks; marks such as [pause] are still in it.
        kind: `HEADING` or `PARAGRAPH`.
        slot: seconds (start, end) in which it shall be spoken; None where it says nothing of time.
    """

    text: str
    kind: str = PARAGRAPH
    slot: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class Chapter:
    """A chapter; its title is spoken only where a heading block says it."""

    title: str
    blocks: tuple[Block, ...]


@dataclasses.dataclass(frozen=True)
class Document:
    """What a file holds to be spoken.

    Attributes:
        chapters: in order.
        title, author, language: "" where the file does not say.
        left_out: one sentence for each kind of thing that is not spoken.
        cover: the bytes of a JPEG or PNG image; None where there is none.
        has_tags: whether SSML tags in its texts are marks; False where markup was already read.
    """

    chapters: tuple[Chapter, ...]
    title: str = ""
    author: str = ""
    language: str = ""
    left_out: tuple[str, ...] = ()
    cover: bytes | None = None
    has_tags: bool = False


def document_of_text(text: str, title: str = "") -> Document:
    """A plain text: blank lines part its paragraphs, and it is one chapter."""
    return Document((Chapter(title, tuple(paragraphs(text))),), title=title, has_tags=True)


def paragraphs(text: str) -> Iterable[Block]:
    """Blocks between blank lines; line breaks inside stay, since turns begin on lines."""
    for block in re.split(r"\n[^\S\n]*\n\s*", text.replace("\r\n", "\n").replace("\r", "\n")):
        if block.strip():
            yield Block(block.strip("\n"))


def decode_text(data: bytes, name: str) -> str:
    """Decodes a text file: by its byte-order mark, as UTF-8, UTF-16 or, at last, Windows-1252.

    Raises:
        InvalidInputError: it holds bytes that no text has.
    """
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\x00\x00\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return _decoded(data, encoding, name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = _guessed(data, name)
    if "\0" in text:
        text = _guessed(data, name)
    return text


def _guessed(data: bytes, name: str) -> str:
    """UTF-16 without a mark has zeros in every other place; else it is one byte a letter."""
    sample = data[:4096]
    half = max(1, len(sample) // 2)
    if sample[1::2].count(0) > 0.4 * half:
        return _decoded(data, "utf-16-le", name)
    if sample[0::2].count(0) > 0.4 * half:
        return _decoded(data, "utf-16-be", name)
    if b"\0" in sample:
        raise InvalidInputError(f"{name} is no text file.")
    return data.decode("cp1252", errors="replace")


def _decoded(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{name} begins like {encoding} text but is none (byte {error.start})."
        ) from error


def is_cover(image: bytes) -> bool:
    """Whether it begins as a JPEG or a PNG image does; no audio file takes another as its cover."""
    return image.startswith((b"\x89PNG", b"\xff\xd8\xff"))


def read_bytes(path: Path) -> bytes:
    """The bytes of a file that is to be read as a document.

    Raises:
        InvalidInputError: it cannot be read, or is larger than `MAX_FILE_BYTES`.
    """
    try:
        with open_regular(path, max_bytes=MAX_FILE_BYTES) as file:
            return file.read()
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}.") from error


def read_document(path: str | Path) -> Document:
    """Reads a document by its suffix.

    Args:
        path: one of `SUFFIXES`.

    Raises:
        InvalidInputError: the file cannot be read, is of another kind, is damaged, or has nothing
            to speak.
    """
    path = Path(path).expanduser()
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidInputError(
            f"{path.name} is of a kind that is not read; known are {', '.join(SUFFIXES)}."
        )
    document = _read(path, suffix)
    if not any(chapter.blocks for chapter in document.chapters):
        raise InvalidInputError(f"{path.name} has nothing to speak.")
    n_chars = sum(len(block.text) for chapter in document.chapters for block in chapter.blocks)
    if n_chars > MAX_TEXT_CHARS:
        raise InvalidInputError(
            f"{path.name} has {n_chars:,} characters; at most {MAX_TEXT_CHARS:,} are spoken."
        )
    return document if document.title else dataclasses.replace(document, title=path.stem)


def _read(path: Path, suffix: str) -> Document:
    """A document by its kind; the readers are loaded when they are needed."""
    data = read_bytes(path)
    if suffix == ".epub":
        from .epub import read_epub

        return read_epub(data, path.name)
    if suffix in (".docx", ".pdf"):
        from .office import read_docx
        from .pdf import read_pdf

        return (read_docx if suffix == ".docx" else read_pdf)(data, path.name)
    text = decode_text(data, path.name)
    if suffix in (".srt", ".vtt"):
        from .subtitles import read_subtitles

        return Document((Chapter("", tuple(read_subtitles(text))),))
    if suffix in (".html", ".htm", ".xhtml"):
        from .markup import chapters_of, left_out_sentences, read_markup

        page = read_markup(text)
        return Document(
            chapters_of(page.blocks, page.title), title=page.title, language=page.language,
            left_out=left_out_sentences(page.left_out),
        )  # fmt: skip
    if suffix in (".md", ".markdown"):
        from .markdown import read_markdown
        from .markup import chapters_of, left_out_sentences

        blocks, left_out = read_markdown(text)
        return Document(
            chapters_of(blocks, ""), left_out=left_out_sentences(left_out), has_tags=True
        )
    return document_of_text(text, path.stem)
