"""Bark on ZeroGPU, against a stand-in of `spaces` that forks as it does."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from bark import Bark, GenerationOptions
from bark.errors import InvalidInputError, QueueFullError, WeightsNotFoundError
from bark.events import StageProgress
from bark.server.zero_gpu import ZeroGpuBark, import_spaces

from ..tiny import write_official_layout
from .fake_spaces import FakeSpaces

SHORT = GenerationOptions(max_duration_s=0.6, allow_early_stop=False, seed=5)
ENDLESS = GenerationOptions(allow_early_stop=False, seed=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official_layout(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def spaces() -> FakeSpaces:
    return FakeSpaces()


@pytest.fixture
def lent(folder: Path, spaces: FakeSpaces) -> ZeroGpuBark:
    return ZeroGpuBark.from_pretrained(folder, device="cpu", precision="fp32").lend(spaces)


def test_a_take_made_in_the_lent_process_is_the_take(
    lent: ZeroGpuBark, folder: Path, spaces: FakeSpaces
) -> None:
    take = lent.generate("Hello world.", options=SHORT)
    plain = Bark.from_pretrained(folder, device="cpu", precision="fp32").generate(
        "Hello world.", options=SHORT
    )
    assert np.array_equal(take.audio, plain.audio)
    again = lent.redo(take, from_stage="fine", seed=5)
    assert np.array_equal(again.tokens.coarse, take.tokens.coarse)
    assert np.array_equal(lent.preview(take), take.audio)
    assert len(spaces.asked_s) == 3


def test_a_longer_text_asks_for_the_gpu_longer(lent: ZeroGpuBark, spaces: FakeSpaces) -> None:
    for text in ("Hello.", "Hello world. " * 8):
        lent.generate(text, options=SHORT)
    assert 15 < spaces.asked_s[0] < spaces.asked_s[1] <= 120


def test_a_stop_gives_the_gpu_back(lent: ZeroGpuBark, spaces: FakeSpaces) -> None:
    stop = threading.Event()
    events = lent.stream("Hello world.", options=ENDLESS, stop=stop)
    for event in events:
        assert isinstance(event, StageProgress)
        stop.set()
    assert len(spaces.exit_codes) == 1


def test_a_reader_who_goes_gives_the_gpu_back(lent: ZeroGpuBark, spaces: FakeSpaces) -> None:
    events = lent.stream("Hello world.", options=ENDLESS)
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert len(spaces.exit_codes) == 1


def test_a_mistake_keeps_its_kind_and_sentence(lent: ZeroGpuBark) -> None:
    with pytest.raises(InvalidInputError, match="The text is empty"):
        lent.generate(" ")


def test_when_no_gpu_is_left_nano_speaks_and_the_take_says_so(
    lent: ZeroGpuBark, spaces: FakeSpaces
) -> None:
    spaces.quota_s = 1.0
    take = lent.generate("Hello world.", options=SHORT)
    assert take.model == "nano"
    assert take.duration_s > 0.2
    assert spaces.asked_s == []


def test_without_a_gpu_nano_says_a_take_again_and_goes_on_from_none(
    lent: ZeroGpuBark, spaces: FakeSpaces
) -> None:
    take = lent.generate("Hello world.", options=SHORT)
    spaces.quota_s = 1.0
    assert lent.redo(take, from_stage="semantic").model == "nano"
    with pytest.raises(RuntimeError, match="quota"):
        lent.redo(take, from_stage="semantic", from_s=take.duration_s / 2)


def test_without_a_gpu_a_voice_cannot_be_heard_and_a_sentence_says_so(
    lent: ZeroGpuBark, spaces: FakeSpaces
) -> None:
    take = lent.generate("Hello world.", options=SHORT)
    spaces.quota_s = 1.0
    with pytest.raises(QueueFullError, match="No GPU time is left"):
        lent.preview(take)


def test_without_its_package_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spaces", None)
    with pytest.raises(WeightsNotFoundError, match="add it to the requirements"):
        import_spaces()


def test_the_app_loads_the_model_before_it_serves(folder: Path, tmp_path: Path) -> None:
    """As a Space would start it, with `spaces` where Python finds it."""
    root = Path(__file__).parents[2]
    (tmp_path / "spaces.py").write_text(
        "import sys\nassert 'torch' not in sys.modules\n"
        "from tests.server.fake_spaces import FakeSpaces\n"
        "GPU = FakeSpaces().GPU\n"
    )
    code = (
        "import app, spaces, bark.loaded_model\n"
        "import torch\n"
        "bark.loaded_model.choose_device = lambda *a, **k: torch.device('cpu')\n"
        "class Ended(app._Ending):\n    def wait(self):\n        pass\n"
        "app._Ending = Ended\n"
        "raise SystemExit(app.main([]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{tmp_path}:{root}",
            "HOME": str(tmp_path),
            "SYSTEM": "spaces",
            "SPACES_ZERO_GPU": "1",
            "BARK_MODEL": str(folder),
            "BARK_PRECISION": "fp32",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Running on local URL" in done.stdout
