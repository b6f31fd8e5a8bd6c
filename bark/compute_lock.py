"""One computation at a time with one model, for streams that stand still between two steps.

A plain lock would make a thread wait for itself: a stream that was begun and not finished holds
it, and whoever asks for another stream in the same thread can never finish the first. So here a
computation waits only for those that other threads carry on; beside one of its own thread it
goes on, step by step in turn.
"""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Iterator

import torch

from .devices import same_threads

_LOOK_S = 0.2  # between two looks whether a thread has ended, which tells nobody


class Computation:
    """One stream's place: it begins when the others let it, and takes its steps one by one."""

    def __init__(self, lock: ComputeLock) -> None:
        self._lock = lock
        self._n_threads: int | None = None
        self.thread = threading.current_thread()

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Computes alone while the context lasts.

        How many threads torch uses within is this computation's own matter: what it sets is
        there again at its next step, and not outside of its steps.
        """
        with self._lock.step_of(self), same_threads():
            if self._n_threads is not None:
                torch.set_num_threads(self._n_threads)
            try:
                yield
            finally:
                self._n_threads = torch.get_num_threads()


class ComputeLock:
    """Lets computations with one model begin and step."""

    def __init__(self) -> None:
        # Re-entrant, since a forgotten stream may be closed anywhere, within these methods too.
        self._changed = threading.Condition(threading.RLock())
        self._begun: list[Computation] = []
        self._queue: collections.deque[Computation] = collections.deque()
        self._stepping: threading.Thread | None = None
        self._depth = 0

    @property
    def is_free(self) -> bool:
        """Whether no computation has begun that has not ended."""
        return not self._begun

    @contextlib.contextmanager
    def computation(self) -> Iterator[Computation]:
        """A computation, once those that other threads carry on have ended."""
        begun = Computation(self)
        with self._changed:
            while not self._may_begin(begun.thread):
                self._changed.wait(_LOOK_S)
            self._begun.append(begun)
        try:
            yield begun
        finally:
            with self._changed:
                self._begun.remove(begun)
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """A computation of a single step."""
        with self.computation() as computation, computation.step():
            yield

    @contextlib.contextmanager
    def step_of(self, computation: Computation) -> Iterator[None]:
        """One step; those who wait for theirs take turns."""
        me = threading.current_thread()
        with self._changed:
            computation.thread = me
            if self._stepping is not me:
                self._wait_for_turn(computation)
            self._stepping = me
            self._depth += 1
        try:
            yield
        finally:
            with self._changed:
                self._depth -= 1
                if not self._depth:
                    self._stepping = None
                self._changed.notify_all()

    def _may_begin(self, thread: threading.Thread) -> bool:
        """Whether nobody computes, or somebody whom only this thread or none can carry on."""
        return not self._begun or any(
            other.thread is thread or not other.thread.is_alive() for other in self._begun
        )

    def _wait_for_turn(self, computation: Computation) -> None:
        self._queue.append(computation)
        try:
            while self._stepping is not None or self._queue[0] is not computation:
                self._changed.wait()
        finally:
            self._queue.remove(computation)
            self._changed.notify_all()
