"""How quick the studio's page is in Chromium, with nano: `python -m benchmarks.page`.

Needs playwright from the development requirements, and Chromium on the machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bark import Bark, GenerationOptions
from bark.compare.axes import parse_axis
from bark.compare.make import make_cells
from bark.compare.plan import GridPlan
from bark.ui.build import build_demo, serve
from bark.ui.state.engine import Engine
from bark.ui.state.sessions import Visits
from bark.ui.state.studio import Studio
from bark.voices.library import list_voices

from .machine import describe_machine
from .options import parser_of
from .report import Row, keep, markdown, spread

_FLAGS = (
    "--no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required"
).split()
_SENTENCE = "The old man walked slowly down to the harbour, and looked out over the sea."
_LONG = " ".join([_SENTENCE] * 3)
_SIZE = {"width": 1440, "height": 900}
_PATIENCE_MS = 300_000
_GRID = [("text_temperature", "0.5, 0.7, 0.9"), ("voice", "alder, birch, cedar"), ("seed", "7, 8")]

# Milliseconds from a press to what is then seen, on the page's own clock.
_PRESS = """async ([press, seen]) => {
    const [does, is] = [new Function(press), new Function(`return ${seen}`)];
    const began = performance.now();
    does();
    while (!is() && performance.now() - began < 120000)
        await new Promise((next) => setTimeout(next, 2));
    await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""
_MANY = """async (n) => {
    const [one] = barkStudio.store.all();
    const takes = Array.from({length: n}, (_, i) => ({
        ...one, id: `made-up-${i}`, number: i + 1, at: one.at - 600 * (n - i), text: `Line ${i}.`,
    }));
    barkStudio.store.ask = () => {};
    barkStudio.store.apply({takes, removed: [], whole: true});
    await new Promise(requestAnimationFrame);
}"""
# The longest wait between two frames while the list is scrolled through, in milliseconds.
_SCROLL = """async () => {
    const {list} = barkStudio.library;
    let [longest, last] = [0, await new Promise(requestAnimationFrame)];
    for (let i = 0; i < 120; i++) {
        list.scrollTop += 137;
        const now = await new Promise(requestAnimationFrame);
        [longest, last] = [Math.max(longest, now - last), now];
    }
    return longest;
}"""


@dataclasses.dataclass(frozen=True)
class Measure:
    """One thing that is waited for.

    Attributes:
        wanted_s: on an idle machine of two cores.
        seconds: of each repetition.
    """

    what: str
    wanted_s: float
    seconds: tuple[float, ...]

    @property
    def holds(self) -> bool:
        """Whether the median is within what is wanted."""
        return statistics.median(self.seconds) <= self.wanted_s


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table and, for each line, whether it is what is wanted."""
    parser = parser_of("benchmarks.page", __doc__)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args(argv)
    print(describe_machine())
    load_before = os.getloadavg()[0]
    with _studio() as (url, bark):
        measures = list(_measure(url, bark, args))
    print(f"\nload of the machine before and after: {load_before:.1f}, {os.getloadavg()[0]:.1f}")
    print(f"\n{markdown(rows(measures))}")
    keep(args, {"page": measures})


def rows(measures: Sequence[Measure]) -> list[Row]:
    """A row for each measure, with its verdict."""
    return [
        {
            "what": measure.what,
            "s": spread(measure.seconds, 3),
            "wanted": f"{measure.wanted_s:g}",
            "holds": "yes" if measure.holds else "no",
        }
        for measure in measures
    ]


@contextmanager
def _studio() -> Iterator[tuple[str, Bark]]:
    """A running studio with nano and an empty folder: its address and its model."""
    engine = Engine(
        "nano",
        open_model=lambda name: Bark.from_pretrained(name),
        fetch_model=lambda name, on_progress, stop: None,
    )
    engine.start()
    with tempfile.TemporaryDirectory() as takes:
        studio = Studio(engine, Visits(Path(takes)), offline=True)
        server = serve(studio, build_demo(studio), quiet=True)
        engine.wait(60)
        try:
            yield server.url, engine.ready()
        finally:
            server.demo.close()
            studio.close()


def _measure(url: str, bark: Bark, args: argparse.Namespace) -> Iterator[Measure]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        n: int = args.repeats
        yield Measure("the page opens", 2.0, tuple(_opening(browser, url) for _ in range(n)))
        page = _open(browser.new_context(viewport=_SIZE), url)
        yield from _takes(page, n)
        yield _grid(page, bark)
        page.evaluate(_MANY, 500)
        longest = tuple(page.evaluate(_SCROLL) / 1000 for _ in range(n))
        yield Measure("the longest frame, scrolling through 500 takes", 0.05, longest)
        browser.close()


def _open(context: Any, url: str) -> Any:
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    page.goto(url)
    page.wait_for_selector("#model-line b")
    page.wait_for_selector("#speak")
    return page


def _opening(browser: Any, url: str) -> float:
    """Seconds until everything is there; the browser's cache is empty."""
    context = browser.new_context(viewport=_SIZE)
    began = time.perf_counter()
    _open(context, url)
    took = time.perf_counter() - began
    context.close()
    return took


def _takes(page: Any, n: int) -> Iterator[Measure]:
    """Speaking, stopping, choosing: each n times."""

    def pressed(press: str, seen: str) -> float:
        took: float = page.evaluate(_PRESS, [press, seen])
        return took / 1000

    def idle() -> None:
        page.wait_for_function("!document.querySelector('#status .bar')")
        page.wait_for_function("barkStudio.store.making.size === 0")

    first, stopped = [], []
    page.fill("#prompt textarea", _SENTENCE)
    for _ in range(n + 1):
        page.evaluate("barkStudio.stage.sound.pause()")
        first.append(pressed("document.querySelector('#speak').click()", _HEARD))
        idle()
    page.fill("#prompt textarea", _LONG)
    for _ in range(n):
        n_takes = page.evaluate("barkStudio.store.takes.size")
        page.click("#speak")
        page.wait_for_selector("#status .bar")
        kept = f"barkStudio.store.takes.size > {n_takes}"
        stopped.append(pressed("document.querySelector('#stop').click()", kept))
        idle()
    chosen = [
        pressed(
            f"document.querySelectorAll('.takes .main')[{i}].click()",
            f"barkStudio.stage.take === barkStudio.library.takes[{i}]",
        )
        for i in range(n)
    ]
    yield Measure("from Speak to sound", 0.5, tuple(first[1:]))
    yield Measure("from Stop to the kept take", 0.3, tuple(stopped))
    yield Measure("another take is shown", 0.05, tuple(chosen))


_HEARD = "barkStudio.stage.sound.playing"  # live, or finished before enough was there


def _grid(page: Any, bark: Bark) -> Measure:
    """A grid of 18, beside the time of the same batches without a page."""
    began = time.perf_counter()
    made = list(make_cells(_plan(bark), open_model=lambda _: bark, load_voice=_voice))
    alone_s = time.perf_counter() - began
    assert len(made) >= 18
    page.click("#tab-grid")
    for place, (name, values) in zip(("Across", "Down", "Pages"), _GRID, strict=True):
        page.select_option(f"select[aria-label='{place}: setting']", name)
        page.fill(f"input[aria-label='{place}: values']", values)
    page.wait_for_function("document.querySelector('#make-grid').textContent === 'Make 18'")
    began = time.perf_counter()
    page.click("#make-grid")
    page.wait_for_function("barkStudio.grid.cells.size === 18")
    took = time.perf_counter() - began
    return Measure(f"a grid of 18 (its batches alone: {alone_s:.1f})", 1.2 * alone_s, (took,))


def _plan(bark: Bark) -> GridPlan:
    voices = list_voices(bark.spec)
    axes = [parse_axis(name, values, voices=voices) for name, values in _GRID]
    return GridPlan.of(_LONG, axes, options=GenerationOptions(seed=7))


def _voice(name: str | None, bark: Bark) -> Any:
    return bark.voice(name)


if __name__ == "__main__":
    main()
