"""One computation at a time a device, in the order in which people asked."""

from __future__ import annotations

import math
import threading
import time

from ...errors import QueueFullError
from ...models.file_memory import give_back_freed_memory

MAX_WAITING = 60
_FIRST_GUESS_S = 10.0  # how long a turn takes, before any was measured


class Ticket:
    """A place in the line; the work may begin when `place()` is 0, and ends with `close()`."""

    def __init__(self, queue: RunQueue) -> None:
        self._queue = queue
        self._began: float | None = None

    @property
    def spent_s(self) -> float:
        """How long its work has been going on, in seconds."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def place(self) -> int:
        """How many are before this ticket; 0 means that it is its turn."""
        return self._queue.place(self)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for the turn; False when the time ran out first."""
        return self._queue.wait(self, timeout_s)

    def expected_wait_s(self) -> float:
        """A guess, from how long the last turns took."""
        return self.place() * self._queue.mean_turn_s

    def begin(self) -> None:
        """Starts the clock of this turn."""
        self._began = time.monotonic()

    def close_unless_begun(self) -> None:
        """Leaves the line where no work has begun; work that has closes the ticket itself."""
        if self._began is None:
            self.close()

    def close(self) -> None:
        """Leaves the line; closing twice does nothing."""
        took = None if self._began is None else self.spent_s
        self._queue.leave(self, took)


class RunQueue:
    """A line of tickets, first come, first served."""

    def __init__(self, *, max_waiting: int = MAX_WAITING) -> None:
        self._changed = threading.Condition()
        self._line: list[Ticket] = []
        self._max_waiting = max_waiting
        self.mean_turn_s = _FIRST_GUESS_S

    @property
    def n_waiting(self) -> int:
        """How many are in the line, whoever computes included."""
        with self._changed:
            return len(self._line)

    def ticket(self, *, is_inside: bool = False) -> Ticket:
        """Joins the line.

        Args:
            is_inside: for the next part of something that has been let in before.

        Raises:
            QueueFullError: the line is full.
        """
        with self._changed:
            if len(self._line) > self._max_waiting and not is_inside:
                n, seconds = len(self._line), math.ceil(self._until_room_s())
                raise QueueFullError(
                    f"{n} people are waiting already; please try again in {seconds} s."
                )
            ticket = Ticket(self)
            self._line.append(ticket)
            return ticket

    def until_room_s(self) -> float:
        """When the line will let somebody in, in seconds from now: a guess by the last turns."""
        with self._changed:
            return self._until_room_s()

    def _until_room_s(self) -> float:
        n_turns = len(self._line) - self._max_waiting
        if n_turns <= 0:
            return 0.0
        left_s = max(1.0, self.mean_turn_s - self._line[0].spent_s)
        return left_s + (n_turns - 1) * self.mean_turn_s

    def place(self, ticket: Ticket) -> int:
        """Position of a ticket in the line, counted from 0."""
        with self._changed:
            return self._line.index(ticket)

    def wait(self, ticket: Ticket, timeout_s: float | None) -> bool:
        """Waits until the ticket is first in the line."""
        with self._changed:
            return self._changed.wait_for(lambda: self._line[0] is ticket, timeout_s)

    def leave(self, ticket: Ticket, took_s: float | None) -> None:
        """Takes a ticket out of the line, wherever it stands."""
        with self._changed:
            if ticket not in self._line:
                return
            self._line.remove(ticket)
            if took_s is not None:
                self.mean_turn_s += 0.3 * (took_s - self.mean_turn_s)
            self._changed.notify_all()
        if took_s is not None:
            give_back_freed_memory()

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Waits until nobody is in the line; False when the time ran out first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._line, timeout_s)
