"""Every snippet of the pages for programmers runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.server.mcp_transcript import nano_served
from tests.tiny import tiny_vocabulary, write_hub_layout
from tests.voices.test_voices import make_voice

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
ADDRESS = "http://127.0.0.1:7860"


def snippets(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def run_shell(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a snippet with this Python and this checkout, without a network."""
    (folder / "bin").mkdir(exist_ok=True)
    link = folder / "bin" / "python"
    if not link.exists():
        link.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        link.chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "BARK_OFFLINE": "1",
            "NO_PROXY": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{code}\n{done.stderr}"
    return done


def run_python(
    page: str, folder: Path, monkeypatch: pytest.MonkeyPatch, swaps: tuple[str, str] = ("", "")
) -> None:
    """Runs a page's Python from top to bottom, as one program, one word in it swapped."""
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {"__name__": "snippet"}
    for code in snippets(page, "python"):
        exec(compile(code.replace(*swaps) if swaps[0] else code, page, "exec"), names)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with nano_served(mcp=False) as address:
        yield address.rstrip("/")


def test_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    display = types.ModuleType("IPython.display")
    display.Audio = lambda data, rate: (len(data), rate)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    sys.modules["IPython"].get_ipython = lambda: None  # type: ignore[attr-defined]
    run_python("python.md", tmp_path, monkeypatch)


def test_the_command_line(tmp_path: Path) -> None:
    said = [run_shell(code, tmp_path).stdout for code in snippets("command_line.md", "sh")]
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert (tmp_path / "sound.mp3").read_bytes()[:3] == b"ID3"
    assert "trainedAlgorithmicMedia" in "".join(said)


def test_http_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    pytest.importorskip("openai")
    run_python("http.md", tmp_path, monkeypatch, (ADDRESS, server))
    assert (tmp_path / "hello.mp3").stat().st_size > 1_000


def test_http_by_curl(tmp_path: Path, server: str) -> None:
    said = ""
    for code in snippets("http.md", "sh"):
        said += run_shell(code.replace(ADDRESS, server), tmp_path).stdout
    assert (tmp_path / "hello.wav").read_bytes()[:4] == b"RIFF"
    assert "Unknown voice 'nobody'" in said
    assert "event: complete" in said
    assert '"ready":true' in said


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_http_in_javascript(tmp_path: Path, server: str) -> None:
    (code,) = snippets("http.md", "js")
    script = tmp_path / "snippet.mjs"
    told = "console.log(answer.status, sound.byteLength);"
    script.write_text(f"{code.replace(ADDRESS, server)}\n{told}\n")
    said = run_shell(f"node {script.name}", tmp_path).stdout.split()
    assert said[0] == "200"
    assert int(said[1]) > 10_000


def test_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_hub_layout(tmp_path / "hub")
    (folder / "vocab.txt").write_text("\n".join(tiny_vocabulary()) + "\n", encoding="utf-8")
    voices = folder / "speaker_embeddings" / "v2"
    voices.mkdir(parents=True)
    for name, tokens in make_voice().to_dict().items():
        np.save(voices / f"en_speaker_6_{name}.npy", tokens)
    run_python("transformers.md", tmp_path, monkeypatch, ("suno/bark-small", str(folder)))


def test_mcp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert '\nmcp = ["gradio[mcp]' in (ROOT / "pyproject.toml").read_text()
    install, *_ = snippets("mcp.md", "sh")
    assert install.splitlines() == ["pip install '.[mcp]'", "python app.py --mcp"]
    client = pytest.importorskip("mcp.client.streamable_http")
    if not hasattr(client, "streamablehttp_client"):
        pytest.skip("Gradio needs a release of mcp below 2")
    with nano_served() as url:
        run_python("mcp.md", tmp_path, monkeypatch, (ADDRESS, url.rstrip("/")))


def test_the_image_is_built_of_what_is_there(tmp_path: Path) -> None:
    """The engine's own commands cannot run here; what they are given is looked at."""
    docker, steps = snippets("space_and_image.md", "sh")
    assert "docker build" in docker
    dockerfile = (ROOT / "Dockerfile").read_text()
    for word in ("BARK_BUILD_NATIVE=1", "USER bark", "/readyz", "requirements.txt"):
        assert word in dockerfile
    assert "dockerfile" not in (ROOT / "compose.yaml").read_text()
    for path in re.findall(r"^COPY (?!--)(\S+)", dockerfile, flags=re.MULTILINE):
        assert (ROOT / path).exists()
    run_shell(steps, tmp_path)
    assert (tmp_path / "room.wav").is_file()


def test_every_variable_is_told() -> None:
    """What the environment reads is in the README."""
    source = (ROOT / "bark" / "environment.py").read_text()
    readme = (ROOT / "README.md").read_text()
    for name in sorted(set(re.findall(r"\bBARK_[A-Z_]+\b", source))):
        assert f"`{name}`" in readme, f"{name} is not in the README"
