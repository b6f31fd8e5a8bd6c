"""What an opened bracket in the prompt offers, by models that hear tags and that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bark.ui.build import build_demo, serve
from bark.ui.state.studio import Studio
from tests.studio_fixtures import make_studio

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
BOX = "#prompt textarea"
OPTION = ".tag-menu .tag-option"


@pytest.fixture(scope="module", params=["small", "nano"])
def running(request: pytest.FixtureRequest) -> Iterator[tuple[Studio, str]]:
    """A studio of either family, and its address."""
    studio = make_studio(None, model=request.param, pace_s=0.02, grace_s=0.5)
    server = serve(studio, build_demo(studio), quiet=True)
    yield studio, server.url
    server.demo.close()
    studio.close()


def typed(visit: Visit, text: str, keys: str = "") -> Any:
    page = visit()
    page.fill(BOX, text)
    page.focus(BOX)
    page.keyboard.press("Control+End")
    page.keyboard.type(keys)
    return page


def offered(page: Any) -> list[str]:
    return [option.inner_text() for option in page.locator(f"{OPTION} b").all()]


@pytest.fixture
def hears_tags(running: tuple[Studio, str]) -> bool:
    return running[0].engine.state.model == "small"


def test_a_bracket_offers_what_the_model_hears(visit: Visit, hears_tags: bool) -> None:
    page = typed(visit, "Well, ", "[")
    page.wait_for_selector(".tag-menu:not([hidden])")
    if hears_tags:
        assert {"[laughter]", "[clears throat]", "—", "♪ … ♪"} <= set(offered(page))
        assert "A gasp" in page.inner_text(f"{OPTION}:has-text('[gasps]')")
    else:
        assert offered(page) == ["[pause]", "—", "…"]
        assert "nothing is heard there" in page.inner_text(".tag-note")


def test_what_is_typed_narrows_it_and_enter_puts_it_in(visit: Visit, hears_tags: bool) -> None:
    page = typed(visit, "Well,", "[la" if hears_tags else "[p")
    page.wait_for_selector(".tag-menu:not([hidden])")
    assert offered(page) == (["[laughter]", "[laughs]"] if hears_tags else ["[pause]"])
    page.keyboard.press("ArrowUp")  # from the first to the last
    page.keyboard.press("Enter")
    expected = "Well, [laughs] " if hears_tags else "Well, [pause] "
    assert page.input_value(BOX) == expected
    assert page.locator(".tag-menu").is_hidden()
    page.keyboard.press("Enter")  # the menu is gone: a line ends
    assert page.input_value(BOX) == f"{expected}\n"
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert page.input_value(BOX).startswith("Well,[")  # what was typed can be had back


def test_escape_leaves_the_bracket_alone(visit: Visit) -> None:
    page = typed(visit, "Well, ", "[")
    page.wait_for_selector(".tag-menu:not([hidden])")
    page.keyboard.press("Escape")
    assert page.locator(".tag-menu").is_hidden()
    assert page.evaluate("document.activeElement.matches('#prompt textarea')")
    page.keyboard.type("p")
    assert page.locator(".tag-menu").is_hidden()
    page.keyboard.type("] [")  # another bracket is another matter
    assert page.locator(".tag-menu").is_visible()


def test_a_press_puts_it_in_and_the_cursor_stays(visit: Visit) -> None:
    page = typed(visit, "Well ", "[")
    page.click(f"{OPTION}:has-text('—')")
    assert page.input_value(BOX) == "Well — "
    page.keyboard.type("yes.")
    assert page.input_value(BOX) == "Well — yes."


def test_the_box_says_which_option_is_meant(visit: Visit) -> None:
    page = typed(visit, "", "[")
    page.wait_for_selector(".tag-menu:not([hidden])")
    page.keyboard.press("ArrowDown")
    meant = page.get_attribute(BOX, "aria-activedescendant")
    assert page.get_attribute(f"#{meant}", "aria-selected") == "true"
    assert page.locator(f"{OPTION}[aria-selected=true]").count() == 1
    assert page.get_attribute(f"#{page.get_attribute(BOX, 'aria-controls')}", "role") == "listbox"
    page.keyboard.press("Escape")
    assert page.get_attribute(BOX, "aria-activedescendant") is None


def test_what_the_model_does_not_hear_is_said(visit: Visit, hears_tags: bool) -> None:
    page = typed(visit, "So ", "[laughs")
    if hears_tags:
        assert offered(page) == ["[laughs]"]
    else:
        assert page.locator(OPTION).count() == 0
        assert "leaves [laughs], [music]" in page.inner_text(".tag-note")
