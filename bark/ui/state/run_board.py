"""The runs of one visit: made one after another, told to every tab that looks on.

A run belongs to the visit and not to the tab that asked for it: a page that is reloaded while a
take is being made follows it from where it is.
"""

from __future__ import annotations

import collections
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_WAITING_RUNS = 8


class RunBoard(Generic[T]):
    """Works through runs in a thread, and keeps what they tell for as long as they go on.

    Attributes:
        stop: set to end the present run; every run has its own.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._changed = threading.Condition()
        self._waiting: collections.deque[Callable[[], Iterator[T]]] = collections.deque()
        self._told: list[T] = []  # since the board was last idle
        self._busy = False

    @property
    def busy(self) -> bool:
        """Whether a run is being made or about to be."""
        return self._busy

    @property
    def n_waiting(self) -> int:
        """Runs asked for while another one is being made."""
        return len(self._waiting)

    def submit(self, run: Callable[[], Iterator[T]]) -> int | None:
        """Starts a run, or puts it behind the present one.

        Args:
            run: called in the board's thread when it is its turn; yields what it tells.

        Returns:
            from where to follow; None where too many are waiting already, and it is not made.
        """
        with self._changed:
            if self._busy:
                if len(self._waiting) >= MAX_WAITING_RUNS:
                    return None
                self._waiting.append(run)
                return len(self._told)
            self._busy = True
            self._told = []
            self.stop = threading.Event()
            threading.Thread(target=self._work, args=(run,), name="bark-run", daemon=True).start()
            return 0

    def follow(self, start: int = 0, *, heartbeat_s: float) -> Iterator[tuple[T | None, bool]]:
        """Yields what the runs tell until none is left.

        Args:
            start: how much of it is known already; see `submit`.
            heartbeat_s: None is told after so long without news, so that a closed tab is noticed.

        Yields:
            what is told, and whether it had been told before somebody began to follow.
        """
        with self._changed:
            told = self._told
            n_old = len(told)
        while True:
            with self._changed:
                goes_on = self._busy and told is self._told
                if start == len(told) and goes_on:
                    self._changed.wait(heartbeat_s)
                if start == len(told) and not goes_on:
                    return
                item = told[start] if start < len(told) else None
            yield item, start < n_old
            start += item is not None

    def stop_all(self, said: T | None = None) -> bool:
        """Ends the present run, and drops those that wait behind it.

        Args:
            said: told among the run's own news, so that its last word comes behind it.

        Returns:
            whether there was a run.
        """
        with self._changed:
            self._waiting.clear()
            if said is not None and self._busy and not self.stop.is_set():
                self._told.append(said)
                self._changed.notify_all()
            self.stop.set()
            return self._busy

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Waits until nothing is made any more; False when the time ran out first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, timeout_s)

    def _work(self, run: Callable[[], Iterator[T]]) -> None:
        while True:
            try:
                for item in run():
                    with self._changed:
                        self._told.append(item)
                        self._changed.notify_all()
            except Exception:
                log.exception("a run failed")
            with self._changed:
                if not self._waiting:
                    self._busy = False
                    self._changed.notify_all()
                    return
                run = self._waiting.popleft()
                self.stop = threading.Event()
