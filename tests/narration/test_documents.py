"""Documents of every kind as chapters and paragraphs, and what of them is not spoken."""

from __future__ import annotations

import contextlib
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bark.errors import InvalidInputError
from bark.narration import documents
from bark.narration.documents import Document, decode_text, document_of_text, read_document
from bark.narration.markdown import plain, read_markdown
from bark.narration.markup import read_markup
from bark.narration.subtitles import read_subtitles


def read(tmp_path: Path, name: str, content: str | bytes) -> Document:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_document(path)


def said(document: Document) -> list[tuple[str, list[str]]]:
    """Title and texts of each chapter."""
    return [(c.title, [block.text for block in c.blocks]) for c in document.chapters]


def test_blank_lines_part_the_paragraphs_of_a_text(tmp_path: Path) -> None:
    document = read(tmp_path / "", "a.txt", "One\nof two.\r\n \r\nTwo.\n\n\n")
    assert said(document) == [("a", ["One\nof two.", "Two."])]
    assert document.has_tags


@pytest.mark.parametrize(
    "data",
    [
        "Schön, “so”".encode(),
        "Schön, “so”".encode("utf-8-sig"),
        "Schön, “so”".encode("utf-16"),
        "Schön, “so”".encode("utf-16-le"),
        "Schön, “so”".encode("utf-16-be"),
        "Schön, “so”".encode("utf-32"),
        "Schön, “so”".encode("cp1252"),
    ],
)
def test_encodings_are_told_apart(data: bytes) -> None:
    assert decode_text(data, "a") == "Schön, “so”"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_text_or_a_sentence(data: bytes) -> None:
    with contextlib.suppress(InvalidInputError):
        assert isinstance(decode_text(data, "a"), str)


def test_markdown_gives_chapters_at_its_headings(tmp_path: Path) -> None:
    text = """---
title: not spoken
---
# Book

## One *first*

It **was** [late](http://x.y "t"), `code` and <b>bold</b>. [laughs] <break time="1s"/>
Still the paragraph.[^1]

- a list
- of two

> quoted

```python
print("not spoken")
```

| a | b |
|---|---|
| 1 | 2 |

![a picture](x.png)

Two
---

The end. [pause 1s]

[^1]: A note.
"""
    document = read(tmp_path, "a.md", text)
    titles = [chapter.title for chapter in document.chapters]
    assert titles == ["Book", "Two"]
    texts = [block.text for chapter in document.chapters for block in chapter.blocks]
    assert texts == [
        "Book",
        "One first",
        'It was late, code and bold. [laughs] <break time="1s"/>\nStill the paragraph.',
        "a list",
        "of two",
        "quoted",
        "Two",
        "The end. [pause 1s]",
    ]
    assert document.left_out == (
        "Not spoken: 1 blocks of code.",
        "Not spoken: 1 images.",
        "Not spoken: 1 notes.",
        "Not spoken: 1 tables.",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("snake_case and 2*3*4", "snake_case and 2*3*4"),
        ("***both***, ~~gone~~, \\*star\\*", "both, gone, *star*"),
        ("<https://example.org> [a][b]", "https://example.org a"),
        ("♪ la la ♪ [MAN] 5 < 6", "♪ la la ♪ [MAN] 5 < 6"),
    ],
)
def test_signs_inside_a_markdown_line_go(text: str, words: str) -> None:
    assert plain(text) == words


@given(st.text())
def test_any_text_is_read_as_markdown_and_as_markup(text: str) -> None:
    read_markdown(text)
    read_markup(text)


def test_html_is_read_without_what_cannot_be_spoken(tmp_path: Path) -> None:
    page = """<!doctype html><html lang="en-GB"><head><title>A page</title><style>p{}</style></head>
    <body><nav>Menu</nav><h1>One</h1><p>It was <b>late</b>,<br>and&nbsp;dark &amp; cold.
    <p>Unclosed <img src=x> here<sup epub:type="noteref"><a>1</a></sup>.
    <table><tr><td>1</td></tr></table><pre>code()</pre>
    <h1>Two</h1><ul><li>a<li>b</ul><aside>note</aside><script>if (a < b) {}</script>
    <p hidden>unseen</p>end</body>"""
    document = read(tmp_path, "a.html", page)
    assert said(document) == [
        ("One", ["One", "It was late,\nand dark & cold.", "Unclosed here."]),
        ("Two", ["Two", "a", "b", "end"]),
    ]
    assert (document.title, document.language) == ("A page", "en-GB")
    assert document.left_out == (
        "Not spoken: 1 blocks of code.",
        "Not spoken: 1 images.",
        "Not spoken: 2 notes.",
        "Not spoken: 1 tables.",
    )
    assert not document.has_tags


SRT = """1
00:00:01,000 --> 00:00:02,500
Hello,
<i>you</i>.

2
00:00:04,000 --> 00:00:06,000
{\\an8}Who is there?
"""
VTT = """WEBVTT

STYLE
::cue { color: red }

NOTE nothing

00:01.000 --> 00:02.500 align:start
<v Anna>Hello &amp; welcome.

1:00:04.000 --> 1:00:06.000
Two.
"""


