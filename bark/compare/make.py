"""Making the cells of a grid: batches through the pipeline, each take told as it is done."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator

from ..errors import BarkError
from ..events import StageProgress, TakeFailed, TakeReady
from ..pipeline import Bark
from ..request import Request
from ..take import Take
from ..voices.prompt import VoicePrompt
from .plan import BATCH_SIZE, Cell, GridPlan, batches


@dataclasses.dataclass(frozen=True)
class CellsStarted:
    """These cells are being made together."""

    cells: tuple[Cell, ...]


@dataclasses.dataclass(frozen=True)
class CellsProgress:
    """How far the cells are that are being made."""

    cells: tuple[Cell, ...]
    progress: StageProgress


@dataclasses.dataclass(frozen=True, eq=False)
class CellReady:
    """A cell's take is finished, or was stopped with some sound made."""

    cell: Cell
    take: Take


@dataclasses.dataclass(frozen=True, eq=False)
class CellFailed:
    """A cell came to nothing; the others go on."""

    cell: Cell
    error: BarkError


GridEvent = CellsStarted | CellsProgress | CellReady | CellFailed


def make_cells(
    plan: GridPlan,
    *,
    open_model: Callable[[str | None], Bark],
    load_voice: Callable[[str | None, Bark], VoicePrompt | None],
    stop: threading.Event | None = None,
    batch_size: int = BATCH_SIZE,
) -> Iterator[GridEvent]:
    """Makes all cells of a plan; a cell's take is the one that would be made alone.

    Args:
        open_model: the model behind a name, or for None the one in use.
        load_voice: the voice behind a name of the plan.
        stop: ends the batch in progress at the next token, and makes no further one.

    Yields:
        for every batch that it starts, its progress, and then for each cell its end.

    A model that cannot be had fails its cells only, and so does a wrong voice or text.
    """
    for group in batches(plan.cells(), batch_size):
        if stop is not None and stop.is_set():
            return
        try:
            bark = open_model(group[0].model)
        except BarkError as error:
            yield from (CellFailed(cell, error) for cell in group)
            continue
        cells, requests = [], []
        for cell in group:
            try:
                requests.append(Request(cell.text, load_voice(cell.voice, bark), cell.options))
                cells.append(cell)
            except BarkError as error:
                yield CellFailed(cell, error)
        if cells:
            yield from _make_together(bark, tuple(cells), requests, stop)


def _make_together(
    bark: Bark, cells: tuple[Cell, ...], requests: list[Request], stop: threading.Event | None
) -> Iterator[GridEvent]:
    yield CellsStarted(cells)
    try:
        for event in bark.stream_requests(requests, stop=stop):
            if isinstance(event, StageProgress):
                yield CellsProgress(cells, event)
            elif isinstance(event, TakeReady):
                yield CellReady(cells[event.item], event.take)
            elif isinstance(event, TakeFailed):
                yield CellFailed(cells[event.item], event.error)
    except BarkError as error:
        for cell in cells:
            yield CellFailed(cell, error)
