"""The runs of one visit: made one after another, told to every tab that looks on.

A run belongs to the visit and not to the tab that asked for it: a page that is reloaded while a
take is being made follows it from where it is.
"""

from __future__ import annotations

import collections
import dataclasses
import logging
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_WAITING_RUNS = 8


@dataclasses.dataclass(eq=False)
class Place(Generic[T]):
    """A place among what a board tells: behind `item`, and in front of what `next` holds."""

    item: T | None = None
    next: Place[T] | None = None


class RunBoard(Generic[T]):
    """Works through runs in a thread, and keeps what they tell for as long as they go on.

    Who follows them hears everything, however late it asks for the next: what is told is a chain
    of places, which lasts as long as somebody stands on it.

    Attributes:
        stop: set to end the present run; every run has its own.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._changed = threading.Condition()
        self._waiting: collections.deque[Callable[[], Iterator[T]]] = collections.deque()
        self._end: Place[T] = Place()
        self._start = self._end  # in front of all that was told since the board was last idle
        self._busy = False

    @property
    def busy(self) -> bool:
        """Whether a run is being made or about to be."""
        return self._busy

    @property
    def n_waiting(self) -> int:
        """Runs asked for while another one is being made."""
        return len(self._waiting)

    @property
    def start(self) -> Place[T]:
        """In front of all that is known of the present runs."""
        return self._start

    def submit(self, run: Callable[[], Iterator[T]]) -> Place[T] | None:
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
                return self._end
            self._busy = True
            self._start = self._end
            self.stop = threading.Event()
            threading.Thread(target=self._work, args=(run,), name="bark-run", daemon=True).start()
            return self._start

    def follow(
        self, place: Place[T], *, heartbeat_s: float
    ) -> Generator[tuple[T | None, bool], None, Place[T]]:
        """Yields what the runs tell until none is left.

        Args:
            place: behind what is known already; see `submit` and `start`.
            heartbeat_s: None is told after so long without news, so that a closed tab is noticed.

        Yields:
            what is told, and whether it had been told before somebody began to follow.

        Returns:
            the place behind the last of it.
        """
        newest = self._end
        is_old = place is not newest
        while True:
            with self._changed:
                if place.next is None and self._busy:
                    self._changed.wait(heartbeat_s)
                ahead = place.next
                if ahead is None and not self._busy:
                    return place
            if ahead is None:
                yield None, False
                continue
            yield ahead.item, is_old
            is_old = is_old and ahead is not newest
            place = ahead

    def is_over(self, place: Place[T]) -> bool:
        """Whether nothing is to be heard behind a place."""
        with self._changed:
            return place.next is None and not self._busy

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
                self._tell(said)
            self.stop.set()
            return self._busy

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Waits until nothing is made any more; False when the time ran out first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, timeout_s)

    def _tell(self, item: T) -> None:
        self._end.next = Place(item)
        self._end = self._end.next
        self._changed.notify_all()

    def _work(self, run: Callable[[], Iterator[T]]) -> None:
        while True:
            try:
                for item in run():
                    with self._changed:
                        self._tell(item)
            except Exception:
                log.exception("a run failed")
            with self._changed:
                if not self._waiting:
                    self._busy = False
                    self._changed.notify_all()
                    return
                run = self._waiting.popleft()
                self.stop = threading.Event()
