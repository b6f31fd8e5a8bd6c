"""Twenty wrong calls of every endpoint: `python -m tests.ui.wrong_calls` prints the table of them.

The page's own events are called as a stranger would who has read the page: by number, with a
session. Addresses are called with whatever does not belong into them.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import io
import json
import logging
import os
import sys
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from bark.server.routes import Routes
from bark.ui.build import Server, build_demo, serve
from bark.ui.state.studio import Studio
from tests.studio_fixtures import make_studio

_FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
_OUTSIDE = {"path": "x", "url": "http://127.0.0.1:9/x", "meta": {"_type": "gradio.FileData"}}
_IS_JSON = {"Content-Type": "application/json"}
_DEEP = "[" * 200 + "]" * 200


def wrong_bodies(n: int) -> list[str]:
    """Twenty bodies for an event of n values."""
    values: list[Any] = [
        [],
        [1] * (n + 9),
        [[]] * n,
        [{}] * n,
        [True] * n,
        [-1] * n,
        [10**400] * n,
        ["/etc/passwd"] * n,
        [_FILE] * n,
        [[_FILE]] * n,
        [_OUTSIDE] * n,
        ["\ud800"] * n,
        ["a\0<script>alert(1)</script>"] * n,
        ["x" * 300_000] * n,
        [None] * n,
    ]
    deep = ",".join([_DEEP] * n)
    nothing = ",".join(["null"] * n)
    return [
        *(json.dumps({"data": value}) for value in values),
        "{}",
        '{"data": "x"}',
        '{"data": [' + deep + "]}",
        '{"data": [' + nothing + '], "event_data": [1]}',
        '{"data": [' + nothing + '], "event_data": {"axes": "x", "id": {"a": "\\ud800"}}}',
    ]


FILLS = (
    "x",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "a" * 5_000,
    "%ed%a0%80",
    "-1",
    "{key}",
    "<script>",
)
BODIES = (
    b"",
    b"{",
    b"[]",
    b'"x"',
    b"{}",
    b'{"do": [1], "ids": {"a": 1}}',
    b"\xff\xfe",
    b"9" * 5_000,
)


def wrong_requests(
    path: str, method: str, key: str
) -> list[tuple[str, str, bytes, dict[str, str]]]:
    """Twenty requests for an address: method, filled path, body, headers.

    Args:
        path: with names in braces where something is filled in.
        key: a visit's, where the visit is to be a real one.
    """
    names = [part for part in path.split("/") if part.startswith("{")]
    found = []
    for i in range(16):
        filled = path
        for j, name in enumerate(names):
            is_key = j == 0 and name == "{key}" and i % 2
            fill = key if is_key else FILLS[(i + j) % len(FILLS)].replace("{key}", key)
            filled = filled.replace(name, fill)
        found.append((method, filled, BODIES[i % len(BODIES)], _IS_JSON))
    plain = path.replace("{key}", key).replace("{", "").replace("}", "")
    other = "GET" if method == "POST" else "POST"
    return [
        *found,
        (other, plain, b"{}", _IS_JSON),
        ("DELETE", plain, b"", {}),
        (method, plain + "?since=" + "9" * 400 + "&since=x&%ff=%00", b"{}", _IS_JSON),
        (method, plain, b"x" * 1_200_000, {"Range": "bytes=9-1,-"}),
    ]


@dataclasses.dataclass
class Found:
    """What twenty calls of one endpoint gave.

    Attributes:
        name: as it is called.
        answers: how many there were of each kind.
        wrong: whatever is no sentence: a fault's status, a traceback.
    """

    name: str
    answers: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    wrong: list[str] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def noise() -> Iterator[io.StringIO]:
    """What is written to the log and to the standard streams meanwhile."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger().addHandler(handler)
    try:
        with contextlib.redirect_stderr(heard), contextlib.redirect_stdout(heard):
            yield heard
    finally:
        logging.getLogger().removeHandler(handler)


