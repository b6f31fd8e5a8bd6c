"""Every argument that names something, against lists of paths: none is opened or told apart."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bark.errors import BarkError, VoiceNotFoundError
from bark.options import GenerationOptions
from bark.spec import NANO
from bark.ui.actions.voice_menu import sample
from bark.ui.build import build_demo, serve
from bark.ui.state.studio import Studio
from tests.fake_bark import FakeBark
from tests.studio_fixtures import make_studio

PATHS = (
    "/etc/passwd",
    "/etc/passwd.npz",
    "/etc/passwd.npz.npz",
    "../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "~/x.npz",
    "~root/.ssh/id_rsa",
    "file:///etc/passwd",
    "file:x",
    "take:../../x",
    "given:/etc/passwd",
    "C:\\Windows\\win.ini",
    "//host/share/x.npz",
    "/proc/self/environ",
    "/dev/zero",
    "{here}/there.npz",
    "{here}/there",
    "%2e%2e%2fetc%2fpasswd",
    "a\0b",
    "con",
    ".",
    "..",
    "",
)


class _Opened:
    """What was opened below a folder while it listens."""

    def __init__(self) -> None:
        self.folder = "\0"
        self.paths: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = arguments[0]
            path = path.decode("utf-8", "replace") if isinstance(path, bytes) else path
            if path.startswith((self.folder, "/etc/passwd", "/proc/self/environ", "/dev/zero")):
                self.paths.append(path)


OPENED = _Opened()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    """A folder with a real voice that nobody may reach by its path."""
    tokens = FakeBark().generate("Secret.", options=GenerationOptions(seed=1)).tokens
    with (tmp_path / "there.npz").open("wb") as file:
        np.savez(file, **tokens.to_dict())
    OPENED.paths.clear()
    OPENED.folder = str(tmp_path / "there")
    yield tmp_path
    OPENED.folder = "\0"


@pytest.mark.parametrize("is_shared", [True, False])
def test_no_path_is_a_voice_on_the_page_or_for_a_program(here: Path, is_shared: bool) -> None:
    studio = make_studio(None if is_shared else here / "takes")
    session = studio.visits.session("tab")
    for path in PATHS[:-1]:
        name = path.replace("{here}", str(here))
        with pytest.raises(VoiceNotFoundError):
            studio.access().load_voice(name, NANO)
        with pytest.raises(BarkError, match=r"Unknown voice|no longer here"):
            sample(studio, session.visit, name)
    assert OPENED.paths == []


@pytest.mark.parametrize("is_shared", [True, False])
def test_no_address_leads_to_a_file(here: Path, is_shared: bool) -> None:
    studio: Studio = make_studio(None if is_shared else here / "takes")
    server = serve(studio, build_demo(studio), quiet=True)
    key = studio.visits.session("tab").visit.key
    try:
        for path in PATHS[:-1]:
            name = urllib.request.quote(path.replace("{here}", str(here)), safe="/")  # type: ignore[attr-defined]
            for address in (f"takes/{key}/{name}", f"takes/{name}/x", f"gradio_api/file={name}"):
                assert _status(f"{server.url}{address}") in (400, 403, 404, 405, 422), address
        body = {"data": ["Hi.", f"{here}/there.npz", 0.7, 0.7, 1, "wav"]}
        request = urllib.request.Request(
            f"{server.url}gradio_api/run/tts",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=60)
        assert OPENED.paths == []
    finally:
        server.demo.close()
        studio.close()


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
