"""Many callers at once, some of whom vanish: each gets its own answer or a polite refusal."""

from __future__ import annotations

import collections
import contextlib
import http.client
import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from bark.options import GenerationOptions
from bark.take import Take
from bark.ui.actions.speak import speak
from bark.ui.build import build_demo, serve
from bark.ui.page.form import Form
from bark.ui.state.studio import Studio
from tests.fake_bark import FakeBark
from tests.server.test_speech import spoken
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
    """Callers that ask over and over by every way in, one in ten of whom leaves before the answer.

    Attributes:
        counts: by way, and what became of it.
        wrong: answers that are not their asker's own, and refusals that are not polite.
    """

    def __init__(self, studio: Studio, url: str) -> None:
        self._studio, self._url = studio, url
        self._all_here = threading.Barrier(N_CALLERS + 1, self._begin)
        self._end = 0.0
        self.counts: collections.Counter[tuple[str, str]] = collections.Counter()
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def wait_until_all_are_here(self) -> None:
        self._all_here.wait(240)

    def _begin(self) -> None:
        self._end = time.monotonic() + LASTS_S

    def call(self, number: int) -> None:
        rng = random.Random(number)
        ways = (self._tts(), self._speech(), self._page(number))
        self.wait_until_all_are_here()
        while time.monotonic() < self._end:
            seed = rng.randrange(10**6)
            text = f"Caller {number} says {seed}."
            if rng.random() < 0.1:
                self._leave(text, seed)
                continue
            way = rng.choice(ways)
            wrong = way(f"{text} And so on, and on. " * 9 if rng.random() < 0.2 else text, seed)
            if wrong:
                self.wrong.append(wrong)

    def _tts(self) -> Callable[[str, int], str | None]:
        client = httpx.Client(base_url=self._url, timeout=300, trust_env=False)

        def ask(text: str, seed: int) -> str | None:
            body = {"data": [text, None, 0.7, 0.7, seed, "flac"]}
            answer = client.post("/gradio_api/run/tts", json=body)
            if answer.status_code != 200:
                return self._refused("tts", text, answer.text)
            self._count("tts", "answered")
            file, record = answer.json()["data"]
            with tempfile.NamedTemporaryFile(suffix=".flac") as kept:
                kept.write(client.get(file["url"]).content)
                kept.flush()
                take = Take.load(kept.name)
            return _not_own(take, text, seed) or (text if record["text"] != text else None)

        return ask

    def _speech(self) -> Callable[[str, int], str | None]:
        client = httpx.Client(base_url=self._url, timeout=300, trust_env=False)

        def ask(text: str, seed: int) -> str | None:
            body = {"input": text, "seed": seed, "response_format": "pcm"}
            answer = client.post("/v1/audio/speech", json=body)
            way = "narration by v1" if len(text) > 100 else "v1"
            if answer.status_code != 200:
                polite = answer.status_code == 429 and int(answer.headers["Retry-After"]) >= 1
                return self._refused(way, text, answer.text if polite else "")
            self._count(way, "answered")
            expected = spoken(self._studio.engine.bark, text, seed)
            same = np.array_equal(np.frombuffer(answer.content, "<i2"), expected)
            return None if same else f"v1: {text}"

        return ask

    def _page(self, number: int) -> Callable[[str, int], str | None]:
        session = self._studio.visits.session(f"tab {number}")

        def ask(text: str, seed: int) -> str | None:
            form = Form(text=text, seed=seed, hold_seed=True)
            told = [update.status or "" for update in speak(self._studio, session, form)]
            listed = session.visit.takes.all()
            if not listed or listed[0].options.seed != seed:
                return self._refused("page", text, " ".join(told))
            self._count("page", "answered")
            return _not_own(session.visit.takes.load(listed[0].id), text, seed)

        return ask

    def _refused(self, way: str, text: str, told: str) -> str | None:
        self._count(way, "refused")
        return None if "please try again" in told else f"{way}: {text} {told[-200:]}"

    def _leave(self, text: str, seed: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=300)
        body = json.dumps({"data": [text, None, 0.7, 0.7, seed, "wav"]})
        connection.request("POST", DATA, body, {"Content-Type": "application/json"})
        event = json.loads(connection.getresponse().read()).get("event_id")
        with contextlib.suppress(OSError):
            leaving = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=300)
            leaving.request("GET", f"{DATA}/{event}")
            leaving.close()
        self._count("tts", "left")

    def _count(self, way: str, outcome: str) -> None:
        with self._lock:
            self.counts[way, outcome] += 1


def _not_own(take: Take, text: str, seed: int) -> str | None:
    alone = FakeBark().generate(text, options=GenerationOptions(seed=seed))
    own = (take.text, take.options.seed) == (text, seed)
    return None if own and (take.tokens.fine == alone.tokens.fine).all() else f"{text}: {take.text}"


def test_every_answer_is_its_askers_own_and_nothing_is_computed_for_the_gone(
    running: tuple[Studio, str],
) -> None:
    studio, url = running
    crowd = Crowd(studio, url)
    callers = [threading.Thread(target=crowd.call, args=(n,)) for n in range(N_CALLERS)]
    for caller in callers:
        caller.start()
    crowd.wait_until_all_are_here()
    time.sleep(LASTS_S / 2)
    halfway = _resident_bytes()
    for caller in callers:
        caller.join(LASTS_S + 180)
    grown = _resident_bytes() / halfway - 1
    assert crowd.wrong == []
    answered = {way for (way, outcome) in crowd.counts if outcome == "answered"}
    assert answered >= {"tts", "v1", "page"}
    assert studio.engine.queue.wait_until_empty(3.0)
    steps = studio.engine.bark.n_steps  # type: ignore[union-attr]
    time.sleep(1.0)
    assert studio.engine.bark.n_steps == steps  # type: ignore[union-attr]
    if LONG:
        print(dict(crowd.counts), f"{grown:+.1%}")  # noqa: T201
        assert grown < 0.1


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
