"""What the voice menu asks for on its own: its rows, and the sound of one of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import fastapi
from fastapi.responses import JSONResponse, Response

from ...errors import BarkError
from ..actions.voice_menu import rows_for, sample
from ..state.studio import Studio
from .take_routes import ABSENT


def add_voice_routes(app: fastapi.FastAPI, studio: Studio) -> None:
    """Adds the routes; a visit's key in the address says whose voices are meant."""

    def listed(key: str, keep: str = "") -> Response:
        visit = studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        try:
            rows = rows_for(studio, visit, keep)
        except BarkError as error:
            return JSONResponse({"rows": [], "detail": str(error)}, status_code=409)
        answer: dict[str, Any] = {"rows": [dataclasses.asdict(row) for row in rows]}
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    def heard(key: str, voice: str = "") -> Response:
        visit = studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        try:
            found = sample(studio, visit, voice)
        except BarkError as error:
            return JSONResponse({"detail": str(error)}, status_code=409)
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(found.wav, media_type="audio/wav", headers=headers)

    app.add_api_route("/takes/{key}/voices", listed)
    app.add_api_route("/takes/{key}/voices/sample", heard)
