"""Markup in every field that is ever shown: it stands as text and becomes no element."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bark.options import GenerationOptions
from bark.ui.state.studio import Studio
from tests.fake_bark import FakeBark
from tests.ui.browser import add_takes, look_again, visit_of
from tests.ui.test_browser import ROWS, speak
from tests.ui.test_browser_compare import set_axis

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
Running = tuple[Studio, str]

IMAGE = "<img src=x onerror=window.hacked=1>"
SCRIPT = "<script>window.hacked=1</script>"
BOTH = f"Hi {IMAGE} and {SCRIPT}"
# An element would be there even where the page's policy keeps it from running.
MADE = """() => [
    ...document.querySelectorAll('img[src="x"], [onerror]'),
    ...[...document.scripts].filter((one) => one.textContent === 'window.hacked=1'),
].map((one) => one.outerHTML)"""


def unhurt(page: Any, *shown: str, within: str = "body") -> None:
    """Waits until words are to be read in a part of the page; nothing has been made of them."""
    for words in shown:
        page.wait_for_function(
            "([part, words]) => [...document.querySelectorAll(part)]"
            ".some((one) => one.innerText.includes(words))",
            arg=[within, words],
        )
    assert page.evaluate(MADE) == []
    assert page.evaluate("typeof window.hacked") == "undefined"


def test_a_text_and_a_note(visit: Visit) -> None:
    page = visit()
    page.set_default_timeout(25_000)
    speak(page, BOTH)
    unhurt(page, IMAGE, SCRIPT, within=".stage .said")
    unhurt(page, IMAGE, within="#takes")
    page.fill(".stage .note", BOTH)
    page.press(".stage .note", "Enter")
    page.wait_for_selector(".takes .text em")
    unhurt(page, IMAGE, SCRIPT, within=".takes .text em")
    page.reload()
    page.wait_for_selector(ROWS)
    unhurt(page, IMAGE, SCRIPT, within=".takes .text em")


def test_a_voices_and_a_styles_name(visit: Visit) -> None:
    page = visit()
    page.set_default_timeout(25_000)
    speak(page, "Plain.")
    page.click("#more > button")
    for name in (IMAGE, SCRIPT):
        page.fill("#voice-name input, #voice-name textarea", name)
        page.click("#keep-voice")
        page.wait_for_function("document.querySelector('#status').innerText.includes('name')")
        unhurt(page)
        page.click(".style-button")
        page.fill(".style-form input >> nth=0", name)
        page.fill(".style-form input >> nth=1", BOTH + " {text}")
        page.keyboard.press("Enter")
        page.wait_for_timeout(500)
        unhurt(page)
        page.keyboard.press("Escape")


def test_every_word_of_a_record_in_a_dropped_file(visit: Visit, tmp_path: Path) -> None:
    take = FakeBark().generate(BOTH, options=GenerationOptions(seed=1))
    take = dataclasses.replace(
        take,
        model=IMAGE,
        precision=SCRIPT,
        voice=dataclasses.replace(take.tokens, name=IMAGE),
        stop_reason=IMAGE,
        cut_text=BOTH,
        unspoken=(IMAGE, SCRIPT),
    )
    data = take.save(tmp_path / "take.flac").read_bytes()
    page = visit()
    page.set_default_timeout(25_000)
    page.evaluate(
        """([bytes, name]) => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], name));
            document.body.dispatchEvent(
                new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: files}));
        }""",
        [list(data), f"{IMAGE}.flac"],
    )
    page.wait_for_selector(ROWS)
    unhurt(page, IMAGE, SCRIPT, within=".stage .said")
    unhurt(page, IMAGE, within=".stage .facts")
    page.click(".voice-button")
    unhurt(page, within=".voice-menu")


def test_a_dropped_file_that_is_none_and_bears_markup_for_a_name(visit: Visit) -> None:
    page = visit()
    page.set_default_timeout(25_000)
    page.evaluate(
        """(name) => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array([1, 2, 3])], name));
            document.body.dispatchEvent(
                new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: files}));
        }""",
        f"{IMAGE}.wav",
    )
    page.wait_for_function("document.querySelector('#status').innerText.trim()")
    unhurt(page)


@pytest.mark.parametrize("axis", ["text_temperature", "voice", "words"])
def test_the_values_of_a_grid(visit: Visit, axis: str) -> None:
    page = visit()
    page.set_default_timeout(25_000)
    page.fill("#prompt textarea", BOTH)
    page.click("#tab-grid")
    set_axis(page, "Across", axis, f"{IMAGE}, {SCRIPT}")
    page.wait_for_timeout(600)
    unhurt(page)
    page.evaluate("document.querySelector('#make-grid').click()")
    page.wait_for_timeout(600)
    unhurt(page)


def test_a_search_among_voices_and_takes(visit: Visit, running: Running) -> None:
    page = visit()
    page.set_default_timeout(25_000)
    add_takes(visit_of(running[0], page), [BOTH, *"ABCDEFG"])
    look_again(page, 8)
    unhurt(page, IMAGE, within="#takes")
    page.fill("#library input[type=search]", IMAGE)
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 1")
    unhurt(page, IMAGE, within="#takes")
    page.fill("#library input[type=search]", SCRIPT + "nobody")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 0")
    unhurt(page)
    page.click(".voice-button")
    page.fill(".voice-search", BOTH)
    unhurt(page)
