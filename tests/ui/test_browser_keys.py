"""The keyboard: each key that `?` shows does what it says, and a list is one stop of Tab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bark.ui.state.studio import Studio
from tests.ui import browser

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
LONG = "A take of some seconds, in which there is a place to go back to and another to go on to."
TAB_STOPS = """(root) => [...document.querySelectorAll(
    `${root} :is(button, a[href], input, select, [tabindex])`)]
    .filter((e) => e.tabIndex >= 0).length"""


@pytest.fixture
def page(visit: Visit, running: tuple[Studio, str]) -> Any:
    """A studio with four takes, the newest of them shown."""
    page = visit()
    browser.add_takes(browser.visit_of(running[0], page), ["One.", "Two.", "Three.", LONG])
    browser.look_again(page, 4)
    page.evaluate("barkStudio.stage.choose(barkStudio.store.all()[0])")
    page.wait_for_function("barkStudio.stage.sound.length > 0")
    page.evaluate("document.activeElement.blur()")
    return page


def press(page: Any, key: str, until: str) -> None:
    page.keyboard.press(key)
    page.wait_for_function(until)


def test_every_key_of_the_list_is_known(page: Any) -> None:
    shown = page.evaluate("WORDS.keys.map(([keys]) => keys)")
    said = "Ctrl Enter|Space|↑ ↓|← →|Home|L|S|N|R|A|Del|Z|Esc|/|B|1 – 8|?"
    assert shown == said.split("|")
    press(page, "?", "document.querySelector('dialog.keys[open]')")
    assert page.locator("dialog.keys dt").count() == len(shown)
    press(page, "Escape", "!document.querySelector('dialog.keys[open]')")


def test_the_player_is_driven_by_keys(page: Any) -> None:
    press(page, "Space", "barkStudio.stage.sound.playing")
    press(page, "Space", "!barkStudio.stage.sound.playing")
    press(page, "Home", "barkStudio.stage.sound.position === 0")
    press(page, "ArrowRight", "Math.abs(barkStudio.stage.sound.position - 1) < 0.01")
    press(page, "ArrowRight", "Math.abs(barkStudio.stage.sound.position - 2) < 0.01")
    press(page, "ArrowLeft", "Math.abs(barkStudio.stage.sound.position - 1) < 0.01")
    press(page, "l", "barkStudio.stage.loop")
    press(page, "l", "!barkStudio.stage.loop")


def test_takes_are_gone_through_marked_and_noted_by_keys(page: Any) -> None:
    press(page, "ArrowDown", "barkStudio.stage.take.number === 3")
    press(page, "ArrowUp", "barkStudio.stage.take.number === 4")
    press(page, "s", "barkStudio.store.all()[0].star")
    press(page, "n", "document.activeElement.className === 'note'")
    page.keyboard.type("the good one")
    press(page, "Enter", "barkStudio.store.all()[0].note === 'the good one'")
    page.keyboard.press("Escape")  # leaves the box
    press(page, "/", "document.activeElement.className === 'search'")
    page.keyboard.type("good one")
    page.wait_for_function("barkStudio.library.takes.length === 1")


def test_deleting_and_taking_it_back_by_keys(page: Any) -> None:
    press(page, "Delete", "barkStudio.store.takes.size === 3")
    press(page, "Delete", "barkStudio.store.takes.size === 2")
    press(page, "z", "barkStudio.store.takes.size === 3")
    press(page, "z", "barkStudio.store.takes.size === 4")


def test_settings_are_reused_by_a_key(page: Any) -> None:
    press(page, "ArrowDown", "barkStudio.stage.take.number === 3")
    press(page, "r", "document.querySelector('#prompt textarea').value === 'Three.'")


def test_speaking_and_stopping_by_keys(
    page: Any, running: tuple[Studio, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 0.3)
    press(page, "Control+Enter", "document.querySelector('#status .bar')")
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('#status .bar')")
    assert "topped" in page.inner_text("#status")


def test_a_selection_is_compared_blind_by_keys(page: Any) -> None:
    page.locator(".takes .main").first.focus()
    page.keyboard.press("Shift+ArrowDown")
    page.wait_for_function("barkStudio.library.marked.size === 2")
    press(page, "b", "barkStudio.rooms.name === 'compare' && barkStudio.comparison.blind.checked")
    for key in ("1", "2"):
        press(page, key, f"barkStudio.comparison.heard.size === {key}")
    page.wait_for_selector(".better:not(:disabled)")
    heard = "barkStudio.store.get(barkStudio.comparison.deck.take.id)"
    page.evaluate("barkStudio.store.select(barkStudio.comparison.takes[0].id)")
    assert page.evaluate(f"{heard}.id") == page.evaluate("barkStudio.comparison.takes[1].id")
    press(page, "s", f"{heard}.star")


def test_a_list_a_grid_and_the_tabs_are_one_stop_of_tab_each(
    page: Any, running: tuple[Studio, str]
) -> None:
    browser.add_grid(running[0], browser.visit_of(running[0], page))
    browser.look_again(page, 16)
    assert page.evaluate(TAB_STOPS, ".takes .rows") == 1
    assert page.evaluate(TAB_STOPS, ".rooms .tabs") == 1
    page.click(".head-row [aria-label='Open this grid']")
    page.wait_for_function("document.querySelectorAll('.cells .face svg').length === 6")
    assert page.evaluate(TAB_STOPS, ".cells") == 1


def test_a_row_is_named_in_one_short_sentence(page: Any) -> None:
    names = page.locator(".takes .main").evaluate_all("(rows) => rows.map((e) => e.ariaLabel)")
    assert names[1] == "Take 3: Three., no voice, seed 2, 0.5 seconds"
    assert max(map(len, names)) < 140
