"""Grids, comparisons and the library in Chromium: clicks counted, sound followed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from bark.ui.state.studio import Studio
from tests.ui.test_browser import speak

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
CELLS = ".cells .face svg"


def make_grid(page: Any, n: int) -> None:
    page.click("#tab-grid")
    page.wait_for_function(f"document.querySelector('#make-grid').textContent === 'Make {n}'")
    page.click("#make-grid")
    page.wait_for_function(f"document.querySelectorAll('{CELLS}').length === {n}")
    page.wait_for_function("!document.querySelector('#status .bar')")


def set_axis(page: Any, place: str, name: str, values: str) -> None:
    page.select_option(f"select[aria-label='{place}: setting']", name)
    if name:
        page.fill(f"input[aria-label='{place}: values']", values)


def test_three_temperatures_and_four_seeds_are_three_clicks(visit: Visit) -> None:
    page = visit()
    make_grid(page, 12)  # the tab and the button; what runs where stands there already
    assert "Made 12 of 12 takes" in page.inner_text("#status")
    assert page.locator(".cells [role=columnheader]").all_inner_texts()[1:] == ["0.5", "0.7", "0.9"]
    page.locator(".cells .face").first.click()
    page.wait_for_function("barkStudio.grid.deck.playing")
    for key, number in (("ArrowRight", 1), ("ArrowDown", 4)):
        page.keyboard.press(key)
        page.wait_for_function(f"barkStudio.grid.active === {number}")
    assert page.evaluate("barkStudio.grid.deck.position") > 0  # it went on where it was
    page.keyboard.press("s")
    page.wait_for_selector(".cells .active .star[aria-pressed=true]")
    page.keyboard.press("Enter")
    page.wait_for_function("barkStudio.rooms.name === 'take' && barkStudio.stage.sound.playing")


def test_cells_that_move_under_a_resting_mouse_do_not_take_the_place_that_a_key_chose(
    visit: Visit,
) -> None:
    page = visit()
    page.click("#tab-grid")
    make_grid(page, 12)
    page.locator(".cells .face").first.click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.evaluate("document.querySelector('.cells').style.marginTop = '-60px'")
    page.wait_for_timeout(500)  # a hovered cell plays after 150 ms
    assert page.evaluate("barkStudio.grid.active") == 4
    page.locator(".cells .face").nth(10).hover()
    page.wait_for_function("barkStudio.grid.active === 10")


def test_keeping_the_starred_deletes_the_rest_and_undo_brings_them_back(visit: Visit) -> None:
    page = visit()
    page.click("#tab-grid")
    set_axis(page, "Across", "seed", "1-3")
    set_axis(page, "Down", "", "")
    make_grid(page, 3)
    page.locator(".cells .star").nth(1).click()
    page.click(".grid-bar button:has-text('Keep starred, delete 2')")
    page.wait_for_function(f"document.querySelectorAll('{CELLS}').length === 1")
    page.click("#said-line button")
    page.wait_for_function(f"document.querySelectorAll('{CELLS}').length === 3")


def test_a_wrong_range_is_said_and_cannot_be_made(visit: Visit) -> None:
    page = visit()
    page.click("#tab-grid")
    set_axis(page, "Across", "text_temperature", "0.5-0.9")
    page.wait_for_function("document.querySelector('.plan-line').textContent.includes('step')")
    assert page.is_disabled("#make-grid")


def test_the_plan_follows_the_prompt_and_the_last_question_wins(visit: Visit) -> None:
    page = visit()
    page.click("#tab-grid")
    set_axis(page, "Across", "seed", "1-3")
    set_axis(page, "Down", "", "")
    made = page.locator("#make-grid")
    page.wait_for_function("document.querySelector('#make-grid').textContent === 'Make 3'")
    page.fill("#prompt textarea", "Say it {calm|angry}.")
    page.wait_for_function("document.querySelector('#make-grid').textContent === 'Make 6'")
    page.click("text=Question")  # an example that is filled in
    page.wait_for_function("document.querySelector('#make-grid').textContent === 'Make 3'")
    set_axis(page, "Across", "seed", "1")
    page.wait_for_function("document.querySelector('.plan-line').textContent === '1 take'")
    held: list[Any] = []
    page.route(re.compile("/grids/plan"), lambda route, _: held.append(route), times=1)
    with page.expect_request(re.compile("/grids/plan")):
        page.fill("input[aria-label='Across: values']", "1-4")
    page.fill("input[aria-label='Across: values']", "1-5")
    page.wait_for_function("document.querySelector('#make-grid').textContent === 'Make 5'")
    with page.expect_response(re.compile("/grids/plan")) as late:
        held[0].continue_()
    late.value.finished()
    assert made.inner_text() == "Make 5"


def test_a_double_click_makes_one_grid_and_hovered_cells_hear_the_keys(visit: Visit) -> None:
    page = visit()
    speak(page, "A take that is selected elsewhere.")
    page.click("#tab-grid")
    set_axis(page, "Across", "seed", "1-3")
    set_axis(page, "Down", "", "")
    page.wait_for_function("document.querySelector('#make-grid').textContent === 'Make 3'")
    page.dblclick("#make-grid")
    page.wait_for_function(f"document.querySelectorAll('{CELLS}').length === 3")
    page.wait_for_function("!document.querySelector('#status .bar')")
    page.locator(".cells .face").nth(1).hover()
    page.wait_for_function("barkStudio.grid.active === 1 && barkStudio.grid.deck.playing")
    page.keyboard.press("s")
    page.wait_for_selector(".cells .active .star[aria-pressed=true]")
    page.keyboard.press("x")
    page.wait_for_selector(".cells .crossed .face[aria-label$='crossed out']")
    assert page.evaluate("barkStudio.store.all().map(({star}) => star).join()") == (
        "false,true,false,false"  # the newest first: three cells, then the take before them
    )
    page.keyboard.press("Enter")
    page.wait_for_function("barkStudio.rooms.name === 'take'")
    assert page.evaluate("barkStudio.store.takes.size") == 4


def test_keys_reach_a_grid_whose_first_cell_came_to_nothing_and_stay_in_its_bar(
    visit: Visit,
) -> None:
    page = visit()
    page.click("#tab-grid")
    set_axis(page, "Across", "voice", "nobody, alder")
    set_axis(page, "Down", "text_temperature", "0.5, 0.7")
    set_axis(page, "Pages", "seed", "1-2")
    page.wait_for_function("document.querySelector('#make-grid').textContent === 'Make 8'")
    page.click("#make-grid")
    page.wait_for_function(f"document.querySelectorAll('{CELLS}').length === 2")
    page.wait_for_function("!document.querySelector('#status .bar')")
    page.focus(".grid-bar button >> nth=1")
    page.keyboard.press("Enter")
    page.wait_for_function("barkStudio.grid.page === 1")
    page.wait_for_selector(".grid-bar button[aria-pressed=true] >> text=Seed 2")
    assert page.evaluate("document.activeElement.textContent") == "Seed 2"
    page.focus(".grid-bar a")
    page.keyboard.press("Tab")
    assert "nobody" in page.evaluate("document.activeElement.ariaLabel")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("barkStudio.grid.deck.playing")
    page.keyboard.press("s")
    page.click(".grid-bar button:has-text('Keep starred, delete 3')")
    page.wait_for_function("document.activeElement.matches('.cells .active .face')")


def test_an_earlier_grid_is_reopened_after_a_reload(visit: Visit) -> None:
    page = visit()
    page.click("#tab-grid")
    set_axis(page, "Across", "seed", "1-2")
    set_axis(page, "Down", "", "")
    make_grid(page, 2)
    page.reload()
    page.wait_for_selector("#model-line b")
    page.click("#tab-grid")
    page.focus(".earlier")
    page.wait_for_function("document.querySelectorAll('.earlier option').length === 2")
    page.select_option(".earlier", index=1)
    page.wait_for_function(f"document.querySelectorAll('{CELLS}').length === 2")


def test_words_in_braces_make_an_axis(visit: Visit) -> None:
    page = visit()
    page.fill("#prompt textarea", "Say it {calm|angry}.")
    page.click("#tab-grid")
    set_axis(page, "Down", "words", "")
    set_axis(page, "Across", "seed", "1-2")
    make_grid(page, 4)
    assert page.locator(".cells [role=rowheader]").all_inner_texts() == ["calm", "angry"]


def test_a_blind_knockout_of_four_takes_ends_with_a_tally(
    visit: Visit, running: tuple[Studio, str]
) -> None:
    page = visit()
    page.click("#tab-grid")
    set_axis(page, "Across", "text_temperature", "0.5-0.8 (+0.1)")
    set_axis(page, "Down", "", "")
    make_grid(page, 4)
    for i in range(4):
        page.locator(".cells .star").nth(i).click()
    page.click(".grid-bar button:has-text('Compare 4 starred')")
    page.check("text=Blind")
    for pair in (1, 2, 3):
        page.wait_for_function(
            f"document.querySelector('.compare-room .where').textContent === 'Pair {pair} of 3'"
        )
        assert "take" not in page.inner_text(".compare-room .choices").lower()
        assert page.is_disabled(".better >> nth=0")  # not before both were heard
        page.keyboard.press("1")
        page.wait_for_function("barkStudio.comparison.deck.playing")
        page.keyboard.press("2")
        page.wait_for_function("document.querySelectorAll('.choice.heard').length === 2")
        page.click(".better >> nth=0")
    page.wait_for_selector(".compare-room .result p")
    assert "won 2 of 2" in page.inner_text(".compare-room .result")
    # The last verdict is told to the server while the tally of the others is shown.
    page.wait_for_function("document.querySelector('.tally').innerText.includes('All 3 verdicts')")


def test_a_verdict_that_does_not_reach_the_server_is_told_and_sent_again(visit: Visit) -> None:
    page = visit()
    speak(page, "The first of two.")
    speak(page, "The other of two.", 2)
    page.evaluate("barkStudio.compare(barkStudio.store.all(), {blind: true})")
    page.wait_for_function("barkStudio.comparison.deck.ready.size === 2")
    page.keyboard.press("1")
    page.keyboard.press("2")
    page.wait_for_selector(".better:not(:disabled)")
    # As a network that is gone; a real one would be complained of in the console.
    page.evaluate(
        """() => {
            window.fetched = fetch;
            window.fetch = (url, ...rest) => (/votes$/.test(url)
                ? Promise.reject(new TypeError("gone")) : fetched(url, ...rest));
        }"""
    )
    page.click(".better >> nth=0")
    page.wait_for_selector("#said-line.fault:has-text('verdict is sent as soon as it can be')")
    page.evaluate("() => { window.fetch = fetched; }")
    page.wait_for_selector(".tally :text-is('1 verdict')")
    assert page.evaluate("barkStudio.comparison.unsent") == []


def test_a_comparison_keeps_the_focus_changes_the_loudness_at_once_and_drops_what_is_deleted(
    visit: Visit,
) -> None:
    page = visit()
    for i in range(3):
        speak(page, f"Take number {i}.", i + 1)
    page.evaluate("barkStudio.compare(barkStudio.store.all())")
    page.wait_for_function("barkStudio.comparison.deck.ready.size === 3")
    page.focus(".choice >> nth=1")
    page.keyboard.press("Enter")
    page.wait_for_function("barkStudio.comparison.deck.playing")
    assert page.evaluate("document.activeElement.matches('.choice:nth-child(2)')")
    page.evaluate("barkStudio.comparison.deck.take.gain = 0.25")
    page.check("text=Loop")
    page.wait_for_function("barkStudio.comparison.deck.gain.gain.value === 0.25")
    page.uncheck("text=Same loudness")
    page.wait_for_function("barkStudio.comparison.deck.gain.gain.value === 1")
    page.check("text=Blind")
    page.keyboard.press("1")
    page.keyboard.press("2")
    page.focus(".better >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.matches('.choice:nth-child(1)')")
    page.uncheck("text=Blind")
    page.evaluate("barkStudio.delete([barkStudio.store.all()[0].id])")
    page.check("text=Blind")
    page.wait_for_selector(".where:text('Pair 1 of 1')")


def test_a_sound_or_a_grid_that_cannot_be_fetched_is_told(visit: Visit) -> None:
    page = visit()
    page.click("#tab-grid")
    set_axis(page, "Across", "seed", "1-2")
    set_axis(page, "Down", "", "")
    make_grid(page, 2)
    page.evaluate(
        """() => {
            barkStudio.grid.deck.ready.clear();
            decodedTakes.clear();
            window.fetch = () => Promise.reject(new TypeError("gone"));
        }"""
    )
    page.locator(".cells .face").first.click()
    page.wait_for_selector("#said-line.fault:has-text('sound of this take could not be fetched')")
    page.evaluate("barkStudio.openGrid(barkStudio.grid.grid.id)")
    page.wait_for_selector("#said-line.fault:has-text('The grid could not be fetched')")


def test_changing_to_another_take_is_a_matter_of_milliseconds(visit: Visit) -> None:
    page = visit()
    speak(page, "The first of two.")
    speak(page, "The other of two.", 2)
    page.locator(".takes .main").first.click(modifiers=["Control"])
    page.locator(".takes .main").nth(1).click(modifiers=["Control"])
    page.click(".chosen-bar button:has-text('Compare')")
    page.wait_for_function("barkStudio.comparison.deck.ready.size >= 2")
    page.keyboard.press("1")
    page.wait_for_function("barkStudio.comparison.deck.playing")
    took = page.evaluate(
        """() => {
            const started = performance.now();
            barkStudio.comparison.hear(1);
            const {deck} = barkStudio.comparison;
            return performance.now() - started
                + 1000 * Math.max(0, deck.startedAt - deck.context.currentTime);
        }"""
    )
    assert took < 60  # 20 ms on an idle machine


def test_the_library_finds_by_two_words_and_by_note(visit: Visit) -> None:
    page = visit()
    for i, text in enumerate(
        ["Red apples.", "Green pears.", "Red pears.", "Plums.", "Figs.", "Nuts."]
    ):
        speak(page, text, i + 1)
    page.fill(".takes .search", "red pears")
    page.wait_for_function("document.querySelectorAll('#takes .row').length === 1")
    assert "Red pears." in page.inner_text("#takes")
    page.fill(".takes .search", "nothing like it")
    page.wait_for_selector("text=No take matches.")


def test_a_question_mark_shows_the_keys(visit: Visit) -> None:
    page = visit()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    page.wait_for_selector("dialog.keys[open]")
    assert "Compare what is selected, blind" in page.inner_text("dialog.keys")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.keys[open]", state="detached")
