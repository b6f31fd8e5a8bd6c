"""One answer that is sent while it is made: a thread that speaks, and a stream that listens.

The caller's leaving is looked for ten times a second, also while nothing has been sent yet.
"""

from __future__ import annotations

import asyncio
import base64
import collections
import dataclasses
import itertools
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
from starlette.requests import Request

from ..audio.files import FORMATS
from ..audio.marks import marks_of
from ..errors import BarkError, CallerLeftError
from .encoding import encoded, new_encoder
from .faults import ServerEndsError, as_api_error
from .host import Host
from .speaking import POLL_S, Sound, speak
from .speech_request import SpeechRequest

log = logging.getLogger(__name__)

MAX_UNSENT_BYTES = 2 << 20
"""Of one answer; while so much waits for a slow reader, nothing more is made for it."""


class Answer:
    """The bytes of one answer.

    Args:
        request: what was asked for.
        model: under which name the caller knows the loaded model.
    """

    def __init__(self, host: Host, request: SpeechRequest, model: str) -> None:
        self._host, self._request, self._model = host, request, model
        self._stop = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._box: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self._n_unsent = 0
        self._n_samples = 0

    def start(self) -> None:
        """Begins, in a thread of its own."""
        threading.Thread(target=self._make, name="bark-answer", daemon=True).start()

    async def first(self, caller: Request) -> bytes:
        """The first bytes, once there are any: until then the answer may still be an error.

        Raises:
            Exception: whatever went wrong. CallerLeftError: the caller has gone.
            ServerEndsError: the app ends.
        """
        try:
            return await self._next(caller) or b""
        except BaseException:
            self._stop.set()
            raise

    async def all(self, first: bytes, caller: Request) -> AsyncIterator[bytes]:
        """Yields the first bytes and those that follow; closing it ends the computation.

        Raises:
            Exception: whatever went wrong midway. ServerEndsError: the app ends.
        """
        try:
            yield first
            while True:
                data = await self._next(caller)
                if data is None:
                    return
                yield data
        except CallerLeftError:
            return
        finally:
            self._stop.set()

    async def _next(self, caller: Request) -> bytes | None:
        while True:
            try:
                item = await asyncio.wait_for(self._box.get(), POLL_S)
            except asyncio.TimeoutError:
                if self._host.closing.is_set():
                    raise ServerEndsError from None
                if await caller.is_disconnected():
                    raise CallerLeftError("Nobody waits for the answer any more.") from None
                continue
            if isinstance(item, Exception):
                raise item
            self._n_unsent -= len(item or b"")
            return item

    def _make(self) -> None:
        """What the thread does."""
        outcome: Exception | None = None
        with self._host.metrics.answer("v1", self._request.format) as counted:
            try:
                for data in self._bytes():
                    self._put(data)
            except CallerLeftError:
                counted.result = "left"
                outcome = ServerEndsError() if self._host.closing.is_set() else None
            except BarkError as error:
                counted.result, outcome = "refused", error
            except Exception as error:
                log.exception("an answer failed")
                counted.result, outcome = "failed", error
            counted.audio_s = self._n_samples / 24_000
        self._put(outcome)

    def _put(self, item: bytes | Exception | None) -> None:
        if isinstance(item, bytes):
            self._n_unsent += len(item)
        try:
            self._loop.call_soon_threadsafe(self._box.put_nowait, item)
        except RuntimeError:  # the server has ended
            self._stop.set()

    def _bytes(self) -> Iterator[bytes]:
        asked = self._request
        sounds = speak(
            self._host,
            asked.request,
            self._stop,
            preview=asked.preview,
            may_go_on=lambda: self._n_unsent < MAX_UNSENT_BYTES,
        )
        stream = self._encoded(sounds)
        if asked.stream_format == "sse":
            return self._events(stream)
        return stream

    def _encoded(self, sounds: Iterator[Sound]) -> Iterator[bytes]:
        asked = self._request
        rate = self._host.engine.ready().spec.sample_rate
        encoder = new_encoder(asked.format, rate, marks_of(self._model))
        first = next(sounds)
        if first.take is not None and asked.format in FORMATS:
            encoder.close()
            self._n_samples += len(first.audio)
            # Whole, so the file knows its length, and how it was made.
            yield dataclasses.replace(first.take, timings={}).encode(asked.format)
            collections.deque(sounds, maxlen=0)  # there are none, but it ends its turn
        else:
            yield from encoded(self._audio(itertools.chain([first], sounds)), encoder)

    def _audio(self, sounds: Iterator[Sound]) -> Iterator[np.ndarray]:
        for sound in sounds:
            self._n_samples += len(sound.audio)
            yield sound.audio

    def _events(self, stream: Iterator[bytes]) -> Iterator[bytes]:
        for data in stream:
            audio = base64.b64encode(data).decode("ascii")
            yield _event({"type": "speech.audio.delta", "audio": audio})
        n_in = len(self._request.request.text.split())
        n_out = round(self._n_samples / 320)  # frames of the codec
        usage = {"input_tokens": n_in, "output_tokens": n_out, "total_tokens": n_in + n_out}
        yield _event({"type": "speech.audio.done", "usage": usage})


def fault_event(error: Exception) -> bytes:
    """What a stream of events says when it breaks off."""
    return _event({"type": "error", **as_api_error(error).to_dict()})


def _event(values: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(values)}\n\n".encode()
