"""Everything that Python tells the page's own player and list, as JSON-able values.

`KINDS` is the table of messages: what there is, who takes it, and what is in it.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from ...audio.files import to_int16
from ...narration.narration import Narration
from ...narration.sentence_times import sentences_of
from ...narration.states import ChunkState
from ..state.grid_store import StoredGrid
from ..state.narration_store import ListedText
from ..state.sessions import Visit
from ..state.take_store import Changes, StoredTake

Kind = Literal[
    "take", "queue", "live", "piece", "end", "empty",
    "list", "changes", "making", "made",
    "grid", "started", "cell", "failed", "ended",
    "long", "chunks", "chunk", "unmade", "silent", "answered",
    "styles",
]  # fmt: skip


class Message(NamedTuple):
    """A kind of message.

    Attributes:
        to: the part of the page that takes it, in its `receive`.
        does: what the page does then.
        fields: what is in it.
    """

    to: Literal["player", "list", "grid", "long", "styles"]
    does: str
    fields: tuple[str, ...] = ()


_GRID = "id url text shape axes headings takes cells failures"
_LONG = "id url title speakers said chunks busy"

KINDS: Mapping[Kind, Message] = {
    "take": Message(
        "player", "shows a take; where it was live in this run, plays on", ("take", "play", "run")
    ),
    "queue": Message("player", "plays a take when it has played what it has", ("take", "run")),
    "live": Message(
        "player", "empties itself for sound that is about to come",
        ("run", "text", "expected", "rate", "waits"),
    ),
    "piece": Message("player", "takes a piece of sound", ("run", "start", "speed", "pcm")),
    "end": Message("player", "waits for no more sound of this run", ("run",)),
    "empty": Message("player", "shows nothing"),
    "list": Message(
        "list", "fetches all takes of a visit, and shows one", ("url", "selected", "listeners")
    ),
    "changes": Message(
        "list", "puts in new and changed takes, takes removed ones out", ("takes", "removed")
    ),
    "making": Message("list", "shows rows of a run that has begun", ("run", "rows")),
    "made": Message("list", "takes out the rows of a run that has ended", ("run",)),
    "grid": Message("grid", "shows a grid, also one that is being made", tuple(_GRID.split())),
    "started": Message("grid", "marks cells that are being made", ("id", "cells")),
    "cell": Message("grid", "puts a take into its cell", ("id", "cell", "take")),
    "failed": Message("grid", "says in a cell why it came to nothing", ("id", "cell", "why")),
    "ended": Message("grid", "waits for no more cells", ("id",)),
    "long": Message("long", "shows a long text, also one being made", tuple(_LONG.split())),
    "chunks": Message("long", "marks chunks that are being made", ("id", "numbers")),
    "chunk": Message("long", "shows a chunk that can be heard", ("id", "chunk")),
    "unmade": Message("long", "says why a chunk came to nothing", ("id", "number", "why")),
    "silent": Message("long", "waits for no more chunks", ("id",)),
    "answered": Message("long", "takes a press again: the last one was refused, or waits"),
    "styles": Message("styles", "shows them, and which one is in use", ("rows", "chosen")),
}  # fmt: skip
"""What Python tells the page; a test holds the page's scripts to it."""

_MODEL_NAMES = {"nano": "nano", "small": "Bark small", "large": "Bark large"}


def card(take: StoredTake, visit: Visit) -> dict[str, Any]:
    """All that the player and the list show of a take; the page puts it in as text, not HTML."""
    options = take.options
    return {
        "id": take.id,
        "number": take.number,
        "url": f"takes/{visit.key}/{take.id}",
        "text": take.text,
        "voice": take.voice_name or "no voice",
        "temperatures": f"{options.semantic.temperature:g} / {options.coarse.temperature:g}",
        "settings": settings(take),
        "seed": str(options.seed),  # JavaScript's numbers end at 2**53
        "model": _MODEL_NAMES.get(take.model, Path(take.model).name),
        "seconds": round(take.duration_s, 3),
        "made": round(take.made_s, 1),
        "at": round(take.made_at),
        "gain": take.gain,
        "stopped": take.stop_reason == "stopped",
        "cut": take.cut_text,
        "star": take.star,
        "note": take.note,
        "flags": None if take.flags is None else [list(flag) for flag in take.flags],
        "kept": take.path is not None,
        "peaks": base64.b64encode(bytes(round(p * 255) for p in take.peaks)).decode("ascii"),
    }


