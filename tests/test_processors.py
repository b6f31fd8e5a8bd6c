"""The stand-in compilers by which this machine computes as a lesser one would."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import processors


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_worker_that_was_given_the_stand_in_does_not_make_it_call_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC", raising=False)
    name = next(iter(processors.COMPILED))
    first = processors.variables(name, tmp_path)
    monkeypatch.setenv("CC", first["CC"])
    assert processors.variables(name, tmp_path) == first
    subprocess.run([first["CC"], "--version"], check=True, timeout=20, capture_output=True)
