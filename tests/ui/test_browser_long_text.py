"""A long text in Chromium: pasted, spoken while it is heard, stopped, gone on with, downloaded."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bark.audio.files import read_audio
from bark.ui.state.studio import Studio
from tests.ui.browser import visit_of

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
WORDS = "one two three four five six".split()
TEXT = "\n\n".join(f"This is the sentence with number {word}." for word in WORDS)
READY = ".long-room .chunk:not(.unmade)"


def lay_out(page: Any, text: str = TEXT, n: int = 6) -> None:
    page.click("#tab-long")
    page.fill(".long-text", text)
    page.click(".long-room button:has-text('Lay out')")
    page.wait_for_function(f"document.querySelectorAll('.long-room .chunk').length === {n}")


def wait_until_over(page: Any) -> None:
    page.wait_for_function("!barkStudio.long.busy && !document.querySelector('#status .bar')")


def test_six_sentences_are_spoken_stopped_gone_on_with_and_downloaded(
    visit: Visit, running: tuple[Studio, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 0.3)
    page = visit()
    lay_out(page)
    page.click("#speak-long")
    page.wait_for_function("barkStudio.long.sound.playing")  # before the others are made
    page.wait_for_selector(".long-room .chunk.playing")
    page.wait_for_function("document.querySelector('#speak-long').textContent === 'Stop'")
    page.click("#speak-long")
    wait_until_over(page)
    assert "Stopped; kept" in page.inner_text("#status")
    assert 1 <= page.locator(READY).count() < 6
    page.wait_for_function("document.querySelector('#speak-long').textContent === 'Go on'")
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 0.0)
    page.click("#speak-long")
    page.wait_for_function(f"document.querySelectorAll('{READY}').length === 6")
    wait_until_over(page)
    for format in ("wav", "mp3", "srt"):
        with page.expect_download() as download:
            page.click(f".long-room a[data-format={format}]")
        download.value.save_as(tmp_path / f"whole.{format}")
    audio, rate = read_audio(tmp_path / "whole.wav")
    assert len(audio) / rate > 6
    assert "number six." in (tmp_path / "whole.srt").read_text()


def test_a_click_hears_from_there_and_goes_on_in_order(visit: Visit) -> None:
    page = visit()
    lay_out(page)
    page.click("#speak-long")
    page.wait_for_function(f"document.querySelectorAll('{READY}').length === 6")
    wait_until_over(page)
    page.locator(".long-room .face").nth(3).click()
    page.wait_for_function("barkStudio.long.sound.number === 4")
    page.wait_for_function("barkStudio.long.sound.number === 5")
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    page.wait_for_function("!barkStudio.long.sound.playing")


def test_a_press_on_a_sentence_hears_from_there_and_it_is_marked(visit: Visit) -> None:
    page = visit()
    lay_out(page, "It was late. The rain had stopped, and the road was empty.", 1)
    page.click("#speak-long")
    page.wait_for_function("barkStudio.long.sound.playing")
    wait_until_over(page)
    page.click(".sentence[data-at='1']")
    page.wait_for_selector(".sentence.now[data-at='1']")
    begins = page.evaluate("barkStudio.long.sound.starts[1]")
    assert begins > 0
    assert page.evaluate("barkStudio.long.sound.audio.currentTime") >= begins
    bar = "document.querySelector('.long-time input')"
    assert page.evaluate(f"Number({bar}.value) + Number({bar}.step)") >= begins


def test_the_cast_is_chosen_and_earlier_texts_are_opened_and_removed(visit: Visit) -> None:
    page = visit()
    lay_out(page, "An earlier text.", 1)
    page.click(".long-room button:has-text('New text')")
    lay_out(page, "Ada: Good morning to you all.\nBen: And to you.\nAda: Come in.", 3)
    page.select_option("select[aria-label='Voice of Ben']", "elm")
    page.wait_for_function("barkStudio.long.long.speakers.Ben === 'elm'")
    assert "Ben" not in page.inner_text(".long-room .grid-bar .hint")
    page.click(".earlier-texts summary")
    page.click(".earlier-texts .open")
    page.wait_for_function("document.querySelectorAll('.long-room .chunk').length === 1")
    assert page.input_value(".long-text") == "An earlier text."
    page.click(".earlier-texts summary")
    page.click(".earlier-texts .filter")
    page.click(".earlier-texts .filter:has-text('Really delete?')")
    page.wait_for_selector(".earlier-texts", state="hidden")


def test_what_is_typed_is_not_written_over_by_what_an_earlier_visit_left(visit: Visit) -> None:
    page = visit()
    lay_out(page, "An earlier text.", 1)
    held: list[Any] = []
    page.route(re.compile(r"/long/[^/]+$"), lambda route, _: held.append(route))
    page.reload()
    page.wait_for_selector("#model-line b")
    page.click("#tab-long")
    page.wait_for_function("barkStudio.long.asked")
    page.fill(".long-text", "Typed before that came.")
    page.wait_for_timeout(200)
    for route in held:
        route.continue_()
    page.wait_for_timeout(500)
    assert held
    assert page.input_value(".long-text") == "Typed before that came."


def test_what_is_typed_and_not_laid_out_outlives_a_reload(visit: Visit) -> None:
    page = visit()
    lay_out(page, "An earlier text.", 1)
    page.fill(".long-text", "Typed, and not laid out.")
    page.reload()
    page.wait_for_selector("#model-line b")
    page.wait_for_function("barkStudio.long.asked")
    assert page.input_value(".long-text") == "Typed, and not laid out."
    page.click("#tab-long")
    page.click(".long-room button:has-text('Lay out')")
    page.wait_for_selector(".words:has-text('Typed, and not laid out.')")
    assert page.evaluate("sessionStorage.getItem('bark-long')") is None


def test_a_text_that_another_tab_removed_is_laid_out_anew(visit: Visit) -> None:
    page = visit()
    lay_out(page)
    before = page.evaluate("barkStudio.long.long.id")
    page.evaluate("barkStudio.long.earlier.remove(barkStudio.long.long.id)")
    page.wait_for_function("barkStudio.long.earlier.texts.length === 0")
    page.click("#speak-long")
    page.wait_for_selector("#status .fault:has-text('lay it out anew')")
    page.click(".long-room button:has-text('Lay out')")
    page.wait_for_function(f"barkStudio.long.long.id !== '{before}'")
    assert page.locator(".long-room .chunk").count() == 6


def test_a_file_does_not_take_the_place_of_a_text_that_is_being_made(
    visit: Visit, running: tuple[Studio, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 0.3)
    page = visit()
    lay_out(page)
    page.click("#speak-long")
    page.wait_for_function("barkStudio.long.busy")
    (tmp_path / "other.txt").write_text("Other words.")
    page.set_input_files(".long-room input[type=file]", tmp_path / "other.txt")
    page.wait_for_selector("#said-line.fault:has-text('stop it first')")
    assert page.evaluate("barkStudio.long.chunks.size") == 6
    page.click("#speak-long")
    wait_until_over(page)


def test_after_a_refusal_the_words_in_the_box_are_spoken_not_the_old_ones(
    visit: Visit, running: tuple[Studio, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit()
    lay_out(page)
    runs = visit_of(running[0], page).runs
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 1.0)
    page.click("#speak")
    page.wait_for_selector("#status .bar")
    page.fill(".long-text", "Quite other words.")
    page.press("#speak-long", "Enter")
    page.wait_for_function("barkStudio.long.askedAt < 0")  # the run's bar soon hides the refusal
    assert page.locator(".long-room .words").count() == 6
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 0.0)
    assert runs.wait_until_idle(60)
    page.wait_for_function("!document.querySelector('#status .bar')")  # and the page knows it
    page.press("#speak-long", "Enter")
    page.wait_for_selector(f"{READY} .words")
    wait_until_over(page)
    assert page.locator(".long-room .words").all_inner_texts() == ["Quite other words."]


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_the_first_press_after_an_edit_counts_and_then_the_box_is_small(
    visit: Visit, size: tuple[int, int]
) -> None:
    page = visit(*size)
    lay_out(page)
    page.click(".long-text")
    tall = page.locator(".long-text").bounding_box()["height"]
    page.fill(".long-text", "Quite other words.")
    page.click(".long-room button:has-text('Lay out')")
    page.wait_for_function("barkStudio.long.chunks.size === 1")
    page.wait_for_function(f"document.querySelector('.long-text').offsetHeight < {tall / 2}")


def test_a_press_of_speak_counts_once_until_it_is_answered(visit: Visit) -> None:
    page = visit()
    page.click("#tab-long")
    page.evaluate(
        """() => {
            window.sent = 0;
            const { trigger } = barkStudio.long;
            barkStudio.long.trigger = (...asked) => (sent++, trigger(...asked));
        }"""
    )
    for n in (1, 2):  # refused twice with the same words
        page.evaluate("for (const i of [1, 2, 3]) document.querySelector('#speak-long').click()")
        page.wait_for_function("barkStudio.long.askedAt < 0")
        assert page.evaluate("sent") == n
    page.fill(".long-text", TEXT)
    page.dblclick("#speak-long")
    page.wait_for_function(f"document.querySelectorAll('{READY}').length === 6")
    wait_until_over(page)
    assert page.evaluate("sent") == 3
    assert "Made 6 of 6 chunks" in page.inner_text("#status")


def test_what_is_typed_behind_a_pasted_text_stays_when_its_layout_comes(visit: Visit) -> None:
    page = visit()
    page.click("#tab-long")
    page.fill(".long-text", TEXT)
    page.wait_for_timeout(500)  # what else is asked for has been
    held: list[Any] = []
    page.route(re.compile(r"/queue/join"), lambda route, _: held.append(route), times=1)
    page.evaluate("barkStudio.long.layOut()")  # as a paste does
    page.focus(".long-text")
    page.keyboard.press("Control+End")
    page.keyboard.type(" And my own last words.")
    held[0].continue_()
    page.wait_for_function("barkStudio.long.chunks.size === 6")
    assert page.input_value(".long-text") == f"{TEXT} And my own last words."
    page.click(".long-room button:has-text('Lay out')")
    page.wait_for_selector(".words:has-text('And my own last words.')")


def test_a_setting_that_is_typed_stays_when_the_answer_to_another_comes(visit: Visit) -> None:
    page = visit()
    lay_out(page)
    page.click(".long-settings summary")
    speed = page.get_by_label("Speed", exact=True).and_(page.locator(".long-settings input"))
    pronunciations = page.locator(".long-settings textarea")
    speed.fill("1.2")
    pronunciations.focus()
    page.keyboard.type("Nguyen = win")
    page.evaluate("barkStudio.long.settings.fields.loudness.value = -21")  # and not left yet
    page.wait_for_function("barkStudio.long.long.settings.speed === 1.2")
    assert pronunciations.input_value() == "Nguyen = win"
    assert page.evaluate("barkStudio.long.settings.fields.loudness.value") == "-21"
    pronunciations.blur()
    page.wait_for_function("barkStudio.long.long.settings.pronunciations === 'Nguyen = win'")
    assert page.evaluate("barkStudio.long.long.settings.loudness_lufs") == -21
    page.click(".long-room button:has-text('New text')")
    assert (speed.input_value(), pronunciations.input_value()) == ("1", "")


def test_a_voice_is_chosen_by_keyboard_without_losing_the_place(visit: Visit) -> None:
    page = visit()
    lay_out(page, "Ada: Good morning to you all.\nBen: And to you.\nAda: Come in.", 3)
    voice = page.locator("select[aria-label='Voice of Ben']")
    voice.focus()
    for n in (1, 2):
        page.keyboard.press("ArrowDown")
        chosen = page.evaluate(f"barkStudio.long.settings.choices.get('Ben').options[{n}].value")
        page.wait_for_function(f"barkStudio.long.long.settings.cast.Ben === '{chosen}'")
    assert voice.evaluate("(select) => select === document.activeElement")
    assert voice.input_value() == chosen
    assert page.locator(".cast .member").count() == 2


def test_a_text_that_is_being_made_can_be_stopped_after_a_reload(
    visit: Visit, running: tuple[Studio, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running[0].visits, "_grace_s", 60)
    monkeypatch.setattr(running[0].engine.bark, "pace_s", 1.0)
    page = visit()
    lay_out(page)
    page.click("#speak-long")
    page.wait_for_function("barkStudio.long.busy")
    held: list[Any] = []
    page.route(re.compile(r"/long/[^/]+$"), lambda route, _: held.append(route))
    page.reload()
    page.wait_for_function("window.barkStudio?.long?.busy")
    page.wait_for_function("barkStudio.long.asked")
    page.wait_for_timeout(500)
    for route in held:  # asked for or not, as the run's news came first or last
        route.continue_()
    page.wait_for_timeout(500)
    assert page.evaluate("barkStudio.long.busy")
    assert page.inner_text("#speak-long") == "Stop"
    page.click("#speak-long")
    wait_until_over(page)


def test_one_chunk_is_edited_alone_and_all_is_there_after_a_reload(visit: Visit) -> None:
    page = visit()
    lay_out(page)
    page.click("#speak-long")
    page.wait_for_function(f"document.querySelectorAll('{READY}').length === 6")
    wait_until_over(page)
    before = page.evaluate("[...barkStudio.long.chunks.values()].map((c) => c.key)")
    page.click("[aria-label='Edit, chunk 2']")
    page.fill(".chunk-edit textarea", "Quite other words.")
    page.click(".chunk-edit button:has-text('Speak these words')")
    page.wait_for_function("barkStudio.long.chunk(2).text === 'Quite other words.'")
    page.wait_for_function(f"document.querySelectorAll('{READY}').length === 6")
    wait_until_over(page)
    after = page.evaluate("[...barkStudio.long.chunks.values()].map((c) => c.key)")
    assert [i for i in range(6) if before[i] != after[i]] == [1]
    page.reload()
    page.wait_for_selector("#model-line b")
    page.click("#tab-long")
    page.wait_for_function(f"document.querySelectorAll('{READY}').length === 6")
    page.wait_for_selector(".long-room .words:has-text('Quite other words.')")
    assert page.evaluate("barkStudio.rooms.name") == "long"


def test_words_in_other_chunks_and_of_a_refused_edit_stay(visit: Visit) -> None:
    page = visit()
    lay_out(page)
    forms = page.locator(".chunk-edit textarea")
    page.click("[aria-label='Edit, chunk 2']")
    forms.nth(0).fill("Words for chunk two.")
    page.click("[aria-label='Edit, chunk 5']")
    forms.nth(1).fill("Words for chunk five.")
    page.locator(".chunk-edit button:has-text('Speak these words')").first.click()
    forms.last.focus()  # and is written on
    page.wait_for_function("barkStudio.long.chunk(2).text === 'Words for chunk two.'")
    page.wait_for_function(f"document.querySelectorAll('{READY}').length === 6")
    wait_until_over(page)
    assert forms.count() == 1
    assert page.input_value("li:nth-child(5) .chunk-edit textarea") == "Words for chunk five."
    assert page.evaluate("document.activeElement.closest('.chunk-edit')?.number") == 5
    long = "Very many words. " * 200
    forms.fill(long)
    page.click(".chunk-edit button:has-text('Speak these words')")
    page.wait_for_selector("#status .fault:has-text('a chunk may take')")
    wait_until_over(page)
    assert forms.input_value() == long
    forms.fill("Words for chunk five.")
    page.click(".chunk-edit button:has-text('Speak these words')")
    page.wait_for_selector(".chunk-edit", state="detached")
    page.wait_for_selector("li:nth-child(5).chunk .words:has-text('Words for chunk five.')")


def test_a_phone_shows_it_without_sideways_scrolling(visit: Visit) -> None:
    page = visit(390, 844)
    lay_out(page, "Ada: Good morning to you all.\nBen: And to you.\nAda: Come in.", 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".long-room .face").first.bounding_box()["height"] >= 44
