"""How quick the studio's page is in Chromium, with nano: `python -m benchmarks.page`.

Needs playwright from the development requirements, and Chromium on the machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
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
_PATIENCE_MS = 30_000  # for each thing that is waited for; then the line says so
_GRID = [("text_temperature", "0.5, 0.7, 0.9"), ("voice", "alder, birch, cedar"), ("seed", "7, 8")]

# Milliseconds from a press to what is then seen, on the page's own clock.
_PRESS = """async ([press, seen, patience]) => {
    const [does, is] = [new Function(press), new Function(`return ${seen}`)];
    const began = performance.now();
    does();
    while (!is()) {
        if (performance.now() - began > patience) throw new Error(`not seen: ${seen}`);
        await new Promise((next) => setTimeout(next, 2));
    }
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
        seconds: of each repetition; none where it never came.
        fault: why it did not.
    """

    what: str
    wanted_s: float
    seconds: tuple[float, ...]
    fault: str = ""

    @property
    def holds(self) -> bool:
        """Whether the median is within what is wanted."""
        return bool(self.seconds) and statistics.median(self.seconds) <= self.wanted_s


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
            "s": spread(measure.seconds, 3) if measure.seconds else measure.fault,
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
        yield _timed("the page opens", 2.0, n, lambda _: _opening(browser, url))
        page = _open(browser.new_context(viewport=_SIZE), url)
        page.fill("#prompt textarea", _SENTENCE)
        _timed("", 0.0, 1, lambda _: _speaking(page))  # the first take compiles and warms
        yield _timed("from Speak to sound", 0.5, n, lambda _: _speaking(page))
        page.fill("#prompt textarea", _LONG)
        yield _timed("from Stop to the kept take", 0.3, n, lambda _: _stopping(page))
        yield _timed("another take is shown", 0.05, n, lambda i: _choosing(page, i))
        yield _grid(page, bark)
        page.evaluate(_MANY, 500)
        what = "the longest frame, scrolling through 500 takes"
        yield _timed(what, 0.05, n, lambda _: page.evaluate(_SCROLL) / 1000)
        browser.close()


def _timed(what: str, wanted_s: float, n: int, once: Callable[[int], float]) -> Measure:
    """Measures n times; a wait that never ends is told as what was waited for."""
    from playwright.sync_api import Error

    seconds: list[float] = []
    try:
        seconds += [once(i) for i in range(n)]
    except Error as error:
        fault = " ".join(str(error).replace("|", "/").split())[:120]
        print(f"{what}: {fault}", file=sys.stderr, flush=True)
        return Measure(what, wanted_s, (), fault)
    if what:
        print(f"{what}: {spread(seconds, 3)} s", file=sys.stderr, flush=True)
    return Measure(what, wanted_s, tuple(seconds))


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


def _pressed(page: Any, press: str, seen: str) -> float:
    took: float = page.evaluate(_PRESS, [press, seen, _PATIENCE_MS])
    return took / 1000


def _until_idle(page: Any) -> None:
    page.wait_for_function("!document.querySelector('#status .bar')")
    page.wait_for_function("barkStudio.store.making.size === 0")


def _speaking(page: Any) -> float:
    page.evaluate("barkStudio.stage.sound.pause()")
    took = _pressed(page, "document.querySelector('#speak').click()", _HEARD)
    _until_idle(page)
    return took


def _stopping(page: Any) -> float:
    """From Stop, pressed while the take sounds and is being made, to the take in the list."""
    n_takes = page.evaluate("barkStudio.store.takes.size")
    page.evaluate("barkStudio.stage.sound.pause()")
    page.evaluate("document.querySelector('#speak').click()")
    page.wait_for_function(f"{_HEARD} && barkStudio.stage.sound.live")
    kept = f"barkStudio.store.takes.size > {n_takes}"
    took = _pressed(page, "document.querySelector('#stop').click()", kept)
    _until_idle(page)
    return took


def _choosing(page: Any, i: int) -> float:
    row = f"document.querySelectorAll('.takes .main')[{i}]"
    return _pressed(
        page, f"{row}.click()", f"barkStudio.stage.take === barkStudio.library.takes[{i}]"
    )


_HEARD = "barkStudio.stage.sound.playing"  # live, or finished before enough was there


def _grid(page: Any, bark: Bark) -> Measure:
    """A grid of 18, beside the time of the same batches without a page."""
    began = time.perf_counter()
    made = list(make_cells(_plan(bark), open_model=lambda _: bark, load_voice=_voice))
    alone_s = time.perf_counter() - began
    assert len(made) >= 18

    def once(_: int) -> float:
        page.click("#tab-grid")
        for place, (name, values) in zip(("Across", "Down", "Pages"), _GRID, strict=True):
            page.select_option(f"select[aria-label='{place}: setting']", name)
            page.fill(f"input[aria-label='{place}: values']", values)
        page.wait_for_function("document.querySelector('#make-grid').textContent === 'Make 18'")
        began = time.perf_counter()
        page.click("#make-grid")
        seen = "barkStudio.grid.cells.size === 18"
        page.wait_for_function(seen, timeout=1000 * (30 + 10 * alone_s))
        return time.perf_counter() - began

    return _timed(f"a grid of 18 (its batches alone: {alone_s:.1f})", 1.2 * alone_s, 1, once)


def _plan(bark: Bark) -> GridPlan:
    voices = list_voices(bark.spec)
    axes = [parse_axis(name, values, voices=voices) for name, values in _GRID]
    return GridPlan.of(_LONG, axes, options=GenerationOptions(seed=7))


def _voice(name: str | None, bark: Bark) -> Any:
    return bark.voice(name)


if __name__ == "__main__":
    main()
