"""How `app.py` begins and ends as a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bark.terminal.interrupts import INTERRUPTED

APP = Path(__file__).parent.parent / "app.py"
ADDRESS = "127.0.0.1"


def start(*arguments: str, folder: Path, module: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [sys.executable, *(module or (str(APP),)), *arguments]
    environment = os.environ | {"BARK_TAKES_DIR": str(folder), "BARK_MODEL": "nano"}
    environment["NO_PROXY"] = ADDRESS
    return subprocess.Popen(
        command,
        env=environment,
        cwd=APP.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server((ADDRESS, 0)) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_until_ready(app: subprocess.Popen[str], port: int) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert app.poll() is None, app.stderr and app.stderr.read()
        try:
            with urllib.request.urlopen(f"http://{ADDRESS}:{port}/healthz", timeout=5) as answer:
                if b'"ok"' in answer.read():
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the app does not answer")


def test_a_port_in_use_is_one_sentence_and_no_crash(taken: int, tmp_path: Path) -> None:
    for _ in range(3):
        app = start("--port", str(taken), folder=tmp_path)
        out, err = app.communicate(timeout=300)
        assert app.returncode == 1, err
        assert err == f"error: Port {taken} is in use; choose another one by --port.\n"
        assert out == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_app_ends_at_once(number: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    app = start("--port", str(port), folder=tmp_path)
    try:
        wait_until_ready(app, port)
        asked = time.monotonic()
        app.send_signal(number)
        _, err = app.communicate(timeout=300)
    finally:
        app.kill()
    assert time.monotonic() - asked < 2  # 0.3 s where nobody else computes
    assert app.returncode == 0
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("module", "name", "seen"),
    [
        (("-X", "importtime", "-m", "bark", "--list_models"), "bark-studio", "argparse"),
        (("-X", "importtime", str(APP)), "app.py", "gradio.utils"),
    ],
)
def test_ctrl_c_while_modules_load_is_no_traceback(
    module: tuple[str, ...], name: str, seen: str, tmp_path: Path
) -> None:
    program = start(folder=tmp_path, module=module)
    assert program.stderr is not None
    for line in program.stderr:
        if line.rstrip().endswith(f" {seen}"):
            break
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=300)
    assert "Traceback" not in err
    assert err.splitlines()[-1] == f"{name}: Interrupted."
    assert program.returncode == INTERRUPTED
