"""How far a narration is: a bar in a terminal, a line a chapter elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..narration.engines import Engine
    from ..narration.narration import Narration

_LINE_EVERY_S = 30.0


def clock(seconds: float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class Progress:
    """Follows a run.

    Args:
        silent: nothing is shown.
    """

    def __init__(self, narration: Narration, *, silent: bool = False) -> None:
        self.narration = narration
        self.silent = silent
        self.shown = not silent and sys.stderr.isatty()
        self._expected = {c.number: c.expected_s for c in narration.script.chunks}
        ready = {s.chunk.number for s in narration.chunks if s.is_ready}
        self._left = {n for n in self._expected if n not in ready}
        self._work = sum(self._expected[n] for n in self._left)
        self._started = self._last_line = time.perf_counter()
        self._chapter = -1

    def follow(self, engine: Engine, stop: threading.Event) -> list[tuple[int, str]]:
        """Runs the narration to its end or a stop.

        Returns:
            number and reason of every chunk that gave no sound.
        """
        from tqdm import tqdm

        from ..narration.states import ChunkFailed, ChunkReady

        failed: list[tuple[int, str]] = []
        bar = tqdm(
            total=len(self._expected),
            leave=False,
            file=sys.stderr,
            disable=not self.shown,
            bar_format="{desc}{percentage:3.0f}%|{bar}|",
        )
        with bar:
            for event in self.narration.run(engine=engine, stop=stop):
                if isinstance(event, ChunkReady):
                    self._left.discard(event.state.chunk.number)
                    bar.update(1)
                    self._tell(event.state.chunk.number, event.state.chunk.chapter, bar)
                elif isinstance(event, ChunkFailed):
                    failed.append((event.number, event.reason))
        return failed

    def left_s(self, chunks: Collection[int] | None = None) -> float | None:
        """A guess at the seconds that are left; None before anything is made.

        Args:
            chunks: their numbers; None means all.
        """
        done = self._work - sum(self._expected[n] for n in self._left)
        if done <= 0:
            return None
        left = self._left if chunks is None else self._left.intersection(chunks)
        spent = time.perf_counter() - self._started
        return spent * sum(self._expected[n] for n in left) / done

    def _tell(self, number: int, chapter: int, bar: Any) -> None:
        line = self.line(number, chapter)
        if self.shown:
            bar.set_description_str(line + " ")
            return
        now = time.perf_counter()
        is_due = chapter != self._chapter or now - self._last_line > _LINE_EVERY_S
        if is_due and not self.silent:
            self._chapter, self._last_line = chapter, now
            print(line, file=sys.stderr, flush=True)

    def line(self, number: int, chapter: int) -> str:
        """How far a chapter is, and what is left of it and of all."""
        chunks = [c.number for c in self.narration.script.chunks if c.chapter == chapter]
        title = self.narration.script.chapters[chapter] or f"Chapter {chapter + 1}"
        line = f"{title}: {number - chunks[0] + 1} of {len(chunks)}"
        here, everywhere = self.left_s(chunks), self.left_s()
        if here is None or everywhere is None or not self._left:
            return line
        return f"{line}, about {clock(here)} left, {clock(everywhere)} of all"
