"""Whether a busy server's memory stays flat: `python -m benchmarks.crowd`.

Starts the studio with nano and has many callers at once ask its speech endpoint, each again as
soon as it is answered; looks at the server's memory as the answers come.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .machine import describe_machine
from .options import numbers, parser_of
from .report import Row, keep, markdown

_APP = Path(__file__).parent.parent / "app.py"
_ADDRESS = "127.0.0.1"
_PATIENCE_S = 900.0  # of a caller: the others may all be before it
_START_S = 180.0
_MOST_GROWTH = 0.05
_TEXTS = (
    "Hello there.",
    "The ferry leaves the harbour at half past six.",
    "Please bring two loaves of bread, some butter, and whatever fruit looks good today.",
    "Yes.",
)
_FIELDS = {"VmRSS": "resident MiB", "RssAnon": "of it its own", "Threads": "threads"}


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the server's memory on the way and whether it grew."""
    parser = parser_of("benchmarks.crowd", __doc__)
    parser.add_argument("--callers", type=int, default=40)
    parser.add_argument(
        "--answers", type=numbers, default=[25, 50, 100, 200], help="after which memory is told"
    )
    parser.add_argument("--model", default="nano", help="or small, large, a folder")
    args = parser.parse_args(argv)
    print(describe_machine())
    rows: list[Row] = []
    with _server(args.model) as (pid, url):
        for row in _measured(pid, url, args):
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    print(f"\n{args.callers} callers at once:\n\n{markdown(rows)}")
    keep(args, {"crowd": rows})
    growth = grown(rows)
    print(f"\nfrom the second look to the last memory grew by {growth:+.1%}")
    return 0 if growth <= _MOST_GROWTH else 1


def grown(rows: Sequence[Row]) -> float:
    """The growth of what is resident, from the second look behind the start to the last."""
    looks = [float(row["resident MiB"]) for row in rows[1:]]
    return looks[-1] / looks[min(1, len(looks) - 1)] - 1


def _measured(pid: int, url: str, args: argparse.Namespace) -> Iterator[Row]:
    yield _look(pid, 0)
    numbers_of_takes = itertools.count()
    answered = threading.Semaphore(0)
    full = threading.Event()

    def call(_: int) -> None:
        while not full.is_set():
            _speak(url, next(numbers_of_takes))
            answered.release()

    with ThreadPoolExecutor(args.callers) as pool:
        callers = [pool.submit(call, i) for i in range(args.callers)]
        try:
            n_seen = 0
            for n in args.answers:
                while n_seen < n:
                    if answered.acquire(timeout=1):
                        n_seen += 1
                    elif failed := [c for c in callers if c.done() and c.exception()]:
                        failed[0].result()
                yield _look(pid, n)
        finally:
            full.set()


def _speak(url: str, number: int) -> None:
    """One answer, waited for again where the line is full."""
    text = _TEXTS[number % len(_TEXTS)]
    body = json.dumps({"input": text, "seed": number, "response_format": "wav"}).encode()
    request = urllib.request.Request(
        f"{url}/v1/audio/speech", body, {"Content-Type": "application/json"}
    )
    while True:
        try:
            with _open(request, _PATIENCE_S) as answer:
                answer.read()
            return
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise
            time.sleep(float(error.headers["Retry-After"]))


def _open(request: urllib.request.Request | str, timeout_s: float) -> contextlib.closing[Any]:
    """An address of this machine, whatever proxies the environment names."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return contextlib.closing(opener.open(request, timeout=timeout_s))


def _look(pid: int, n_answers: int) -> Row:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    told = {}
    for field, column in _FIELDS.items():
        value, *unit = found[field].split()
        told[column] = str(int(value) // 1_024) if unit else value
    return {"answers": str(n_answers), **told}


@contextlib.contextmanager
def _server(model: str) -> Iterator[tuple[int, str]]:
    """The studio in a process of its own, ready; its number and address."""
    with socket.create_server((_ADDRESS, 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(_APP), "--model", model, "--port", str(port)]
    with (
        tempfile.TemporaryDirectory(prefix="bark-benchmark-") as folder,
        tempfile.TemporaryFile() as log,
    ):
        environment = {**os.environ, "BARK_TAKES_DIR": folder, "BARK_OFFLINE": "1"}
        app = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            url = f"http://{_ADDRESS}:{port}"
            _wait_until_ready(app, url)
            yield app.pid, url
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-2_000:])
            raise
        finally:
            app.terminate()
            app.wait()


def _wait_until_ready(app: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + _START_S
    while app.poll() is None and time.monotonic() < end:
        try:
            with _open(f"{url}/healthz", 5) as answer:
                if b'"ok"' in answer.read():
                    return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit("the studio did not start")


if __name__ == "__main__":
    sys.exit(main())