def test_subtitles_keep_their_times(tmp_path: Path) -> None:
    blocks = read(tmp_path, "a.srt", SRT).chapters[0].blocks
    assert [(b.text, b.slot) for b in blocks] == [
        ("Hello,\nyou.", (1.0, 2.5)),
        ("Who is there?", (4.0, 6.0)),
    ]
    blocks = tuple(read_subtitles(VTT))
    assert [(b.text, b.slot) for b in blocks] == [
        ("[Anna] Hello & welcome.", (1.0, 2.5)),
        ("Two.", (3604.0, 3606.0)),
    ]


def book(*, ncx: bool = False, extra: dict[str, bytes] | None = None) -> bytes:
    """An EPUB of three chapters, two of them in one page."""
    page = '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
    nav = (
        f'{page}<body><nav epub:type="toc"><ol><li><a href="text/a.xhtml">The first</a></li>'
        '<li><a href="text/b.xhtml#x">The second</a></li>'
        '<li><a href="text/b.xhtml#y">The third</a></li></ol></nav></body></html>'
    )
    toc = (
        '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>The '
        'first</text></navLabel><content src="text/a.xhtml"/></navPoint></navMap></ncx>'
    )
    opf = f"""<package xmlns="http://www.idpf.org/2007/opf"><metadata
      xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A book</dc:title>
      <dc:creator>Nobody</dc:creator><dc:language>en</dc:language></metadata><manifest>
      <item id="c" href="cover.png" media-type="image/png" properties="cover-image"/>
      <item id="n" href="{"toc.ncx" if ncx else "nav.xhtml"}" media-type="{
        "application/x-dtbncx+xml" if ncx else "application/xhtml+xml"
    }" {"" if ncx else 'properties="nav"'}/>
      <item id="a" href="text/a.xhtml" media-type="application/xhtml+xml"/>
      <item id="b" href="text/b.xhtml" media-type="application/xhtml+xml"/></manifest>
      <spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>"""
    files = {
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:'
        'container"><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        "OEBPS/book.opf": opf,
        "OEBPS/toc.ncx" if ncx else "OEBPS/nav.xhtml": toc if ncx else nav,
        "OEBPS/text/a.xhtml": f"{page}<body><h2>The first</h2><p>It was late.</p></body></html>",
        "OEBPS/text/b.xhtml": f'{page}<body><p>It went on.</p><h2 id="x">The second</h2><p>Two.'
        '</p><section id="y"><h2>The third</h2><p>Three.</p></section></body></html>',
        "OEBPS/cover.png": b"\x89PNG...",
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in {**files, **(extra or {})}.items():
            archive.writestr(name, content)
    return data.getvalue()


def test_an_epub_gives_the_chapters_of_its_contents(tmp_path: Path) -> None:
    document = read(tmp_path, "a.epub", book())
    assert said(document) == [
        ("The first", ["The first", "It was late.", "It went on."]),
        ("The second", ["The second", "Two."]),
        ("The third", ["The third", "Three."]),
    ]
    assert (document.title, document.author, document.language) == ("A book", "Nobody", "en")
    assert document.cover == b"\x89PNG..."


def test_a_books_cover_that_is_no_jpeg_or_png_is_left_out(tmp_path: Path) -> None:
    document = read(tmp_path, "a.epub", book(extra={"OEBPS/cover.png": b"RIFF....WEBP"}))
    assert document.cover is None


def test_an_older_epub_has_its_contents_elsewhere(tmp_path: Path) -> None:
    [chapter] = read(tmp_path, "a.epub", book(ncx=True)).chapters
    assert chapter.title == "The first"
    assert len(chapter.blocks) == 7


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"no zip", "no EPUB"),
        (book(extra={"META-INF/container.xml": b"<a/>"}), "no EPUB"),
        (book(extra={"META-INF/container.xml": b"<a"}), "no EPUB"),
        (book(extra={"META-INF/encryption.xml": b'<x URI="OEBPS/text/a.xhtml"/>'}), "protected"),
        (book()[:-200], "no EPUB"),
    ],
)
def test_a_damaged_or_protected_book_is_a_sentence(
    tmp_path: Path, data: bytes, sentence: str
) -> None:
    with pytest.raises(InvalidInputError, match=sentence):
        read(tmp_path, "a.epub", data)


@pytest.mark.parametrize("name", ["a.exe", "a", "a.doc"])
def test_another_kind_of_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInputError, match="kind that is not read"):
        read_document(tmp_path / name)


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_document(tmp_path / "none.txt")
    with pytest.raises(InvalidInputError, match="nothing to speak"):
        read(tmp_path, "a.txt", " \n\n")
    monkeypatch.setattr(documents, "MAX_FILE_BYTES", 3)
    with pytest.raises(InvalidInputError, match="at most 3"):
        read(tmp_path, "a.txt", "four")


def test_a_typed_text_is_one_chapter() -> None:
    assert said(document_of_text("a\n\nb", "T")) == [("T", ["a", "b"])]
