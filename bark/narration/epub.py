"""EPUB books: chapters from the spine, their titles from the table of contents."""

from __future__ import annotations

import collections
import io
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree import ElementTree

from ..errors import InvalidInputError
from ..files.archive_file import open_archive
from .documents import Block, Chapter, Document, decode_text, is_cover
from .markup import Marked, left_out_sentences, read_markup

_MAX_DIRECTORY_BYTES = 8 << 20
_MAX_BYTES = 128 << 20  # of one file, unpacked
_OPF = "{http://www.idpf.org/2007/opf}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_NCX = "{http://www.daisy.org/z3986/2005/ncx/}"
_XHTML = "{http://www.w3.org/1999/xhtml}"
_OPS = "{http://www.idpf.org/2007/ops}"
_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_PAGES = ("application/xhtml+xml", "text/html")


def read_epub(data: bytes, name: str) -> Document:
    """Reads a book.

    Args:
        data: the whole file.
        name: for errors.

    Raises:
        InvalidInputError: it is no EPUB, is damaged, protected, or too large when unpacked.
    """
    try:
        with open_archive(io.BytesIO(data), max_directory_bytes=_MAX_DIRECTORY_BYTES) as archive:
            return _Book(archive, name).document()
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, RuntimeError, EOFError,
            NotImplementedError, ValueError, LookupError, zlib.error, struct.error,
            RecursionError) as error:  # fmt: skip
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(f"{name} is no EPUB that can be read ({error}).") from error


