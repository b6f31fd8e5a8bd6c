"""Long texts on the page: laid out as chunks, spoken in order, changed chunk by chunk, joined."""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...audio.files import encode_audio
from ...errors import BarkError, InvalidInputError
from ...narration.captions import write_captions
from ...narration.cast import NARRATOR, Cast
from ...narration.documents import Document, document_of_text, read_document
from ...narration.joining import chunk_audio, write_file
from ...narration.narration import Narration
from ...narration.script import write_script
from ...narration.settings import NarrationOptions
from ...narration.sizes import chunk_limit, measure_for
from ...narration.states import ChunkFailed, ChunkProgress, ChunkReady, NarrationEvent
from ...server.metrics import Counted
from ...text.splitting import valid_text
from ..page import messages, status, words
from ..page.form import Form
from ..state.run_queue import Ticket
from ..state.sessions import Session, Visit
from ..state.studio import Studio
from ..state.worker import run_in_worker
from .runs import Update, in_turn
from .speak import told_to

AUDIO_FORMATS = ("wav", "mp3", "flac")
CAPTION_FORMATS = ("srt", "vtt")
MAX_FILE_BYTES = 16 << 20


def lay_out(
    studio: Studio, session: Session, form: Form, asked: Mapping[str, Any]
) -> Iterator[Update]:
    """Cuts a text or a file into chunks, and shows them; nothing is made yet.

    Args:
        asked: `text`, or `name` and `file` (its bytes in base64); `id` of the long text that it
            takes the place of, whose chunks stay where the words do.
    """
    try:
        narration_id, narration = begin(studio, session.visit, form, asked)
    except BarkError as error:
        yield Update(status=status.fault(str(error)))
        return
    shown = messages.long_text(narration, narration_id, session.visit, busy=False)
    plan = narration.plan
    about = status.seconds(plan.expected_s)
    yield Update(status=status.note(f"{plan.n_chunks} chunks, about {about}."), long=shown)


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
            narration_id, _ = begin(studio, session.visit, form, asked)
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


def begin(
    studio: Studio, visit: Visit, form: Form, asked: Mapping[str, Any]
) -> tuple[str, Narration]:
    """Begins a long text in the visit's folder.

    Raises:
        BarkError: there is nothing to speak, it is too long, or the form or voice is wrong.
    """
    bark, access = studio.engine.ready(), studio.access(visit)
    limits = access.long_text_limits
    document = _document(asked)
    n_chars = sum(len(block.text) for chapter in document.chapters for block in chapter.blocks)
    if not n_chars:
        raise InvalidInputError(words.NOTHING_TYPED)
    if n_chars > limits.n_chars:
        raise InvalidInputError(
            f"The text has {n_chars:,} characters; here at most {limits.n_chars:,} are spoken."
        )
    seed = form.first_seed() if form.hold_seed else None
    options = NarrationOptions(generation=dataclasses.replace(form.options(), seed=seed))
    script = write_script(document, measure_for(bark), chunk_limit(bark, options), options)
    if len(script.chunks) > limits.n_chunks:
        raise InvalidInputError(
            f"The text makes {len(script.chunks):,} chunks; here at most {limits.n_chunks:,}."
        )
    narration_id = str(asked.get("id") or "")
    if narration_id:
        access.narration_folder(narration_id)
    if visit.runs.busy and (narration_id or not access.is_owner):
        raise InvalidInputError("Something is being made; stop it, then lay the text out.")
    narration_id = narration_id or visit.narrations.new_id()
    folder = visit.narrations.path(narration_id)
    cast = _cast(studio, visit, form, script.speakers)
    with _without_paths(folder):
        narration = Narration.create(bark, document, folder, options, cast=cast)
    visit.narrations.keep_newest(limits.n_kept)
    return narration_id, narration


def open_narration(studio: Studio, visit: Visit, narration_id: str) -> Narration:
    """A long text of the visit's.

    Raises:
        InvalidInputError: it is not there, or is another model's.
    """
    folder = studio.access(visit).narration_folder(narration_id)
    with _without_paths(folder):
        return Narration.open(studio.engine.ready(), folder)


def sound_of_chunk(studio: Studio, visit: Visit, narration_id: str, number: int) -> bytes:
    """A finished chunk as it stands in the whole, as a WAV file.

    Raises:
        BarkError: there is none, or it is not made yet.
    """
    narration = open_narration(studio, visit, narration_id)
    state = narration.state(number)
    with _without_paths(narration.folder.path):
        audio = chunk_audio(state, narration.options)
    assert state.info is not None
    return encode_audio(audio, state.info.sample_rate, "wav")


def joined(studio: Studio, visit: Visit, narration_id: str, format: str, path: Path) -> None:
    """Writes what is made so far as one file of audio, or its captions.

    Args:
        format: one of `AUDIO_FORMATS` or `CAPTION_FORMATS`.
        path: with that suffix.

    Raises:
        BarkError: nothing is made yet, or it cannot be written.
    """
    narration = open_narration(studio, visit, narration_id)
    with _without_paths(narration.folder.path, path.parent):
        if format in CAPTION_FORMATS:
            if not any(state.is_ready for state in narration.chunks):
                raise InvalidInputError("No chunk is made yet, so there are no captions.")
            write_captions(narration, path)
        else:
            write_file(narration, path)


def _document(asked: Mapping[str, Any]) -> Document:
    if asked.get("file") is None:
        return document_of_text(valid_text(str(asked.get("text") or "")))
    name = Path(valid_text(str(asked.get("name") or "text.txt"))).name[-80:]
    try:
        data = base64.b64decode(str(asked["file"]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError(f"{name} did not arrive whole; drop it again.") from error
    if len(data) > MAX_FILE_BYTES:
        raise InvalidInputError(f"{name} is larger than {status.size(MAX_FILE_BYTES)}.")
    with tempfile.TemporaryDirectory(prefix="bark-text-") as folder:
        path = Path(folder) / f"text{Path(name).suffix.lower()}"
        path.write_bytes(data)
        with _without_paths(path.parent):
            document = read_document(path)
    title = document.title if document.title != "text" else Path(name).stem
    return dataclasses.replace(document, title=title)


def _cast(studio: Studio, visit: Visit, form: Form, speakers: list[str]) -> Cast:
    """Voices of those that speak: the form's for the narrator, one of the caller's for others.

    Where the caller has too few, the rest get new ones, and never one that is hidden from them.
    """
    bark, access = studio.engine.ready(), studio.access(visit)
    free = [v.name for v in access.voices(bark.spec) if v.on_disk and v.name != form.voice]
    named = [name for name in speakers if name != NARRATOR]
    voices = {
        name: access.load_voice(voice, bark.spec) for name, voice in zip(named, free, strict=False)
    }
    return Cast(access.load_voice(form.voice or None, bark.spec), voices, others=())


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
        yield Update(long=messages.long_text(narration, self._id, visit, busy=True))
        gauge = status.GridGauge(max(1, len(states) - len(there)), "chunks")

        def work(hand_over: Callable[[NarrationEvent], None]) -> None:
            with _without_paths(narration.folder.path):
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
        line = f"{start} {plan.n_ready} of {plan.n_chunks} chunks."
        return status.note(" ".join([line, *self._failures[:1]]))


@contextlib.contextmanager
def _without_paths(*folders: Path) -> Iterator[None]:
    """Takes folders of this machine out of what a fault says to a visitor."""
    try:
        yield
    except BarkError as error:
        said = str(error)
        for folder in folders:
            said = said.replace(f"{folder}/", "").replace(str(folder), "its folder")
        raise type(error)(said) from error
