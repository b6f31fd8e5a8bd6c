"""Callers of the endpoints: whether they still listen, and work that ends when they do not.

Gradio lets a plain function run to its end when its caller has gone, and looks whether a stream's
reader is there only when it has something to send. So the streams are watched from outside.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import parse_qs

from ...errors import CallerLeftError

T = TypeVar("T")

POLL_S = 0.1
GRACE_S = 0.6
"""A client closes one stream before it opens the next; so long it may have none."""
FIRST_STREAM_S = 15.0
"""So long after a call its caller may come back for the answer; by hand that takes a while."""
_REMEMBERED_S = 60.0

_CALL_STREAM = re.compile(r"/call/(?:v2/)?[^/]+/([^/]+)/?$")
_SESSION_STREAM = re.compile(r"/queue/data/?$")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Any], Awaitable[None]]


class Callers:
    """Counts the streams in which callers wait for their answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_open: dict[str, int] = {}
        self._closed_at: dict[str, float] = {}

    def opened(self, key: str) -> None:
        """A stream is read.

        Args:
            key: of the call or of the session whose answers come in it.
        """
        with self._lock:
            self._n_open[key] = self._n_open.get(key, 0) + 1
            self._closed_at.pop(key, None)
            long_ago = time.monotonic() - _REMEMBERED_S
            self._closed_at = {k: at for k, at in self._closed_at.items() if at > long_ago}

    def closed(self, key: str) -> None:
        """A stream is no longer read."""
        with self._lock:
            self._n_open[key] -= 1
            if not self._n_open[key]:
                del self._n_open[key]
                self._closed_at[key] = time.monotonic()

    def have_left(self, keys: Iterable[str], since: float) -> bool:
        """Whether nobody reads any stream of these keys, and nobody is about to.

        Args:
            since: when the call began, on the monotonic clock.
        """
        with self._lock:
            keys = list(keys)
            if any(key in self._n_open for key in keys):
                return False
            now = time.monotonic()
            closed_at = max((self._closed_at.get(key, 0.0) for key in keys), default=0.0)
            if closed_at > since:
                return now - closed_at > GRACE_S
            return now - since > FIRST_STREAM_S


class StreamWatch:
    """ASGI middleware that tells `Callers` when a stream of answers is opened and closed."""

    def __init__(self, app: Any, callers: Callers) -> None:
        self._app = app
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on; of streams it learns at once that their reader has gone."""
        key = _stream_key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        is_open = True
        self._callers.opened(key)

        def close() -> None:
            nonlocal is_open
            if is_open:
                is_open = False
                self._callers.closed(key)

        async def read() -> None:
            while is_open:
                message = await receive()
                messages.put_nowait(message)
                if message["type"] == "http.disconnect":
                    close()

        async def relay() -> dict[str, Any]:
            message = await messages.get()
            if message["type"] == "http.disconnect":
                messages.put_nowait(message)  # said again to whoever asks again
            return message

        reading = asyncio.create_task(read())
        try:
            await self._app(scope, relay, send)
        finally:
            reading.cancel()
            close()


async def run_while_wanted(
    work: Callable[[threading.Event], T], has_left: Callable[[], Awaitable[bool]]
) -> T:
    """Runs work in a thread of its own, until its caller has left.

    Args:
        work: gets an event and ends soon after it is set.
        has_left: asked every `POLL_S` seconds; for a plain request it is
            `request.is_disconnected`.

    Raises:
        CallerLeftError: the caller has left; the work's event is set, its end is not waited for.
        Exception: whatever the work raised.
    """
    stop = threading.Event()
    outcome: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        try:
            outcome.set_result(work(stop))
        except Exception as error:  # handed on to the caller
            outcome.set_exception(error)

    here = contextvars.copy_context()
    threading.Thread(target=here.run, args=(run,), name="bark-call", daemon=True).start()
    waiting = asyncio.wrap_future(outcome)
    waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        while not (await asyncio.wait({waiting}, timeout=POLL_S))[0]:
            if await has_left():
                raise CallerLeftError("Nobody waits for the answer any more.")
        return waiting.result()
    finally:
        stop.set()


def _stream_key(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    call = _CALL_STREAM.search(scope["path"])
    if call is not None:
        return call[1]
    if _SESSION_STREAM.search(scope["path"]):
        query = parse_qs(scope["query_string"].decode("latin-1"))
        found: str | None = query.get("session_hash", [None])[0]
        return found
    return None
