"""What the page asks for on its own, past Gradio's events: the list, its changes, ZIPs, words.

A visit's key in the address is what its takes are seen and changed by; nobody else knows it.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import fastapi
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from ...errors import BarkError, InvalidInputError
from ...narration.word_times import word_times as find_word_times
from ...voices.library import list_voices
from ..actions.checks import check
from ..actions.take_actions import act, settings_of
from ..page import messages
from ..page.form import Form
from ..state.sessions import Session, Visit
from ..state.studio import Studio

_MAX_BODY = 1 << 20
ABSENT: Mapping[str, str] = {"detail": "There is no such take."}


def answer_for(
    studio: Studio, key: str, answer: Callable[[Visit], Response], *, fault: int
) -> Response:
    """An answer for the visit of this key; a sentence where there is none, or where it fails.

    Args:
        fault: the HTTP status of an answer that ends in one of the program's errors.
    """
    visit = studio.visits.by_key(key)
    if visit is None:
        return JSONResponse(dict(ABSENT), status_code=404)
    try:
        return answer(visit)
    except BarkError as error:
        return JSONResponse({"detail": str(error)}, status_code=fault)


class _TakeRoutes:
    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def listed(self, key: str, since: str = "") -> Response:
        visit = self._studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        return JSONResponse(messages.changes(visit.takes.changes(whole_number(since)), visit))

    async def acted(self, key: str, request: fastapi.Request) -> Response:
        visit = self._studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        try:
            asked = read_json(await read_body(request))
            return JSONResponse(await run_in_threadpool(act, visit, asked))
        except InvalidInputError as error:
            return JSONResponse({"detail": str(error)}, status_code=400)

    async def checked(self, key: str, request: fastapi.Request) -> Response:
        visit = self._studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        try:
            asked = read_json(await read_body(request))
            return JSONResponse(await run_in_threadpool(check, self._studio, visit, asked))
        except BarkError as error:
            return JSONResponse({"detail": str(error)}, status_code=400)

    async def zipped(self, key: str, request: fastapi.Request) -> Response:
        visit = self._studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        try:
            asked = parse_qs((await read_body(request)).decode("utf-8", "replace"))
        except InvalidInputError as error:
            return JSONResponse({"detail": str(error)}, status_code=400)
        ids = asked.get("ids", [""])[0].split()
        return archived(await run_in_threadpool(zip_takes, visit, ids), "bark-takes.zip")

    def words(self, key: str, take_id: str) -> Response:
        visit = self._studio.visits.by_key(key)
        if visit is None or visit.takes.get(take_id) is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        return JSONResponse({"words": word_times(self._studio, visit, take_id)})

    def form(self, key: str, take_id: str) -> Response:
        visit = self._studio.visits.by_key(key)
        if visit is None or visit.takes.get(take_id) is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        try:
            return JSONResponse({"form": form_of(self._studio, visit, take_id)})
        except BarkError as error:
            return JSONResponse({"detail": str(error)}, status_code=410)


def add_take_routes(app: fastapi.FastAPI, studio: Studio) -> None:
    """Adds the routes; they stand before the one of the takes' files."""
    routes = _TakeRoutes(studio)
    app.add_api_route("/takes/{key}/{take_id}/form", routes.form)
    app.add_api_route("/takes/{key}", routes.listed)
    app.add_api_route("/takes/{key}/act", routes.acted, methods=["POST"])
    app.add_api_route("/takes/{key}/check", routes.checked, methods=["POST"])
    app.add_api_route("/takes/{key}/zip", routes.zipped, methods=["POST"])
    app.add_api_route("/takes/{key}/{take_id}/words", routes.words)


def zip_takes(visit: Visit, ids: list[str]) -> bytes:
    """The files of takes as one ZIP, as they lie; what is gone is left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for take_id in dict.fromkeys(ids):
            try:
                data = visit.takes.encode(take_id, "wav")
            except (BarkError, OSError):
                continue
            archive.writestr(f"{take_id}.wav", data)
    return out.getvalue()


def word_times(studio: Studio, visit: Visit, take_id: str) -> list[list[float]]:
    """When each word of a take is said; [] where it is not known.

    Returns:
        for every written word: its first and last character in the text with its white space
        normalised, and its begin and end in seconds.
    """
    bark, stored = studio.engine.bark, visit.takes.get(take_id)
    if bark is None or stored is None or stored.model != bark.name:
        return []
    try:
        take = visit.takes.load(take_id)
        return [list(word) for word in find_word_times(bark, take, take.text)]
    except (BarkError, OSError, AttributeError):
        return []


def form_of(studio: Studio, visit: Visit, take_id: str) -> list[Any]:
    """The form that made a take, for a link that others open; a voice of one's own stays here.

    Raises:
        BarkError: the take is gone.
    """
    session = Session(visit)
    session.selected = take_id
    form = settings_of(studio, session, Form())
    known = {info.name for info in list_voices(studio.engine.ready().spec, with_own=False)}
    voice = form.voice if form.voice in known else ""
    values = list(dataclasses.astuple(dataclasses.replace(form, voice=voice)))
    values[Form.names().index("seed")] = "" if form.seed is None else str(form.seed)
    return values


def whole_number(text: str) -> int | None:
    """A number in an address; None where there is none, or none that counts anything."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


async def read_body(request: fastapi.Request) -> bytes:
    """The body of a request.

    Raises:
        InvalidInputError: it is longer than any that the page sends.
    """
    data = b""
    async for piece in request.stream():
        data += piece
        if len(data) > _MAX_BODY:
            raise InvalidInputError("The request is longer than a page of this studio sends.")
    return data


def read_json(body: bytes) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        InvalidInputError: it holds none.
    """
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError("The request is no JSON.") from error
    if not isinstance(asked, dict):
        raise InvalidInputError("The request is no JSON object.")
    return asked


def archived(data: bytes, name: str) -> Response:
    """A ZIP as a download."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, media_type="application/zip", headers=headers)
