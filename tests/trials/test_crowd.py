"""Many callers at once, some of whom vanish: each gets its own answer or a polite refusal."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from bark.options import GenerationOptions
from bark.take import Take
from bark.ui.build import build_demo, serve
from bark.ui.state.studio import Studio
from tests.fake_bark import FakeBark
from tests.studio_fixtures import make_studio

LONG = "BARK_TRIALS" in os.environ
N_CALLERS, LASTS_S = (50, 120.0) if LONG else (8, 4.0)
DATA = "/gradio_api/call/tts"


@pytest.fixture
def running() -> Iterator[tuple[Studio, str]]:
    studio = make_studio(None, pace_s=0.002)
    server = serve(studio, build_demo(studio), quiet=True)
    yield studio, server.url
    server.demo.close()
    studio.close()


class Crowd:
    """Callers that ask over and over, one in ten of whom leaves before the answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._end = time.monotonic() + LASTS_S
        self.n_answered = self.n_refused = self.n_left = 0
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def call(self, number: int) -> None:
        rng = random.Random(number)
        client = Client(self._url, verbose=False)
        while time.monotonic() < self._end:
            seed = rng.randrange(10**6)
            text = f"Caller {number} says {seed}."
            if rng.random() < 0.1:
                self._leave(text, seed)
                continue
            try:
                path, record = client.predict(text, seed=seed, api_name="/tts")
            except AppError as error:
                polite = "please try again" in str(error)
                self._count("n_refused", None if polite else f"{text} {error}")
                continue
            take = Take.load(path)
            alone = FakeBark().generate(text, options=GenerationOptions(seed=seed))
            own = (take.text, record["text"], take.options.seed) == (text, text, seed)
            same = own and (take.tokens.fine == alone.tokens.fine).all()
            self._count("n_answered", None if same else f"{text} got {take.text}")

    def _leave(self, text: str, seed: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=20)
        body = json.dumps({"data": [text, None, 0.7, 0.7, seed, "wav"]})
        connection.request("POST", DATA, body, {"Content-Type": "application/json"})
        event = json.loads(connection.getresponse().read()).get("event_id")
        with contextlib.suppress(OSError):
            leaving = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=20)
            leaving.request("GET", f"{DATA}/{event}")
            leaving.close()
        self._count("n_left", None)

    def _count(self, name: str, wrong: str | None) -> None:
        with self._lock:
            setattr(self, name, getattr(self, name) + 1)
            if wrong:
                self.wrong.append(wrong)


def test_every_answer_is_its_askers_own_and_nothing_is_computed_for_the_gone(
    running: tuple[Studio, str],
) -> None:
    studio, url = running
    crowd = Crowd(url)
    callers = [threading.Thread(target=crowd.call, args=(n,)) for n in range(N_CALLERS)]
    before = _resident_bytes()
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(LASTS_S + 60)
    assert crowd.wrong == []
    assert crowd.n_answered > 0
    assert studio.engine.queue.wait_until_empty(3.0)
    steps = studio.engine.bark.n_steps  # type: ignore[union-attr]
    time.sleep(1.0)
    assert studio.engine.bark.n_steps == steps  # type: ignore[union-attr]
    if LONG:
        print(crowd.n_answered, crowd.n_refused, crowd.n_left, before, _resident_bytes())  # noqa: T201


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
