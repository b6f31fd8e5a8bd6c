"""Grids on the page: planned as somebody types, made like any other run, kept and reopened."""

from __future__ import annotations

import dataclasses
import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...compare.archive import add_grid
from ...compare.axes import Axis, parse_axis
from ...compare.make import (
    CellFailed,
    CellsProgress,
    CellsStarted,
    GridEvent,
    make_cells,
)
from ...compare.plan import PLACES, GridPlan, batches
from ...errors import BarkError, InvalidInputError
from ...pipeline import Bark
from ...server.metrics import Counted
from ...take import Take
from ...text.splitting import valid_text
from ...voices.prompt import VoicePrompt
from ..page import messages, status, words
from ..page.form import Form
from ..state.grid_store import StoredGrid
from ..state.run_queue import Ticket
from ..state.sessions import Session, Visit
from ..state.studio import Studio
from ..state.worker import run_in_worker
from .runs import Update, in_turn
from .speak import told_to


@dataclasses.dataclass(frozen=True)
class Outlook:
    """What a plan would be.

    Attributes:
        expected_s: how long it would take; None before anything was measured.
    """

    n_takes: int
    n_batches: int
    expected_s: float | None


def read_plan(
    studio: Studio, visit: Visit, form: Form, asked: Mapping[str, Any], *, seed: int
) -> GridPlan:
    """A plan out of the form and the page's axes, which a stranger may have made up.

    Args:
        asked: `axes` lists [name, values as text] for across, down and pages, "" for none;
            `same_seed` says whether all cells have one seed.

    Raises:
        BarkError: something in it is wrong.
    """
    if len(form.text) > studio.max_chars:
        raise InvalidInputError(f"The text has more than {studio.max_chars:,} characters.")
    written = asked.get("axes")
    if not isinstance(written, list) or len(written) > len(PLACES):
        raise InvalidInputError("The axes are a list of up to three settings and their values.")
    voices = studio.access(visit).voices(studio.engine.ready().spec)
    axes: list[Axis | None] = []
    for entry in written:
        if not isinstance(entry, list) or len(entry) != 2:
            raise InvalidInputError("An axis is a setting and its values.")
        name, values = (valid_text(str(word))[:2_000] for word in entry)
        if not name or (name == "words" and not values.strip()):
            continue  # the words of the prompt make an axis of themselves
        axes.append(parse_axis(name, values, voices=voices))
    options = dataclasses.replace(form.options(), seed=seed)
    plan = GridPlan.of(
        form.text,
        axes,
        voice=form.voice or None,
        options=options,
        same_seed=bool(asked.get("same_seed", True)),
    )
    if not plan.axes:
        raise InvalidInputError("Choose what changes: a setting across, down or over pages.")
    plan.cells()
    return plan


def outlook(studio: Studio, visit: Visit, plan: GridPlan) -> Outlook:
    """How much a plan is, before it is made."""
    bark, cells = studio.engine.ready(), plan.cells()
    seconds = {text: bark.count(text).expected_s for text in {cell.text for cell in cells}}
    total = sum(seconds[cell.text] for cell in cells)
    expected = None if visit.pace is None else total * visit.pace
    return Outlook(len(cells), len(batches(cells)), expected)


def make(
    studio: Studio, session: Session, form: Form, asked: Mapping[str, Any]
) -> Iterator[Update]:
    """Makes a grid of the form's text; its cells are told as they are done."""
    visit = session.visit
    try:
        if not form.text.strip():
            raise InvalidInputError(words.NOTHING_TYPED)
        plan = read_plan(studio, visit, form, asked, seed=form.first_seed())
    except BarkError as error:
        yield Update(status=status.fault(str(error)))
        return
    yield from told_to(session, lambda: _perform(studio, visit, plan))


