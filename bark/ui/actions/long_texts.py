"""Long texts on the page: laid out as chunks, spoken in order, changed chunk by chunk, joined."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...audio.files import encode_audio
from ...errors import BarkError, InvalidInputError
from ...narration.jobs import JobFolder
from ...narration.joining import chunk_audio
from ...narration.narration import Narration
from ...narration.sentence_times import sentence_times
from ...narration.states import ChunkFailed, ChunkProgress, ChunkReady, NarrationEvent
from ...server.metrics import Counted
from ...text.splitting import valid_text
from ..page import messages, status
from ..page.form import Form
from ..state.run_queue import Ticket
from ..state.sessions import Session, Visit
from ..state.studio import Studio
from ..state.worker import run_in_worker
from .long_files import formats_here
from .long_layout import begin, open_narration, without_paths
from .long_settings import LongSettings
from .runs import Update, in_turn
from .speak import told_to
from .voice_menu import voice_rows


def lay_out(
    studio: Studio, session: Session, form: Form, asked: Mapping[str, Any]
) -> Iterator[Update]:
    """Cuts a text or a file into chunks, and shows them; nothing is made yet.

    Args:
        asked: `text`, or `name` and `file` (its bytes in base64); `settings` as
            `LongSettings.from_asked` takes them; `id` of the long text that it takes the place of,
            whose chunks stay where the words do, and whose words where none are given.
    """
    try:
        narration_id, narration = begin(studio, session.visit, form, asked)
    except BarkError as error:
        yield Update(status=status.fault(str(error)))
        return
    shown = shown_text(studio, narration, narration_id, session.visit, busy=False)
    plan = narration.plan
    n_chunks, about = status.many(plan.n_chunks, "chunk"), status.seconds(plan.expected_s)
    yield Update(status=status.note(f"{n_chunks}, about {about}."), long=shown)


def speak(
    studio: Studio, session: Session, form: Form, asked: Mapping[str, Any]
) -> Iterator[Update]:
    """Makes what is missing of a long text; one that is not laid out yet is laid out before.

    Args:
        asked: `id` alone goes on with that long text; else as `lay_out` takes it.
    """
    try:
        narration_id = str(asked.get("id") or "")
        if asked.get("text") is not None or asked.get("file") is not None:
            narration_id, narration = begin(studio, session.visit, form, asked)
            if session.visit.runs.busy:  # it waits, and is seen: the next press means this one
                shown = shown_text(studio, narration, narration_id, session.visit, busy=False)
                yield Update(long=shown)
        studio.access(session.visit).narration_folder(narration_id)
    except BarkError as error:
        yield Update(status=status.fault(str(error)))
        return
    yield from told_to(session, lambda: _perform(studio, session.visit, narration_id))


def change(studio: Studio, session: Session, asked: Mapping[str, Any]) -> Iterator[Update]:
    """Gives one chunk another seed or other words, and makes it anew with all that is missing.

    Args:
        asked: `id`, `number`, and `do`: "redo", "edit" with `text`, or "revert".
    """
    try:
        narration_id = str(asked.get("id") or "")
        studio.access(session.visit).narration_folder(narration_id)
        changed = _change_asked(asked)
    except BarkError as error:
        yield Update(status=status.fault(str(error)))
        return
    yield from told_to(session, lambda: _perform(studio, session.visit, narration_id, changed))


def answered(updates: Iterator[Update]) -> Iterator[Update]:
    """The updates of a press, and a word to the page's long text where there is none for it.

    The page takes no second press until it has heard of the first, and a fault that is the same as
    the last one is no news to it.
    """
    is_told = is_answered = False
    for update in updates:
        is_told, is_answered = True, is_answered or update.long is not None
        yield update
    # Where another press of the tab tells the run, its long text is the answer; a second message
    # at the same moment might take its place in the page.
    if is_told and not is_answered:
        yield Update(long=messages.press_answered())


def sound_of_chunk(studio: Studio, visit: Visit, narration_id: str, number: int) -> bytes:
    """A finished chunk as it stands in the whole, as a WAV file.

    Raises:
        BarkError: there is none, or it is not made yet.
    """
    narration = open_narration(studio, visit, narration_id)
    state = narration.state(number)
    with without_paths(narration.folder.path):
        audio = chunk_audio(state, narration.options)
    assert state.info is not None
    return encode_audio(audio, state.info.sample_rate, "wav")


def sentence_starts(studio: Studio, visit: Visit, narration_id: str, number: int) -> list[float]:
    """When each sentence of a finished chunk begins, in seconds, as the page hears the chunk.

    Raises:
        BarkError: there is none, or it is not made yet.
    """
    narration = open_narration(studio, visit, narration_id)
    state = narration.state(number)
    if state.info is None:
        raise InvalidInputError(f"Chunk {number} is not made yet.")
    with without_paths(narration.folder.path):
        return [round(start, 3) for start, _ in sentence_times(state)]


def remove(studio: Studio, visit: Visit, narration_id: str) -> None:
    """Removes a long text and all that was made of it.

    Raises:
        BarkError: it is not there, or is being made.
    """
    folder = studio.access(visit).narration_folder(narration_id)
    job = JobFolder(folder)
    with without_paths(folder), job.held():
        pass  # another tab, or a run that is stopping, still works on it
    visit.narrations.remove(narration_id)


def shown_text(
    studio: Studio, narration: Narration, narration_id: str, visit: Visit, *, busy: bool
) -> dict[str, Any]:
    """The message that shows a long text, with its settings and the voices to choose from."""
    access, source = studio.access(visit), visit.narrations.source(narration_id)
    settings = LongSettings.from_asked(source.get("settings"))
    rows = [row for row in voice_rows(narration.bark.spec, access) if row.value]
    voices = [(" · ".join(filter(None, (r.label, r.speaker, r.detail))), r.value) for r in rows]
    shown = messages.long_text(narration, narration_id, visit, busy=busy)
    cast, spoken = shown["speakers"], dict.fromkeys(chunk["speaker"] for chunk in shown["chunks"])
    return {
        **shown,
        # In the order in which they speak: a choice of voice moves nobody.
        "speakers": {name: cast[name] for name in [*spoken, *cast] if name in cast},
        "settings": settings.to_dict(),
        "voices": voices,
        "formats": formats_here(),
        "written": source.get("text"),
    }


Change = Callable[[Narration], None]


def _change_asked(asked: Mapping[str, Any]) -> Change:
    number, what = asked.get("number"), asked.get("do")
    if isinstance(number, bool) or not isinstance(number, int):
        raise InvalidInputError("A change names its chunk by a whole number.")
    if what == "redo":
        return lambda narration: narration.redo(number)
    if what == "revert":
        return lambda narration: narration.revert(number)
    if what == "edit":
        text = valid_text(str(asked.get("text") or ""))[:2_000]
        return lambda narration: narration.edit(number, text)
    raise InvalidInputError("A chunk is made again, edited, or put back as it was.")


def _perform(
    studio: Studio, visit: Visit, narration_id: str, changed: Change | None = None
) -> Iterator[Update]:
    yield Update(status=status.bar("Starting", None))
    began = time.monotonic()
    telling = _Telling(studio, visit, narration_id, changed)
    yield from in_turn(studio, visit, telling)
    visit.learn_pace(telling.counted.audio_s, time.monotonic() - began)
    yield Update(long=messages.long_text_ended(narration_id))


class _Telling:
    """Turns the events of a narration into updates of the page."""

    def __init__(
        self, studio: Studio, visit: Visit, narration_id: str, changed: Change | None
    ) -> None:
        self._studio, self._visit, self._id, self._changed = studio, visit, narration_id, changed
        self._failures: list[str] = []
        self._in_work: tuple[int, ...] = ()
        self.counted = Counted()

    def tell(self, ticket: Ticket) -> Iterator[Update]:
        visit, stop = self._visit, self._visit.runs.stop
        narration = open_narration(self._studio, visit, self._id)
        if self._changed is not None:
            self._changed(narration)
        states = narration.chunks
        there = {state.chunk.number for state in states if state.is_ready}
        yield Update(long=shown_text(self._studio, narration, self._id, visit, busy=True))
        gauge = status.GridGauge(max(1, len(states) - len(there)), "chunk")

        def work(hand_over: Callable[[NarrationEvent], None]) -> None:
            with without_paths(narration.folder.path):
                for event in narration.run(stop=stop):
                    hand_over(event)

        ticket.begin()
        for event in run_in_worker(work, stop, on_end=ticket.close):
            if isinstance(event, ChunkReady) and event.state.chunk.number in there:
                continue
            yield Update() if event is None else self._update(event, gauge)
        yield Update(status=self._summary(narration, stopped=stop.is_set()))

    def _update(self, event: NarrationEvent, gauge: status.GridGauge) -> Update:
        if isinstance(event, ChunkProgress):
            started = None
            if event.numbers != self._in_work:
                self._in_work = event.numbers
                started = messages.chunks_started(self._id, event.numbers)
            return Update(status=gauge.line(event.progress), long=started)
        if isinstance(event, ChunkReady):
            gauge.cell_done()
            self.counted.audio_s += event.state.info.heard_s if event.state.info else 0.0
            return Update(long=messages.chunk_ready(self._id, event.state))
        if isinstance(event, ChunkFailed):
            gauge.cell_done()
            self._failures.append(f"Chunk {event.number}: {event.reason}")
            return Update(long=messages.chunk_failed(self._id, event.number, event.reason))
        return Update()  # sound of a chunk before its end

    def _summary(self, narration: Narration, *, stopped: bool) -> str:
        plan = narration.plan
        start = "Stopped; kept" if stopped else "Made"
        n_chunks = status.many(plan.n_chunks, "chunk")
        line = f"{start} {plan.n_ready} of {n_chunks}."
        return status.note(" ".join([line, *self._failures[:1]]))
