"""What a visitor relies on: nothing made is lost, nothing happens that was not asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bark.options import GenerationOptions
from bark.ui.state.studio import Studio
from tests.fake_bark import FakeBark
from tests.ui import browser
from tests.ui.test_browser import ROWS, speak

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
Running = tuple[Studio, str]
# A browser without a network, which writes no errors of its own.
CUT = """() => {
    window.wholeFetch = fetch;
    window.fetch = () => Promise.reject(new TypeError("cut"));
}"""
MEND = "() => { window.fetch = window.wholeFetch; }"


def n_rows(page: Any, n: int) -> None:
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === {n}")


def test_a_typed_seed_is_the_one_that_is_used(visit: Visit) -> None:
    page = visit()
    page.locator("#seed input, #seed textarea").press_sequentially("4242")
    page.wait_for_function("document.querySelector('#hold label.selected')?.innerText === 'hold'")
    speak(page, "With the seed that I chose.")
    assert page.inner_text(".takes .seed") == "4242"


def test_a_pasted_seed_is_held_and_an_emptied_box_draws_again(visit: Visit) -> None:
    page = visit()
    page.focus("#seed input, #seed textarea")
    page.keyboard.insert_text("4242")  # as a paste: no key is pressed
    page.wait_for_selector("#hold label.selected >> text=hold")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.wait_for_selector("#hold label.selected >> text=new each time")


def test_a_reload_while_speaking_loses_nothing(
    visit: Visit, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 0.5)
    monkeypatch.setattr(running[0].visits, "_grace_s", 30.0)
    page = visit()
    page.fill("#prompt textarea", "Reloaded while it is being made.")
    page.click("#speak")
    page.wait_for_function("barkStudio.stage.sound.length > 0")
    page.reload()
    page.wait_for_selector("#status .bar")  # it goes on, and says so
    n_rows(page, 1)
    page.wait_for_function("barkStudio.stage.take?.number === 1")
    assert "stopped" not in page.inner_text(".stage .title")


def test_a_reload_keeps_the_whole_form(visit: Visit) -> None:
    page = visit()
    page.fill("#prompt textarea", "Everything stays.")
    page.fill("#text-temperature input[type=number]", "0.35")
    page.locator("#seed input, #seed textarea").press_sequentially("99")
    page.wait_for_timeout(400)
    page.reload()
    page.wait_for_selector("#model-line b")
    page.wait_for_function(
        "document.querySelector('#prompt textarea').value === 'Everything stays.'"
    )
    assert page.input_value("#text-temperature input[type=number]") == "0.35"
    assert page.input_value("#seed input, #seed textarea") == "99"
    assert page.inner_text("#hold label.selected") == "hold"


def test_space_after_speak_plays_and_makes_nothing(visit: Visit) -> None:
    page = visit()
    speak(page, "Once is enough.")
    page.wait_for_function("!barkStudio.stage.sound.playing && barkStudio.stage.sound.length > 0")
    page.keyboard.press("Space")
    page.wait_for_function("barkStudio.stage.sound.playing")
    page.wait_for_timeout(300)
    assert page.locator(ROWS).count() == 1


def test_two_deletions_are_both_taken_back(visit: Visit) -> None:
    page = visit()
    speak(page, "First, with a star.")
    page.click(".stage .star")
    speak(page, "Second.", 2)
    page.keyboard.press("Delete")
    n_rows(page, 1)
    page.keyboard.press("Delete")
    n_rows(page, 0)
    page.keyboard.press("z")
    page.wait_for_selector(".takes .star[aria-pressed=true]")
    page.keyboard.press("z")
    n_rows(page, 2)
    speak(page, "Third.", 3)
    assert page.locator(".takes .number").first.inner_text() == "3"


def test_rows_are_there_while_takes_are_being_made(
    visit: Visit, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 0.1)
    page = visit()
    page.click("#n-takes input")
    page.click("ul[role=listbox] li:has-text('4')")
    page.click("#speak")
    page.wait_for_function("document.querySelectorAll('#takes .row.pending').length === 4")
    page.click("#stop")
    page.wait_for_function("document.querySelectorAll('#takes .row.pending').length === 0")


def test_choosing_and_starring_do_not_wait_for_the_server(visit: Visit) -> None:
    page = visit()
    speak(page, "One.")
    speak(page, "Two.", 2)
    page.route("**/takes/**/act", lambda route: None)  # a server that never answers
    took = page.evaluate(
        """async () => {
            const started = performance.now();
            document.querySelectorAll('.takes .main')[1].click();
            document.querySelectorAll('.takes .star')[1].click();
            const shown = () => document.querySelectorAll('.takes .star')[1].ariaPressed === 'true'
                && document.querySelector('.stage .title').textContent === 'Take 1';
            while (!shown() && performance.now() - started < 2000)
                await new Promise(requestAnimationFrame);
            return performance.now() - started;
        }"""
    )
    assert took < 500
    page.unroute_all()


def test_a_second_tab_hears_of_what_the_first_one_does(visit: Visit) -> None:
    page = visit()
    other = visit(context=page.context)
    speak(page, "Made in the other tab.")
    other.wait_for_function("document.querySelectorAll('#takes .row:not(.pending)').length === 1")
    page.click(".stage .star")
    other.wait_for_selector(".takes .star[aria-pressed=true]")


def test_the_button_of_a_row_pauses_too(visit: Visit) -> None:
    page = visit()
    speak(page, "Long enough to be paused somewhere in the middle of it, I should think.")
    page.wait_for_function("!barkStudio.stage.sound.playing")
    page.click(".takes .row .play")
    page.wait_for_function("barkStudio.stage.sound.playing")
    assert page.get_attribute(".takes .row .play", "aria-label") == "Pause take 1"
    page.click(".takes .row .play")
    page.wait_for_function("!barkStudio.stage.sound.playing")


def test_every_dropped_file_is_opened(visit: Visit, tmp_path: Path) -> None:
    paths = []
    for seed in (1, 2):
        take = FakeBark().generate("From a file.", options=GenerationOptions(seed=seed))
        paths.append(list(take.save(tmp_path / f"{seed}.flac").read_bytes()))
    page = visit()
    page.evaluate(
        """(files) => {
            const dropped = new DataTransfer();
            files.forEach((bytes, i) =>
                dropped.items.add(new File([new Uint8Array(bytes)], `${i}.flac`)));
            document.body.dispatchEvent(
                new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: dropped}));
        }""",
        paths,
    )
    n_rows(page, 2)


def test_sound_that_would_starve_waits_and_says_how_long(
    visit: Visit, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit()
    seen = page.evaluate(
        """() => {
            const sound = new Sound(() => {}, () => {});
            const seen = [];
            sound.startLive(24000, 8);
            for (let s = 0; s < 8; s++) {
                sound.push(s, new Float32Array(24000), 0.5);
                seen.push([s + 1, sound.playing, sound.wait]);
                if (sound.playing) break;
            }
            sound.pause();
            return seen;
        }"""
    )
    # At half the speed of the sound, with some safety, more than half must be there first.
    assert [playing for _, playing, _ in seen[:-1]] == [False] * (len(seen) - 1)
    assert 4 <= seen[-1][0] <= 6
    waits = [wait for _, _, wait in seen[:-1]]
    assert waits == sorted(waits, reverse=True)


def test_the_finished_take_goes_on_without_a_gap(visit: Visit) -> None:
    page = visit()
    gaps = page.evaluate(
        """async () => {
            const sound = new Sound(() => {}, () => {});
            const tone = Float32Array.from({length: 72000}, (_, i) => 0.5 * Math.sin(i / 20));
            const context = sound.wake();
            await context.resume();
            const heard = context.createAnalyser();
            heard.fftSize = 1024;
            const connect = context.createGain.bind(context);
            context.createGain = () => {
                const gain = connect();
                gain.connect(heard);
                return gain;
            };
            sound.startLive(24000, 3);
            sound.push(0, tone, 10);
            const levels = [];
            const data = new Float32Array(1024);
            const listen = setInterval(() => {
                heard.getFloatTimeDomainData(data);
                // the quietest twelfth of a window: any silence of 4 ms shows
                let quietest = 1;
                for (let k = 0; k < 8; k++) {
                    const part = data.subarray(k * 128, (k + 1) * 128);
                    quietest = Math.min(quietest, Math.max(...part.map(Math.abs)));
                }
                levels.push(quietest);
            }, 10);
            await new Promise((done) => setTimeout(done, 500));
            levels.length = 0;
            sound.load(tone, 24000, {keepPosition: true});
            await new Promise((done) => setTimeout(done, 500));
            clearInterval(listen);
            sound.pause();
            return levels.filter((level) => level < 0.2).length;
        }"""
    )
    assert gaps == 0


def test_a_link_fills_the_form_of_somebody_else(visit: Visit) -> None:
    page = visit()
    page.fill("#text-temperature input[type=number]", "0.45")
    page.locator("#seed input, #seed textarea").press_sequentially("77")
    page.wait_for_selector("#hold label.selected >> text=hold")
    speak(page, "Shared — with you.")
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.click(".shares button:has-text('Copy link')")
    page.wait_for_function("window.copied")
    link = page.evaluate("window.copied")
    other = visit(query=link[link.index("#") :])
    other.wait_for_function("document.querySelector('#prompt textarea').value.startsWith('Shared')")
    assert other.input_value("#prompt textarea") == "Shared — with you."
    assert other.input_value("#text-temperature input[type=number]") == "0.45"
    assert other.input_value("#seed input, #seed textarea") == "77"
    assert "#form" not in other.url


def test_a_take_without_its_sound_is_silent_and_play_tries_again(
    visit: Visit, running: Running
) -> None:
    page = visit()
    speak(page, "This one was heard.")
    browser.add_takes(browser.visit_of(running[0], page), ["This one was not fetched yet."])
    browser.look_again(page, 2)
    page.evaluate(CUT)
    page.click(".takes .row:has-text('not fetched') .main")
    page.wait_for_selector(".stage .facts:has-text('could not be fetched')")
    assert page.evaluate("barkStudio.stage.sound.length") == 0  # not what was heard before
    page.click(".shares button:has-text('Copy link')")
    page.wait_for_selector("#said-line.fault:has-text('cannot be reached')")
    page.evaluate(MEND)
    page.click(".stage .transport .play")
    page.wait_for_function("barkStudio.stage.sound.playing && barkStudio.stage.sound.length > 0")
    assert "could not be fetched" not in page.inner_text(".stage .facts")


def test_a_note_that_is_being_written_is_kept_by_a_reload(visit: Visit) -> None:
    page = visit()
    speak(page, "Worth a note.")
    page.click(".stage .note")
    page.keyboard.type("the second word")
    page.reload()
    page.wait_for_function("document.querySelector('.stage .note')?.value === 'the second word'")


def test_a_stop_that_overtakes_its_speak_stops_it_all_the_same(
    visit: Visit, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 0.5)
    page = visit()
    page.fill("#prompt textarea", "Nobody wants to hear this.")
    page.evaluate("for (const id of ['speak', 'stop']) document.getElementById(id).click()")
    page.wait_for_selector("#status:has-text('Stopped before there was any sound.')")
    monkeypatch.undo()
    speak(page, "This one is wanted.")
    assert page.evaluate("barkStudio.stage.take.stopped") is False