def archive(visit: Visit, grid: StoredGrid) -> bytes:
    """A grid's ZIP: its takes that are still there, a page, a CSV."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        ids = {i: take_id for i, take_id in grid.takes.items() if visit.takes.get(take_id)}
        add_grid(grid.plan, _Loading(visit, ids), grid.failures, file.writestr)
    return out.getvalue()


class _Loading(Mapping[int, Take]):
    """The takes of a grid, each read when it is asked for."""

    def __init__(self, visit: Visit, ids: Mapping[int, str]) -> None:
        self._visit, self._ids = visit, ids

    def __getitem__(self, index: int) -> Take:
        return self._visit.takes.load(self._ids[index])

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


def _perform(studio: Studio, visit: Visit, plan: GridPlan) -> Iterator[Update]:
    grid = StoredGrid(visit.grids.new_id(), plan, {}, {})
    yield Update(
        status=status.bar("Starting", None),
        seed=_seed(plan),
        grid=messages.grid(grid, visit),
    )
    began = time.monotonic()
    yield from in_turn(studio, visit, _Telling(studio, visit, grid))
    made = visit.grids.get(grid.id)
    ids = made.takes.values() if made is not None else ()
    sound_s = sum(take.duration_s for i in ids if (take := visit.takes.get(i)) is not None)
    visit.learn_pace(sound_s, time.monotonic() - began)
    yield Update(grid=messages.grid_ended(grid.id))


def _seed(plan: GridPlan) -> str | None:
    """The seed of the whole grid; None where an axis has seeds of its own."""
    has_axis = any(axis.name == "seed" for axis in plan.axes)
    return None if has_axis else str(plan.options.seed)


class _Telling:
    """Turns the events of a grid into updates of the page."""

    def __init__(self, studio: Studio, visit: Visit, grid: StoredGrid) -> None:
        self._studio, self._visit, self._grid = studio, visit, grid
        self._gauge = status.GridGauge(grid.plan.n_cells)
        self.counted = Counted()
        self._takes: dict[int, str] = {}
        self._failures: dict[int, str] = {}

    def tell(self, ticket: Ticket) -> Iterator[Update]:
        stop = self._visit.runs.stop
        work = _work(self._studio, self._visit, self._grid.plan, stop)
        ticket.begin()
        for event in run_in_worker(work, stop, on_end=ticket.close):
            yield Update() if event is None else self._update(event)
        plan = self._grid.plan
        start = "Stopped; kept" if stop.is_set() else "Made"
        seeds = "" if (seed := _seed(plan)) is None else f", seed {seed}"
        cells = status.many(plan.n_cells, "take")
        line = f"{start} {len(self._takes)} of {cells}{seeds}."
        why = list(self._failures.values())[:1]
        yield Update(status=status.note(" ".join([line, *why])))

    def _update(self, event: GridEvent) -> Update:
        if isinstance(event, CellsStarted):
            return Update(
                grid=messages.cells_started(self._grid.id, [c.index for c in event.cells])
            )
        if isinstance(event, CellsProgress):
            return Update(status=self._gauge.line(event.progress))
        self._gauge.cell_done()
        index = event.cell.index
        if isinstance(event, CellFailed):
            self._failures[index] = str(event.error)
            self._keep()
            return Update(grid=messages.cell_failed(self._grid.id, index, str(event.error)))
        stored = self._visit.takes.add(event.take)
        self.counted.audio_s += stored.duration_s
        self._takes[index] = stored.id
        self._keep()
        cell = messages.cell_ready(self._grid.id, index, stored, self._visit)
        return Update(grid=cell, takes=messages.cards([stored], self._visit))

    def _keep(self) -> None:
        grid = dataclasses.replace(
            self._grid, takes=dict(self._takes), failures=dict(self._failures)
        )
        self._visit.grids.keep(grid)


def _work(
    studio: Studio, visit: Visit, plan: GridPlan, stop: threading.Event
) -> Callable[[Callable[[GridEvent], None]], None]:
    access = studio.access(visit)
    others: dict[str, Bark] = {}

    def open_model(name: str | None) -> Bark:
        bark = studio.engine.ready()
        if name is None or name == bark.name:
            return bark
        if not access.can_change_model:
            raise InvalidInputError("Only the model that is loaded speaks here.")
        if name not in others:
            others.clear()  # one beside the loaded one is enough
            others[name] = studio.engine.beside(name)
        return others[name]

    def load_voice(name: str | None, bark: Bark) -> VoicePrompt | None:
        return access.load_voice(name, bark.spec)

    def work(hand_over: Callable[[GridEvent], None]) -> None:
        for event in make_cells(plan, open_model=open_model, load_voice=load_voice, stop=stop):
            hand_over(event)

    return work
