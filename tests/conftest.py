"""What every test gets: an environment of its own, no network, and skips that say why."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from . import processors

hypothesis.settings.register_profile("bark", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "bark")

# Gradio and huggingface_hub read these when they are imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000000"
os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "100"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
# Tests of downloads serve their own files, and `no_network` keeps all others in.
for _name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
    os.environ.pop(_name, None)


_KEPT = ("cache", "prompts")  # folders that all tests of a run share

_PROCESSOR = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Lets the layers be those of another processor."""
    parser.addoption("--processor", choices=processors.NAMES, help="whose layers compute")


def pytest_configure(config: pytest.Config) -> None:
    """Says so to what is imported later."""
    name = config.getoption("--processor")
    if name is None:
        return
    config.stash[_PROCESSOR] = processors.variables(name, _shared_folder())
    os.environ.update(config.stash[_PROCESSOR])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips what this machine cannot run."""
    if config.getoption("--processor") in (processors.TORCH, processors.TORCH_AVX2):
        items[:] = [item for item in items if "library" not in getattr(item, "fixturenames", ())]
    for item in items:
        if item.get_closest_marker("requires_cuda") and not _has_cuda():
            item.add_marker(pytest.mark.skip(reason="needs a GPU that torch can use"))
        if item.get_closest_marker("requires_weights") and not _has_weights():
            item.add_marker(pytest.mark.skip(reason="needs the official weights on disk"))
        if item.get_closest_marker("browser") and not _has_chromium():
            item.add_marker(pytest.mark.skip(reason="needs Debian's chromium"))


@pytest.fixture(autouse=True)
def own_environment(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """Variables of the caller's shell and files in the caller's caches decide no test."""
    if request.node.get_closest_marker("requires_weights"):
        yield
        return
    for name in list(os.environ):
        if name.startswith(("BARK_", "SUNO_")) or name in ("TORCH_HOME", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name)
    cache = tmp_path_factory.getbasetemp() / "cache"
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(cache / name.lower()))
    libraries = cache / "xdg_cache_home" / "bark-studio"
    if not libraries.exists():
        libraries.parent.mkdir(parents=True, exist_ok=True)
        libraries.symlink_to(_shared_folder(), target_is_directory=True)
    prompts = tmp_path_factory.getbasetemp() / "prompts"
    for room in ("presets", "library"):
        monkeypatch.setattr(f"bark.voices.{room}.programs_prompts_dir", lambda: prompts)
    for name, value in request.config.stash.get(_PROCESSOR, {}).items():
        monkeypatch.setenv(name, value)
    yield
    shutil.rmtree(prompts, ignore_errors=True)  # a voice of one test is none of the next


@pytest.fixture(scope="module", autouse=True)
def no_leftovers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a module's fixtures wrote goes with the module: models are large, disks are small.

    The folders of single tests are pytest's own to remove; it keeps those of tests that failed.
    """
    base = tmp_path_factory.getbasetemp()
    before = set(base.iterdir())
    yield
    for path in set(base.iterdir()) - before:
        if not path.name.startswith("test_") and path.name not in _KEPT:
            shutil.rmtree(path, ignore_errors=True)


def _shared_folder() -> Path:
    """Where all runs keep the layers they compile, which are told apart by all that made them."""
    folder = Path(tempfile.gettempdir()) / f"bark-test-layers-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    assert folder.stat().st_uid == os.getuid(), f"{folder} belongs to somebody else"
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections leave this machine in no test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise OSError(101, f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _has_weights() -> bool:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (home / "suno" / "bark_v0" / "text.pt").exists()


def _has_chromium() -> bool:
    return shutil.which("chromium") is not None
