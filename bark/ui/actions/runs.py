"""One press of Speak: from the form to takes that are kept, told as it happens."""

from __future__ import annotations

import dataclasses
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from ...errors import BarkError
from ...events import AudioPiece, Event, StageProgress, TakeFailed, TakeReady
from ...models.native.compiler import is_compiling
from ...pipeline import Bark
from ...request import Request
from ...server.metrics import Counted
from ..page import messages, status, words
from ..state.run_queue import Ticket
from ..state.sessions import Visit
from ..state.studio import Studio
from ..state.take_store import StoredTake
from ..state.worker import HEARTBEAT_S, run_in_worker

log = logging.getLogger(__name__)

_ENDS = ("take", "queue")  # messages after which a run's live sound is over


@dataclasses.dataclass(frozen=True)
class Update:
    """New values for the page's outputs; None leaves one as it is.

    Attributes:
        selected: id of the take that the player now shows.
    """

    status: str | None = None
    player: dict[str, Any] | None = None
    takes: dict[str, Any] | None = None
    seed: str | None = None
    selected: str | None = None
    grid: dict[str, Any] | None = None
    long: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Run:
    """What is to be made.

    Attributes:
        requests: one for each take; a voice is a choice of the voice menu.
        in_order: their texts are parts of one, to be heard one after another.
        waited: it was asked for while another run was made; what plays is then heard to its end.
    """

    requests: tuple[Request, ...]
    in_order: bool = False
    waited: bool = False
    id: str = dataclasses.field(default_factory=lambda: secrets.token_hex(4))


def perform(studio: Studio, visit: Visit, run: Run) -> Iterator[Update]:
    """Waits for its turn, makes the takes of a run and keeps each as soon as it is done."""
    yield Update(
        status=status.bar("Starting", None),
        seed=str(run.requests[0].seed),
        takes=messages.making(run.id, [(request.text, request.seed) for request in run.requests]),
    )
    shown = False
    telling = _Telling(studio, visit, run)
    for update in in_turn(studio, visit, telling):
        shown = shown or (update.player is not None and update.player["kind"] in _ENDS)
        yield update
    yield Update(takes=messages.made(run.id), player=None if shown else messages.end_live(run.id))


class Telling(Protocol):
    """What turns the events of a run into updates of the page.

    Attributes:
        counted: how much of it was made, for the metrics.
    """

    counted: Counted

    def tell(self, ticket: Ticket) -> Iterator[Update]:
        """Begins the ticket, and has it closed when its work has really ended."""


def in_turn(studio: Studio, visit: Visit, telling: Telling) -> Iterator[Update]:
    """Waits until it is the visit's turn, then tells what a run tells; faults become a status."""
    with studio.metrics.answer("page", "", telling.counted) as counted:
        yield from _in_turn(studio, visit, telling)
        if visit.runs.stop.is_set() and counted.result == "done":
            counted.result = "stopped"


def _in_turn(studio: Studio, visit: Visit, telling: Telling) -> Iterator[Update]:
    stop = visit.runs.stop
    if studio.closing.is_set():
        stop.set()
    try:
        ticket = studio.engine.queue.ticket()
    except BarkError as error:
        telling.counted.result = "refused"
        yield Update(status=status.fault(str(error)))
        return
    try:
        yield from _wait(studio, stop, ticket)
        if stop.is_set():
            yield Update(status=status.note(words.STOPPED_SILENT))
            return
        yield from telling.tell(ticket)
    except BarkError as error:
        telling.counted.result = "refused"
        yield Update(status=status.fault(str(error)))
    except Exception as error:
        telling.counted.result = "failed"
        log.exception("a run failed")
        sentence = f"Something went wrong ({type(error).__name__}); the program's log says more."
        yield Update(status=status.fault(sentence))
    finally:
        ticket.close_unless_begun()


def _wait(studio: Studio, stop: threading.Event, ticket: Ticket) -> Iterator[Update]:
    while not ticket.wait(HEARTBEAT_S) and not stop.is_set():
        place = ticket.place()
        if studio.engine.state.phase == "loading":
            line = words.loading(Path(studio.engine.state.model).name, is_compiling())
        else:
            people = "1 person is" if place == 1 else f"{place} people are"
            line = f"{people} before you, about {status.seconds(ticket.expected_wait_s())}"
        yield Update(status=status.bar(line, None))


