"""The words of the page's own scripts stand in one table, so that another language is one more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bark.ui.page.layout import STATIC

SCRIPTS = sorted(path for path in STATIC.glob("*.js") if path.name != "words.js")
# Places whose texts people read or hear: names for screen readers, hints, what stands in a button.
_SHOWN = re.compile(
    r"""(?:textContent\s*=|placeholder:|title:|"aria-label":|"aria-label",|"aria-valuetext",
        |\bsay\(|barButton\(|\.append\()[^;,]*?["`](?=[^"`]*[A-Za-z]{3})(?!\$)(?P<text>[^"`]*)["`]""",
    re.VERBOSE,
)
_NAMES = re.compile(r"make\(|heading\(|this\.\w+\(")  # of elements, classes, roles and fields


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_shows_words_of_the_table_only(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [line.strip() for line in lines if _says(line)]
    assert found == []


def test_words_outside_the_table_would_be_found() -> None:
    assert _says('button.textContent = "Press me";')
    assert _says('make("button", "play", { "aria-label": "Play it" });')
    assert not _says("button.textContent = WORDS.play;")


def _says(line: str) -> bool:
    return any(not _NAMES.search(match.group(0)) for match in _SHOWN.finditer(line))
