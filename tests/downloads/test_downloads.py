"""Downloads against a server on this machine: resumed, checked, stopped, never half there."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.server
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bark.downloads import transfer
from bark.downloads.hub import cached_hub_file, fetch_codec, fetch_hub_file
from bark.downloads.transfer import DownloadStoppedError
from bark.errors import DownloadError

CONTENT = bytes(range(256)) * 12_000  # 3 MB
DIGEST = hashlib.sha256(CONTENT).hexdigest()
COMMIT = "0123456789abcdef"
HUB_PATH = "/suno/bark-small/resolve/main/pytorch_model.bin"


@dataclasses.dataclass
class Behaviour:
    """What the server does, and what it was asked."""

    files: dict[str, bytes]
    break_after: list[int] = dataclasses.field(default_factory=list)  # bytes, one a request
    statuses: list[int] = dataclasses.field(default_factory=list)  # instead of an answer
    ranges: bool = True
    etag: str = DIGEST
    asked: list[str] = dataclasses.field(default_factory=list)  # Range headers of the GETs
    gate: threading.Event | None = None  # what half of the answer waits for


class Handler(http.server.BaseHTTPRequestHandler):
    behaviour: Behaviour

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.behaviour.asked.append(self.headers.get("Range", ""))
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        now = self.behaviour
        content = now.files.get(self.path)
        if body and now.statuses:
            self.send_error(now.statuses.pop(0))
            return
        if content is None:
            self.send_error(404)
            return
        start = 0
        if now.ranges and (wanted := self.headers.get("Range")):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", f'"{now.etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.send_body(content[start:])

    def send_body(self, content: bytes) -> None:
        now = self.behaviour
        if now.gate is not None:
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            now.gate.wait(20)
            content = content[len(content) // 2 :]
        if now.break_after:
            content = content[: now.break_after.pop(0)]
        with contextlib.suppress(OSError):  # the other side stopped
            self.wfile.write(content)
        self.close_connection = True


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour({"/codec.th": CONTENT, HUB_PATH: CONTENT})


@pytest.fixture
def address(behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(transfer, "_RETRY_WAITS_S", (0.0, 0.0, 0.0))
    handler = type("OwnHandler", (Handler,), {"behaviour": behaviour})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def point_hub_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As HF_ENDPOINT would, had it been set before huggingface_hub was imported."""
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def hub_cache(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """huggingface_hub's cache in a folder of the test's, and its endpoint on this machine."""
    point_hub_to(address, monkeypatch)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def fetch(address: str, tmp_path: Path, **options: Any) -> Path:
    target = tmp_path / "torch" / "codec.th"
    return fetch_codec(target, url=f"{address}/codec.th", **{"sha256": DIGEST[:8], **options})


def visible_files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")


def test_a_file_arrives_whole_with_progress(address: str, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    path = fetch(address, tmp_path, on_progress=lambda *call: calls.append(call))
    assert path.read_bytes() == CONTENT
    assert calls[0] == ("codec.th", 0, len(CONTENT))
    assert calls[-1] == ("codec.th", len(CONTENT), len(CONTENT))
    assert visible_files(tmp_path) == ["codec.th"]


def test_a_file_that_is_there_is_not_fetched(
    address: str, tmp_path: Path, behaviour: Behaviour
) -> None:
    fetch(address, tmp_path)
    fetch(address, tmp_path)
    assert len(behaviour.asked) == 1


def test_a_broken_connection_is_resumed(address: str, tmp_path: Path, behaviour: Behaviour) -> None:
    behaviour.break_after = [1_000_000, 500_000]
    assert fetch(address, tmp_path).read_bytes() == CONTENT
    assert behaviour.asked == ["", "bytes=1000000-", "bytes=1500000-"]


def test_an_earlier_try_is_resumed(address: str, tmp_path: Path, behaviour: Behaviour) -> None:
    part = tmp_path / "torch" / "codec.th.incomplete"
    part.parent.mkdir()
    part.write_bytes(CONTENT[:2_000_000])
    assert fetch(address, tmp_path).read_bytes() == CONTENT
    assert behaviour.asked == ["bytes=2000000-"]
    assert visible_files(tmp_path) == ["codec.th"]


def test_an_earlier_try_that_had_everything_is_taken(
    address: str, tmp_path: Path, behaviour: Behaviour
) -> None:
    part = tmp_path / "torch" / "codec.th.incomplete"
    part.parent.mkdir()
    part.write_bytes(CONTENT)
    assert fetch(address, tmp_path).read_bytes() == CONTENT
    assert len(behaviour.asked) == 1


def test_a_server_without_ranges_is_asked_from_the_beginning(
    address: str, tmp_path: Path, behaviour: Behaviour
) -> None:
    behaviour.ranges = False
    part = tmp_path / "torch" / "codec.th.incomplete"
    part.parent.mkdir()
    part.write_bytes(b"something else" * 9)
    assert fetch(address, tmp_path).read_bytes() == CONTENT


def test_a_connection_that_keeps_breaking_ends_in_a_sentence_and_keeps_the_part(
    address: str, tmp_path: Path, behaviour: Behaviour
) -> None:
    behaviour.break_after = [1_000_000, 0, 0, 0, 0, 0]
    with pytest.raises(DownloadError, match=r"broke off \(only 1,000,000 of 3,072,000 bytes"):
        fetch(address, tmp_path)
    assert visible_files(tmp_path) == ["codec.th.incomplete"]
    behaviour.break_after = []
    assert fetch(address, tmp_path).read_bytes() == CONTENT
    assert behaviour.asked[-1] == "bytes=1000000-"


def test_a_busy_server_is_asked_again(address: str, tmp_path: Path, behaviour: Behaviour) -> None:
    behaviour.statuses = [503, 429]
    assert fetch(address, tmp_path).read_bytes() == CONTENT


def test_an_address_that_is_not_there_is_not_asked_again(
    address: str, tmp_path: Path, behaviour: Behaviour
) -> None:
    with pytest.raises(DownloadError, match="answers 404"):
        fetch_codec(tmp_path / "x.th", url=f"{address}/other.th")
    assert len(behaviour.asked) == 1
    assert visible_files(tmp_path) == []


def test_a_damaged_file_is_deleted_and_reported(
    address: str, tmp_path: Path, behaviour: Behaviour
) -> None:
    behaviour.files["/codec.th"] = CONTENT[:-1] + b"x"
    with pytest.raises(DownloadError, match="arrived damaged"):
        fetch(address, tmp_path)
    assert visible_files(tmp_path) == []


def test_a_full_disk_is_noticed_before_anything_is_written(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=len(CONTENT))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match=r"needs 0\.00 GB .* make room or set TORCH_HOME"):
        fetch(address, tmp_path)
    assert visible_files(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_reported(address: str, tmp_path: Path) -> None:
    (tmp_path / "torch").write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match="cannot be saved"):
        fetch(address, tmp_path)


def test_a_stop_ends_the_download_and_keeps_what_came(
    address: str, tmp_path: Path, behaviour: Behaviour
) -> None:
    behaviour.gate, stop = threading.Event(), threading.Event()

    def stop_in_the_middle() -> None:
        part = tmp_path / "torch" / "codec.th.incomplete"
        while not (part.exists() and part.stat().st_size):
            time.sleep(0.01)
        stop.set()
        behaviour.gate.set()

    threading.Thread(target=stop_in_the_middle).start()
    with pytest.raises(DownloadStoppedError, match="goes on from there"):
        fetch(address, tmp_path, stop=stop)
    assert visible_files(tmp_path) == ["codec.th.incomplete"]
    behaviour.gate = None
    assert fetch(address, tmp_path).read_bytes() == CONTENT
    assert behaviour.asked[-1].startswith("bytes=")


def test_two_at_once_fetch_once(address: str, tmp_path: Path, behaviour: Behaviour) -> None:
    threads = [threading.Thread(target=fetch, args=(address, tmp_path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(behaviour.asked) == 1
    assert (tmp_path / "torch" / "codec.th").read_bytes() == CONTENT


def test_a_hub_file_is_fetched_into_the_hubs_cache(hub_cache: Path, behaviour: Behaviour) -> None:
    from huggingface_hub import hf_hub_download

    assert cached_hub_file("suno/bark-small", "pytorch_model.bin") is None
    path = fetch_hub_file("suno/bark-small", "pytorch_model.bin")
    assert path.read_bytes() == CONTENT
    assert path == cached_hub_file("suno/bark-small", "pytorch_model.bin")
    assert path.parent.name == COMMIT
    theirs = hf_hub_download(
        "suno/bark-small", "pytorch_model.bin", cache_dir=hub_cache, local_files_only=True
    )
    assert Path(theirs) == path
    fetch_hub_file("suno/bark-small", "pytorch_model.bin")
    assert len(behaviour.asked) == 1


def test_a_file_that_huggingface_hub_fetched_is_found(hub_cache: Path, address: str) -> None:
    from huggingface_hub import hf_hub_download

    theirs = hf_hub_download(
        "suno/bark-small", "pytorch_model.bin", cache_dir=hub_cache, endpoint=address
    )
    assert cached_hub_file("suno/bark-small", "pytorch_model.bin") == Path(theirs)


def test_the_version_is_named_before_its_file_so_that_a_kill_leaves_none_unnamed(
    hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = []
    link = Path.symlink_to

    def linking(path: Path, *where: Any) -> None:
        named.append((hub_cache / "models--suno--bark-small" / "refs" / "main").read_text())
        link(path, *where)

    monkeypatch.setattr(Path, "symlink_to", linking)
    fetch_hub_file("suno/bark-small", "pytorch_model.bin")
    assert named == [COMMIT]


def test_a_hub_file_is_resumed_from_one_call_to_the_next(
    hub_cache: Path, behaviour: Behaviour
) -> None:
    behaviour.break_after = [1_000_000, 0, 0, 0, 0]
    with pytest.raises(DownloadError, match="broke off"):
        fetch_hub_file("suno/bark-small", "pytorch_model.bin")
    assert visible_files(hub_cache) == [f"{DIGEST}.incomplete"]
    behaviour.break_after = []
    path = fetch_hub_file("suno/bark-small", "pytorch_model.bin")
    assert path.read_bytes() == CONTENT
    assert behaviour.asked[-1] == "bytes=1000000-"


def test_a_damaged_hub_file_is_refused(hub_cache: Path, behaviour: Behaviour) -> None:
    behaviour.files[HUB_PATH] = CONTENT[::-1]
    with pytest.raises(DownloadError, match="arrived damaged"):
        fetch_hub_file("suno/bark-small", "pytorch_model.bin")
    assert cached_hub_file("suno/bark-small", "pytorch_model.bin") is None


def test_a_hub_without_the_file_is_named(hub_cache: Path, address: str) -> None:
    with pytest.raises(DownloadError, match=rf"other\.bin of suno/bark-small .* {address}"):
        fetch_hub_file("suno/bark-small", "other.bin")


def test_an_etag_that_is_a_path_is_refused(hub_cache: Path, behaviour: Behaviour) -> None:
    behaviour.etag = "../../outside"
    with pytest.raises(DownloadError, match="HF_ENDPOINT"):
        fetch_hub_file("suno/bark-small", "pytorch_model.bin")


def test_no_connection_is_said_at_once(
    hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
    point_hub_to(closed, monkeypatch)
    with pytest.raises(DownloadError, match="check the connection"):
        fetch_hub_file("suno/bark-small", "pytorch_model.bin")
    with pytest.raises(DownloadError, match="check the connection"):
        fetch_codec(tmp_path / "x.th", url=f"{closed}/codec.th")
