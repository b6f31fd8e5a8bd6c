"""The list of takes in Chromium: filters, groups, selections, thousands of rows, restarts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bark.options import GenerationOptions
from bark.ui.state.studio import Studio
from tests.fake_bark import FakeBark
from tests.ui import browser
from tests.ui.test_browser import speak

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
Running = tuple[Studio, str]
# Five thousand takes of made-up runs, out of one that is there.
MANY = """async () => {
    const [one] = barkStudio.store.all();
    const takes = Array.from({length: 5000}, (_, i) => ({
        ...one, id: `made-up-${i}`, number: i + 1, at: one.at - 600 * (5000 - i),
        text: `Sentence ${i % 1700} of many.`, seed: String(i),
    }));
    barkStudio.store.ask = () => {};
    const began = performance.now();
    barkStudio.store.apply({takes, removed: [], whole: true});
    while (barkStudio.library.takes.length < 5000) await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""
SCROLL = """async () => {
    const {list} = barkStudio.library;
    const took = [];
    for (let i = 1; i <= 60; i++) {
        list.scrollTop = i * 2900;
        const began = performance.now();
        barkStudio.library.draw();
        took.push(performance.now() - began);
        await new Promise(requestAnimationFrame);
    }
    return took.sort((a, b) => a - b)[30];
}"""


def test_the_list_is_narrowed_to_a_model(visit: Visit, running: Running) -> None:
    page = visit()
    owner = browser.visit_of(running[0], page)
    browser.add_takes(owner, [f"By nano, {i}." for i in range(5)])
    owner.takes.add(FakeBark("small").generate("By small.", options=GenerationOptions(seed=1)))
    browser.look_again(page, 6)
    assert page.locator(".filters select[aria-label=Voice]").is_hidden()  # there is one only
    page.select_option(".filters select[aria-label=Model]", "Bark small")
    page.wait_for_function("document.querySelectorAll('.takes .row').length === 1")
    assert "By small." in page.inner_text(".takes .row")


def test_a_grid_stands_under_one_heading_that_opens_it(visit: Visit, running: Running) -> None:
    page = visit()
    owner = browser.visit_of(running[0], page)
    browser.add_takes(owner, ["Before it."])
    browser.add_grid(running[0], owner)
    browser.look_again(page, 13)
    page.wait_for_selector(".head-row.run")
    assert "Grid of 12" in page.inner_text(".head-row.run")
    said = page.locator(".takes .in-run .text").all_inner_texts()
    assert said[0] == "0.9 · birch"  # what the heading does not say; the seed has its place
    assert all("Good morning" not in text for text in said)
    page.reload()
    page.wait_for_selector(".head-row.run")
    page.click(".head-row [aria-label='Open this grid']")
    page.wait_for_function("document.querySelectorAll('.cells .face svg').length === 6")


def test_a_run_says_what_repeats_once(visit: Visit, running: Running) -> None:
    page = visit()
    owner = browser.visit_of(running[0], page)
    for seed in (1, 2, 3):
        owner.takes.add(FakeBark().generate("Thrice.", options=GenerationOptions(seed=seed)))
    browser.look_again(page, 3)
    heading = page.inner_text(".head-row.run")
    assert "3 takes" in heading
    assert "“Thrice.”" in heading
    assert "no voice" in heading
    assert page.locator(".takes .in-run .text").all_inner_texts() == ["", "", ""]
    page.hover(".head-row.run")
    page.click(".head-row.run [aria-label='Select these 3 takes']")
    assert "3 selected" in page.inner_text(".chosen-bar")


def test_shift_selects_what_lies_between(visit: Visit, running: Running) -> None:
    page = visit()
    browser.add_takes(browser.visit_of(running[0], page), [f"Line {i}." for i in range(6)])
    browser.look_again(page, 6)
    mains = page.locator(".takes .main")
    mains.nth(1).click(modifiers=["Control"])
    mains.nth(4).click(modifiers=["Shift"])
    assert page.evaluate("barkStudio.library.markedTakes().map((take) => take.number)") == [
        5, 4, 3, 2,
    ]  # fmt: skip
    page.click(".chosen-bar button:has-text('Delete')")
    page.wait_for_function("barkStudio.store.takes.size === 2")
    page.click("#said-line button")
    page.wait_for_function("barkStudio.store.takes.size === 6")


def test_what_a_filter_hides_is_not_deleted(visit: Visit, running: Running) -> None:
    page = visit()
    lines = ["The sea.", "The sea again.", *(f"Line {i}." for i in range(4))]
    browser.add_takes(browser.visit_of(running[0], page), lines)
    browser.look_again(page, 6)
    page.click(".list-head button:has-text('Select all')")
    assert page.inner_text(".chosen-bar .n") == "6 selected"
    page.fill(".takes .search", "sea")
    page.wait_for_function("barkStudio.library.takes.length === 2")
    assert page.inner_text(".chosen-bar .n") == "2 selected (4 more not shown)"
    page.click(".chosen-bar button:has-text('Delete')")
    page.wait_for_function("barkStudio.store.takes.size === 4")
    page.wait_for_selector(".chosen-bar button:has-text('Download ZIP'):disabled")  # none in view
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Delete")
    assert page.evaluate("barkStudio.store.takes.size") == 4
    page.fill(".takes .search", "")
    page.wait_for_function("barkStudio.library.takes.length === 4")
    assert page.inner_text(".chosen-bar .n") == "4 selected"


def test_a_long_press_selects_on_a_phone(chromium: Any, running: Running, visit: Visit) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = visit(context=context)
    browser.add_takes(browser.visit_of(running[0], page), ["One.", "Two.", "Three."])
    browser.look_again(page, 3)
    mains = page.locator(".takes .main")
    mains.nth(2).wait_for()
    page.evaluate(
        """() => document.querySelector('.takes .main').dispatchEvent(
            new PointerEvent('contextmenu', {pointerType: 'touch', bubbles: true}))"""
    )
    page.wait_for_function("barkStudio.library.marked.size === 1")
    mains.nth(1).tap()
    page.wait_for_function("barkStudio.library.marked.size === 2")
    context.close()


def test_five_thousand_takes_open_at_once_and_scroll(visit: Visit, running: Running) -> None:
    page = visit()
    browser.add_takes(browser.visit_of(running[0], page), ["One of many."])
    browser.look_again(page, 1)
    took_ms = page.evaluate(MANY)
    assert took_ms < 4_000  # 1,000 on an idle machine
    assert page.locator(".takes .row").count() < 60  # only what is seen is in the page
    assert page.evaluate(SCROLL) < 100  # a frame, 16, on an idle machine
    page.fill(".takes .search", "sentence 1699")
    page.wait_for_function("barkStudio.library.takes.length === 3")  # and number 1699


def test_a_page_from_before_a_restart_of_the_server_goes_on(
    chromium: Any, running: Running
) -> None:
    context = chromium.new_context()  # Chromium complains of the address that is gone
    page = context.new_page()
    page.goto(running[1])
    page.wait_for_selector("#model-line b")
    speak(page, "Before the restart.")
    before = page.evaluate("barkStudio.store.url")
    visits = running[0].visits
    with visits._lock:  # what a new process knows: nothing
        visits._sessions.clear()
        visits._visits.clear()
    page.wait_for_function(f"barkStudio.store.url !== '{before}'")
    page.wait_for_function("barkStudio.store.takes.size === 0")
    speak(page, "After it.")
    page.wait_for_function("barkStudio.store.takes.size === 1")
    context.close()


def test_a_line_about_one_take_is_not_shown_beside_another(visit: Visit) -> None:
    page = visit()
    speak(page, "The first.")
    speak(page, "The second.", 2)
    assert "Take 2" in page.inner_text("#status")
    page.locator(".takes .main").nth(1).click()
    page.wait_for_selector("#status p.status", state="hidden")
    speak(page, "silence", 2)
    page.wait_for_selector("#status .fault")
    page.locator("#prompt textarea").press_sequentially("x")
    page.wait_for_selector("#status .fault", state="hidden")
