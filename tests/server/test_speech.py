"""OpenAI's speech endpoint on the app's own server, over HTTP and with their own client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import itertools
import json
import shutil
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from bark.audio.files import to_int16
from bark.narration import NarrationOptions, narrate
from bark.options import GenerationOptions
from bark.server.encoding import MEDIA_TYPES, encoded, new_encoder
from bark.server.routes import Settings
from bark.server.speaking import is_one_take
from bark.take import Take
from tests.fake_bark import FakeBark
from tests.server.running import Running

LONG = "Good morning to everybody here. " * 12


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    app = Running()
    yield app
    app.close()


@pytest.fixture(scope="module")
def slow() -> Iterator[Running]:
    app = Running(pace_s=0.05)
    yield app
    app.close()


def spoken(bark: Any, text: str, seed: int) -> np.ndarray:
    """What a caller must hear: a take, or a narration's pieces with their pauses."""
    options = GenerationOptions(seed=seed)
    if is_one_take(bark, text):
        return to_int16(bark.generate(text, options=options).audio)
    heard: list[np.ndarray] = []
    for piece in narrate(text, model=bark, options=NarrationOptions(generation=options)):
        silence = np.zeros(round(piece.pause_s * piece.sample_rate), np.float32)
        heard += [piece.audio, silence]
    return to_int16(np.concatenate(heard[:-1]))


def test_pcm_is_the_takes_own_samples(running: Running) -> None:
    answer = running.post(response_format="pcm", seed=7, model="tts-1", voice="alloy")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/pcm")
    assert answer.headers["x-bark-seed"] == "7"
    assert np.array_equal(
        np.frombuffer(answer.content, "<i2"), spoken(running.bark, "Hello there.", 7)
    )


@pytest.mark.parametrize("format", ["mp3", "flac", "wav"])
def test_a_short_answer_is_a_whole_file_with_its_record(running: Running, format: str) -> None:
    files = [running.post(response_format=format, seed=7).content for _ in range(2)]
    assert files[0] == files[1]
    expected = spoken(running.bark, "Hello there.", 7)
    audio, rate = soundfile.read(io.BytesIO(files[0]), dtype="int16")
    assert (rate, abs(len(audio) - len(expected)) < 3_000) == (24_000, True)


def test_a_short_answer_can_be_loaded_as_a_take(running: Running, tmp_path: Any) -> None:
    path = tmp_path / "answer.flac"
    path.write_bytes(running.post(response_format="flac", seed=7).content)
    take = Take.load(path)
    assert (take.text, take.options.seed) == ("Hello there.", 7)


@contextlib.contextmanager
def fine_stages_wait(
    bark: FakeBark, *, n_first: int, is_on: bool = True
) -> Iterator[tuple[threading.Event, list[bool]]]:
    """Lets fine stages, but for the first few, wait until a caller has heard something.

    Yields:
        what the caller sets then; and for each stage that waited whether that came.
    """
    heard, in_time, n_begun = threading.Event(), list[bool](), itertools.count()

    def wait() -> None:
        if next(n_begun) >= n_first:
            in_time.append(heard.wait(20))

    bark.before_fine = wait if is_on else None
    try:
        yield heard, in_time
    finally:
        bark.before_fine = None


@pytest.mark.parametrize("format", ["mp3", "opus", "flac", "wav", "pcm", "aac"])
def test_a_long_answer_comes_while_it_is_made(slow: Running, format: str) -> None:
    if format == "aac" and shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    body, waits = b"", format != "flac"  # whose head tells the length
    request = {"input": LONG, "response_format": format, "seed": 3}
    with (
        fine_stages_wait(slow.bark, n_first=2, is_on=waits) as (heard, in_time),
        slow.client.stream("POST", "/v1/audio/speech", json=request) as answer,
    ):
        assert answer.headers["content-type"] == MEDIA_TYPES[format]
        for data in answer.iter_bytes():
            heard.set()
            body += data
    assert all(in_time)
    assert bool(in_time) == waits  # the last of three batches
    if format not in ("pcm", "aac"):
        audio, rate = soundfile.read(io.BytesIO(body))
        assert rate in (24_000, 48_000)
        assert len(audio) / rate == pytest.approx(0.05 * len(LONG), rel=0.3)


def test_events_hold_the_same_bytes(running: Running) -> None:
    plain = running.post(response_format="mp3", seed=5).content
    events = running.post(response_format="mp3", seed=5, stream_format="sse")
    assert events.headers["content-type"].startswith("text/event-stream")
    found = [json.loads(line[6:]) for line in events.text.splitlines() if line]
    assert b"".join(base64.b64decode(e["audio"]) for e in found if "audio" in e) == plain
    assert found[-1]["type"] == "speech.audio.done"
    assert found[-1]["usage"]["total_tokens"] > 0


def test_a_preview_sounds_before_the_take_is_finished(slow: Running) -> None:
    request = {"input": "Hello there.", "response_format": "pcm", "preview": True}
    with (
        fine_stages_wait(slow.bark, n_first=0) as (heard, in_time),
        slow.client.stream("POST", "/v1/audio/speech", json=request) as answer,
    ):
        for _ in answer.iter_raw():
            heard.set()
    assert in_time == [True]


