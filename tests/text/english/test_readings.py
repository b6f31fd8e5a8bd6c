"""Every kind of thing that people type is read as an American would read it aloud."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import bark.text.english
from bark.text.english.lexicon import Lexicon
from bark.text.english.normalize import fold_spaces, read

from .spoken import spoken_text

LEXICON = Lexicon.load()
TABLE = Path(__file__).parents[2] / "data" / "readings.tsv"
"""A text and its reading with the marks that are heard, parted by a tab; "#" opens a heading."""


def table() -> list[tuple[str, str]]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if "\t" in line]
    return [(text.replace("\\n", "\n"), said) for text, said in rows]


def said(text: str) -> str:
    return spoken_text(read(fold_spaces(text), LEXICON.__contains__).words)


def words(text: str) -> str:
    return " ".join(word.text for word in read(fold_spaces(text), LEXICON.__contains__).words)


@pytest.mark.parametrize(("text", "reading"), table(), ids=[text for text, _ in table()])
def test_reads_as_one_would(text: str, reading: str) -> None:
    assert said(text) == reading


@pytest.mark.parametrize("text", [text for text, _ in table() if "\n" not in text])
def test_white_space_changes_no_reading(text: str) -> None:
    plain = words(text)
    for space in ("\t", "   ", "\n", "\r\n", "\u00a0", "\u2009"):
        assert words(text.replace(" ", space)) == plain
    for around in ("  {}  ", "\n{}\n\n", "\t{}"):
        assert words(around.format(text)) == plain


# A quotation mark behind a number may be inches, a year is known by what stands before it, and a
# fence by the line it begins.
_DEPENDENT = re.compile(r'"|^\d{4}\b|```')


@pytest.mark.parametrize("text", [t for t, _ in table() if not _DEPENDENT.search(t)])
def test_what_stands_around_changes_no_reading(text: str) -> None:
    plain = words(text)
    for before, after in (("so it was ", ", and then"), ("SO IT WAS ", ", AND THEN"), ("(", ")")):
        heard = words(before + text + after)
        parts = (words(before), plain, words(after))
        assert heard == " ".join(part for part in parts if part)


def test_months_are_words_whatever_their_case() -> None:
    for month in ("jan 15 2020", "Jan 15 2020", "JAN 15 2020", "january 15 2020"):
        assert words(month) == "january fifteenth twenty twenty"
    assert words("you may 5 of them") == "you may five of them"
    assert words("on may 5") == "on may fifth"


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("Title\n\nBody", "title. body"),
        ("# Title\nBody goes on\nin a second line", "title. body goes on in a second line"),
        ("Buy:\n- eggs\n- milk\n* bread\nThen rest", "buy. eggs. milk. bread. then rest"),
        ("1. First\n2. Second", "one. first. two. second"),
        ("- [ ] open\n- [x] done", "open. done"),
        ("Is it?\n\nYes!\n\nEnd", "is it? yes! end"),
        ("Roses are red\nViolets blue\nSo it goes", "roses are red, violets blue, so it goes"),
        ("lines that\nwere broken to fit\na width", "lines that were broken to fit a width"),
        ("> quoted words\n> go on", "quoted words go on"),
        ("a\n\n---\n\nb", "a. bee"),
        ("| a | b |\n|---|:-:|\n| c | d |", "a, bee, see, dee,"),
    ],
)  # fmt: skip
def test_lines_and_lists_leave_pauses(text: str, reading: str) -> None:
    assert said(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("<p>One</p><p>Two</p>", "one. two."),
        ("One<br>two <i>three</i>", "one. two three"),
        ("<ul><li>one</li><li>two</li></ul>", "one. two."),
        ('<a href="http://a.com">link</a> <img src="x.png" alt="y"/>end', "link end"),
        ("a<!-- not\nthis -->b", "ab"),
        ("x <script>var y = 1;</script> y", "ex why"),
        ("<speak>Hi <break time='1s'/> <prosody rate='slow'>you</prosody></speak>", "hi. you"),
        ("a < b and c > d", "a is less than bee and see is greater than dee"),
        ("2 &lt; 3 &amp; 4 &#62; 1", "two is less than three and four is greater than one"),
        ("caf&eacute;&nbsp;&mdash; AT&amp;T", "cafe, ay tee and tee"),
        ("&copy; 2020 &bogus;", "copyright twenty twenty and bogus;"),
        ("**bold**, *soft*, __strong__, _slanted_ ~~gone~~", "bold, soft, strong, slanted gone"),
        ("a [link](http://a.com \"t\") and ![an image](b.png)[^1]", "a link and an image"),
        ("`code` and ==marked==", "code and marked"),
        ("```python\nprint(1)\n```\nend", "print, one. end"),
        ("<https://example.com> <bob@example.org>", "example dot com bob at example dot org"),
        ("<scripture> reading", "scripture reading"),
        ("wait [pause] now [long pause] go", "wait. now. go"),
    ],
)  # fmt: skip
def test_markup_is_not_spoken(text: str, reading: str) -> None:
    assert said(text) == reading


@pytest.mark.parametrize(
    ("text", "unspoken"),
    [
        ("Hello world, naïve café €5 ½ x² ™", ()),
        ("Hello 你好 world", ("你好",)),
        ("Привет мир", ("Привет мир",)),
        ("Hi 😀 there 👋🏽!", ("😀", "👋🏽")),
        ("你好，世界 and こんにちは", ("你好，世界", "こんにちは")),
        ("[laughs] Hello ♪ la ♪", ("[laughs]", "♪", "♪")),
        ("<b>x</b> [pause] &amp; **y**", ()),
    ],
)
def test_what_is_left_out_is_named(text: str, unspoken: tuple[str, ...]) -> None:
    assert read(fold_spaces(text), LEXICON.__contains__).unspoken == unspoken


def test_how_english_is_read_could_be_a_library_of_its_own() -> None:
    folder = Path(bark.text.english.__file__).parent
    # The lexicon and the letters are a model's files, and read as all of them are.
    for path in set(folder.glob("*.py")) - {folder / "lexicon.py", folder / "letters.py"}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
                assert names <= {*sys.stdlib_module_names, "numpy"}, path.name
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").split(".")[0] in sys.stdlib_module_names, path.name
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1, path.name
