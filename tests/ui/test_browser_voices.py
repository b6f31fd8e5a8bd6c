"""The voice's line and menu in Chromium: search, sound on each row, keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bark.ui.build import build_demo, serve
from bark.ui.state.studio import Studio
from tests.studio_fixtures import make_studio

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
LINES = ".voice-rows .voice-row:not([hidden])"


def opened(page: Any) -> Any:
    page.click(".voice-button")
    page.wait_for_function(f"document.querySelectorAll('{LINES}').length > 3")
    return page


def labels(page: Any) -> list[str]:
    return [line.inner_text() for line in page.locator(f"{LINES} .voice-cell .voice-name").all()]


def test_a_voice_is_searched_heard_and_taken_by_keys_alone(visit: Visit) -> None:
    page = opened(visit())
    page.keyboard.type("bir")
    assert labels(page) == ["Birch"]
    page.keyboard.press("ArrowRight")
    page.wait_for_function("barkStudio.voices.player.sound.playing")
    assert page.get_attribute(f"{LINES} .voice-play", "aria-label") == "Stop Birch"
    meant = page.get_attribute(".voice-search", "aria-activedescendant")
    assert page.inner_text(f"#{meant} .voice-name") == "Birch"
    page.keyboard.press("Enter")
    assert page.locator(".voice-menu").is_hidden()
    assert page.evaluate("document.activeElement.className") == "voice-button"
    assert page.inner_text(".voice-button .voice-name") == "Birch"
    page.keyboard.press("Control+Enter")
    page.wait_for_function("barkStudio.stage.facts.textContent.startsWith('birch')")


def test_each_row_sounds_and_a_second_press_ends_it(visit: Visit) -> None:
    page = opened(visit())
    play = page.locator(f"{LINES} .voice-play")
    play.nth(0).click()
    page.wait_for_function("barkStudio.voices.player.sound.playing")
    play.nth(1).click()  # another one instead of it
    page.wait_for_function("barkStudio.voices.player.value === 'aspen'")
    page.wait_for_function("barkStudio.voices.player.sound.playing")
    play.nth(1).click()
    page.wait_for_function("!barkStudio.voices.player.sound.playing")
    assert page.locator(".voice-menu").is_visible()  # hearing takes nothing
    assert page.input_value("#voice textarea, #voice input") == ""


def test_escape_and_a_press_elsewhere_leave_the_choice(visit: Visit) -> None:
    page = opened(visit())
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    assert page.locator(".voice-menu").is_hidden()
    opened(page)
    page.click("#title")
    assert page.locator(".voice-menu").is_hidden()
    assert page.inner_text(".voice-button .voice-name") == "No voice"


def test_a_reload_keeps_the_voice_and_its_name(visit: Visit) -> None:
    page = opened(visit())
    page.click(f"{LINES}:has-text('Cedar') .voice-cell")
    page.wait_for_timeout(400)
    page.reload()
    page.wait_for_function(
        "document.querySelector('.voice-button .voice-name')?.textContent === 'Cedar'"
    )


@pytest.mark.parametrize(("width", "height"), [(1440, 36), (390, 44)])
def test_the_voice_is_one_line_and_its_file_beside_it_at_a_desk(
    visit: Visit, width: int, height: int
) -> None:
    page = visit(width, 844)
    boxes = [page.locator(it).bounding_box() for it in (".voice-button", ".voice-line .voice-play")]
    boxes.append(page.locator("#voice-file").bounding_box())
    assert {round(box["height"]) for box in boxes} == {height}
    lines = {round(box["y"]) for box in (boxes if width == 1440 else boxes[:2])}
    assert len(lines) == 1  # on a phone the file and the style stand below
    assert all(box["x"] + box["width"] <= width for box in boxes)


@pytest.fixture(scope="module")
def polyglot() -> Iterator[tuple[Studio, str]]:
    """A studio with the 261 official voices, none of which is there."""
    studio = make_studio(None, model="small", pace_s=0.02)
    server = serve(studio, build_demo(studio), quiet=True)
    yield studio, server.url
    server.demo.close()
    studio.close()


def test_words_find_language_and_speaker(chromium: Any, polyglot: tuple[Studio, str]) -> None:
    page = chromium.new_page()
    page.goto(polyglot[1])
    page.wait_for_selector("#model-line b")
    opened(page)
    assert "261 voices" in page.inner_text(".voice-foot")
    page.keyboard.type("woman")
    assert labels(page) == ["English 9"]
    page.fill(".voice-search", "man")
    assert labels(page) == [f"English {i}" for i in range(9)]  # no German, no woman
    page.fill(".voice-search", "germ 3")
    assert labels(page) == ["German 3", "German 3"]
    page.fill(".voice-search", "")
    page.select_option(".voice-language", "Polish")
    assert len(labels(page)) == 20
    page.locator(f"{LINES} .voice-play").first.click()
    page.wait_for_function(
        "document.querySelector('#said-line')?.textContent.includes('switched off')"
    )
    page.close()
