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

from ...errors import BarkError, InvalidInputError
from ..actions import long_files, long_texts
from ..actions.long_layout import open_narration
from ..actions.runs import Update
from ..page import messages, status
from ..page.form import Form
from ..state.sessions import Visit
from ..state.studio import Studio
from .take_routes import answer_for, whole_number
from .view import EVENT, View, asked, tell

_FIELDS = ("id", "text", "name", "file", "settings", "number", "do")
_NO_SNIFF = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_ONE = "/takes/{key}/long/{narration_id}"
# a chunk's key is in the address
_KEPT = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"}


def wire_long_text(view: View) -> None:
    """Laying a text out, speaking it, changing a chunk."""
    page, studio = view.page, view.studio

    def with_form(handler: Callable[..., Iterator[Update]]) -> Callable[..., Any]:
        def updates(
            event: gr.EventData, request: gr.Request, values: tuple[Any, ...]
        ) -> Iterator[Update]:
            try:
                form = Form.from_values(values)
            except BarkError as error:
                yield Update(status=status.fault(str(error)))
                return
            yield from handler(studio, view.session(request), form, asked(event, _FIELDS))

        def handle(event: gr.EventData, request: gr.Request, *values: Any) -> Iterator[list[Any]]:
            yield from tell(long_texts.answered(updates(event, request, values)))

        return handle

    def alter(event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
        yield from tell(long_texts.change(studio, view.session(request), asked(event, _FIELDS)))

    events = {**EVENT, "trigger_mode": "multiple"}
    form = list(page.form)
    page.long.lay_out(with_form(long_texts.lay_out), form, view.run_outputs, **events)
    page.long.speak(with_form(long_texts.speak), form, view.run_outputs, **events)
    page.long.alter(alter, None, view.run_outputs, **events)


Answer = Callable[[Visit], Response]


def add_long_text_routes(app: fastapi.FastAPI, studio: Studio) -> None:
    """Adds what the page asks about long texts: which there are, one, its sound, its files."""

    def of(key: str, answer: Answer) -> Response:
        return answer_for(studio, key, answer, fault=404)

    _add_lists(app, studio, of)
    _add_sounds(app, studio, of)


def _add_lists(app: fastapi.FastAPI, studio: Studio, of: Callable[[str, Answer], Response]) -> None:
    def listed(key: str) -> Response:
        return of(key, lambda visit: JSONResponse(messages.long_texts(visit.narrations.listed())))

    def reopened(key: str, narration_id: str) -> Response:
        def answer(visit: Visit) -> Response:
            narration = open_narration(studio, visit, narration_id)
            shown = long_texts.shown_text(studio, narration, narration_id, visit, busy=False)
            return JSONResponse(shown)

        return of(key, answer)

    def removed(key: str, narration_id: str) -> Response:
        def answer(visit: Visit) -> Response:
            long_texts.remove(studio, visit, narration_id)
            return JSONResponse(messages.long_texts(visit.narrations.listed()))

        return of(key, answer)

    app.add_api_route("/takes/{key}/long", listed)
    app.add_api_route(_ONE, reopened)
    app.add_api_route(f"{_ONE}/remove", removed, methods=["POST"])


def _add_sounds(
    app: fastapi.FastAPI, studio: Studio, of: Callable[[str, Answer], Response]
) -> None:
    def heard(key: str, narration_id: str, number: str) -> Response:
        def answer(visit: Visit) -> Response:
            data = long_texts.sound_of_chunk(studio, visit, narration_id, chunk_of(number))
            return Response(data, media_type="audio/wav", headers=_KEPT)

        return of(key, answer)

    def sentences(key: str, narration_id: str, number: str) -> Response:
        def answer(visit: Visit) -> Response:
            starts = long_texts.sentence_starts(studio, visit, narration_id, chunk_of(number))
            return JSONResponse({"starts": starts}, headers=_KEPT)

        return of(key, answer)

    def downloaded(key: str, narration_id: str, format: str) -> Response:
        def answer(visit: Visit) -> Response:
            folder = Path(tempfile.mkdtemp(prefix="bark-joined-"))
            remove = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
            try:
                path = long_files.write_as(studio, visit, narration_id, format, folder)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            return FileResponse(path, filename=path.name, headers=_NO_SNIFF, background=remove)

        return of(key, answer)

    app.add_api_route(f"{_ONE}/chunk/{{number}}", heard)
    app.add_api_route(f"{_ONE}/chunk/{{number}}/sentences", sentences)
    app.add_api_route(f"{_ONE}/as/{{format}}", downloaded)


def chunk_of(number: str) -> int:
    """A chunk's number in an address.

    Raises:
        InvalidInputError: it is none.
    """
    chunk = whole_number(number)
    if chunk is None:
        raise InvalidInputError("There is no such chunk.")
    return chunk
