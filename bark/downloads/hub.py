"""Files of Hugging Face's Hub: found in its cache, or fetched into it.

huggingface_hub no longer resumes from one run to the next (it draws a new temporary name each
time), so only its addresses, metadata, locks and cache layout are used here; the bytes come
through `bark.downloads.transfer`. What was fetched here, huggingface_hub finds, and the other way
round.
The codec's weights lie elsewhere, on the server that the encodec package names.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

from ..environment import home_dir
from ..errors import DownloadError
from ..files.whole_file import whole_file
from .proxies import require_socks_packages
from .transfer import DownloadStoppedError, Job, Progress, fetch

__all__ = [
    "CODEC_FILE",
    "DownloadStoppedError",
    "Progress",
    "cached_hub_file",
    "fetch_codec",
    "fetch_hub_file",
]

CODEC_FILE = "encodec_24khz-d7cc33bc.th"
CODEC_URL = f"https://dl.fbaipublicfiles.com/encodec/v0/{CODEC_FILE}"
CODEC_SHA256 = "d7cc33bc"


def cached_hub_file(repo: str, filename: str) -> Path | None:
    """The file in huggingface_hub's cache, or None; asks no server.

    Args:
        repo: for example "suno/bark".
        filename: its path in the repository.
    """
    folder = _hub_folder(repo)
    try:
        main = (folder / "refs" / "main").read_text().strip()
    except OSError:
        main = ""
    if main and (folder / "snapshots" / main / filename).is_file():
        return folder / "snapshots" / main / filename
    for path in sorted(folder.glob(f"snapshots/*/{filename}")):
        if path.is_file():
            return path
    return None


def fetch_hub_file(
    repo: str,
    filename: str,
    *,
    on_progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Path:
    """Returns a file of a Hub repository, downloading it into huggingface_hub's cache if needed.

    Args:
        on_progress: called from this thread, about ten times a second.
        stop: looked at while bytes arrive.

    Raises:
        DownloadError: no connection, no such file, no room, or damaged on the way.
        DownloadStoppedError: `stop` was set.
    """
    cached = cached_hub_file(repo, filename)
    if cached is not None:
        return cached
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    require_socks_packages()
    url = hf_hub_url(repo, filename, endpoint=constants.ENDPOINT)
    try:
        metadata = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except Exception as error:  # its kinds differ from one version of huggingface_hub to the next
        raise DownloadError(
            f"{filename} of {repo} cannot be fetched from {constants.ENDPOINT} "
            f"({type(error).__name__}); check the connection, or put the file on this machine."
        ) from error
    etag, commit = metadata.etag, metadata.commit_hash
    if not (etag and commit and re.fullmatch(r"[\w-]+", etag) and re.fullmatch(r"\w+", commit)):
        raise DownloadError(
            f"{constants.ENDPOINT} answers for {filename} of {repo} without the version of the "
            "file; check that HF_ENDPOINT is a Hugging Face Hub."
        )
    folder = _hub_folder(repo)
    blob = folder / "blobs" / etag
    digest = etag if re.fullmatch(r"[0-9a-f]{64}", etag) else ""
    lock = folder.parent / ".locks" / folder.name / f"{etag}.lock"
    name = filename.rsplit("/", 1)[-1]
    fetch(Job(url, blob, lock, name, digest, "HF_HOME", on_progress, stop))
    try:
        return _link_into_snapshot(folder, commit, filename, blob)
    except OSError as error:
        raise DownloadError(
            f"{name} cannot be put into {folder}: {error.strerror}; "
            "make the folder writable or set HF_HOME to another one."
        ) from error


def fetch_codec(
    target: Path,
    *,
    url: str = CODEC_URL,
    sha256: str = CODEC_SHA256,
    on_progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Path:
    """Downloads the encodec package's weights to where that package itself looks for them.

    Args:
        target: a file in `$TORCH_HOME/hub/checkpoints`.
        sha256: what its hexadecimal SHA-256 must begin with.

    Raises:
        DownloadError, DownloadStoppedError: as `fetch_hub_file`.
    """
    lock = target.with_name(f".{target.name}.lock")
    fetch(Job(url, target, lock, target.name, sha256, "TORCH_HOME", on_progress, stop))
    return target


def _hub_folder(repo: str) -> Path:
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    if cache.parts[0] == "~":  # of a user without a home
        cache = home_dir().joinpath(*cache.parts[1:])
    return cache / f"models--{repo.replace('/', '--')}"


def _link_into_snapshot(folder: Path, commit: str, filename: str, blob: Path) -> Path:
    """Names the version, and then its file.

    The other way round, a kill between the two would leave a file that is found here and never
    named, so that huggingface_hub without a network would not find it.
    """
    ref = folder / "refs" / "main"
    ref.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(ref) as file:
        file.write(commit.encode())
    pointer = folder / "snapshots" / commit / filename
    pointer.parent.mkdir(parents=True, exist_ok=True)
    if not pointer.exists():
        pointer.unlink(missing_ok=True)  # a link that leads nowhere
        try:
            pointer.symlink_to(os.path.relpath(blob, pointer.parent))
        except OSError:  # Windows without the right to make links
            blob.replace(pointer)
    return pointer
