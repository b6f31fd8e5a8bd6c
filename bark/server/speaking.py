"""Speaking for a caller, in its turn, until all is said or the caller has left.

A short text is one take. A longer one is narrated, so that the first sound is there soon and others
get their turn between two batches of chunks. What is sent is finished: the sound of takes.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator

import numpy as np

from ..errors import CallerLeftError, NothingGeneratedError
from ..events import AudioPiece, TakeFailed, TakeReady
from ..narration import NarrationOptions, narrate
from ..narration.engines import LocalEngine
from ..narration.making import MakingEvent
from ..pipeline import Bark
from ..request import Request
from ..take import Take
from ..text.speaking_time import speaking_time_s
from .faults import ApiError
from .host import Host, Ticket
from .naming import with_voice

POLL_S = 0.1
ONE_TAKE_S = 5.0
"""What is expected to be no longer is one take; of longer texts the first sentences come first."""
_TOGETHER = 2  # chunks: more would be quicker in all, but let a listener wait after the first
_MAX_TRIES = 3  # for a take that came out empty


@dataclasses.dataclass(frozen=True, eq=False)
class Sound:
    """A stretch of an answer.

    Attributes:
        audio: (n,) float32 within ±1.
        take: the whole answer, where its sound is all of it; else None.
    """

    audio: np.ndarray
    take: Take | None


def speak(
    host: Host,
    request: Request,
    stop: threading.Event,
    *,
    preview: bool = False,
    may_go_on: Callable[[], bool] = lambda: True,
) -> Iterator[Sound]:
    """Speaks a text, yielding sound as it is finished.

    Args:
        request: its voice is a name, as `with_voice` takes it.
        stop: set when nobody waits any more; looked at at every token.
        preview: yields sound before a part is finished, from its coarse codes alone.
        may_go_on: asked before each further part; what a slow reader has not fetched yet lies in
            memory.

    Raises:
        QueueFullError: too many wait already. CallerLeftError: `stop` was set.
        BarkError: the model cannot be had, the voice is not there, nothing can be spoken.
    """
    ticket = host.engine.queue.ticket()
    try:
        bark = host.engine.ready()
        request = with_voice(host.access(), request, bark.spec)
        if is_one_take(bark, request.text):
            take_turn(host, bark, ticket, stop)
            yield from _speak_at_once(host, bark, request, stop, preview)
            return
    finally:
        ticket.close()
    yield from _narrate(host, bark, request, stop, may_go_on)


def is_one_take(bark: Bark, text: str) -> bool:
    """Whether a text is so short that it is spoken in one go."""
    count = bark.count(text)
    return not count.cut_text and speaking_time_s(text) <= ONE_TAKE_S


def _narrate(
    host: Host,
    bark: Bark,
    request: Request,
    stop: threading.Event,
    may_go_on: Callable[[], bool],
) -> Iterator[Sound]:
    """Speaks a long text in chunks, each batch of them in its turn."""
    pieces = narrate(
        request.text,
        voice=request.voice,
        model=bark,
        options=NarrationOptions(generation=request.options),
        engine=_InTurns(host, bark),
        stop=stop,
    )
    pause_s = 0.0
    for piece in pieces:
        _raise_if_left(host, stop)
        if pause_s:
            yield Sound(np.zeros(round(pause_s * piece.sample_rate), np.float32), None)
        yield Sound(piece.audio, None)
        pause_s = piece.pause_s
        while not may_go_on():
            stop.wait(POLL_S)
            _raise_if_left(host, stop)
    _raise_if_left(host, stop)


class _InTurns(LocalEngine):
    """Computes a batch of chunks when it is the caller's turn; between two, others have theirs."""

    def __init__(self, host: Host, bark: Bark) -> None:
        super().__init__(bark, width=_TOGETHER)
        self._host = host

    def events(self, stop: threading.Event) -> Iterator[MakingEvent]:
        """Makes the batch that was handed in first, to its end, before anybody hears of it."""
        ticket = self._host.engine.queue.ticket(is_inside=True)
        try:
            take_turn(self._host, self.bark, ticket, stop)
            made = list(super().events(stop))
        finally:
            ticket.close()
        yield from made


def take_turn(host: Host, bark: Bark, ticket: Ticket, stop: threading.Event) -> None:
    """Waits until it is a ticket's turn.

    Raises:
        CallerLeftError: `stop` was set, or the app ends. ApiError: another model is loaded by now.
    """
    while not ticket.wait(POLL_S):
        _raise_if_left(host, stop)
    ticket.begin()
    if host.engine.ready().spec.name != bark.spec.name:
        raise ApiError("The model was changed meanwhile; ask again.", status=503)


def _speak_at_once(
    host: Host, bark: Bark, request: Request, stop: threading.Event, preview: bool
) -> Iterator[Sound]:
    for n_tries in range(_MAX_TRIES):
        try:
            yield from _sounds(bark, request.with_seed_after(n_tries), stop, preview)
            return
        except NothingGeneratedError:
            _raise_if_left(host, stop)
            if n_tries == _MAX_TRIES - 1:
                raise


def _sounds(bark: Bark, request: Request, stop: threading.Event, preview: bool) -> Iterator[Sound]:
    n_sent = 0
    for event in bark.stream_requests([request], stop=stop):
        if stop.is_set():
            raise CallerLeftError("Nobody waits for the answer any more.")
        if isinstance(event, AudioPiece) and preview:
            n_sent += len(event.audio)
            yield Sound(event.audio, None)
        elif isinstance(event, TakeReady):
            yield Sound(event.take.audio[n_sent:], None if n_sent else event.take)
        elif isinstance(event, TakeFailed):
            raise event.error


def _raise_if_left(host: Host, stop: threading.Event) -> None:
    if stop.is_set() or host.closing.is_set():
        raise CallerLeftError("Nobody waits for the answer any more.")
