"""The page in headless Chromium: what a visitor sees, hears, keeps, and what others do not see."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bark.take import Take
from bark.ui.state.studio import Studio
from tests.ui.browser import add_takes, look_again, visit_of

pytestmark = pytest.mark.browser

ROWS = "#takes .row:not(.pending)"


def speak(page: Any, text: str, n_rows: int = 1) -> None:
    page.fill("#prompt textarea", text)
    page.click("#speak")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length >= {n_rows}")
    page.wait_for_function("!document.querySelector('#status .bar')")


def test_first_press_speaks_what_is_in_the_box(visit: Callable[..., Any]) -> None:
    page = visit()
    assert page.input_value("#prompt textarea")  # an example, one press from a sound
    page.click("#speak")
    # Sound starts before the take is finished.
    page.wait_for_function("barkStudio.stage.sound.live && barkStudio.stage.sound.position > 0.1")
    page.wait_for_selector(ROWS)
    page.wait_for_selector(".stage[data-state=take]")
    assert page.input_value("#seed input, #seed textarea") in page.inner_text(".stage .facts")
    assert "Take 1" in page.inner_text("#status")
    page.wait_for_function("!barkStudio.stage.sound.playing")  # played to its end


def test_what_plays_is_what_the_file_holds(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit()
    speak(page, "Bit for bit, please.")
    page.wait_for_function("!barkStudio.stage.sound.live && barkStudio.stage.sound.length > 0")
    with page.expect_download() as download:
        page.click(".downloads a[data-format=wav]")
    download.value.save_as(tmp_path / "take.wav")
    take = Take.load(tmp_path / "take.wav")
    assert take.text == "Bit for bit, please."
    samples = page.evaluate("Array.from(barkStudio.stage.sound.samples)")
    assert len(samples) == len(take.audio)
    assert max(abs(a - float(b)) for a, b in zip(samples, take.audio, strict=True)) < 1e-4


def test_a_second_press_amid_a_pause_is_heard_and_can_be_played(
    visit: Callable[..., Any], running: tuple[Studio, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 0.15)
    page = visit()
    page.click("#speak")
    page.wait_for_selector("#takes .row.pending")
    page.click("#speak")
    page.wait_for_function("barkStudio.store.takes.size === 1")
    page.evaluate("barkStudio.stage.sound.pause()")
    page.wait_for_function("barkStudio.store.takes.size === 2")
    page.wait_for_selector(".stage[data-state=take] .play:enabled")
    assert page.evaluate("barkStudio.stage.take.number") == 2


def test_a_note_goes_to_the_take_it_was_begun_for(
    visit: Callable[..., Any], running: tuple[Studio, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit()
    takes = visit_of(running[0], page).takes
    add_takes(visit_of(running[0], page), ["First take.", "Second take."])
    look_again(page, 2)
    page.evaluate(
        "barkStudio.stage.playInTurn(barkStudio.store.all())"
    )  # the second, then the first
    page.wait_for_function("barkStudio.stage.queue.length === 1 && barkStudio.stage.sound.playing")
    page.evaluate("barkStudio.stage.sound.pause()")  # a slow machine types slowly
    page.click(".stage .note")
    page.keyboard.type("too slow")
    page.evaluate("barkStudio.stage.playNext()")
    page.wait_for_function("barkStudio.stage.take.number === 1")
    page.keyboard.type(" by half")
    page.keyboard.press("Enter")
    page.wait_for_function("barkStudio.stage.note.value === ''")  # the first has none
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 0.3)
    page.click("#speak")
    page.click(".stage .note")
    page.keyboard.type("kept while ")
    page.wait_for_function("barkStudio.stage.root.dataset.state === 'take'")
    page.wait_for_function("barkStudio.store.takes.size === 3")
    page.keyboard.type("another is made")  # the keyboard was not taken away
    page.keyboard.press("Enter")
    wanted = {1: "kept while another is made", 2: "too slow by half", 3: ""}
    page.wait_for_function("barkStudio.store.get(barkStudio.stage.take.id).note")
    page.wait_for_timeout(200)  # and the server has been told
    assert {take.number: take.note for take in takes.all()} == wanted


def test_stop_midway_keeps_the_sound_so_far(
    visit: Callable[..., Any], running: tuple[Studio, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 0.3)
    page = visit()
    page.fill("#prompt textarea", "This one is going to be stopped before it has reached its end.")
    page.click("#speak")
    page.wait_for_function("barkStudio.stage.sound.length > 12000")
    page.click("#stop")
    page.wait_for_selector(ROWS)
    assert "Stopped; kept" in page.inner_text("#status")
    assert "stopped early" in page.inner_text(".stage .title")
    assert page.evaluate("barkStudio.stage.sound.length") > 0


def test_four_takes_at_once(visit: Callable[..., Any]) -> None:
    page = visit()
    page.click("#n-takes input")
    page.click("ul[role=listbox] li:has-text('4')")
    # so long that a busy machine does not miss that it is heard
    speak(page, "Four of me, each with a seed of its own and each for some seconds.", 4)
    seeds = [int(text) for text in page.locator(".takes .seed").all_inner_texts()]
    assert seeds == list(range(seeds[3] + 3, seeds[3] - 1, -1))
    page.locator(ROWS).nth(0).locator(".play").click()
    page.wait_for_function("barkStudio.stage.take.number === 4 && barkStudio.stage.sound.playing")


def test_a_second_press_waits_and_is_heard_after_the_first(visit: Callable[..., Any]) -> None:
    page = visit()
    page.evaluate(
        """() => {
            window.heard = [];
            setInterval(() => {
                const {sound, take} = barkStudio.stage;
                if (sound.playing && take && heard.at(-1) !== take.number) heard.push(take.number);
            }, 50);
        }"""
    )
    page.fill("#prompt textarea", "First of two, and long enough to be playing still.")
    page.click("#speak")
    page.wait_for_selector("#status .bar")
    page.click("#speak")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 2")
    page.wait_for_function("heard.length === 2")
    assert page.evaluate("heard") == [1, 2]


def test_a_dropped_file_restores_everything(
    visit: Callable[..., Any], running: tuple[Studio, str]
) -> None:
    page = visit()
    page.fill("#text-temperature input[type=number]", "0.35")
    speak(page, "Remember me.")
    url = page.get_attribute(".downloads a[data-format=flac]", "href")
    data = page.request.get(running[1] + url).body()
    other = visit()
    other.evaluate(
        """(bytes) => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], "kept.flac"));
            document.body.dispatchEvent(
                new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: files}));
        }""",
        list(data),
    )
    other.wait_for_selector(ROWS)
    other.wait_for_function("document.querySelector('#prompt textarea').value === 'Remember me.'")
    assert other.input_value("#text-temperature input[type=number]") == "0.35"
    seed = page.inner_text(".takes .seed")
    assert other.input_value("#seed input, #seed textarea") == seed
    other.click("#speak")
    other.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 2")
    assert set(other.locator(".takes .seed").all_inner_texts()) == {seed}


def test_a_saved_voice_can_be_chosen(visit: Callable[..., Any]) -> None:
    page = visit()
    speak(page, "A voice worth keeping.")
    page.click("#more > button")
    page.fill("#voice-name input, #voice-name textarea", "Aunt Ada")
    page.click("#keep-voice")
    page.wait_for_function(
        "document.querySelector('.voice-button .voice-name').textContent === 'Aunt Ada'"
    )
    speak(page, "Speaking on in it.", 2)
    assert "Aunt Ada" in page.inner_text(".stage .facts")


def test_two_visitors_do_not_see_each_others_takes(visit: Callable[..., Any]) -> None:
    one, other = visit(), visit()
    speak(one, "For my ears only.")
    other.reload()
    other.wait_for_selector("#model-line b")
    other.wait_for_timeout(300)
    assert other.locator(ROWS).count() == 0
    assert "For my ears only" not in other.content()


def test_a_reload_keeps_the_takes(visit: Callable[..., Any]) -> None:
    page = visit()
    speak(page, "Still here afterwards.")
    page.reload()
    page.wait_for_selector(ROWS)
    assert "Still here afterwards." in page.inner_text("#takes")
    assert page.input_value("#prompt textarea") == "Still here afterwards."
    page.wait_for_selector(".stage[data-state=take]")


def test_a_closed_tab_stops_its_computation_soon(
    visit: Callable[..., Any], running: tuple[Studio, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, pace_s = running[0], 0.3
    monkeypatch.setattr(studio.engine.bark, "pace_s", pace_s)
    page = visit()
    page.fill("#prompt textarea", "Nobody will hear the end of this.")
    page.click("#speak")
    page.wait_for_selector("#status .bar")
    page.wait_for_timeout(600)
    closed = time.monotonic()
    page.close()
    assert studio.engine.queue.wait_until_empty(3.0)
    assert time.monotonic() - closed < 1.0 + 0.5 + pace_s  # grace, then at its next step


def test_keyboard_speaks_plays_and_steps_through_takes(visit: Callable[..., Any]) -> None:
    page = visit()
    page.focus("#prompt textarea")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(ROWS)
    page.wait_for_function("!document.querySelector('#status .bar')")
    page.keyboard.press("Control+Enter")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 2")
    page.locator(".takes .main").first.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("barkStudio.stage.take?.number === 1")
    page.evaluate("document.activeElement.blur()")
    page.wait_for_function("!barkStudio.stage.sound.playing")
    page.keyboard.press("Space")
    page.wait_for_function("barkStudio.stage.sound.playing")


def test_star_note_delete_and_undo(visit: Callable[..., Any]) -> None:
    page = visit()
    speak(page, "Mark me.")
    page.click(".stage .star")
    page.wait_for_selector(".takes .star[aria-pressed=true]")
    page.fill(".stage .note", "<b>loud</b>")
    page.press(".stage .note", "Enter")
    page.wait_for_selector(".takes .text em")
    assert page.inner_text(".takes .text em") == "<b>loud</b>"
    page.click("#delete")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 0")
    page.click("#said-line button")
    page.wait_for_selector(".takes .star[aria-pressed=true]")


def test_hostile_text_stays_text(visit: Callable[..., Any]) -> None:
    page = visit()
    speak(page, "<img src=x onerror=\"document.title='gone'\"> {{value}} ${value}")
    assert page.title() == "Bark studio"
    assert "<img src=x" in page.inner_text(".stage .said")


def test_first_screen_needs_no_scrolling(visit: Callable[..., Any]) -> None:
    page = visit()
    box = page.locator("#speak").bounding_box()
    assert box["y"] + box["height"] < 900


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_all_and_keeps_speak_in_reach(visit: Callable[..., Any], theme: str) -> None:
    page = visit(390, 844, f"?__theme={theme}")
    speak(page, "On a phone.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    box = page.locator("#speak").bounding_box()
    assert 0 < box["y"] < 844


def test_everything_that_can_be_pressed_has_a_name(visit: Callable[..., Any]) -> None:
    page = visit()
    speak(page, "Who am I?")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, a[href], input, textarea')]
            .filter((e) => e.checkVisibility({ visibilityProperty: true }))
            .filter((e) => !e.ariaLabel && !e.innerText.trim() && !e.title
                && !(e.labels && e.labels.length) && !e.closest('label') && e.type !== 'file')
            .map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
