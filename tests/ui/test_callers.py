"""Callers who leave: their work ends within a second, and those behind them need not wait."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from gradio_client import Client

from bark.ui.build import build_demo, serve
from bark.ui.state import callers
from bark.ui.state.callers import CallerLeftError, Callers, run_while_wanted
from bark.ui.state.studio import Studio
from tests.studio_fixtures import make_studio

PACE_S = 0.2  # of a step; a take of the stand-in has thirty


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Studio, str]]:
    studio = make_studio(None, pace_s=PACE_S)
    server = serve(studio, build_demo(studio), quiet=True)
    yield studio, server.url
    server.demo.close()
    studio.close()


def ask(url: str, method: str, path: str, body: object = None) -> http.client.HTTPConnection:
    """A request whose answer is not read."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request(
        method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"}
    )
    return connection


def call(url: str, text: str) -> str:
    """Calls /tts; returns the address of its answer."""
    path = "/gradio_api/call/tts"
    answer = ask(url, "POST", path, {"data": [text, None, 0.7, 0.7, 1, "wav"]}).getresponse()
    return f"{path}/{json.loads(answer.read())['event_id']}"


def until(condition: object, within_s: float) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def is_idle(studio: Studio) -> bool:
    return studio.engine.queue.wait_until_empty(0.0)


@pytest.mark.parametrize("way", ["call", "session", "run"])
def test_a_call_ends_within_a_second_of_its_callers_leaving(
    running: tuple[Studio, str], way: str
) -> None:
    studio, url = running
    data = ["Going away soon.", None, 0.7, 0.7, 1, "wav"]
    if way == "call":
        leaving = ask(url, "GET", call(url, data[0]))
    elif way == "session":
        index = next(i for i, f in studio_functions(url).items() if f == "tts")
        join = {"data": data, "fn_index": index, "session_hash": "leaver"}
        ask(url, "POST", "/gradio_api/queue/join", join).getresponse().read()
        leaving = ask(url, "GET", "/gradio_api/queue/data?session_hash=leaver")
    else:
        leaving = ask(url, "POST", "/gradio_api/run/tts", {"data": data})
    assert until(lambda: not is_idle(studio), 5)
    time.sleep(2 * PACE_S)
    assert not is_idle(studio)
    leaving.close()
    assert until(lambda: is_idle(studio), 1.0)


def studio_functions(url: str) -> dict[int, str]:
    connection = ask(url, "GET", "/config")
    config = json.loads(connection.getresponse().read())
    return {dependency["id"]: dependency["api_name"] for dependency in config["dependencies"]}


def test_behind_five_who_left_a_short_text_does_not_wait(running: tuple[Studio, str]) -> None:
    studio, url = running
    leavers = [ask(url, "GET", call(url, f"Leaver {n}.")) for n in range(5)]
    assert until(lambda: not is_idle(studio), 5)
    for leaver in leavers:
        leaver.close()
    began = time.monotonic()
    Client(url, verbose=False).predict("Hi.", api_name="/tts")
    waited_s = time.monotonic() - began - 30 * PACE_S
    assert waited_s < 3  # one after the other they would have taken 30 s


def test_a_caller_who_stays_is_answered_also_when_the_answer_takes_long(
    running: tuple[Studio, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "FIRST_STREAM_S", 1.0)
    _, url = running
    answer = ask(url, "GET", call(url, "I wait.")).getresponse().read()
    assert b"event: complete" in answer


def test_a_call_whose_answer_nobody_fetches_ends(
    running: tuple[Studio, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "FIRST_STREAM_S", 0.3)
    studio, url = running
    call(url, "Nobody listens.")
    assert until(lambda: not is_idle(studio), 5)
    assert until(lambda: is_idle(studio), 2.0)


def test_a_stream_that_is_changed_for_another_is_not_a_leaving() -> None:
    there = Callers()
    since = time.monotonic()
    there.opened("a")
    there.closed("a")
    assert not there.have_left(["a"], since)
    there.opened("a")
    time.sleep(callers.GRACE_S + 0.1)
    assert not there.have_left(["a", "b"], since)
    there.closed("a")
    assert until(lambda: there.have_left(["a", "b"], since), 1.0)


def test_work_is_told_when_its_caller_is_gone_and_when_it_is_cancelled() -> None:
    told = threading.Event()

    def work(stop: threading.Event) -> None:
        if stop.wait(5):
            told.set()

    async def gone() -> bool:
        return True

    async def here() -> bool:
        return False

    with pytest.raises(CallerLeftError):
        asyncio.run(run_while_wanted(work, gone))
    assert told.wait(1)
    told.clear()

    async def cancelled() -> None:
        await asyncio.wait_for(run_while_wanted(work, here), timeout=0.2)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(cancelled())
    assert told.wait(1)


def test_what_work_returns_and_raises_reaches_its_caller() -> None:
    async def here() -> bool:
        return False

    assert asyncio.run(run_while_wanted(lambda stop: 7, here)) == 7
    with pytest.raises(KeyError):
        asyncio.run(run_while_wanted(lambda stop: {}["x"], here))
