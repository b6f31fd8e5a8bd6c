"""Runs work in a thread of its own, so that the page can listen while it computes."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

HEARTBEAT_S = 0.25
"""A closed tab is noticed at the next yield, so something is yielded at least this often."""


def run_in_worker(
    work: Callable[[Callable[[T], None]], None],
    stop: threading.Event,
    *,
    on_end: Callable[[], None] = lambda: None,
    heartbeat_s: float = HEARTBEAT_S,
) -> Iterator[T | None]:
    """Yields what the work hands over as it comes, and None when nothing came for a heartbeat.

    Closing this generator sets `stop`, which the work is expected to look at; the thread is
    not waited for, and calls `on_end` when it has really ended.

    Args:
        work: gets a function through which it hands over its items.

    Raises:
        Exception: whatever the work raised.
    """
    box: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def run() -> None:
        outcome: tuple[str, Any] = ("end", None)
        try:
            work(lambda item: box.put(("item", item)))
        except Exception as error:  # handed on to the thread that listens
            outcome = ("error", error)
        finally:
            on_end()
            box.put(outcome)

    # In the caller's context, by which Gradio and ZeroGPU know whose request it is.
    here = contextvars.copy_context()
    threading.Thread(target=here.run, args=(run,), name="bark-compute", daemon=True).start()
    try:
        while True:
            try:
                kind, value = box.get(timeout=heartbeat_s)
            except queue.Empty:
                yield None
                continue
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    except GeneratorExit:
        stop.set()
        raise
