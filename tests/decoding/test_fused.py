"""Fused decode steps: one graph without a break, and the same tokens."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

import numpy as np
import pytest
import torch

from bark.decoding import fused, static
from bark.decoding.cuda_graphs import PlainCalls
from bark.decoding.sampling import SamplingOptions
from bark.decoding.static import StaticDecoder, decode_static
from bark.spec import BARK
from bark.stages.coarse import CoarseWindows, generate_coarse
from bark.stages.semantic import SemanticLimits, generate_semantic

from ..reference import golden_cases, golden_model
from ..running import finish

CASES = {case.name: case for case in golden_cases()}
ENGINE = functools.partial(decode_static, runner=PlainCalls)


@torch.inference_mode()
def semantic() -> list[list[int]]:
    made = finish(
        generate_semantic(
            golden_model(CASES["c2_semantic0"]).requires_grad_(False),
            BARK,
            [np.arange(5), np.arange(8)],
            histories=[None, None],
            sampling=SamplingOptions(0.9, top_k=200),
            limits=SemanticLimits(max_duration_s=0.5),
            generators=[torch.Generator().manual_seed(seed) for seed in range(2)],
            engine=ENGINE,
        )
    )
    return [item.tokens.tolist() for item in made]


@torch.inference_mode()
def coarse() -> list[list[list[int]]]:
    made = finish(
        generate_coarse(
            golden_model(CASES["c2_coarse0"]).requires_grad_(False),
            BARK,
            [np.arange(40)],
            histories=[None],
            sampling=SamplingOptions(0.9),
            windows=CoarseWindows(120, 40),
            generators=[torch.Generator().manual_seed(0)],
            engine=ENGINE,
        )
    )
    return [codes.tolist() for codes in made]


@pytest.mark.parametrize("run", [semantic, coarse])
def test_a_step_is_one_graph_and_its_tokens_stay(
    run: Callable[[], object], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = run()
    taken = fused.fused(StaticDecoder._decode_step, "aot_eager")
    monkeypatch.setattr(static, "step_for", lambda step, device: taken)
    with caplog.at_level(logging.WARNING):
        assert run() == expected
    told = [record for record in caplog.records if record.name == "bark.decoding.fused"]
    assert not told  # it was fused, without a break


def test_what_cannot_be_fused_runs_as_it_is_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = torch.zeros(1)

    def step(x: torch.Tensor) -> None:
        torch._dynamo.graph_break()
        done.add_(x)

    wrapped = fused.fused(step, "eager")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            wrapped(torch.ones(1))
    assert done == 2
    told = [record for record in caplog.records if record.name == "bark.decoding.fused"]
    assert len(told) == 1


def test_only_where_it_is_asked_for_and_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def step() -> None: ...

    assert fused.step_for(step, torch.device("cuda")) is step
    monkeypatch.setenv("BARK_FUSE", "1")
    assert fused.step_for(step, torch.device("cpu")) is step
    assert fused.step_for(step, torch.device("cuda")) is not step
