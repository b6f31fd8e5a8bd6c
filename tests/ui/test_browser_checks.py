"""The check of takes in Chromium: a press, flags in the rows, and a list narrowed to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from bark.options import GenerationOptions
from bark.ui.state.studio import Studio
from tests.fake_bark import FakeBark

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
ROWS = ".takes .row:not(.pending)"


def test_takes_are_checked_by_a_press_and_found_by_what_is_wrong(
    visit: Visit, running: tuple[Studio, str]
) -> None:
    page = visit()
    page.wait_for_function("barkStudio.store.url")
    key = page.evaluate("barkStudio.store.url").rsplit("/", 1)[1]
    takes = running[0].visits.by_key(key).takes  # type: ignore[union-attr]
    for i in range(7):
        take = FakeBark().generate(f"Take {i} of seven.", options=GenerationOptions(seed=i))
        takes.add(dataclasses.replace(take, stop_reason="length" if i == 4 else "end"))
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 7")
    page.click(".takes .filters button:has-text('Check')")
    page.wait_for_selector("#said-line:has-text('Checked 7 takes; 1 flagged.')")
    assert page.inner_text(".takes .row .flag") == "Cut"
    page.select_option(".takes select[aria-label=Check]", "flagged")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 1")
    page.select_option(".takes select[aria-label=Check]", "passed")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 6")
    page.select_option(".takes select[aria-label=Check]", "flagged")
    page.click(f"{ROWS} .main")
    page.wait_for_selector(".stage .facts:has-text('ended by the model')")
