"""The pictures that the README opens with, taken of the studio as it is.

    python -m tests.ui.pictures docs/pictures

Nano makes the takes that are seen; seeds are fixed, so that only a change of the page or of the
model changes the pictures.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from bark.pipeline import Bark
from bark.ui.build import build_demo, serve
from bark.ui.state.engine import Engine
from bark.ui.state.sessions import Visits
from bark.ui.state.studio import Studio
from tests.ui.conftest import FLAGS

SIZE = {"width": 1600, "height": 900}
TEXT = "Good morning, and how did you sleep?"
PATIENCE_MS = 180_000


def take_pictures(folder: Path) -> list[Path]:
    """Writes `studio.png` and `grid.png` into a folder; returns where they lie."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    engine = Engine(
        "nano",
        open_model=lambda name: Bark.from_pretrained(name),
        fetch_model=lambda name, on_progress, stop: None,
    )
    engine.start()
    with tempfile.TemporaryDirectory() as takes, sync_playwright() as playwright:
        studio = Studio(engine, Visits(Path(takes)), offline=True)
        server = serve(studio, build_demo(studio), quiet=True)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(PATIENCE_MS)
        page.goto(server.url)
        page.wait_for_selector("#model-line b")
        _make_grid(page)
        page.screenshot(path=folder / "grid.png")
        page.locator(".cells .face").nth(4).press("Enter")  # opens it as a take
        page.wait_for_selector(".stage[data-state=take] .said .word")
        page.wait_for_function("barkStudio.stage.sound.position > 1.2")
        page.keyboard.press("Space")
        page.wait_for_timeout(400)
        page.screenshot(path=folder / "studio.png")
        browser.close()
        server.demo.close()
        studio.close()
    return [folder / "studio.png", folder / "grid.png"]


def _make_grid(page: Any) -> None:
    page.fill("#prompt textarea", TEXT)
    page.locator("#seed input, #seed textarea").press_sequentially("7")
    page.click("#tab-grid")
    page.select_option("select[aria-label='Down: setting']", "voice")
    page.fill("input[aria-label='Down: values']", "alder, birch, cedar")
    page.wait_for_function("document.querySelector('#make-grid').textContent === 'Make 9'")
    page.click("#make-grid")
    page.wait_for_function("document.querySelectorAll('.cells .face svg').length === 9")
    page.wait_for_function("!document.querySelector('#status .bar')")
    page.locator(".cells .star").nth(4).click()
    page.locator(".cells .face").nth(4).click()
    page.wait_for_function("barkStudio.grid.deck.position > 1")


if __name__ == "__main__":
    for path in take_pictures(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures")):
        sys.stdout.write(f"{path}\n")
