"""The server ends while it speaks: nobody takes a part of an answer for the whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.server.running import Running

SLOW_TEXT = "A sentence that takes its time, " * 12


@pytest.fixture
def ending() -> Iterator[Running]:
    running = Running(pace_s=0.1)
    yield running
    running.close()


def test_an_answer_that_the_end_of_the_server_cuts_off_does_not_look_whole(ending: Running) -> None:
    body = {"input": SLOW_TEXT, "response_format": "pcm"}
    with ending.client.stream("POST", "/v1/audio/speech", json=body) as answer:
        assert answer.status_code == 200
        pieces = answer.iter_raw()
        next(pieces)
        ending.studio.closing.set()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)


def test_the_end_of_the_server_is_an_event_of_a_stream(ending: Running) -> None:
    body = {"input": SLOW_TEXT, "response_format": "pcm", "stream_format": "sse"}
    with ending.client.stream("POST", "/v1/audio/speech", json=body) as answer:
        lines = answer.iter_lines()
        next(lines)
        ending.studio.closing.set()
        rest = "\n".join(lines)
    assert "being stopped" in rest
    assert "speech.audio.done" not in rest


def test_who_still_waits_when_the_server_ends_is_told(ending: Running) -> None:
    answers: list[httpx.Response] = []
    call = threading.Thread(target=lambda: answers.append(ending.post(input=SLOW_TEXT)))
    call.start()
    while ending.studio.engine.queue.n_waiting == 0:
        time.sleep(0.01)
    ending.studio.closing.set()
    call.join(20)
    assert answers[0].status_code == 503
    assert "being stopped" in answers[0].json()["error"]["message"]
