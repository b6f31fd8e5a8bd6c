"""The reckoning of what a decode step has to read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bark.decoding.cuda_graphs import PlainCalls
from bark.decoding.sampling import SamplingOptions
from bark.decoding.static import StaticDecoder
from bark.spec import BARK
from bark.stages.coarse import CoarseWindows, generate_coarse
from bark.stages.semantic import SemanticLimits, generate_semantic
from benchmarks.bandwidth import _positions, copy_rate, limit_rows, step_bytes
from benchmarks.measure import Case, Sample
from benchmarks.workload import make_workload

from ..decoding.static_runners import engine_of
from ..reference import golden_cases, golden_model
from ..running import finish

CASES = {case.name: case for case in golden_cases()}


@pytest.mark.parametrize("stage", ["semantic", "coarse"])
def test_the_positions_are_those_that_the_decode_loop_reads(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workload = make_workload(seconds=2, voice=False)
    read: list[int] = []
    launch = StaticDecoder.launch

    def counted(self: StaticDecoder, n_steps: int, *args: Any) -> None:
        read.extend(range(self.length + 1, self.length + 1 + n_steps))
        launch(self, n_steps, *args)

    monkeypatch.setattr(StaticDecoder, "launch", counted)
    options: dict[str, Any] = {
        "histories": [None],
        "sampling": SamplingOptions(),
        "generators": [torch.Generator()],
        "engine": engine_of(PlainCalls),
    }
    with torch.inference_mode():
        if stage == "semantic":
            limits = SemanticLimits(None, workload.max_duration_s, allow_early_stop=False)
            model = golden_model(CASES["c0_semantic0"])
            ids = [np.asarray(workload.text_ids)]
            finish(generate_semantic(model, BARK, ids, limits=limits, **options))
        else:
            model = golden_model(CASES["c0_coarse0"])
            speech = [workload.semantic]
            finish(generate_coarse(model, BARK, speech, windows=CoarseWindows(), **options))
    assert read == _positions(stage, Case(workload, 1))


def test_a_step_reads_the_weights_once_and_the_cache_of_each_clip() -> None:
    case = Case(make_workload(seconds=2, voice=False), 1)
    one, eight = (step_bytes("small", "coarse", "bf16", Case(case.workload, n)) for n in (1, 8))
    weights = 2 * (12 * 12 * 768**2 + 1_024 * 768)
    assert one - weights == pytest.approx((eight - weights) / 8)
    assert step_bytes("small", "coarse", "fp32", case) == 2 * one
    mean_len = np.mean(_positions("coarse", case))
    assert one - weights == pytest.approx(2 * 2 * 12 * 768 * mean_len)


def test_the_share_of_the_limit_follows_from_the_time_of_a_step() -> None:
    case = Case(make_workload(seconds=2, voice=False), 8)
    moved = step_bytes("small", "semantic", "bf16", case)
    n_steps = len(case.workload.semantic)
    samples = [
        Sample("ours bf16", stage, case.seconds, 8, wall_s, wall_s, 1.0)
        for stage, wall_s in (("semantic", 0.5), ("decode", 0.3))
    ]
    rate = 4 * moved * n_steps / 0.5
    rows = limit_rows(samples, [case], size="small", precisions=["bf16", "fp32"], rate=rate)
    assert [row["stage"] for row in rows] == ["semantic", "decode", "all"]
    assert rows[0]["of the copy rate"] == "25%"
    assert rows[0]["ms a step"] == f"{500 / n_steps:.3f}"
    assert rows[2]["times real time"] == f"{case.seconds / 0.8:.1f}"
    assert rows[1]["of the copy rate"] == ""


def test_copying_takes_time() -> None:
    assert 1e8 < copy_rate("cpu", 1 << 22) < 1e13
