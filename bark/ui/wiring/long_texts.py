"""Events and routes of long texts: nothing is decided here."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastapi
import gradio as gr
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.background import BackgroundTask

from ...errors import BarkError
from ..actions import long_texts
from ..actions.runs import Update
from ..page import messages, status
from ..page.form import Form
from ..state.narration_store import MAX_LISTED
from ..state.studio import Studio
from .take_routes import ABSENT, whole_number
from .view import EVENT, View, asked, tell, told

_FIELDS = ("id", "text", "name", "file", "number", "do")
_NO_SNIFF = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def wire_long_text(view: View) -> None:
    """Laying a text out, speaking it, changing a chunk."""
    page, studio = view.page, view.studio

    def with_form(handler: Callable[..., Iterator[Update]]) -> Callable[..., Any]:
        def handle(event: gr.EventData, request: gr.Request, *values: Any) -> Iterator[list[Any]]:
            try:
                form = Form.from_values(values)
            except BarkError as error:
                yield told(Update(status=status.fault(str(error))))
                return
            yield from tell(handler(studio, view.session(request), form, asked(event, _FIELDS)))

        return handle

    def alter(event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
        yield from tell(long_texts.change(studio, view.session(request), asked(event, _FIELDS)))

    events = {**EVENT, "trigger_mode": "multiple"}
    form = list(page.form)
    page.long.lay_out(with_form(long_texts.lay_out), form, view.run_outputs, **events)
    page.long.speak(with_form(long_texts.speak), form, view.run_outputs, **events)
    page.long.alter(alter, None, view.run_outputs, **events)


def add_long_text_routes(app: fastapi.FastAPI, studio: Studio) -> None:
    """Adds what the page asks about long texts: which there are, one, its sound, its files."""

    def listed(key: str) -> Response:
        visit = studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        return JSONResponse({"ids": visit.narrations.ids()[:MAX_LISTED]})

    def reopened(key: str, narration_id: str) -> Response:
        visit = studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        try:
            narration = long_texts.open_narration(studio, visit, narration_id)
        except BarkError as error:
            return JSONResponse({"detail": str(error)}, status_code=404)
        return JSONResponse(messages.long_text(narration, narration_id, visit, busy=False))

    def heard(key: str, narration_id: str, number: str) -> Response:
        visit = studio.visits.by_key(key)
        chunk = whole_number(number)
        if visit is None or chunk is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        try:
            data = long_texts.sound_of_chunk(studio, visit, narration_id, chunk)
        except BarkError as error:
            return JSONResponse({"detail": str(error)}, status_code=404)
        kept = {**_NO_SNIFF, "Cache-Control": "private, max-age=3600"}  # its key is in the address
        return Response(data, media_type="audio/wav", headers=kept)

    def downloaded(key: str, narration_id: str, format: str) -> Response:
        visit = studio.visits.by_key(key)
        known = (*long_texts.AUDIO_FORMATS, *long_texts.CAPTION_FORMATS)
        if visit is None or format not in known:
            return JSONResponse(dict(ABSENT), status_code=404)
        folder = Path(tempfile.mkdtemp(prefix="bark-joined-"))
        path = folder / f"{narration_id}.{format}"
        remove = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        try:
            long_texts.joined(studio, visit, narration_id, format, path)
        except BarkError as error:
            said = {"detail": str(error)}
            return JSONResponse(said, status_code=404, background=remove)
        return FileResponse(path, filename=path.name, headers=_NO_SNIFF, background=remove)

    app.add_api_route("/takes/{key}/long", listed)
    app.add_api_route("/takes/{key}/long/{narration_id}", reopened)
    app.add_api_route("/takes/{key}/long/{narration_id}/chunk/{number}", heard)
    app.add_api_route("/takes/{key}/long/{narration_id}/as/{format}", downloaded)
