"""Figures beside what is wanted, and the command for a GPU in a tiny form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu, verdict
from benchmarks.workload import STAGES


def sample(name: str, stage: str, cpu_s: float, clips: int = 1, **others: Any) -> dict[str, Any]:
    plain = {"seconds": 5.0 * clips, "wall_s": 3 * cpu_s, "peak_mib": 700.0, "same": None}
    return {"name": name, "stage": stage, "cpu_s": cpu_s, "clips": clips, **plain, **others}


def kept(samples: list[dict[str, Any]], *, machine: str = "X (avx2)") -> dict[str, Any]:
    title = "small, 1 thread(s), 5 s of audio, no voice"
    return {"machine": machine, "arguments": {"voice": False}, "results": {title: samples}}


def test_ratios_memory_and_tokens_are_held_to_what_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = [sample(verdict.REFERENCE, stage, 20.0) for stage in STAGES]
    samples += [sample("ours int8", stage, 2.5, peak_mib=900.0) for stage in STAGES]
    samples += [sample("ours int8", stage, 16.0, clips=8) for stage in STAGES]
    samples += [sample("ours fp32", stage, 10.0, same=0.9) for stage in STAGES]
    found = {
        (row["implementation"], row["clips"], row["what"]): (row["found"], row[""])
        for row in verdict.verdict_rows(kept(samples))
    }
    assert found == {
        ("ours int8", "1", "times as fast"): ("8", "reached"),
        ("ours int8", "1", "peak MiB"): ("900", "missed"),
        ("ours int8", "8", "times as fast"): ("10", "missed"),
        ("ours int8", "8", "peak MiB"): ("700", "reached"),
        ("ours fp32", "1", "times as fast"): ("2", "missed"),
        ("ours fp32", "1", "same tokens"): ("0.9", "missed"),
    }
    with_tiles = verdict.verdict_rows(kept(samples, machine="Y (avx2 amx_int8)"))
    assert with_tiles[0]["wanted"] == "9"
    assert with_tiles[0][""] == "missed"
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(kept(samples)))
    verdict.main([str(path)])
    assert "figures.json: X (avx2)" in capsys.readouterr().out


def test_without_the_reference_nothing_is_claimed() -> None:
    assert verdict.verdict_rows(kept([sample("ours int8", stage, 1.0) for stage in STAGES])) == []


def test_the_command_for_a_gpu_keeps_every_step_and_names_what_it_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gpu.json"
    options = "--device cpu --sizes tiny --precisions fp32 --clips 1,2 --seconds 0.3 --repeats 1"
    arguments = [*options.split(), "--folder", str(tmp_path), "--json", str(path)]
    gpu.main(arguments)
    steps = json.loads(path.read_text())["results"]
    assert list(steps) == ["copying", "tiny, stages", "tiny, kernels", "nano, first sound"]
    ways = [(row["stage"], row["fused"]) for row in steps["tiny, kernels"]]
    assert ways == [(stage, fused) for fused in ("no", "yes") for stage in ("semantic", "coarse")]
    assert all(int(row["kernels a step"]) > 0 for row in steps["tiny, kernels"])
    assert "tiny, near its limit" in capsys.readouterr().out
    gpu.main([*arguments, "--minutes", "-1"])
    left = json.loads(path.read_text())["results"]
    assert all("left out" in rows[0] for rows in left.values())
