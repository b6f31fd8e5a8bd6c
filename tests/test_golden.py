"""The stages give the tokens of suno-ai/bark (f4f32d4, torch 2.13.0, float32, CPU)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bark.decoding.engines import decode
from bark.decoding.plain import decode_uncached
from bark.decoding.sampling import SamplingOptions
from bark.decoding.stage import Engine
from bark.spec import BARK
from bark.stages.coarse import CoarseWindows, generate_coarse
from bark.stages.fine import generate_fine
from bark.stages.semantic import SemanticLimits, generate_semantic

from .reference import GoldenCase, golden_cases, golden_model
from .running import finish

pytestmark = pytest.mark.processor

CASES = golden_cases()


def cases(stage: str) -> Any:
    chosen = [case for case in CASES if case.stage == stage]
    return pytest.mark.parametrize("case", chosen, ids=[case.name for case in chosen])


def sampling(case: GoldenCase) -> SamplingOptions:
    kwargs = case.kwargs
    return SamplingOptions(
        temperature=kwargs.get("temp", 0.7), top_k=kwargs.get("top_k"), top_p=kwargs.get("top_p")
    )


def semantic_tokens(case: GoldenCase, *, engine: Engine) -> np.ndarray:
    kwargs = case.kwargs
    limits = SemanticLimits(
        min_eos_p=kwargs.get("min_eos_p", 0.2),
        max_duration_s=kwargs.get("max_gen_duration_s"),
        allow_early_stop=kwargs.get("allow_early_stop", True),
    )
    voice = case.voice
    model = golden_model(case)
    torch.manual_seed(case.seed)
    steps = generate_semantic(
        model,
        BARK,
        [np.array(case.ids)],
        histories=[voice["semantic_prompt"] if voice else None],
        sampling=sampling(case),
        limits=limits,
        generators=[None],
        engine=engine,
    )
    with torch.inference_mode():
        return finish(steps)[0].tokens


def coarse_codes(case: GoldenCase, *, engine: Engine) -> np.ndarray:
    kwargs, voice = case.kwargs, case.voice
    model = golden_model(case)
    torch.manual_seed(case.seed)
    steps = generate_coarse(
        model,
        BARK,
        [case.arrays["sem"]],
        histories=[(voice["semantic_prompt"], voice["coarse_prompt"]) if voice else None],
        sampling=sampling(case),
        windows=CoarseWindows(
            kwargs.get("max_coarse_history", 630), kwargs.get("sliding_window_len", 60)
        ),
        generators=[None],
        engine=engine,
    )
    with torch.inference_mode():
        return finish(steps)[0]


@cases("semantic")
@pytest.mark.parametrize("engine", [decode, decode_uncached], ids=["cached", "uncached"])
def test_semantic_tokens_equal_the_reference(case: GoldenCase, engine: Engine) -> None:
    assert semantic_tokens(case, engine=engine).tolist() == case.arrays["out"].tolist()


@cases("coarse")
@pytest.mark.parametrize("engine", [decode, decode_uncached], ids=["cached", "uncached"])
def test_coarse_codes_equal_the_reference(case: GoldenCase, engine: Engine) -> None:
    assert coarse_codes(case, engine=engine).tolist() == case.arrays["out"].tolist()


@cases("fine")
def test_fine_codes_equal_the_reference(case: GoldenCase) -> None:
    voice = case.voice
    model = golden_model(case)
    torch.manual_seed(case.seed)
    steps = generate_fine(
        model,
        BARK,
        [case.arrays["coarse"]],
        histories=[voice["fine_prompt"] if voice else None],
        temperature=case.kwargs.get("temp", 0.5),
        generators=[None],
    )
    with torch.inference_mode():
        assert finish(steps)[0].tolist() == case.arrays["out"].tolist()
