"""Events of speaking and of the takes: nothing is decided here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from ...errors import BarkError
from ..actions import take_actions
from ..actions.runs import Update
from ..actions.speak import another, redo, speak, speak_parts, stop
from ..page import player, status
from ..page.form import Form
from .view import EVENT, QUICK, View, skips, told


def wire_speaking(view: View) -> None:
    """Speak, its variants, and Stop."""
    page, studio = view.page, view.studio
    outputs = [page.status, page.player, page.takes, page.field("seed")]
    # A second press waits behind the first one; it is not lost.
    events = {**EVENT, "trigger_mode": "multiple"}

    def with_form(handler: Callable[..., Iterator[Update]], *extra: Any) -> Callable[..., Any]:
        def tell(request: gr.Request, *values: Any) -> Iterator[list[Any]]:
            try:
                form = Form.from_values(values)
            except BarkError as error:
                yield told(Update(status=status.fault(str(error))))
                return
            for update in handler(studio, view.session(request), form, *extra):
                yield told(update)

        return tell

    def again(request: gr.Request) -> Iterator[list[Any]]:
        for update in another(studio, view.session(request)):
            yield told(update)

    def halt(request: gr.Request) -> str:
        return stop(view.session(request))

    form = list(page.form)
    page.speak.click(with_form(speak), form, outputs, **events)
    page.split.click(with_form(speak_parts), form, outputs, **events)
    page.redo_sound.click(with_form(redo, "coarse"), form, outputs, **events)
    page.redo_finish.click(with_form(redo, "fine"), form, outputs, **events)
    page.another.click(again, None, outputs, **events)
    page.stop.click(halt, None, page.status, **QUICK)


def wire_takes(view: View) -> None:
    """Choosing, starring, noting and deleting takes."""
    page = view.page
    both = [page.player, page.takes]

    def chosen(event: gr.EventData, request: gr.Request) -> list[Any]:
        session = view.session(request)
        return view.shown(session, take_actions.choose(session, event.id), play=bool(event.play))

    def starred(event: gr.EventData, request: gr.Request) -> list[Any]:
        session = view.session(request)
        return view.shown(session, take_actions.toggle_star(session, event.id))

    def noted(event: gr.EventData, request: gr.Request) -> list[Any]:
        session = view.session(request)
        return view.shown(session, take_actions.write_note(session, event.id, str(event.note)))

    def deleted(request: gr.Request) -> list[Any]:
        session = view.session(request)
        gone, following = take_actions.delete(session)
        line = status.note(f"Deleted take {gone.number}.") if gone else gr.skip()
        shown = take_actions.player_value(session, following)
        takes = player.take_list(session.visit, session.selected)
        return [shown, takes, gr.Button(visible=gone is not None), line]

    def undeleted(request: gr.Request) -> list[Any]:
        session = view.session(request)
        stored = take_actions.undelete(session)
        line = status.note(f"Take {stored.number} is back.") if stored else gr.skip()
        return [*view.shown(session, stored), gr.Button(visible=False), line]

    for component in (page.takes, page.player):
        component.choose(chosen, None, both, **QUICK)
        component.star(starred, None, both, **QUICK)
    page.player.note(noted, None, both, **QUICK)
    page.delete.click(deleted, None, [*both, page.undelete, page.status], **QUICK)
    page.undelete.click(undeleted, None, [*both, page.undelete, page.status], **QUICK)


def wire_reuse(view: View) -> None:
    """A take's settings into the form, and its speaker into the voice menu."""
    page, studio = view.page, view.studio
    form = list(page.form)

    def reused(request: gr.Request, *values: Any) -> list[Any]:
        session = view.session(request)
        try:
            filled = take_actions.settings_of(studio, session, Form.from_values(values))
            return [*view.form_values(session, filled), gr.skip()]
        except BarkError as error:
            return [*skips(len(form)), status.fault(str(error))]

    def continued(request: gr.Request) -> list[Any]:
        session = view.session(request)
        try:
            return [view.voice_value(session, take_actions.as_voice(session)), gr.skip()]
        except BarkError as error:
            return [gr.skip(), status.fault(str(error))]

    def kept(name: str, request: gr.Request) -> list[Any]:
        session = view.session(request)
        try:
            path = take_actions.keep_voice(studio, session, name or "")
            line = status.note(f"Saved the voice {path.stem}; it is in the voice menu.")
            return ["", view.voice_value(session, path.stem), line]
        except BarkError as error:
            return [gr.skip(), gr.skip(), status.fault(str(error))]

    page.reuse.click(reused, form, [*form, page.status], **QUICK)
    page.as_voice.click(continued, None, [page.voice, page.status], **QUICK)
    page.keep_voice.click(
        kept, page.voice_name, [page.voice_name, page.voice, page.status], **QUICK
    )


def wire_files(view: View) -> None:
    """Files that are dropped or chosen: takes, and voices."""
    page, studio = view.page, view.studio
    form = list(page.form)

    def opened(request: gr.Request, path: str, *values: Any) -> list[Any]:
        session = view.session(request)
        try:
            found = take_actions.open_file(studio, session, path)
            filled = Form.from_values(values)
            if found.voice is not None:
                filled = dataclasses.replace(filled, voice=found.voice)
                return [*view.form_values(session, filled), *skips(2), found.line]
            filled = take_actions.settings_of(studio, session, filled)
            both = view.shown(session, found.take)
            return [*view.form_values(session, filled), *both, found.line]
        except BarkError as error:
            return [*skips(len(form) + 2), status.fault(str(error))]

    def voiced(path: str, request: gr.Request) -> list[Any]:
        session = view.session(request)
        try:
            found = take_actions.open_voice(studio, session, path)
            return [view.voice_value(session, found.voice or ""), found.line]
        except BarkError as error:
            return [gr.skip(), status.fault(str(error))]

    outputs = [*form, page.player, page.takes, page.status]
    page.open_file.upload(opened, [page.open_file, *form], outputs, **EVENT)
    page.voice_file.upload(voiced, page.voice_file, [page.voice, page.status], **EVENT)
