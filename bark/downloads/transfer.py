"""Fetching one address: resumed, checked, stoppable, never half there under its final name."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import http.client
import logging
import shutil
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from ..errors import DownloadError
from .proxies import open_address

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bytes there are and the bytes there will be (0: not known)."""

_PART_SUFFIX = ".incomplete"
_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 10.0  # a stop is noticed within it, and a stalled transfer resumed
_RETRY_WAITS_S = (1.0, 2.0, 4.0)
_SPARE_BYTES = 100 << 20  # left free on the disk
_PROGRESS_EVERY_S = 0.1


class DownloadStoppedError(DownloadError):
    """Somebody stopped the download; what has arrived is kept for the next time."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One file to fetch.

    Attributes:
        url: where from.
        target: where to; the folder is made.
        lock: a file that is locked meanwhile, against another process with the same target.
        name: what errors and progress call it.
        digest: the first hexadecimal digits of its SHA-256; "" if not known.
        setting: the environment variable that moves the target's folder.
        on_progress: told how far it is, about ten times a second, from this thread.
        stop: looked at while bytes arrive.
    """

    url: str
    target: Path
    lock: Path
    name: str
    digest: str
    setting: str
    on_progress: Progress | None
    stop: threading.Event | None

    @property
    def part(self) -> Path:
        """Where the bytes are until all are there."""
        return self.target.with_name(self.target.name + _PART_SUFFIX)

    def raise_if_stopped(self) -> None:
        """Raises `DownloadStoppedError` once `stop` is set."""
        if self.stop is not None and self.stop.is_set():
            raise DownloadStoppedError(
                f"The download of {self.name} was stopped; started again, it goes on from there."
            )


class _BrokenOffError(Exception):
    """The connection ended after some bytes had come: worth another try."""


def fetch(job: Job) -> None:
    """Downloads a file unless it is there already, going on where an earlier try ended.

    Raises:
        DownloadError: no connection, no such file, no room, or damaged on the way.
        DownloadStoppedError: `stop` was set.
    """
    if job.target.is_file():
        return
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        job.lock.parent.mkdir(parents=True, exist_ok=True)
        with _locked(job):
            if job.target.is_file():  # another process was quicker
                return
            _receive_all(job)
            _check_digest(job)
            job.part.replace(job.target)
    except DownloadError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno == errno.ENOSPC:
            reason = "the disk is full"
        elif isinstance(error, (FileExistsError, NotADirectoryError)):
            reason = _obstacle(job.target.parent)
            raise DownloadError(
                f"{job.name} cannot be saved in {job.target.parent}: {reason}; "
                f"mend it or set {job.setting} to another folder."
            ) from error
        raise DownloadError(
            f"{job.name} cannot be saved in {job.target.parent}: {reason}; "
            f"make room or set {job.setting} to another folder."
        ) from error


def _obstacle(folder: Path) -> str:
    """What stands where a folder should be made."""
    for path in reversed([folder, *folder.parents]):
        if path.is_symlink() and not path.exists():
            return f"{path} is a link that leads nowhere"
        if path.exists() and not path.is_dir():
            return f"{path} is no folder"
    return "something else stands there"


@contextlib.contextmanager
def _locked(job: Job) -> Iterator[None]:
    import filelock

    lock = filelock.FileLock(job.lock)
    while True:
        try:
            lock.acquire(timeout=0.5)
            break
        except filelock.Timeout:
            job.raise_if_stopped()
    try:
        yield
    finally:
        lock.release()


def _receive_all(job: Job) -> None:
    n_failures = 0
    while True:
        before = _size(job.part)
        try:
            _receive(job)
            return
        except _BrokenOffError as error:
            n_failures = 0 if _size(job.part) > before else n_failures
            if n_failures == len(_RETRY_WAITS_S):
                raise DownloadError(
                    f"The download of {job.name} broke off ({error}); "
                    "started again, it goes on from there."
                ) from error
            log.warning("%s: %s, trying again", job.name, error)
            _wait(job, _RETRY_WAITS_S[n_failures])
            n_failures += 1


def _receive(job: Job) -> None:
    """Appends to the part file what is missing; returns when nothing is."""
    job.raise_if_stopped()
    have = _size(job.part)
    try:
        response = _open(job, have)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            # Nothing follows what is there, unless it is not the beginning of this file.
            if error.headers.get("Content-Range", "").endswith(f"/{have}"):
                return
            job.part.unlink()
            raise _BrokenOffError("what was fetched before does not fit") from error
        if error.code in (408, 429) or error.code >= 500:
            raise _BrokenOffError(f"the server answers {error.code}") from error
        raise DownloadError(
            f"{job.name} cannot be fetched: {job.url} answers {error.code} {error.reason}."
        ) from error
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        if have:
            raise _BrokenOffError(str(getattr(error, "reason", error))) from error
        raise DownloadError(
            f"{job.name} cannot be fetched from {job.url}: "
            f"{getattr(error, 'reason', error)}; check the connection."
        ) from error
    with response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        have = have if resumed else 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else 0
        _check_room(job, total - have)
        with job.part.open("ab" if resumed else "wb") as stream:
            _copy(job, response, stream, have, total)


def _open(job: Job, have: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "bark", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):  # a system without certificates of its own
        import certifi

        context.load_verify_locations(certifi.where())
    request = urllib.request.Request(job.url, headers=headers)
    result: http.client.HTTPResponse = open_address(request, timeout=_TIMEOUT_S, context=context)
    return result


def _copy(
    job: Job, response: http.client.HTTPResponse, stream: IO[bytes], have: int, total: int
) -> None:
    last = 0.0
    while True:
        job.raise_if_stopped()
        if job.on_progress is not None and time.monotonic() - last >= _PROGRESS_EVERY_S:
            job.on_progress(job.name, have, total)
            last = time.monotonic()
        try:
            chunk = response.read1(_CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise _BrokenOffError(str(error) or type(error).__name__) from error
        if not chunk:
            break
        stream.write(chunk)
        have += len(chunk)
    if have < total:
        raise _BrokenOffError(f"only {have:,} of {total:,} bytes came")
    if job.on_progress is not None:
        job.on_progress(job.name, have, total or have)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _wait(job: Job, seconds: float) -> None:
    if job.stop is None:
        time.sleep(seconds)
    else:
        job.stop.wait(seconds)
    job.raise_if_stopped()


def _check_room(job: Job, n_bytes: int) -> None:
    free = shutil.disk_usage(job.target.parent).free
    if n_bytes + _SPARE_BYTES > free:
        raise DownloadError(
            f"{job.name} needs {n_bytes / 1e9:.2f} GB in {job.target.parent} and "
            f"{free / 1e9:.2f} GB are free; make room or set {job.setting} to another folder."
        )


def _check_digest(job: Job) -> None:
    if not job.digest:
        return
    with job.part.open("rb") as stream:
        state = hashlib.sha256()
        while chunk := stream.read(_CHUNK_BYTES):
            state.update(chunk)
    digest = state.hexdigest()
    if not digest.startswith(job.digest):
        job.part.unlink()
        raise DownloadError(
            f"{job.name} arrived damaged (its SHA-256 begins with {digest[:8]}, not with "
            f"{job.digest[:8]}); it was deleted, so fetch it again."
        )
