"""Whatever the addresses that speak are sent: a sound or a sentence, and never a fault of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.running import Running

NAMES = (
    "input model voice response_format speed seed stream_format instructions temperature"
).split()
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=20),
    st.sampled_from(["alder", "mp3", "\ud800", "../x", "", 10**400, -1, 0, 1e308]),
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)
BOUNDED = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    app = Running()
    yield app
    app.close()


@given(values=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4))
@BOUNDED
def test_any_arguments_of_the_speech_address(running: Running, values: dict[str, object]) -> None:
    body = json.dumps({"input": "Hi.", **values})
    answer = running.client.post("/v1/audio/speech", content=body, headers=JSON)
    assert answer.status_code in (200, 400, 404, 413, 422), (body, answer.text)
    if answer.status_code != 200:
        assert answer.json()["error"]["message"]
        assert "Traceback" not in answer.text


@given(values=st.lists(VALUES, max_size=6))
@BOUNDED
def test_any_arguments_of_tts(running: Running, values: list[object]) -> None:
    body = json.dumps({"data": ["Hi.", *values]})
    answer = running.client.post("/gradio_api/run/tts", content=body, headers=JSON)
    assert answer.status_code in (200, 400, 413, 422), (body, answer.text)
    if answer.status_code != 200:
        assert answer.json()["error"]
        assert "Traceback" not in answer.text
