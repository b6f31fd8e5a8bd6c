"""What several browser tests do: fill a visitor's list, count presses, ask axe-core."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from bark.options import GenerationOptions
from bark.ui.actions import grids
from bark.ui.page.form import Form
from bark.ui.state.sessions import Session, Visit
from bark.ui.state.studio import Studio
from tests.fake_bark import FakeBark

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_AXE = """async (tags) => {
    const found = await axe.run(document, {runOnly: tags});
    return found.violations.flatMap(({id, nodes}) =>
        nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary}`));
}"""
_SMALL = """(least) => [...document.querySelectorAll(
    'button, a[href], input, select, textarea, summary, [role=button], [tabindex="0"]')]
    .filter((e) => {
        const box = e.closest('.wrap-inner') // Gradio's menus, which open wherever they are pressed
            || (/checkbox|radio/.test(e.type) && e.closest('label')) || e;
        const {width, height} = box.getBoundingClientRect();
        const seen = e.checkVisibility({visibilityProperty: true}) && e.type !== 'file';
        return seen && width && Math.min(width, height) < least - 0.01;
    })
    .map((e) => `${e.tagName}.${e.className} "${e.ariaLabel || e.innerText}" ` +
        `${e.getBoundingClientRect().width} x ${e.getBoundingClientRect().height}`)"""


def visit_of(studio: Studio, page: Any) -> Visit:
    """The visit that a page shows."""
    page.wait_for_function("barkStudio.store.url")
    visit = studio.visits.by_key(page.evaluate("barkStudio.store.url").split("/")[1])
    assert visit is not None
    return visit


def add_takes(visit: Visit, texts: list[str]) -> None:
    """Makes takes behind the page's back, as another tab would; it hears of them when it asks."""
    for i, text in enumerate(texts):
        visit.takes.add(FakeBark().generate(text, options=GenerationOptions(seed=i)))


def add_grid(studio: Studio, visit: Visit) -> None:
    """Makes a grid of 3 x 2 x 2 there."""
    axes = [["text_temperature", "0.5, 0.7, 0.9"], ["voice", "alder, birch"], ["seed", "7, 8"]]
    form = Form(text="Good morning, and how did you sleep?", seed=5, hold_seed=True)
    list(grids.make(studio, Session(visit), form, {"axes": axes, "same_seed": True}))


def look_again(page: Any, n_takes: int) -> None:
    """Lets the page ask for what is new, and waits until it has as many takes and shows them."""
    page.evaluate("barkStudio.store.ask()")
    page.wait_for_function(f"barkStudio.store.takes.size === {n_takes}")
    # What is new is told to the page's parts in the next frame.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def add_axe(page: Any) -> None:
    """Puts axe-core into a page, past the policy that keeps scripts out of it."""
    found = importlib.util.find_spec("axe_playwright_python")
    assert found is not None
    assert found.origin is not None
    page.evaluate(Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8"))


def faults_of_access(page: Any) -> list[str]:
    """What WCAG 2.2 AA would say of what the page shows now, as far as a program can tell."""
    faults: list[str] = page.evaluate(_AXE, WCAG)
    return faults


def small_targets(page: Any, least: int) -> list[str]:
    """Everything that can be pressed and is smaller than so many pixels."""
    small: list[str] = page.evaluate(_SMALL, least)
    return small


class Presses:
    """Counts the presses of a mouse in a page, as Chromium sees them."""

    def __init__(self, page: Any) -> None:
        self._page = page
        page.evaluate(
            """() => {
                window.presses = 0;
                document.addEventListener(
                    "pointerdown", (event) => (presses += event.isTrusted), true);
            }"""
        )

    @property
    def n(self) -> int:
        """How many there were."""
        presses: int = self._page.evaluate("presses")
        return presses
