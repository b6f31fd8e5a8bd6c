"""What the wiring of the page's events shares: finding the tab, filling the outputs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from ...errors import BarkError
from ...families import family_of
from ..actions import models
from ..actions.runs import Update
from ..page import messages, status, words
from ..page.form import Form
from ..page.form_layout import tag_buttons
from ..page.layout import Page
from ..state.sessions import Session
from ..state.studio import Studio
from ..state.take_store import StoredTake

# Page events: no place in the public API, no overlay, and no line of their own.
EVENT: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "concurrency_limit": None,
}
QUICK: dict[str, Any] = {**EVENT, "queue": False}
_QUIET_S = 0.5


def with_selected(n_others: int = 0) -> str:
    """Script that puts the take which the player shows in the place of the first input.

    Args:
        n_others: how many inputs follow it.
    """
    return f"(_, ...others) => [barkStudio.selected, ...others.slice(0, {n_others})]"


@dataclasses.dataclass(frozen=True)
class View:
    """One page and the studio behind it."""

    studio: Studio
    page: Page

    def session(self, request: gr.Request, selected: str | None = None) -> Session:
        """The tab that asks.

        Args:
            selected: id of the take that its player shows.
        """
        session = self.studio.visits.session(request.session_hash)
        session.selected = selected or session.selected
        return session

    @property
    def run_outputs(self) -> list[Any]:
        """What a run tells; see `told`."""
        page = self.page
        return [page.status, page.player, page.takes, page.field("seed"), page.grid, page.long]

    @property
    def model_outputs(self) -> list[Any]:
        """What depends on the loaded model."""
        page = self.page
        return [
            page.model_line,
            page.nano_note,
            page.tags,
            page.examples,
            page.voice,
            page.field("fine_temperature"),
        ]

    def model_values(self, session: Session, draft: Form | None = None) -> list[Any]:
        """Values of `model_outputs`.

        Args:
            draft: a form that was left, whose voice and settings stay.
        """
        bark = self.studio.engine.bark
        if bark is None:
            return [models.model_line(self.studio), *skips(len(self.model_outputs) - 1)]
        family = family_of(bark.spec)
        examples = words.EXAMPLES[family.name]
        note = words.note(family.name, can_change=self.studio.can_change_model)
        voice = draft.voice if draft and self._is_there(session, draft.voice) else ""
        return [
            models.model_line(self.studio),
            status.hint(note),
            tag_buttons(family.name, hears_tags=family.hears_tags),
            gr.Dataset(
                samples=[[text] for _, text in examples],
                sample_labels=[label for label, _ in examples],
            ),
            voice,
            draft.fine_temperature if draft else bark.spec.fine_temperature or 0.0,
        ]

    def _is_there(self, session: Session, voice: str) -> bool:
        access, spec = self.studio.access(session.visit), self.studio.engine.ready().spec
        if voice in {info.name for info in access.voices(spec)}:
            return True  # an official one need not be fetched to be chosen
        try:
            return access.load_voice(voice, spec) is not None
        except BarkError:
            return False

    def form_values(self, form: Form) -> list[Any]:
        """The form's components, filled."""
        values: list[Any] = list(dataclasses.astuple(form))
        names = Form.names()
        values[names.index("seed")] = "" if form.seed is None else str(form.seed)
        return values

    def shown(self, session: Session, stored: StoredTake | None) -> list[Any]:
        """Player and list after a take was put in."""
        if stored is None:
            return [gr.skip(), gr.skip()]
        visit = session.visit
        return [messages.show_take(stored, visit), messages.cards([stored], visit)]


def asked(event: gr.EventData, names: Sequence[str]) -> dict[str, Any]:
    """What an event of the page's own brings; None for what it does not."""
    given = event._data if isinstance(event._data, dict) else {}
    return {name: given.get(name) for name in names}


def told(update: Update) -> list[Any]:
    """An update as values of `View.run_outputs`."""
    fields = (
        update.status, update.player, update.takes, update.seed, update.grid, update.long
    )  # fmt: skip
    return [gr.skip() if value is None else value for value in fields]


def tell(updates: Iterator[Update]) -> Iterator[list[Any]]:
    """Updates as values; a handler that tells nothing would empty its outputs.

    An update that changes nothing, as most steps of a model give, costs the server and the page as
    much as any: of those only one goes out in `_QUIET_S`, by which a page that is gone is noticed.
    """
    yield told(Update())
    said_at = time.monotonic()
    for update in updates:
        if update == Update() and time.monotonic() - said_at < _QUIET_S:
            continue
        said_at = time.monotonic()
        yield told(update)


def skips(n: int) -> list[Any]:
    """Leaves n outputs as they are."""
    return [gr.skip() for _ in range(n)]
