"""Calls that no page makes: of its events by hand, by names that are nobody's, with anything."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from bark.ui.build import build_demo, serve
from bark.ui.page.form import Form
from bark.ui.wiring import endpoints
from tests.studio_fixtures import make_studio

from .wrong_calls import Stranger

Running = tuple[Stranger, httpx.Client]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    studio = make_studio(None)
    server = serve(studio, build_demo(studio, mcp=True), quiet=True)
    with httpx.Client(base_url=server.url.rstrip("/"), timeout=30, trust_env=False) as client:
        yield Stranger(studio, server), client
    server.demo.close()
    studio.close()


def post(client: httpx.Client, way: str, **body: object) -> tuple[int, str]:
    answer = client.post(f"/gradio_api/{way}", json=body)
    return answer.status_code, answer.text


def test_twenty_wrong_calls_of_every_endpoint_get_a_sentence_each(running: Running) -> None:
    stranger, _ = running
    rows = [*stranger.events(), *stranger.addresses()]
    assert len(rows) > 50
    assert {row.name: row.wrong for row in rows if row.wrong} == {}
    assert all(row.answers.total() == 20 for row in rows)


@pytest.mark.parametrize("way", ["run", "api", "call", "call/v2"])
def test_an_event_of_the_page_has_no_name_to_call_it_by(running: Running, way: str) -> None:
    _, client = running
    for name in ("count", "arrive", "halt", "handle", "nobody"):
        status, text = post(client, f"{way}/{name}", data=[1], session_hash="x")
        assert (status, "programs call /tts" in text) == (404, True), (name, text)


def test_an_event_of_the_page_is_answered_to_a_session_only(running: Running) -> None:
    stranger, client = running
    number = stranger.number_of("count")
    body: dict[str, object] = {"data": ["Hello.", 1], "fn_index": number}
    status, text = post(client, "run/predict", **body)
    assert status == 400
    assert "not for programs; programs call /tts" in text
    status, text = post(client, "run/predict", **body, session_hash="x")
    assert status == 200
    assert "tokens" in text


@pytest.mark.parametrize("number", [-1, 10**6])
def test_a_number_that_no_event_has_is_refused(running: Running, number: int) -> None:
    _, client = running
    for way in ("run/predict", "queue/join"):
        status, text = post(client, way, data=[], fn_index=number, session_hash="x")
        assert (status, "no such endpoint" in text) == (404, True), text


def test_a_body_of_another_shape_is_a_sentence_that_repeats_nothing(running: Running) -> None:
    _, client = running
    status, text = post(client, "run/tts", data={"secret": 1})
    assert (status, json.loads(text)["error"]) == (
        422,
        "The call does not have the right shape: body.data: Input should be a valid list.",
    )


def test_a_callers_mistake_and_a_fault_of_the_programs_have_their_own_status(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = running
    assert post(client, "run/tts", data=["Hi.", "nobody"])[0] == 400

    def broken(*_: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(endpoints, "save_bytes_to_cache", broken)
    assert post(client, "run/tts", data=["Hi."])[0] == 500


def test_half_a_character_breaks_no_answer(running: Running) -> None:
    stranger, client = running
    number = stranger.number_of("kept")
    half = ["\ud800"] * len(Form.names())
    body = json.dumps({"data": half, "fn_index": number, "session_hash": "half a character"})
    is_json = {"Content-Type": "application/json"}
    answer = client.post("/gradio_api/run/predict", content=body, headers=is_json)
    assert answer.status_code == 400
    assert "do not fit this event" in json.loads(answer.text)["error"]