def settings(take: StoredTake) -> dict[str, Any]:
    """What decides how a take sounds, as a blind test compares it."""
    options = take.options
    return {
        "text": take.text,
        "voice": take.voice_name or "no voice",
        "model": Path(take.model).name,
        "text_temperature": options.semantic.temperature,
        "waveform_temperature": options.coarse.temperature,
        "fine_temperature": options.fine_temperature,
        "min_eos_p": options.min_eos_p,
        "text_top_k": options.semantic.top_k,
        "text_top_p": options.semantic.top_p,
        "waveform_top_k": options.coarse.top_k,
        "waveform_top_p": options.coarse.top_p,
        "seed": str(options.seed),
    }


def list_all(visit: Visit, selected: str | None, listeners: Sequence[str] = ()) -> dict[str, Any]:
    """Lets the page fetch all takes, and show one of them; `listeners` can check their words."""
    address = f"takes/{visit.key}"
    return _message("list", url=address, selected=selected, listeners=list(listeners))


def cards(takes: Iterable[StoredTake], visit: Visit, removed: Sequence[str] = ()) -> dict[str, Any]:
    """Puts takes into the list."""
    return _message("changes", takes=[card(t, visit) for t in takes], removed=list(removed))


def changes(found: Changes, visit: Visit) -> dict[str, Any]:
    """What has changed since the page last asked, with the version to ask with again."""
    told = cards(found.takes, visit, found.removed)
    return {**told, "version": found.version, "whole": found.is_whole, "undo": visit.takes.n_undo}