class _Telling:
    """Turns the events of one run into updates of the page."""

    def __init__(self, studio: Studio, visit: Visit, run: Run) -> None:
        self._studio = studio
        self._visit = visit
        self._run = run
        self.counted = Counted()
        self._gauge = status.Gauge()
        self._is_live = False
        self._began = self._coarse_began = time.monotonic()
        self._kept: list[StoredTake] = []
        self._faults: list[str] = []

    def tell(self, ticket: Ticket) -> Iterator[Update]:
        bark = self._studio.engine.ready()
        ticket.begin()
        self._began = time.monotonic()
        work = _work(bark, self._studio, self._visit, self._run, self._visit.runs.stop)
        for event in run_in_worker(work, self._visit.runs.stop, on_end=ticket.close):
            if event is None:
                yield Update()
            elif isinstance(event, StageProgress):
                if event.stage == "semantic":
                    self._coarse_began = time.monotonic()  # once the last of them has come
                line = self._gauge.line(event, self._visit.runs.n_waiting)
                if line is not None:
                    yield Update(status=line)
            elif isinstance(event, AudioPiece):
                yield from self._sound(event, bark)
            elif isinstance(event, TakeReady):
                yield self._keep(event)
            elif isinstance(event, TakeFailed):
                self._faults.append(str(event.error))
        yield self._end()

    def _sound(self, piece: AudioPiece, bark: Bark) -> Iterator[Update]:
        if piece.item != 0:
            return
        if not self._is_live:
            self._is_live = True
            text = self._run.requests[0].text
            expected_s = bark.count(text).expected_s
            yield Update(
                player=messages.go_live(
                    self._run.id,
                    text=text,
                    expected_s=expected_s,
                    sample_rate=bark.spec.sample_rate,
                    waits=self._run.waited,
                )
            )
        made_s = piece.start_s + len(piece.audio) / bark.spec.sample_rate
        speed = made_s / max(time.monotonic() - self._coarse_began, 1e-3)
        yield Update(player=messages.live_piece(self._run.id, piece.audio, piece.start_s, speed))

    def _keep(self, event: TakeReady) -> Update:
        visit = self._visit
        stored = visit.takes.add(event.take)
        self.counted.audio_s += stored.duration_s
        self._gauge.take_ready()
        shown = selected = None
        if not self._kept and not self._run.waited:
            selected = stored.id
            shown = messages.show_take(stored, visit, play=True, run=self._run.id)
        elif self._run.in_order or not self._kept:
            shown = messages.queue_take(stored, visit, run=self._run.id)
        self._kept.append(stored)
        listed = {**messages.cards([stored], visit), "run": self._run.id, "row": event.item}
        return Update(player=shown, takes=listed, selected=selected)

    def _end(self) -> Update:
        if not self._kept:
            stopped = self._visit.runs.stop.is_set()
            line = (
                status.note(words.STOPPED_SILENT)
                if stopped
                else status.fault(self._faults[0] if self._faults else "Nothing was made.")
            )
            return Update(status=line)
        wall_s = time.monotonic() - self._began
        self._visit.learn_pace(sum(take.duration_s for take in self._kept), wall_s)
        return Update(status=summary(self._kept, self._faults))


def _work(
    bark: Bark, studio: Studio, visit: Visit, run: Run, stop: threading.Event
) -> Callable[[Callable[[Event], None]], None]:
    def work(hand_over: Callable[[Event], None]) -> None:
        requests = studio.access(visit).with_voices(run.requests, bark.spec)
        for event in bark.stream_requests(requests, stop=stop):
            hand_over(event)

    return work


def summary(kept: list[StoredTake], faults: list[str]) -> str:
    """The line after a run: what was made, and whatever a listener should know about it."""
    first = kept[0]
    if first.stop_reason == "stopped":
        total_s = sum(take.duration_s for take in kept)
        return status.note(f"Stopped; kept the {total_s:.1f} s made so far.")
    unwritten = [take.number for take in kept if take.path is None]
    if unwritten:
        numbers = ", ".join(map(str, unwritten))
        return status.fault(
            f"Take {numbers} could not be written to the disk; download it before you go."
        )
    parts = [_made(kept)]
    if first.unspoken:
        parts.append(f"It cannot say: {', '.join(f'“{it}”' for it in first.unspoken)}.")
    if first.cut_text:
        parts.append(f"It did not hear the end: “{shortened(first.cut_text)}”")
    elif any(take.stop_reason == "length" for take in kept):
        parts.append("It ran to the longest it can say; the end may be missing.")
    return status.note(" ".join(parts + faults[:1]))


def shortened(text: str, n_chars: int = 90) -> str:
    """The beginning of a text, and how many words of it are left out."""
    if len(text) <= n_chars:
        return text
    start = text[:n_chars].rsplit(" ", 1)[0]
    return f"{start} … and {len(text[len(start) :].split())} more words"


def _made(kept: list[StoredTake]) -> str:
    first, last = kept[0], kept[-1]
    if len(kept) == 1:
        return f"Take {first.number}: {first.duration_s:.1f} s, made in {first.made_s:.1f} s."
    seeds = f"seed {first.options.seed}"
    if last.options.seed != first.options.seed:
        seeds = f"seeds {first.options.seed} to {last.options.seed}"
    return f"Takes {first.number} to {last.number}, {seeds}."
