"""What a killed download leaves: the codec's file and one of the Hub's, served by this process."""

from __future__ import annotations

import contextlib
import http.server
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import constants, file_download  # noqa: F401  # in the parent of all children, once

from bark.downloads import transfer
from bark.downloads.hub import fetch_codec, fetch_hub_file
from tests.downloads.test_downloads import (
    COMMIT,
    CONTENT,
    DIGEST,
    HUB_PATH,
    Behaviour,
    Handler,
)

_PIECE_BYTES = 1 << 16
_PARTS = ("codec.th.incomplete", f"{DIGEST}.incomplete")
_WHOLE = ("codec.th", DIGEST, "pytorch_model.bin")


@contextlib.contextmanager
def serving(pace_s: float = 0.0) -> Iterator[str]:
    """Serves both files to this machine; gives the address.

    Args:
        pace_s: what each of their 47 pieces waits, so that a clock meets the middle of one.
    """

    class Paced(Handler):
        behaviour = Behaviour({"/codec.th": CONTENT, HUB_PATH: CONTENT})

        def send_body(self, content: bytes) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):  # the other side was killed
                for start in range(0, len(content), _PIECE_BYTES):
                    self.wfile.write(content[start : start + _PIECE_BYTES])
                    time.sleep(pace_s)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Paced)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def download(folder: Path, address: str) -> int:
    """Fetches both files, going on from what lies in a folder; for a process of its own.

    Returns:
        0 where both have the right bytes.
    """
    os.environ["NO_PROXY"] = "127.0.0.1"
    transfer._CHUNK_BYTES = 1 << 14  # so that there are many moments amid a file
    constants.HF_HUB_OFFLINE = False
    constants.HF_HUB_CACHE = str(folder / "hub")
    constants.ENDPOINT = address
    constants.HUGGINGFACE_CO_URL_TEMPLATE = (
        f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    )
    codec = fetch_codec(folder / "codec.th", url=f"{address}/codec.th", sha256=DIGEST)
    model = fetch_hub_file("suno/bark-small", "pytorch_model.bin")
    return 0 if codec.read_bytes() == model.read_bytes() == CONTENT else 1


def download_fault(path: Path) -> str | None:
    """What is wrong with a file that a download left; None where nothing is.

    A part must be one of the two that are gone on with, so no number of kills leaves more; and
    it must be a beginning, so it never holds more than the file.
    """
    if path.name in _WHOLE:
        return None if path.read_bytes() == CONTENT else "it is not whole"
    if path.suffix == ".incomplete":
        begins = path.name in _PARTS and CONTENT.startswith(path.read_bytes())
        return None if begins else "it is no beginning that is gone on with"
    if path.parent.name == "refs":
        return None if path.read_text() == COMMIT else "it names no version"
    return None if path.suffix == ".lock" else "nobody knows it"
