"""The prompt's helpers in Chromium: marks in the box, styles, and again from a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.ui.test_browser import ROWS, speak

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
BOX = "#prompt textarea"
MARKS = "[...document.querySelectorAll('.mirror mark')].map((m) => [m.textContent, m.className])"


def test_what_is_not_heard_is_marked_where_it_stands_in_the_box(visit: Visit) -> None:
    page = visit()
    page.fill(BOX, "So [laughs] it is, 日本 and all.")
    page.wait_for_function("document.querySelectorAll('.mirror mark').length === 2")
    assert page.evaluate(MARKS) == [["[laughs]", "unspoken"], ["日本", "unspoken"]]
    place, box = (page.locator(it).first.bounding_box() for it in (".mirror mark", BOX))
    assert box["x"] < place["x"] < box["x"] + box["width"]
    page.focus(BOX)
    page.keyboard.press("Control+End")
    page.keyboard.type(" More")  # what was measured before still holds
    assert page.evaluate(MARKS)[0] == ["[laughs]", "unspoken"]
    page.fill(BOX, "word " * 45 + "end.")
    page.wait_for_function("document.querySelector('.mirror mark')?.className === 'cut'")
    sizes = "(it) => [it.scrollHeight, document.querySelector('.mirror-text').offsetHeight]"
    long, mirrored = page.locator(BOX).evaluate(sizes)
    assert abs(long - mirrored) <= 4  # the same lines
    page.fill(BOX, "Plain words.")
    page.wait_for_function("document.querySelectorAll('.mirror mark').length === 0")


def test_a_style_is_saved_used_and_deleted(visit: Visit) -> None:
    page = visit()
    page.fill("#text-temperature input[type=number]", "0.35")
    page.keyboard.press("Tab")
    page.click(".style-button")
    page.fill(".style-form input >> nth=0", "Calm")
    page.fill(".style-form input >> nth=1", "Well, {text}")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.style-button').textContent.includes('Calm')")
    page.reload()
    page.wait_for_selector("#model-line b")
    page.fill("#text-temperature input[type=number]", "0.9")
    page.fill(BOX, "it works.")
    page.click(".style-button")
    page.click(".style-use:has-text('Calm')")
    page.wait_for_function("document.querySelector('#prompt textarea').value === 'Well, it works.'")
    assert page.input_value("#text-temperature input[type=number]") == "0.35"
    page.click(".style-button")
    page.click("[aria-label='Delete the style Calm']")
    page.wait_for_function("document.querySelectorAll('.style-row').length === 0")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className") == "style-button"


def test_another_style_takes_the_words_of_the_first_away_after_a_reload_too(visit: Visit) -> None:
    page = visit()
    page.fill(BOX, "it works.")
    for name, frame in (("Calm", "Well, {text}"), ("Loud", "Oh, {text}")):
        page.click(".style-button")
        page.fill(".style-form input >> nth=0", name)
        page.fill(".style-form input >> nth=1", frame)
        page.keyboard.press("Enter")
        page.wait_for_selector(f".style-button:has-text('{name}')")
    page.click(".style-button")
    page.click(".style-use:has-text('Calm')")
    page.wait_for_function("document.querySelector('#prompt textarea').value === 'Well, it works.'")
    page.wait_for_timeout(400)  # until the browser has noted it
    page.reload()
    page.wait_for_selector(".style-button:has-text('Calm')")
    page.wait_for_function("document.querySelector('#prompt textarea').value === 'Well, it works.'")
    page.click(".style-button")
    page.click(".style-use:has-text('Loud')")
    page.wait_for_function("document.querySelector('#prompt textarea').value === 'Oh, it works.'")
    page.click(".style-button")
    page.click("[aria-label='Delete the style Calm']")
    page.wait_for_function("document.querySelectorAll('.style-row').length === 1")
    assert "Loud" in page.inner_text(".style-button")  # that one was not deleted


def test_the_words_of_a_style_that_is_refused_stay_until_it_is_saved(visit: Visit) -> None:
    page = visit()
    page.click(".style-button")
    page.fill(".style-form input >> nth=0", "Brisk")
    page.fill(".style-form input >> nth=1", "Right, right")
    page.keyboard.press("Enter")
    page.wait_for_selector("#status .fault:has-text('{text}')")
    page.click(".style-button")
    assert page.input_value(".style-form input >> nth=1") == "Right, right"
    page.fill(".style-form input >> nth=1", "Right, {text}")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.style-button').textContent.includes('Brisk')")
    assert page.input_value(".style-form input >> nth=0") == ""


def test_a_take_is_made_again_from_where_it_stands(visit: Visit) -> None:
    page = visit()
    speak(page, "Long enough to be begun again somewhere amid it.")
    page.wait_for_function("!barkStudio.stage.sound.playing")
    page.evaluate("barkStudio.stage.sound.seek(1.0)")
    page.wait_for_function("document.querySelector('.from-here').textContent.startsWith('Again')")
    page.click(".from-here")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 2")
    page.wait_for_function("barkStudio.stage.take?.number === 2")
