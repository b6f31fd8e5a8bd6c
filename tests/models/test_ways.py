"""The ways to compute a layer, and what is told of them."""

from __future__ import annotations

import pytest

from bark.cli import main
from bark.models.native.library import load_library
from bark.models.onednn import is_quicker
from bark.models.torch_layers import parts_that_add_exactly
from bark.models.ways import measure_ways


def test_every_way_that_gives_results_here_is_measured() -> None:
    ways = measure_ways((1, 40), budget_s=0)
    wanted = ["compiled int8"] * (load_library() is not None)
    wanted += ["torch int8"] * (parts_that_add_exactly() is not None)
    wanted += ["float32"]
    wanted += ["compiled int4"] * (load_library() is not None)
    wanted += ["float32 by oneDNN"] * is_quicker()
    assert [way.name for way in ways] == wanted
    assert all(list(way.ms) == [1, 40] and min(way.ms.values()) > 0 for way in ways)


def test_the_command_line_tells_what_computes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BARK_DEVICE", "cpu")
    assert main(["--device_info"]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[0].startswith("processor: ")
    assert "precision by auto: " in told
    assert "float32: " in told
    assert ("compiled int4: " in told) == (load_library() is not None)