WRONG = [
    ({"input": ""}, 400, "input", "The input is empty"),
    ({"input": None}, 400, "input", "The input is None; it must be a string"),
    ({"input": ["Hi"]}, 400, "input", "must be a string"),
    ({"input": "x" * 5_001}, 413, "input", "5,001 characters"),
    ({"model": "gpt-5"}, 404, "model", "The model 'gpt-5' is not here"),
    ({"model": 5}, 400, "model", "must be a string"),
    ({"voice": "nobody"}, 400, "voice", "Unknown voice 'nobody'"),
    ({"voice": "/etc/passwd.npz"}, 400, "voice", "Unknown voice"),
    ({"voice": {"name": "x"}}, 400, "voice", "must be a string"),
    ({"response_format": "ogg"}, 400, "response_format", "is not one of mp3, opus"),
    ({"response_format": 3}, 400, "response_format", "must be a string"),
    ({"speed": 3}, 400, "speed", "The speed is 3.0"),
    ({"speed": "fast"}, 400, "speed", "must be a number"),
    ({"speed": 0}, 400, "speed", "The speed is 0.0"),
    ({"seed": -1}, 400, "seed", "The seed is -1"),
    ({"seed": 7.5}, 400, "seed", "must be a whole number"),
    ({"seed": "9" * 5_000}, 400, "seed", "whole number"),
    ({"temperature": "hot"}, 400, "temperature", "must be a number"),
    ({"text_temperature": -1}, 400, "text_temperature", "must be a number of 0 or more"),
    ({"stream_format": "ws"}, 400, "stream_format", "is not one of audio, sse"),
    ({"preview": "maybe"}, 400, "preview", "must be true or false"),
]


@pytest.mark.parametrize(("values", "status", "param", "sentence"), WRONG)
def test_a_mistake_is_told_in_openais_shape(
    running: Running, values: dict[str, Any], status: int, param: str, sentence: str
) -> None:
    answer = running.post(**values)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (status, param)
    assert set(error) == {"message", "type", "param", "code"}
    assert sentence in error["message"]
    assert len(error["message"]) < 300


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/audio/speech", b"{", 400),
        ("POST", "/v1/audio/speech", b"[" * 100_000, 400),
        ("POST", "/v1/audio/speech", b"\xff\xfe", 400),
        ("POST", "/v1/audio/speech", b'"text"', 400),
        ("POST", "/v1/audio/speech", b" " * (1 << 20) + b"  ", 413),
        ("GET", "/v1/audio/speech", None, 405),
        ("POST", "/v1/audio/transcriptions", b"{}", 404),
        ("GET", "/v1/models/gpt-5", None, 404),
        ("DELETE", "/v1/models", None, 405),
        ("GET", "/v1", None, 404),
    ],
)
def test_whatever_else_comes_is_answered_in_openais_shape(
    running: Running, method: str, path: str, body: bytes | None, status: int
) -> None:
    answer = running.client.request(method, path, content=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "values",
    [
        {"seed": "7"},
        {"seed": 7.0, "speed": "1", "temperature": "0.7"},
        {"voice": {"id": "alloy"}, "instructions": "Speak cheerfully.", "seed": 7},  # LiveKit
        {"model": "tts-1-hd", "voice": "alloy", "response_format": "PCM", "seed": 7, "user": "me"},
        {"model": "", "voice": "", "seed": 7},
        {"input": 42, "seed": 7},
    ],
)
def test_what_is_clear_is_read(running: Running, values: dict[str, Any]) -> None:
    answer = running.post(**{"response_format": "pcm", **values})
    assert (answer.status_code, answer.headers["x-bark-seed"]) == (200, "7")


def test_models_and_voices_are_listed(running: Running) -> None:
    models = running.client.get("/v1/models").json()
    assert models["object"] == "list"
    assert {"nano", "tts-1"} <= {model["id"] for model in models["data"]}
    assert running.client.get("/v1/models/nano").json()["object"] == "model"
    voices = running.client.get("/v1/audio/voices").json()["voices"]
    assert {"id", "name", "language"} <= set(voices[0])
    for voice in voices:
        assert running.post(voice=voice["id"], response_format="pcm").status_code == 200


