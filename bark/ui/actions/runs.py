"""One press of Speak: from the form to takes that are kept, told as it happens."""

from __future__ import annotations

import dataclasses
import logging
import secrets
import threading
from collections.abc import Callable, Iterator

from ...errors import BarkError
from ...events import AudioPiece, Event, StageProgress, TakeFailed, TakeReady
from ...options import GenerationOptions
from ...pipeline import Bark
from ..page import player, status, words
from ..state.run_queue import Ticket
from ..state.sessions import Session
from ..state.studio import Studio
from ..state.take_store import StoredTake
from ..state.worker import HEARTBEAT_S, run_in_worker

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Update:
    """New values for the page's outputs; None leaves one as it is."""

    status: str | None = None
    player: dict | None = None
    takes: dict | None = None
    seed: str | None = None


@dataclasses.dataclass(frozen=True)
class Run:
    """What is to be made.

    Attributes:
        texts: one for each take.
        seeds: as many.
        voice: a choice of the voice menu.
        in_order: the texts are parts of one, to be heard one after another.
        waited: it was asked for while another run was made; what plays is then heard to its end.
        redo: id of the take that is made anew, and from which stage.
    """

    texts: tuple[str, ...]
    seeds: tuple[int, ...]
    options: GenerationOptions
    voice: str = ""
    in_order: bool = False
    waited: bool = False
    redo: tuple[str, str] | None = None
    id: str = dataclasses.field(default_factory=lambda: secrets.token_hex(4))


def perform(studio: Studio, session: Session, run: Run) -> Iterator[Update]:
    """Waits for its turn, makes the takes of a run and keeps each as soon as it is done."""
    session.stop = threading.Event()
    if studio.closing.is_set():
        session.stop.set()
    session.chose = False
    yield Update(status=status.bar("Starting", None), seed=str(run.seeds[0]))
    try:
        ticket = studio.engine.queue.ticket()
    except BarkError as error:
        yield Update(status=status.fault(str(error)))
        return
    try:
        yield from _wait(studio, session, ticket)
        if session.stop.is_set():
            yield Update(status=status.note(words.STOPPED_SILENT))
            return
        yield from _Telling(studio, session, run).tell(ticket)
    except BarkError as error:
        yield Update(status=status.fault(str(error)), player=player.end_live(run.id))
    except Exception as error:
        log.exception("a run failed")
        sentence = f"Something went wrong ({type(error).__name__}); the program's log says more."
        yield Update(status=status.fault(sentence), player=player.end_live(run.id))
    finally:
        ticket.close_unless_begun()


def _wait(studio: Studio, session: Session, ticket: Ticket) -> Iterator[Update]:
    while not ticket.wait(HEARTBEAT_S) and not session.stop.is_set():
        place = ticket.place()
        if studio.engine.state.phase == "loading":
            line = words.WAITING_FOR_MODEL.format(model=studio.engine.state.model)
        else:
            people = "1 person is" if place == 1 else f"{place} people are"
            line = f"{people} before you, about {status.seconds(ticket.expected_wait_s())}"
        yield Update(status=status.bar(line, None))


class _Telling:
    """Turns the events of one run into updates of the page."""

    def __init__(self, studio: Studio, session: Session, run: Run) -> None:
        self._studio = studio
        self._session = session
        self._run = run
        self._gauge = status.Gauge()
        self._is_live = False
        self._kept: list[StoredTake] = []
        self._faults: list[str] = []

    def tell(self, ticket: Ticket) -> Iterator[Update]:
        bark = self._studio.engine.ready()
        ticket.begin()
        work = _work(bark, self._studio, self._session, self._run)
        for event in run_in_worker(work, self._session.stop, on_end=ticket.close):
            if event is None:
                yield Update()
            elif isinstance(event, StageProgress):
                line = self._gauge.line(event, self._session.n_waiting)
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
        if piece.item != 0 or self._session.chose:
            return
        if not self._is_live:
            self._is_live = True
            text = self._run.texts[0]
            expected_s = bark.count(text).expected_s
            yield Update(
                player=player.go_live(
                    self._run.id,
                    text=text,
                    expected_s=expected_s,
                    sample_rate=bark.spec.sample_rate,
                    waits=self._run.waited,
                )
            )
        yield Update(player=player.live_piece(self._run.id, piece.audio, piece.start_s))

    def _keep(self, event: TakeReady) -> Update:
        visit = self._session.visit
        stored = visit.takes.add(event.take)
        self._gauge.take_ready()
        shown = None
        if self._session.chose:
            pass  # the visitor is listening to another take
        elif not self._kept and not self._run.waited:
            self._session.selected = stored.id
            shown = player.show_take(stored, visit, play=True, run=self._run.id)
        elif self._run.in_order or not self._kept:
            shown = player.queue_take(stored, visit, run=self._run.id)
        self._kept.append(stored)
        return Update(player=shown, takes=player.take_list(visit, self._session.selected))

    def _end(self) -> Update:
        if not self._kept:
            stopped = self._session.stop.is_set()
            line = (
                status.note(words.STOPPED_SILENT)
                if stopped
                else status.fault(self._faults[0] if self._faults else "Nothing was made.")
            )
            return Update(status=line, player=player.end_live(self._run.id))
        return Update(status=summary(self._kept, self._faults))


def _work(
    bark: Bark, studio: Studio, session: Session, run: Run
) -> Callable[[Callable[[Event], None]], None]:
    stop = session.stop

    def work(hand_over: Callable[[Event], None]) -> None:
        voice = studio.access(session.visit).load_voice(run.voice, bark.spec)
        options = dataclasses.replace(run.options, seed=run.seeds[0])
        if run.redo is not None:
            take_id, stage = run.redo
            take = session.visit.takes.load(take_id)
            events = bark.stream_redo(
                take, from_stage=stage, voice=voice, options=options, stop=stop
            )
        elif len(run.texts) == 1:
            events = bark.stream(run.texts[0], voice=voice, options=options, stop=stop)
        else:
            events = bark.stream_batch(
                list(run.texts), voice=voice, options=options, seeds=list(run.seeds), stop=stop
            )
        for event in events:
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
    if first.cut_text:
        parts.append(f"It did not hear: “{first.cut_text}”")
    elif any(take.stop_reason == "length" for take in kept):
        parts.append("It ran to the longest it can say; the end may be missing.")
    return status.note(" ".join(parts + faults[:1]))


def _made(kept: list[StoredTake]) -> str:
    first, last = kept[0], kept[-1]
    if len(kept) == 1:
        return f"Take {first.number}: {first.duration_s:.1f} s, made in {first.made_s:.1f} s."
    seeds = f"seed {first.options.seed}"
    if last.options.seed != first.options.seed:
        seeds = f"seeds {first.options.seed} to {last.options.seed}"
    return f"Takes {first.number} to {last.number}, {seeds}."
