"""Where chunks are computed: in this process, or on many machines."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from ..listening.check import Look
from ..listening.listeners import look_with
from .making import ChunkTask, MakingEvent, make_chunks

if TYPE_CHECKING:
    from ..pipeline import Bark


class Engine(Protocol):
    """Computes batches of chunks.

    Attributes:
        n_batches: how many batches it likes to have at once.
        width: how many chunks a batch shall have.
    """

    n_batches: int
    width: int

    def submit(self, tasks: Sequence[ChunkTask]) -> None:
        """Hands a batch in; at most `n_batches` are in work at once."""

    def events(self, stop: threading.Event) -> Iterator[MakingEvent]:
        """Works until one of the batches is finished, or the event is set."""

    def close(self) -> None:
        """Lets go of what it holds."""


class LocalEngine:
    """One batch after the other in this process.

    Args:
        bark: a `Bark`.
        width: chunks that are made together; None takes what `fitting_width` says.
        look: examines a take; None takes `look_with(bark)`.
    """

    n_batches = 1

    def __init__(self, bark: Bark, *, width: int | None = None, look: Look | None = None) -> None:
        self.bark = bark
        self.width = width or fitting_width(bark)
        self.look = look or look_with(bark)
        self._batches: list[Sequence[ChunkTask]] = []

    def submit(self, tasks: Sequence[ChunkTask]) -> None:
        """Takes a batch, which is made in `events`."""
        self._batches.append(tasks)

    def events(self, stop: threading.Event) -> Iterator[MakingEvent]:
        """Makes the batch that was handed in first."""
        if self._batches:
            yield from make_chunks(self.bark, self._batches.pop(0), look=self.look, stop=stop)

    def close(self) -> None:
        """Lets go of nothing: the model is the caller's."""


def fitting_width(bark: Bark) -> int:
    """How many chunks are made together by default: where the gain had levelled off."""
    return 8 if bark.device.type == "cpu" else 32
