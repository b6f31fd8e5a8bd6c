"""How many presses what an experimenter does all day costs, counted by Chromium."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bark.options import GenerationOptions
from bark.spec import NANO
from bark.ui.state.sessions import Visits
from bark.ui.state.studio import Studio
from bark.voices.library import list_voices
from tests.fake_bark import FakeBark
from tests.ui import browser
from tests.ui.browser import Presses

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
Running = tuple[Studio, str]


def test_eight_seeds_are_three_presses_and_arrows(visit: Visit) -> None:
    page = visit()
    presses = Presses(page)
    page.click("#n-takes input")
    page.click("ul[role=listbox] li:has-text('8')")
    page.click("#speak")
    page.wait_for_function("barkStudio.store.takes.size === 8")
    page.wait_for_function("!document.querySelector('#status .bar')")
    assert len(set(page.locator(".takes .row .seed").all_inner_texts())) == 8
    first = page.evaluate("barkStudio.stage.take.number")
    page.keyboard.press("ArrowUp")
    page.wait_for_function(f"barkStudio.stage.take.number === {first + 1}")
    page.wait_for_function("barkStudio.stage.sound.playing")
    page.keyboard.press("s")
    page.wait_for_selector(".takes .star[aria-pressed=true]")
    assert presses.n == 3


def test_all_voices_are_three_presses(visit: Visit) -> None:
    page = visit()
    presses = Presses(page)
    page.click("#tab-grid")
    page.click(".presets button:has-text('Voice')")
    n_voices = len(list_voices(NANO, with_own=False))
    page.wait_for_function(
        f"document.querySelector('#make-grid').textContent === 'Make {n_voices}'"
    )
    page.click("#make-grid")
    page.wait_for_function(f"document.querySelectorAll('.cells .face svg').length === {n_voices}")
    assert presses.n <= 4
    assert len(page.locator(".cells [role=columnheader]").all_inner_texts()) == n_voices + 1


def test_two_temperatures_against_each_other_are_four_presses(visit: Visit) -> None:
    page = visit()
    presses = Presses(page)
    page.click("#tab-grid")
    page.click(".presets button:has-text('Text temperature × Waveform temperature')")
    page.wait_for_function("document.querySelector('#make-grid').textContent === 'Make 9'")
    page.click("#make-grid")
    page.wait_for_function("document.querySelectorAll('.cells .face svg').length === 9")
    assert presses.n <= 4


def test_sixty_files_are_two_presses(visit: Visit, running: Running, tmp_path: Path) -> None:
    page = visit()
    browser.add_takes(browser.visit_of(running[0], page), [f"Line {i}." for i in range(60)])
    browser.look_again(page, 60)
    presses = Presses(page)
    page.click(".list-head button:has-text('Select all')")
    with page.expect_download() as download:
        page.click(".chosen-bar button:has-text('Download ZIP')")
    download.value.save_as(tmp_path / "takes.zip")
    assert presses.n == 2
    with zipfile.ZipFile(tmp_path / "takes.zip") as archive:
        assert len([name for name in archive.namelist() if name.endswith(".wav")]) == 60


def test_last_weeks_take_is_two_words(visit: Visit, running: Running) -> None:
    page = visit()
    owner = browser.visit_of(running[0], page)
    texts = ["The grey heron waits.", "The grey cat sleeps.", *[f"Line {i}." for i in range(20)]]
    browser.add_takes(owner, texts)
    week_ago = time.time() - 7 * 86_400
    wanted = next(take for take in owner.takes.all() if take.text == texts[0])
    assert wanted.path is not None
    os.utime(wanted.path, (week_ago, week_ago))
    browser.look_again(page, 22)
    presses = Presses(page)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    page.keyboard.type("grey heron")
    page.wait_for_function("document.querySelectorAll('.takes .row').length === 1")
    page.keyboard.press("Escape")
    assert page.input_value(".search") == "grey heron"  # what narrows the list is to be seen
    page.keyboard.press("ArrowDown")
    page.wait_for_function("barkStudio.stage.take.text === 'The grey heron waits.'")
    assert presses.n == 0


def test_a_note_is_a_key_words_and_enter(visit: Visit, running: Running) -> None:
    page = visit()
    browser.add_takes(browser.visit_of(running[0], page), ["Worth a note."])
    browser.look_again(page, 1)
    page.evaluate("barkStudio.stage.choose(barkStudio.store.all()[0])")
    presses = Presses(page)
    page.keyboard.press("n")
    page.keyboard.type("keep")
    page.keyboard.press("Enter")
    page.wait_for_selector(".takes .text em:has-text('keep')")
    assert presses.n == 0


def test_what_is_shown_as_old_is_old_after_a_restart(tmp_path: Path) -> None:
    """The day of a take is its file's, so that last week's is found as last week's."""
    store = Visits(tmp_path).session("tab").visit.takes
    stored = store.add(FakeBark().generate("Old.", options=GenerationOptions(seed=1)))
    assert stored.path is not None
    week_ago = time.time() - 7 * 86_400
    os.utime(stored.path, (week_ago, week_ago))
    (again,) = Visits(tmp_path).session("tab").visit.takes.all()
    assert abs(again.made_at - week_ago) < 2
