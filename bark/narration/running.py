"""One run of a narration: which chunks are in work, and which come out next."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .engines import Engine
from .making import ChunkTask, Made, NotMade, Preview, Working
from .states import ChunkFailed, ChunkProgress, ChunkReady, NarrationEvent

if TYPE_CHECKING:
    from .narration import Narration


class Running:
    """One run: which chunks are in work, and which come out next."""

    def __init__(self, narration: Narration, engine: Engine, stop: threading.Event) -> None:
        self.narration, self.engine, self.stop = narration, engine, stop
        self.missing = [c.number for c in narration.script.chunks if not narration.info(c.number)]
        self.in_work: list[set[int]] = []
        self.failed: set[int] = set()
        self.next_out = 1
        self.n_made = 0

    def events(self) -> Iterator[NarrationEvent]:
        """Yields until nothing is left to do, or a stop."""
        yield from self._ready()
        while not self.stop.is_set():
            self._submit()
            if not self.in_work:
                break
            for event in self.engine.events(self.stop):
                yield from self._taken(event)
            self.in_work = [batch for batch in self.in_work if batch]
        if not self.stop.is_set():
            yield from self._give_up_waiting()
        yield from self._ready()

    def _submit(self) -> None:
        while len(self.in_work) < self.engine.n_batches:
            batch = self._next_batch()
            if not batch:
                return
            self.in_work.append({task.number for task in batch})
            self.engine.submit(batch)

    def _next_batch(self) -> list[ChunkTask]:
        """The next chunks that wait for nothing.

        The first is made alone, to be heard soon. Where one batch is made at a time, no batch has
        more chunks than were made before it, so that who listens does not wait for a wide one.
        """
        width = self.engine.width
        if self.engine.n_batches == 1:
            width = min(width, max(1, self.n_made))
        busy = set().union(*self.in_work) if self.in_work else set()
        tasks: list[ChunkTask] = []
        for number in self.missing:
            if number in busy or number in self.failed or not self._can_begin(number):
                continue
            tasks.append(self.narration.task(self.narration.chunk(number)))
            if len(tasks) >= width or number == 1:
                break
        return tasks

    def _can_begin(self, number: int) -> bool:
        if number not in self.narration.keys.of:
            return False
        _, before = self.narration.keys.source(self.narration.chunk(number))
        return before is None or before not in self.missing

    def _taken(self, event: Any) -> Iterator[NarrationEvent]:
        if isinstance(event, Made):
            self.narration.keep(event)
            self._over(event.number)
            self.missing.remove(event.number)
            self.n_made += 1
            yield from self._ready()
        elif isinstance(event, NotMade):
            self._over(event.number)
            self.failed.add(event.number)
            yield ChunkFailed(event.number, event.reason)
        elif isinstance(event, Working):
            yield ChunkProgress(event.numbers, event.progress)
        elif isinstance(event, Preview):
            yield event

    def _over(self, number: int) -> None:
        for batch in self.in_work:
            batch.discard(number)

    def _ready(self) -> Iterator[ChunkReady]:
        """Those that come out next, in order; a failed one is passed over."""
        n_chunks = len(self.narration.script.chunks)
        while self.next_out <= n_chunks:
            number = self.next_out
            if number in self.failed:
                self.next_out += 1
                continue
            if number in self.missing:
                return
            self.next_out += 1
            yield ChunkReady(self.narration.state(number))

    def _give_up_waiting(self) -> Iterator[ChunkFailed]:
        """Chunks that wait for what never came, such as the voice of one that failed."""
        for number in self.missing:
            if number not in self.failed:
                self.failed.add(number)
                yield ChunkFailed(number, "The chunk that it takes its voice from gave no sound.")