def making(run: str, takes: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Rows for takes that are about to be made, of each the text and the seed."""
    rows = [{"text": text, "seed": str(seed)} for text, seed in takes]
    return _message("making", run=run, rows=rows)


def made(run: str) -> dict[str, Any]:
    """The run has ended; rows of it that are left came to nothing."""
    return _message("made", run=run)


def grid(stored: StoredGrid, visit: Visit) -> dict[str, Any]:
    """A whole grid: what its axes say, and the cells that are there."""
    found = {i: visit.takes.get(take_id) for i, take_id in stored.takes.items()}
    return _message(
        "grid",
        url=f"takes/{visit.key}/grids/{stored.id}",
        **grid_outline(stored),
        cells={i: card(take, visit) for i, take in found.items() if take is not None},
        failures=dict(stored.failures),
    )


def grid_outline(stored: StoredGrid) -> dict[str, Any]:
    """What a grid's axes say, and which takes it holds, as the list groups them."""
    plan = stored.plan
    return {
        "id": stored.id,
        "text": plan.text,
        "shape": list(plan.shape),
        "axes": [axis.label for axis in plan.axes],
        "headings": [plan.headings(i) for i in range(3)],
        "takes": dict(stored.takes),
    }


def cells_started(grid_id: str, cells: Sequence[int]) -> dict[str, Any]:
    """These cells of a grid are being made together."""
    return _message("started", id=grid_id, cells=list(cells))


def cell_ready(grid_id: str, cell: int, take: StoredTake, visit: Visit) -> dict[str, Any]:
    """A cell of a grid has its take."""
    return _message("cell", id=grid_id, cell=cell, take=card(take, visit))


def cell_failed(grid_id: str, cell: int, why: str) -> dict[str, Any]:
    """A cell of a grid came to nothing."""
    return _message("failed", id=grid_id, cell=cell, why=why)


def grid_ended(grid_id: str) -> dict[str, Any]:
    """Nothing more of this grid is made."""
    return _message("ended", id=grid_id)


def long_text(
    narration: Narration, narration_id: str, visit: Visit, *, busy: bool
) -> dict[str, Any]:
    """A whole long text: its chunks, each with what is known of it.

    Args:
        busy: whether it is about to be spoken.
    """
    plan = narration.plan
    return _message(
        "long",
        id=narration_id,
        url=f"takes/{visit.key}/long/{narration_id}",
        title=narration.title,
        speakers=dict(plan.speakers),
        said=[*plan.left_out, *plan.notes],
        chunks=[chunk(state) for state in narration.chunks],
        busy=busy,
    )


def chunk(state: ChunkState) -> dict[str, Any]:
    """All that the page shows of a chunk of a long text."""
    info = state.info
    return {
        "number": state.chunk.number,
        "text": state.chunk.text,
        "sentences": [list(span) for span in sentences_of(state.chunk.text)],
        "speaker": state.chunk.speaker,
        "heading": state.chunk.is_heading,
        "expected": round(state.chunk.expected_s, 2),
        "pause": state.chunk.pause_s,
        "key": info.key if info else None,  # another sound has another one
        "seconds": round(info.heard_s, 2) if info else None,
        "findings": list(info.findings) if info else [],
        "edited": state.is_edited,
    }


def long_texts(found: Sequence[ListedText]) -> dict[str, Any]:
    """The long texts that can be opened again."""
    texts = [
        {
            "id": text.id,
            "title": text.title,
            "chunks": text.n_chunks,
            "ready": text.n_ready,
            "at": round(text.changed_at),
        }
        for text in found
    ]
    return {"texts": texts}


def chunks_started(narration_id: str, numbers: Sequence[int]) -> dict[str, Any]:
    """These chunks of a long text are being made together."""
    return _message("chunks", id=narration_id, numbers=list(numbers))


def chunk_ready(narration_id: str, state: ChunkState) -> dict[str, Any]:
    """A chunk of a long text can be heard."""
    return _message("chunk", id=narration_id, chunk=chunk(state))


def chunk_failed(narration_id: str, number: int, why: str) -> dict[str, Any]:
    """A chunk of a long text came to nothing."""
    return _message("unmade", id=narration_id, number=number, why=why)


def long_text_ended(narration_id: str) -> dict[str, Any]:
    """Nothing more of this long text is made."""
    return _message("silent", id=narration_id)


def press_answered() -> dict[str, Any]:
    """A press came to nothing that a long text shows: it was refused, or is told elsewhere."""
    return _message("answered")


def show_take(
    take: StoredTake, visit: Visit, *, play: bool = False, run: str | None = None
) -> dict[str, Any]:
    """Puts a take into the player; where it was live in this run, playing goes on."""
    return _message("take", take=card(take, visit), play=play, run=run)


def queue_take(take: StoredTake, visit: Visit, *, run: str) -> dict[str, Any]:
    """Lets the player go on with this take when it has played what it has."""
    return _message("queue", take=card(take, visit), run=run)


def go_live(
    run: str, *, text: str, expected_s: float, sample_rate: int, waits: bool = False
) -> dict[str, Any]:
    """Empties the player for sound that is about to come; one that waits disturbs nothing."""
    return _message("live", run=run, text=text, expected=expected_s, rate=sample_rate, waits=waits)


def live_piece(run: str, audio: np.ndarray, start_s: float, speed: float) -> dict[str, Any]:
    """A piece of sound in 16 bits, lossless from here to the loudspeaker.

    Args:
        speed: seconds of sound that are made in a second.
    """
    return _message("piece", run=run, start=start_s, speed=round(speed, 3), pcm=_pcm(audio))


def end_live(run: str) -> dict[str, Any]:
    """The run ended without a take."""
    return _message("end", run=run)


def empty_player() -> dict[str, Any]:
    """Nothing to show."""
    return _message("empty")


def _message(kind: Kind, **values: Any) -> dict[str, Any]:
    missing = set(KINDS[kind].fields) ^ set(values)
    assert not missing, f"a message {kind!r} has too many or too few of {sorted(missing)}"
    # `n` makes every message differ from the last one, so that the page looks at it.
    return {"kind": kind, "n": time.monotonic_ns(), **values}


def _pcm(audio: np.ndarray) -> str:
    return base64.b64encode(to_int16(audio).astype("<i2").tobytes()).decode("ascii")


def styles(rows: list[dict[str, str]], chosen: str | None) -> dict[str, Any]:
    """The styles of a visit.

    Args:
        chosen: the one that is in use now; None for none.
    """
    return _message("styles", rows=rows, chosen=chosen)