class _Book:
    """An open book."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self.archive, self.name = archive, name
        container = ElementTree.fromstring(self.read("META-INF/container.xml"))
        root = container.find(f".//{_CONTAINER}rootfile")
        if root is None:
            raise InvalidInputError(f"{name} is no EPUB: its container names no book.")
        self.opf_path = root.attrib["full-path"]
        self.opf = ElementTree.fromstring(self.read(self.opf_path))
        self.folder = posixpath.dirname(self.opf_path)
        items = self.opf.findall(f"{_OPF}manifest/{_OPF}item")
        self.items = {item.attrib["id"]: item.attrib for item in items}
        self.left_out: collections.Counter[str] = collections.Counter()

    def read(self, path: str) -> bytes:
        """A file of the book."""
        info = self.archive.getinfo(path)
        if info.file_size > _MAX_BYTES:
            raise InvalidInputError(f"{self.name} holds {path} of {info.file_size:,} bytes.")
        if path.startswith("META-INF/encryption"):
            raise InvalidInputError(f"{self.name} is protected and cannot be read.")
        with self.archive.open(info) as file:
            return file.read(_MAX_BYTES + 1)

    def document(self) -> Document:
        """All of it."""
        if self._is_protected():
            raise InvalidInputError(f"{self.name} is protected by its seller and cannot be read.")
        contents = self._contents()
        chapters: list[tuple[str, list[Block]]] = []
        for path in self._pages():
            for title, blocks in self._page(path, contents):
                if title is None and chapters:
                    chapters[-1][1].extend(blocks)
                else:
                    chapters.append((title or "", blocks))
        return Document(
            tuple(Chapter(title, tuple(blocks)) for title, blocks in chapters if blocks),
            title=self._text("title"),
            author=self._text("creator"),
            language=self._text("language"),
            left_out=left_out_sentences(dict(self.left_out)),
            cover=self._cover(),
        )

    def _is_protected(self) -> bool:
        if "META-INF/encryption.xml" not in self.archive.namelist():
            return False
        with self.archive.open("META-INF/encryption.xml") as file:
            listed = file.read(_MAX_BYTES).decode("utf-8", "replace")
        pages = [self.items[key]["href"] for key in self.items
                 if self.items[key].get("media-type") in _PAGES]  # fmt: skip
        return any(href in listed for href in pages)  # fonts alone may be disguised

    def _text(self, name: str) -> str:
        found = self.opf.findall(f"{_OPF}metadata/{_DC}{name}")
        return ", ".join(" ".join((e.text or "").split()) for e in found[:3] if e.text)

    def _pages(self) -> Iterator[str]:
        """The paths of the pages, in reading order; the contents page is none."""
        for reference in self.opf.findall(f"{_OPF}spine/{_OPF}itemref"):
            item = self.items.get(reference.attrib.get("idref", ""))
            if item is None or reference.attrib.get("linear") == "no":
                continue
            is_page = item.get("media-type") in _PAGES
            if is_page and "nav" not in item.get("properties", "").split():
                yield self._path(item["href"], self.folder)

    def _path(self, href: str, folder: str) -> str:
        return posixpath.normpath(posixpath.join(folder, unquote(href.split("#")[0])))

    def _page(
        self, path: str, contents: dict[str, list[tuple[str, str]]]
    ) -> Iterator[tuple[str | None, list[Block]]]:
        """A page's parts: a title where a chapter begins, None where one goes on."""
        page = read_markup(decode_text(self.read(path), path))
        self.left_out.update(page.left_out)
        starts = sorted(
            (page.anchors.get(anchor, 0) if anchor else 0, title)
            for anchor, title in contents.get(path, [])
        )
        places = [place for place, _ in starts]
        if not places or places[0] > 0:
            first = page.blocks[: places[0] if places else len(page.blocks)]
            yield (None if contents else _first_heading(first)), _plain(first)
        for i, (place, title) in enumerate(starts):
            end = places[i + 1] if i + 1 < len(places) else len(page.blocks)
            if end > place:
                yield title, _plain(page.blocks[place:end])

    def _contents(self) -> dict[str, list[tuple[str, str]]]:
        """Path of a page to the (anchor, title) of every chapter that begins in it."""
        for item in self.items.values():
            if "nav" in item.get("properties", "").split():
                return self._nav(self._path(item["href"], self.folder))
        for item in self.items.values():
            if item.get("media-type") == "application/x-dtbncx+xml":
                return self._ncx(self._path(item["href"], self.folder))
        return {}

    def _nav(self, path: str) -> dict[str, list[tuple[str, str]]]:
        root = ElementTree.fromstring(self.read(path))
        navs = root.iter(f"{_XHTML}nav")
        toc = next((nav for nav in navs if nav.get(f"{_OPS}type") in ("toc", None)), None)
        links = () if toc is None else toc.findall(f"{_XHTML}ol/{_XHTML}li/{_XHTML}a")
        return self._entries(
            path, [(a.get("href", ""), " ".join("".join(a.itertext()).split())) for a in links]
        )

    def _ncx(self, path: str) -> dict[str, list[tuple[str, str]]]:
        root = ElementTree.fromstring(self.read(path))
        found = []
        for point in root.findall(f"{_NCX}navMap/{_NCX}navPoint"):
            text = point.find(f"{_NCX}navLabel/{_NCX}text")
            content = point.find(f"{_NCX}content")
            if text is not None and content is not None:
                found.append((content.get("src", ""), " ".join((text.text or "").split())))
        return self._entries(path, found)

    def _entries(self, path: str, links: list[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
        entries: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
        for href, title in links:
            anchor = unquote(href.partition("#")[2])
            entries[self._path(href, posixpath.dirname(path))].append((anchor, title))
        return dict(entries)

    def _cover(self) -> bytes | None:
        named = [item for item in self.items.values()
                 if "cover-image" in item.get("properties", "").split()]  # fmt: skip
        for meta in self.opf.findall(f"{_OPF}metadata/{_OPF}meta"):
            if meta.get("name") == "cover" and meta.get("content") in self.items:
                named.append(self.items[meta.attrib["content"]])
        for item in named:
            if item.get("media-type") in ("image/jpeg", "image/png"):
                try:
                    image = self.read(self._path(item["href"], self.folder))
                except KeyError:
                    continue
                if is_cover(image):  # others call a WebP a JPEG, and ffmpeg would refuse the book
                    return image
        return None


def _first_heading(blocks: tuple[Marked, ...]) -> str | None:
    return next((" ".join(b.block.text.split()) for b in blocks if b.level), None)


def _plain(blocks: tuple[Marked, ...]) -> list[Block]:
    return [marked.block for marked in blocks]
