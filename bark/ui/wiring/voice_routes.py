"""What the voice menu asks for on its own: its rows, and the sound of one of them."""

from __future__ import annotations

import dataclasses

import fastapi
from fastapi.responses import JSONResponse, Response

from ..actions.voice_menu import rows_for, sample
from ..state.sessions import Visit
from ..state.studio import Studio
from .take_routes import answer_for


def add_voice_routes(app: fastapi.FastAPI, studio: Studio) -> None:
    """Adds the routes; a visit's key in the address says whose voices are meant."""

    def listed(key: str, keep: str = "") -> Response:
        def answer(visit: Visit) -> Response:
            rows = [dataclasses.asdict(row) for row in rows_for(studio, visit, keep)]
            return JSONResponse({"rows": rows}, headers={"Cache-Control": "no-store"})

        return answer_for(studio, key, answer, fault=409)

    def heard(key: str, voice: str = "") -> Response:
        def answer(visit: Visit) -> Response:
            headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
            wav = sample(studio, visit, voice).wav
            return Response(wav, media_type="audio/wav", headers=headers)

        return answer_for(studio, key, answer, fault=409)

    app.add_api_route("/takes/{key}/voices", listed)
    app.add_api_route("/takes/{key}/voices/sample", heard)
