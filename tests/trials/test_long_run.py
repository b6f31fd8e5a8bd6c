"""A short run in one process keeps its memory and its handles; the long one is run by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bark.take import Take
from tests.fake_bark import FakeBark

from .long_run import grown

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells memory and handles")
_MOST_GROWTH = 0.15  # of a process that has only begun; the long run allows 0.05
_LEAK_BYTES = 20 << 20


class Leaking(FakeBark):
    """Forgets to close a file and keeps memory with every take."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.kept: list[Any] = []

    def generate(self, text: str, **how: Any) -> Take:
        self.kept.append((self.folder / f"{len(self.kept)}").open("wb"))
        self.kept.append(np.ones(_LEAK_BYTES, np.uint8))
        return super().generate(text, **how)

    def close(self) -> None:
        for file in self.kept[::2]:
            file.close()
        self.kept.clear()


def test_takes_and_grids_of_nano_leave_memory_and_handles_as_they_were() -> None:
    """In a process of its own: what other tests hold or let go of is not its."""
    flags = ["--takes", "20", "--grids", "2", "--settled", "8", "--growth", str(_MOST_GROWTH)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.trials.long_run", *flags],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_trial_notices_what_it_is_for(tmp_path: Path) -> None:
    bark = Leaking(tmp_path)
    try:
        growth, n_handles = grown(bark, tmp_path, n_takes=20, n_grids=0, n_settled=5)
    finally:
        bark.close()
    assert n_handles > 10  # 15, unless what other tests began ends meanwhile
    assert growth > 0.05  # 300 MB of whatever the tests before this one hold
