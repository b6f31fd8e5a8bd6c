"""Events of arriving, the text, the voice and the model: nothing is decided here."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from ...errors import BarkError
from ...text.splitting import valid_text
from ..actions import models
from ..actions.checks import listeners
from ..actions.meter import measure
from ..actions.speak import follow
from ..page import messages
from ..page.form import Form
from ..state.worker import HEARTBEAT_S
from .view import EVENT, QUICK, View, skips, tell


def wire_arrival(view: View, demo: gr.Blocks) -> None:
    """A tab is opened, reloaded or closed."""
    page, studio = view.page, view.studio

    def arrive(key: str, draft: str, request: gr.Request) -> list[Any]:
        session = studio.visits.open(request.session_hash or "", key)
        listed = session.visit.takes.all()
        shown = messages.empty_player()
        if listed:
            session.selected = listed[0].id
            shown = messages.show_take(listed[0], session.visit)
        access = studio.access(session.visit)
        takes = messages.list_all(session.visit, session.selected, listeners(access))
        button = gr.Button(visible=studio.can_change_model)
        form = left_form(draft)
        values = skips(len(page.form)) if form is None else drafted(form)
        return [session.visit.key, takes, shown, button, *values]

    def model_arrives(
        draft: str, text: str, n_takes: int, request: gr.Request
    ) -> Iterator[list[Any]]:
        n = len(view.model_outputs) + 1
        yield [models.model_line(studio), *skips(n - 1)]
        while not studio.engine.wait(HEARTBEAT_S):
            yield [models.model_line(studio), *skips(n - 1)]
        meter = measure(studio, text or "", n_takes).line
        yield [*view.model_values(view.session(request), left_form(draft)), meter]

    def look_on(request: gr.Request) -> Iterator[list[Any]]:
        yield from tell(follow(view.session(request)))

    def reopen(key: str, request: gr.Request) -> list[Any]:
        session = studio.visits.open(request.session_hash or "", key)
        return [session.visit.key, messages.list_all(session.visit, session.selected)]

    def leave(request: gr.Request) -> None:
        studio.visits.close(request.session_hash)

    arrived = [page.visitor, page.takes, page.player, page.change_model, *page.form]
    # A link that somebody was given says what the form holds.
    linked = "(visitor, draft) => [visitor, barkStudio.linkedForm() || draft]"
    arrival = demo.load(arrive, [page.visitor, page.draft], arrived, js=linked, **QUICK)
    typed = [page.draft, page.text, page.field("n_takes")]
    arrival.then(model_arrives, typed, [*view.model_outputs, page.meter], **EVENT)
    arrival.then(look_on, None, view.run_outputs, **EVENT)
    # After a restart of the server the list has another address.
    page.takes.reopen(reopen, page.visitor, [page.visitor, page.takes], **QUICK)
    demo.unload(leave)


def left_form(draft: Any) -> Form | None:
    """The form that a browser remembered; None where it holds none."""
    try:
        return Form.from_values(json.loads(draft))
    except (TypeError, ValueError, RecursionError, BarkError):
        return None


def drafted(form: Form) -> list[Any]:
    """A remembered form's values; whether its voice is still there is seen when the model is.

    The voice is filled in all the same: what is missing here would be remembered as missing.
    """
    values: list[Any] = list(dataclasses.astuple(form))
    names = Form.names()
    values[names.index("seed")] = "" if form.seed is None else str(form.seed)
    return values


def wire_text(view: View) -> None:
    """Somebody types, or takes an example."""
    page = view.page

    def count(text: str, n_takes: int) -> list[Any]:
        text = valid_text(text or "")
        meter = measure(view.studio, text, n_takes)
        button = gr.Button(f"Speak in {meter.n_parts} parts", visible=meter.n_parts > 1)
        return [meter.line, button]

    def example(sample: list[Any] | None) -> Any:
        return str(sample[0]) if sample else gr.skip()

    n_takes = page.field("n_takes")
    gr.on(
        [page.text.change, n_takes.change],  # type: ignore[attr-defined]
        count,
        [page.text, n_takes],
        [page.meter, page.split],
        trigger_mode="always_last",
        **QUICK,
    )
    page.examples.click(example, page.examples, page.text, **QUICK)
    # The browser remembers the whole form.
    changes = [component.change for component in page.form]  # type: ignore[attr-defined]
    whole = f"(...values) => [JSON.stringify(values.slice(0, {len(page.form)}))]"
    gr.on(changes, None, list(page.form), page.draft, js=whole, trigger_mode="always_last")


def wire_voice(view: View) -> None:
    """The page's own menu of voices shows whatever the form holds."""
    shown = "(voice) => { barkStudio.voices?.show(voice || ''); return []; }"
    view.page.voice.change(None, view.page.voice, None, js=shown)


def wire_models(view: View) -> None:
    """The model picker."""
    page, studio = view.page, view.studio
    outputs = view.model_outputs

    def unfold() -> list[Any]:
        access = studio.access()
        if not access.can_change_model:
            return skips(2)
        chosen = studio.engine.state.model
        return [gr.Column(visible=True), gr.Radio(models.model_choices(access), value=chosen)]

    def fold() -> Any:
        return gr.Column(visible=False)

    def change(model: str, request: gr.Request) -> Iterator[list[Any]]:
        session = view.session(request)
        for line, ready in models.change(studio, session, model):
            yield [line, *(view.model_values(session) if ready else skips(len(outputs)))]

    def halt(request: gr.Request) -> None:
        view.session(request).stop_download.set()

    page.change_model.click(unfold, None, [page.model_panel, page.model_choice], **QUICK)
    page.close_models.click(fold, None, page.model_panel, **QUICK)
    page.use_model.click(change, page.model_choice, [page.model_status, *outputs], **EVENT)
    page.stop_download.click(halt, None, None, **QUICK)