class Stranger:
    """Somebody who calls everything with the wrong things."""

    def __init__(self, studio: Studio, server: Server) -> None:
        self._studio = studio
        self._demo = server.demo
        self._client = httpx.Client(base_url=server.url.rstrip("/"), timeout=30, trust_env=False)
        self._key = studio.visits.open("a page", None).visit.key

    def events(self) -> list[Found]:
        """Calls every event of the page's by its number, and every endpoint."""
        with noise() as heard, concurrent.futures.ThreadPoolExecutor(12) as pool:
            found = list(pool.map(self._event, self._demo.fns.values()))
        return [*found, *_traces(heard)]

    def number_of(self, name: str) -> int:
        """The number of an event."""
        return next(int(fn._id) for fn in self._demo.fns.values() if fn.api_name == name)

    def addresses(self) -> list[Found]:
        """Calls every address of this program's own."""
        app = self._demo.app
        own = [
            (route.path, next(iter(sorted(set(route.methods) - {"HEAD"}))))
            for route in [*app.routes, *Routes(self._studio, self._studio.guards).app().routes]
            if hasattr(route, "endpoint")
            and str(getattr(route.endpoint, "__module__", "")).startswith("bark.")
        ]
        with noise() as heard:
            found = [self._address(path, method) for path, method in own]
        return [*found, *_traces(heard)]

    def _event(self, fn: Any) -> Found:
        found = Found(self._name(fn))
        session = f"stranger {fn._id}"
        waited = 0
        for body in wrong_bodies(len(fn.inputs)):
            head = f'{{"fn_index": {fn._id}, "session_hash": "{session}"'
            whole = head + (", " + body[1:] if body != "{}" else "}")
            answer = self._client.post(
                "/gradio_api/queue/join",
                content=whole,
                headers={"Content-Type": "application/json"},
            )
            if answer.status_code == 200:
                waited += 1
            else:
                self._note(found, answer.status_code, answer.text)
        if waited:
            self._hear(found, session, waited)
        return found

    def _name(self, fn: Any) -> str:
        if fn.api_visibility == "public":
            return f"`/{fn.api_name}`"
        target, event = fn.targets[0] if fn.targets else (None, "")
        block = self._demo.blocks.get(target)
        who = getattr(block, "elem_id", None) or getattr(block, "label", None) or "page"
        return f"event {event} of {who} ({fn.api_name})"

    def _hear(self, found: Found, session: str, n: int) -> None:
        """Reads the answers that come in a session's stream."""
        address = f"/gradio_api/queue/data?session_hash={urllib.parse.quote(session)}"
        with self._client.stream("GET", address) as stream:
            for line in stream.iter_lines():
                if not line.startswith("data:"):
                    continue
                told = json.loads(line[5:])
                if told["msg"] != "process_completed":
                    continue
                n -= 1
                if told["success"]:
                    found.answers["answered"] += 1
                else:
                    status = 500 if told["output"].get("title") == "Fault" else 400
                    self._note(found, status, json.dumps(told["output"]))
                if n == 0:
                    return

    def _address(self, path: str, method: str) -> Found:
        found = Found(f"`{method} {path}`")
        for verb, filled, body, headers in wrong_requests(path, method, self._key):
            answer = self._client.request(verb, filled, content=body, headers=headers)
            self._note(found, answer.status_code, answer.text)
        return found

    def _note(self, found: Found, status: int, text: str) -> None:
        if status < 400:
            found.answers["answered"] += 1
        elif status < 500 or status in (501, 503):
            has_words = len(text) < 2_000 and " " in text and 'detail":[' not in text
            found.answers["refused in a sentence" if has_words else "refused"] += 1
            if not has_words:
                found.wrong.append(f"{status} without a sentence: {text[:80]!r}")
        else:
            found.answers["fault"] += 1
            found.wrong.append(f"{status}: {text[:200]}")


def _traces(heard: io.StringIO) -> list[Found]:
    text = heard.getvalue()
    return [Found("the log", wrong=[text[-900:]])] if "Traceback" in text else []


def table(rows: Sequence[Found]) -> str:
    """The rows in Markdown."""
    lines = ["| endpoint | answered | refused in a sentence |", "|---|--:|--:|"]
    for row in rows:
        counts = [row.answers["answered"], row.answers["refused in a sentence"]]
        lines.append(f"| {row.name} | {counts[0]} | {counts[1]} |")
    return "\n".join(lines)


def main() -> None:
    """Prints the table, and what is wrong."""
    studio = make_studio(None)
    server = serve(studio, build_demo(studio, mcp=True), quiet=True)
    stranger = Stranger(studio, server)
    rows = [*stranger.events(), *stranger.addresses()]
    sys.stdout.write(table(rows) + "\n")
    for row in rows:
        for fault in row.wrong:
            sys.stderr.write(f"{row.name}: {fault}\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
