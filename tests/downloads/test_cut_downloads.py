"""A download cut anywhere, a server that lies or refuses, a proxy that hangs."""

from __future__ import annotations

import contextlib
import http.server
import random
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from bark.downloads import transfer
from bark.errors import DownloadError

from .test_downloads import (
    CONTENT,
    Behaviour,
    Handler,
    address,  # noqa: F401 -- a fixture
    behaviour,  # noqa: F401 -- a fixture
    fetch,
    visible_files,
)

_DRAWN = sorted(random.Random(0).sample(range(2, len(CONTENT) - 1), 16))
PLACES = [0, 1, *_DRAWN, len(CONTENT) - 1, len(CONTENT)]


@pytest.mark.parametrize("place", PLACES)
def test_a_download_cut_anywhere_goes_on_from_there_in_the_next_try(
    address: str,  # noqa: F811
    tmp_path: Path,
    behaviour: Behaviour,  # noqa: F811
    place: int,
) -> None:
    behaviour.break_after = [place, 0, 0, 0, 0]
    if place < len(CONTENT):
        with pytest.raises(DownloadError, match=r"broke off|cannot be fetched"):
            fetch(address, tmp_path)
        assert visible_files(tmp_path) == ["codec.th.incomplete"]
        assert behaviour.asked[-1] == (f"bytes={place}-" if place else "")
    behaviour.break_after = []
    assert fetch(address, tmp_path).read_bytes() == CONTENT
    assert visible_files(tmp_path) == ["codec.th"]


@pytest.mark.parametrize(
    ("statuses", "sentence"),
    [
        ([401], "answers 401 Unauthorized"),
        ([403], "answers 403 Forbidden"),
        ([404], "answers 404 Not Found"),
        ([429] * 9, "the server answers 429"),
        ([503] * 9, "the server answers 503"),
    ],
)
def test_a_refusal_is_one_sentence_and_leaves_nothing(
    address: str,  # noqa: F811
    tmp_path: Path,
    behaviour: Behaviour,  # noqa: F811
    statuses: list[int],
    sentence: str,
) -> None:
    behaviour.statuses = statuses
    with pytest.raises(DownloadError, match=sentence) as caught:
        fetch(address, tmp_path)
    assert "\n" not in str(caught.value)
    assert visible_files(tmp_path) == []
    behaviour.statuses = []
    assert fetch(address, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("length", ["1000", str(len(CONTENT) + 5), "-5", "many", "9" * 30])
def test_a_length_that_is_not_true_lets_no_other_file_through(
    address: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    length: str,
) -> None:
    send_header = http.server.BaseHTTPRequestHandler.send_header

    def lying(self: Any, name: str, value: str) -> None:
        send_header(self, name, length if name == "Content-Length" else value)

    monkeypatch.setattr(Handler, "send_header", lying, raising=False)
    with contextlib.suppress(DownloadError):  # one that says less than is there is cut by it
        fetch(address, tmp_path)
    if "codec.th" in visible_files(tmp_path):
        assert (tmp_path / "torch" / "codec.th").read_bytes() == CONTENT


def test_a_proxy_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        proxy = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "")
        began = time.monotonic()
        with pytest.raises(DownloadError, match=r"timed out; check the connection"):
            fetch("http://weights.invalid", tmp_path)
        assert time.monotonic() - began < 10
    assert visible_files(tmp_path) == []
