"""Programs killed where they work at their files leave whole files, and the next start works.

The long form, by the clock and with nano, is `python -m tests.trials.kills`.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from bark import Bark
from tests.fake_bark import FakeBark

from .downloading import serving
from .kills import KINDS, kill_many
from .moments import AtFiles

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
N_KILLS = {"take": 8, "batch": 10, "grid": 8, "narration": 5, "download": 16}
SEED = 5  # whole_file, open_writer and Job.part made to write in place are found with these kills


@pytest.mark.parametrize("kind", KINDS)
def test_killed_programs_leave_whole_files_and_the_next_start_sweeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def hums(*_: object, **__: Any) -> FakeBark:
        return FakeBark()

    monkeypatch.setattr(Bark, "from_pretrained", hums)
    monkeypatch.setenv("BARK_NATIVE", "0")  # a killed one would leave a compiler at work
    rng = random.Random(SEED)
    lean = 2.0 if kind == "download" else 1.0  # it goes on where the last kill left it
    with serving() as server:
        out = kill_many(tmp_path, [kind], N_KILLS[kind], AtFiles(rng, lean), rng, server=server)
    assert out.wrong == []
    assert out.killed[kind] == N_KILLS[kind]
    assert out.after == []