def test_a_key_is_asked_for_where_one_is_set() -> None:
    app = Running(guards=Settings(api_key="secret"))
    try:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}):
            answer = app.client.get("/v1/models", headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert answer.json()["error"]["code"] == "invalid_api_key"
        right = {"Authorization": "Bearer secret"}
        assert app.client.get("/v1/models", headers=right).status_code == 200
        assert app.client.get("/readyz").status_code == 200
    finally:
        app.close()


def test_other_pages_may_call_only_where_they_are_named(running: Running) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    closed = running.client.get("/v1/models", headers=origin)
    assert "access-control-allow-origin" not in closed.headers
    app = Running(guards=Settings(cors_origins=("https://elsewhere.example",)))
    try:
        opened = app.client.get("/v1/models", headers=origin)
        assert opened.headers["access-control-allow-origin"] == "https://elsewhere.example"
        other = app.client.get("/v1/models", headers={"Origin": "https://third.example"})
        assert "access-control-allow-origin" not in other.headers
    finally:
        app.close()


def steps_until_nothing_runs(app: Running) -> int:
    """How many steps its model has made when the work has ended, whichever way."""
    deadline = time.monotonic() + 30
    before = -1
    while before != app.bark.n_steps:
        assert time.monotonic() < deadline
        before = app.bark.n_steps
        time.sleep(1.0)  # twenty of the slow model's
    return before


@pytest.mark.parametrize("has_begun_to_sound", [False, True])
def test_a_caller_who_leaves_stops_the_computation(
    running: Running, slow: Running, has_begun_to_sound: bool
) -> None:
    # A quarter of a minute of work, so that on a busy machine too there is something left to stop.
    body = {"input": 3 * LONG, "response_format": "pcm"}
    before = running.bark.n_steps
    running.post(**body)
    n_all = running.bark.n_steps - before
    before = slow.bark.n_steps
    with httpx.Client(base_url=slow.url, timeout=30, trust_env=False) as client:
        if has_begun_to_sound:
            with client.stream("POST", "/v1/audio/speech", json=body) as answer:
                next(answer.iter_raw())
        else:
            with pytest.raises(httpx.ReadTimeout):
                client.post("/v1/audio/speech", json=body, timeout=0.3)
    assert steps_until_nothing_runs(slow) - before < n_all
    assert slow.studio.engine.queue.n_waiting == 0


def test_a_full_line_is_told_with_when_to_come_back() -> None:
    app = Running(pace_s=0.02)
    app.studio.engine.queue._max_waiting = 1
    codes: list[tuple[int, str | None]] = []

    def call() -> None:
        answer = httpx.post(f"{app.url}/v1/audio/speech", json={"input": "Hi."}, trust_env=False)
        codes.append((answer.status_code, answer.headers.get("retry-after")))

    try:
        threads = [threading.Thread(target=call) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        app.close()
    refused = [after for code, after in codes if code == 429]
    assert sorted(code for code, _ in codes)[:2] == [200, 200]
    assert refused
    assert all(after is not None and int(after) >= 1 for after in refused)


@pytest.mark.slow
def test_fifty_callers_get_their_own_answers_though_ten_vanish(running: Running) -> None:
    texts = [f"Caller number {i} speaks here. " * (1 + i % 4) for i in range(50)]

    async def call(client: httpx.AsyncClient, i: int) -> bytes | None:
        body = {"input": texts[i], "response_format": "pcm", "seed": i}
        async with client.stream("POST", "/v1/audio/speech", json=body) as answer:
            assert answer.status_code == 200
            data = b""
            async for chunk in answer.aiter_raw():
                data += chunk
                if i % 5 == 4:
                    return None  # vanishes after the first bytes
            return data

    async def storm() -> list[bytes | None]:
        limits = httpx.Limits(max_connections=60)
        async with httpx.AsyncClient(
            base_url=running.url, timeout=60, limits=limits, trust_env=False
        ) as client:
            return await asyncio.gather(*(call(client, i) for i in range(50)))

    answers = asyncio.run(storm())
    for i, answer in enumerate(answers):
        if i % 5 == 4:
            assert answer is None
            continue
        assert answer is not None
        expected = spoken(running.bark, texts[i], i)
        assert np.array_equal(np.frombuffer(answer, "<i2"), expected)
    assert running.studio.engine.queue.wait_until_empty(2.0)


def test_openais_own_client_reads_answers_streams_and_errors(running: Running) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0)
    options = {"model": "tts-1", "voice": "alloy", "extra_body": {"seed": 7}}
    whole = client.audio.speech.create(input="Hello there.", response_format="pcm", **options)
    assert np.array_equal(
        np.frombuffer(whole.content, "<i2"), spoken(running.bark, "Hello there.", 7)
    )
    with client.audio.speech.with_streaming_response.create(
        input=LONG, response_format="wav", **options
    ) as answer:
        assert b"".join(answer.iter_bytes())[:4] == b"RIFF"
    with pytest.raises(openai.NotFoundError) as caught:
        client.audio.speech.create(input="Hi.", model="gpt-5", voice="alloy")
    assert caught.value.code == "model_not_found"
    assert "nano" in [model.id for model in client.models.list()]


@pytest.mark.parametrize("format", ["mp3", "opus", "flac", "wav"])
def test_the_same_audio_gives_the_same_bytes_in_any_pieces_of_a_second(format: str) -> None:
    rng = np.random.default_rng(0)
    audio = (0.1 * rng.standard_normal(72_000)).astype(np.float32)

    def encode(n: int) -> bytes:
        pieces = iter(np.split(audio, n))
        return b"".join(encoded(pieces, new_encoder(format, 24_000, {"comment": "made"})))

    assert encode(3) == encode(3)
    decoded, rate = soundfile.read(io.BytesIO(encode(3)))
    assert abs(len(decoded) / rate - 3.0) < 0.1
