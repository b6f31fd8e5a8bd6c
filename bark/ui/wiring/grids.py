"""Events and routes of grids and comparisons: nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fastapi
import gradio as gr
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from ...errors import BarkError
from ..actions import grids, votes
from ..actions.runs import Update
from ..page import messages, status
from ..page.form import Form
from ..state.studio import Studio
from .take_routes import ABSENT, archived, read_body, read_json
from .view import EVENT, View, asked, tell, told


def wire_grid(view: View) -> None:
    """Making a grid."""
    page, studio = view.page, view.studio

    def make(event: gr.EventData, request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        try:
            form = Form.from_values(values)
        except BarkError as error:
            yield told(Update(status=status.fault(str(error))))
            return
        wanted = asked(event, ("axes", "same_seed"))
        yield from tell(grids.make(studio, view.session(request), form, wanted))

    events = {**EVENT, "trigger_mode": "multiple"}
    page.grid.make(make, list(page.form), view.run_outputs, **events)


def add_grid_routes(app: fastapi.FastAPI, studio: Studio) -> None:
    """Adds what the page asks about grids: what one would be, which there are, one as a ZIP."""

    async def planned(key: str, request: fastapi.Request) -> Response:
        visit = studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)

        def look() -> dict[str, Any]:
            form = Form(text=str(wanted.get("text", "")), voice="")
            plan = grids.read_plan(studio, visit, form, wanted, seed=0)
            found = grids.outlook(studio, visit, plan)
            return {"n": found.n_takes, "batches": found.n_batches, "seconds": found.expected_s}

        try:
            wanted = read_json(await read_body(request))
            return JSONResponse(await run_in_threadpool(look))
        except BarkError as error:  # somebody is still typing: no fault of the request
            return JSONResponse({"n": 0, "detail": str(error)})

    def listed(key: str) -> Response:
        visit = studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        return JSONResponse({"grids": [messages.grid_outline(grid) for grid in visit.grids.all()]})

    def reopened(key: str, grid_id: str) -> Response:
        visit = studio.visits.by_key(key)
        grid = visit.grids.get(grid_id) if visit is not None else None
        if visit is None or grid is None:
            return JSONResponse({"detail": "There is no such grid."}, status_code=404)
        return JSONResponse(messages.grid(grid, visit))

    async def zipped(key: str, grid_id: str) -> Response:
        visit = studio.visits.by_key(key)
        grid = visit.grids.get(grid_id) if visit is not None else None
        if visit is None or grid is None:
            return JSONResponse({"detail": "There is no such grid."}, status_code=404)
        data = await run_in_threadpool(grids.archive, visit, grid)
        return archived(data, f"{grid_id}.zip")

    app.add_api_route("/takes/{key}/grids", listed)
    app.add_api_route("/takes/{key}/grids/plan", planned, methods=["POST"])
    app.add_api_route("/takes/{key}/grids/{grid_id}", reopened)
    app.add_api_route("/takes/{key}/grids/{grid_id}/zip", zipped)


def add_vote_routes(app: fastapi.FastAPI, studio: Studio) -> None:
    """Adds the verdicts of comparisons: keeping one, their results, all of them as CSV."""

    async def voted(key: str, request: fastapi.Request) -> Response:
        visit = studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        try:
            verdict = read_json(await read_body(request))
            return JSONResponse(await run_in_threadpool(votes.keep_vote, visit, verdict))
        except BarkError as error:
            return JSONResponse({"detail": str(error)}, status_code=400)

    def added_up(key: str) -> Response:
        visit = studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        return JSONResponse(votes.results(visit))

    def exported(key: str) -> Response:
        visit = studio.visits.by_key(key)
        if visit is None:
            return JSONResponse(dict(ABSENT), status_code=404)
        headers = {"Content-Disposition": 'attachment; filename="bark-votes.csv"'}
        return Response(votes.votes_csv(visit), media_type="text/csv", headers=headers)

    app.add_api_route("/takes/{key}/votes", voted, methods=["POST"])
    app.add_api_route("/takes/{key}/votes", added_up)
    app.add_api_route("/takes/{key}/votes.csv", exported)
