"""Events and route of styles: nothing is decided here."""

from __future__ import annotations

from typing import Any

import fastapi
import gradio as gr
from fastapi.responses import JSONResponse, Response

from ...errors import BarkError
from ..actions.styles import drop_style, keep_style, style_rows, use_style
from ..page import messages, status
from ..page.form import Form
from ..state.sessions import Visit
from ..state.studio import Studio
from .take_routes import answer_for
from .view import QUICK, View, asked, skips


def wire_styles(view: View) -> None:
    """Using, saving and deleting a style."""
    page, studio = view.page, view.studio
    form = list(page.form)

    def used(event: gr.EventData, request: gr.Request, *values: Any) -> list[Any]:
        visit = view.session(request).visit
        try:
            given = asked(event, ("name", "instead_of"))
            name, before = str(given["name"]), str(given["instead_of"])
            filled, line = use_style(studio, visit, Form.from_values(values), name, before)
            told = messages.styles(style_rows(studio, visit), name)
            return [*view.form_values(filled), told, status.note(line) if line else gr.skip()]
        except BarkError as error:
            return [*skips(len(form) + 1), status.fault(str(error))]

    def kept(event: gr.EventData, request: gr.Request, *values: Any) -> list[Any]:
        visit = view.session(request).visit
        try:
            given = asked(event, ("name", "frame"))
            line = keep_style(studio, visit, Form.from_values(values), given)
            told = messages.styles(style_rows(studio, visit), str(given["name"]).strip())
            return [told, status.note(line)]
        except BarkError as error:
            return [gr.skip(), status.fault(str(error))]

    def dropped(event: gr.EventData, request: gr.Request) -> list[Any]:
        visit = view.session(request).visit
        try:
            given = asked(event, ("name", "chosen"))
            line = drop_style(studio, visit, str(given["name"]))
            rows = style_rows(studio, visit)
            chosen = next((row["name"] for row in rows if row["name"] == given["chosen"]), None)
            return [messages.styles(rows, chosen), status.note(line)]
        except BarkError as error:
            return [gr.skip(), status.fault(str(error))]

    page.style.use(used, form, [*form, page.style, page.status], **QUICK)
    page.style.keep(kept, form, [page.style, page.status], **QUICK)
    page.style.drop(dropped, None, [page.style, page.status], **QUICK)


def add_style_routes(app: fastapi.FastAPI, studio: Studio) -> None:
    """Adds the list of a visit's styles."""

    def listed(key: str) -> Response:
        def answer(visit: Visit) -> Response:
            rows = style_rows(studio, visit)
            return JSONResponse({"rows": rows}, headers={"Cache-Control": "no-store"})

        return answer_for(studio, key, answer, fault=409)

    app.add_api_route("/takes/{key}/styles", listed)
