"""The line under Speak: how far a run is, how long it still takes, and what went wrong."""

from __future__ import annotations

import html
import math
import time
from collections.abc import Callable

from ...events import StageProgress

# What a listener can make of the stages, and their usual shares of the time.
_STAGES = {
    "semantic": ("Finding the words", 0.35),
    "coarse": ("Shaping the sound", 0.45),
    "fine": ("Polishing", 0.15),
    "decode": ("Writing the sound", 0.05),
}

_SHOWN_EVERY_S = 0.12  # a small model makes a thousand tokens a second


def note(text: str) -> str:
    """A quiet line, for example what was kept."""
    return f'<p class="status" role="status">{html.escape(text)}</p>'


def hint(text: str) -> str:
    """A quiet line of explanation; nothing for none."""
    return f'<p class="hint">{html.escape(text)}</p>' if text else ""


def fault(text: str) -> str:
    """What went wrong, in one sentence."""
    return f'<p class="status fault" role="alert">{html.escape(text)}</p>'


def bar(text: str, share: float | None, detail: str = "") -> str:
    """A progress bar; None for a share that is not known yet."""
    label, detail = html.escape(text), html.escape(detail)
    if share is None:
        gauge = '<div class="bar unknown"><i></i></div>'
    else:
        percent = round(100 * min(max(share, 0.0), 1.0))
        gauge = (
            f'<div class="bar" role="progressbar" aria-label="{label}" aria-valuenow="{percent}"'
            f' aria-valuemin="0" aria-valuemax="100"><i style="width:{percent}%"></i></div>'
        )
    return f'<div class="status"><p><span>{label}</span><span>{detail}</span></p>{gauge}</div>'


def seconds(value: float) -> str:
    """A duration in words: "8 s", "2 min"."""
    return f"{max(1, round(value))} s" if value < 90 else f"{round(value / 60)} min"


def many(n: int, what: str) -> str:
    """A number of things in words: "1 chunk", "12 chunks"."""
    return f"{n} {what}{'s' * (n != 1)}"


def size(n_bytes: float) -> str:
    """Bytes in words: "21 MB", "4.5 GB"."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


class Gauge:
    """Turns the progress of a run's stages into one share, a rate and the seconds left."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._stage = ""
        self._stage_start = self._start
        self._done_at_start = 0
        self._n_ready = 0
        self._shown = -math.inf
        self._share = 0.0

    def take_ready(self) -> None:
        """One of the takes is done."""
        self._n_ready += 1

    def line(self, progress: StageProgress, waiting: int = 0) -> str | None:
        """The bar after this event, which never goes back; None when it has just been shown."""
        name = _STAGES[progress.stage][0]
        now = self._clock()
        self._share = max(self._share, _share_done(progress))
        if progress.stage == self._stage and now - self._shown < _SHOWN_EVERY_S:
            return None
        self._shown = now
        if progress.stage != self._stage:
            self._stage, self._stage_start = progress.stage, now
            self._done_at_start = progress.done
        if progress.n_items > 1:
            name += f" · {self._n_ready} of {progress.n_items} takes"
        return bar(name, self._share, self._detail(progress, now, waiting))

    def _detail(self, progress: StageProgress, now: float, waiting: int) -> str:
        parts = []
        elapsed = now - self._start
        if self._share > 0.05 and elapsed > 0.5:
            parts.append(f"{seconds(elapsed * (1 - self._share) / self._share)} left")
        in_stage = now - self._stage_start
        if in_stage > 0.3 and progress.done > self._done_at_start:
            rate = (progress.done - self._done_at_start) / in_stage
            parts.append(f"{rate:,.0f} tokens/s")
        if waiting:
            parts.append(f"{waiting} more waiting")
        return " · ".join(parts)


class GridGauge:
    """The bar of a grid: how many cells are done, and how far those are that are being made.

    Args:
        what: one of its cells is called.
    """

    def __init__(
        self, n_cells: int, what: str = "take", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._clock, self._start, self._shown = clock, clock(), -math.inf
        self._n, self._done, self._share = n_cells, 0, 0.0

    def cell_done(self) -> None:
        """One of the cells is done, or came to nothing."""
        self._done += 1

    def line(self, progress: StageProgress) -> str | None:
        """The bar after this event, which never goes back; None when it has just been shown."""
        now = self._clock()
        made = self._done + progress.n_items * _share_done(progress)
        self._share = max(self._share, min(1.0, made / self._n))
        if now - self._shown < _SHOWN_EVERY_S:
            return None
        self._shown = now
        left = ""
        if self._share > 0.05 and now - self._start > 0.5:
            left = f"{seconds((now - self._start) * (1 - self._share) / self._share)} left"
        return bar(f"{self._done} of {many(self._n, self._what)}", self._share, left)


def _share_done(progress: StageProgress) -> float:
    order = list(_STAGES)
    before = sum(_STAGES[stage][1] for stage in order[: order.index(progress.stage)])
    within = min(progress.done / progress.total, 1.0) if progress.total > 0 else 0.0
    return before + within * _STAGES[progress.stage][1]
