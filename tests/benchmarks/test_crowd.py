"""The benchmark of a busy server: what it tells, and that its callers wait politely."""

from __future__ import annotations

import threading
import urllib.error
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import crowd


class Answers(BaseHTTPRequestHandler):
    """Gives one status after the other."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.left.pop(0)  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_caller_who_is_refused_asks_again_and_no_other_error_is_passed_over(
    server: ThreadingHTTPServer,
) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    server.left = [429, 429, 200, 500]  # type: ignore[attr-defined]
    crowd._speak(url, 3)
    assert server.left == [500]  # type: ignore[attr-defined]
    with pytest.raises(urllib.error.HTTPError):
        crowd._speak(url, 4)


def test_growth_is_that_behind_the_first_answers() -> None:
    looks = [100, 200, 300, 290, 330]
    rows = [{"resident MiB": str(look)} for look in looks]
    assert crowd.grown(rows) == pytest.approx(0.1)
    assert crowd.grown(rows[:2]) == 0


@pytest.mark.slow
def test_the_command_looks_at_a_server_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert crowd.main(["--callers", "3", "--answers", "1,2,4"]) in (0, 1)
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows] == ["answers", "---", "0", "1", "2", "4"]
    assert "memory grew by" in out
