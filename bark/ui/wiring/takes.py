"""Events of speaking and of the takes: nothing is decided here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from ...errors import BarkError
from ..actions import take_actions
from ..actions.runs import Update
from ..actions.speak import another, redo, redo_from, speak, speak_parts, stop
from ..page import status
from ..page.form import Form
from .view import EVENT, QUICK, View, asked, skips, tell, told, with_selected


def wire_speaking(view: View) -> None:
    """Speak, its variants, and Stop."""
    page, studio = view.page, view.studio
    outputs = view.run_outputs
    # A second press waits behind the first one; it is not lost.
    events = {**EVENT, "trigger_mode": "multiple"}

    def with_form(handler: Callable[..., Iterator[Update]], *extra: Any) -> Callable[..., Any]:
        def handle(request: gr.Request, *values: Any) -> Iterator[list[Any]]:
            try:
                form = Form.from_values(values)
            except BarkError as error:
                yield told(Update(status=status.fault(str(error))))
                return
            yield from tell(handler(studio, view.session(request), form, *extra))

        return handle

    def again(selected: str, request: gr.Request) -> Iterator[list[Any]]:
        yield from tell(another(studio, view.session(request, selected)))

    def redone(stage: str) -> Callable[..., Any]:
        def handle(request: gr.Request, selected: str, *values: Any) -> Iterator[list[Any]]:
            view.session(request, selected)
            yield from with_form(redo, stage)(request, *values)

        return handle

    def from_here(event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
        given = asked(event, ("take", "from_s"))
        session = view.session(request, str(given["take"]))
        try:
            from_s = float(given["from_s"])
        except (TypeError, ValueError):
            from_s = -1.0  # a stranger made it up: no moment of a take
        yield from tell(redo_from(studio, session, from_s))

    def halt(request: gr.Request) -> Any:
        return stop(view.session(request)) or gr.skip()

    form = list(page.form)
    page.speak.click(with_form(speak), form, outputs, **events)
    page.split.click(with_form(speak_parts), form, outputs, **events)
    chosen = {**events, "js": with_selected(len(form))}
    page.redo_sound.click(redone("coarse"), [page.selected, *form], outputs, **chosen)
    page.redo_finish.click(redone("fine"), [page.selected, *form], outputs, **chosen)
    page.another.click(again, page.selected, outputs, js=with_selected(), **events)
    page.player.redo_from(from_here, None, outputs, **events)
    page.stop.click(halt, None, page.status, **QUICK)


def wire_reuse(view: View) -> None:
    """A take's settings into the form, and its speaker into the voice menu."""
    page, studio = view.page, view.studio
    form = list(page.form)

    def reused(request: gr.Request, selected: str, *values: Any) -> list[Any]:
        session = view.session(request, selected)
        try:
            filled = take_actions.settings_of(studio, session, Form.from_values(values))
            return [*view.form_values(filled), gr.skip()]
        except BarkError as error:
            return [*skips(len(form)), status.fault(str(error))]

    def continued(selected: str, request: gr.Request) -> list[Any]:
        session = view.session(request, selected)
        try:
            return [take_actions.as_voice(session), gr.skip()]
        except BarkError as error:
            return [gr.skip(), status.fault(str(error))]

    def kept(selected: str, name: str, request: gr.Request) -> list[Any]:
        session = view.session(request, selected)
        try:
            path = take_actions.keep_voice(studio, session, name or "")
            line = status.note(f"Saved the voice {path.stem}; it is in the voice menu.")
            return ["", path.stem, line]
        except BarkError as error:
            return [gr.skip(), gr.skip(), status.fault(str(error))]

    outputs = [*form, page.status]
    chosen = with_selected(len(form))
    page.reuse.click(reused, [page.selected, *form], outputs, js=chosen, **QUICK)
    outputs = [page.voice, page.status]
    page.as_voice.click(continued, page.selected, outputs, js=with_selected(), **QUICK)
    page.keep_voice.click(
        kept, [page.selected, page.voice_name], [page.voice_name, *outputs],
        js=with_selected(1), **QUICK,
    )  # fmt: skip


def wire_files(view: View) -> None:
    """Files that are dropped or chosen: takes, and voices."""
    page, studio = view.page, view.studio
    form = list(page.form)

    def opened(request: gr.Request, paths: list[str] | None, *values: Any) -> list[Any]:
        session = view.session(request)
        try:
            found = take_actions.open_files(studio, session, paths or [])
            filled = Form.from_values(values)
            if found.voice is not None:
                filled = dataclasses.replace(filled, voice=found.voice)
            elif found.take is not None:
                filled = take_actions.settings_of(studio, session, filled)
            both = view.shown(session, found.take)
            return [*view.form_values(filled), *both, found.line]
        except BarkError as error:
            return [*skips(len(form) + 2), status.fault(str(error))]

    def voiced(path: str | None, request: gr.Request) -> list[Any]:
        session = view.session(request)
        try:
            found = take_actions.open_voice(studio, session, path)
            return [found.voice or "", found.line]
        except BarkError as error:
            return [gr.skip(), status.fault(str(error))]

    outputs = [*form, page.player, page.takes, page.status]
    page.open_file.upload(opened, [page.open_file, *form], outputs, **EVENT)
    page.voice_file.upload(voiced, page.voice_file, [page.voice, page.status], **EVENT)
