"""Another, smaller model of the family proposes: it changes no token either."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from bark.decoding.plain import decode_plain
from bark.decoding.sampling import SamplingOptions
from bark.decoding.speculative import decode_speculative
from bark.models.blocks import GPTConfig
from bark.models.gpt import GPT, Draft
from bark.models.quantize import apply_precision
from bark.spec import BARK
from bark.stages.coarse import CoarseWindows, generate_coarse
from bark.stages.semantic import SemanticLimits, generate_semantic

from ..running import watch

VOCABULARIES = {"semantic": (129_600, 10_048), "coarse": (12_096, 12_096)}


def random_model(stage: str, width: int, n_layer: int) -> GPT:
    torch.manual_seed(width)
    n_in, n_out = VOCABULARIES[stage]
    config = GPTConfig(1_024, n_in, n_out, n_layer=n_layer, n_head=2, n_embd=width)
    model = GPT(config).requires_grad_(False).eval()
    for parameter in model.parameters():
        parameter.normal_(0, 0.25 if parameter.ndim > 1 else 1)
    return model


@torch.inference_mode()
def tokens(stage: str, model: GPT, engine: Any) -> tuple[list[Any], list[int]]:
    """What a stage makes of one utterance, and where its random stream stands."""
    rng, generator = np.random.default_rng(4), torch.Generator().manual_seed(3)
    options: dict[str, Any] = {"generators": [generator], "engine": engine}
    if stage == "semantic":
        steps: Any = generate_semantic(
            model,
            BARK,
            [rng.integers(0, 1_000, 20)],
            histories=[rng.integers(0, 10_000, 60)],
            sampling=SamplingOptions(0.8),
            limits=SemanticLimits(max_duration_s=0.8, allow_early_stop=False),
            **options,
        )
        return [watch(steps)[0][0].tokens.tolist()], generator.get_state().tolist()
    history = rng.integers(0, 10_000, 300), rng.integers(0, 1_024, (2, 450))
    steps = generate_coarse(
        model,
        BARK,
        [rng.integers(0, 10_000, 50)],
        histories=[history],
        sampling=SamplingOptions(0.8),
        windows=CoarseWindows(),
        **options,
    )
    return watch(steps)[0][0].tolist(), generator.get_state().tolist()


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("stage", ["semantic", "coarse"])
def test_a_smaller_models_proposals_change_no_token(stage: str, precision: str) -> None:
    large = apply_precision(random_model(stage, 128, 3), precision, "cpu")
    assert isinstance(large, GPT)
    expected = tokens(stage, large, decode_plain)
    small = apply_precision(random_model(stage, 64, 2), "int8", "cpu")
    near = copy.deepcopy(random_model(stage, 128, 3))  # proposes much the same
    for draft in (small, near):
        large.draft = Draft(lambda draft=draft: draft, is_copy=False)  # type: ignore[misc]
        assert tokens(stage, large, decode_speculative) == expected


def test_proposals_that_come_true_save_passes_of_the_model() -> None:
    large = random_model("coarse", 64, 2)
    draft = copy.deepcopy(large)
    n_passes = {"plain": 0, "speculative": 0}
    trunk = large.trunk
    for way, engine in (("plain", decode_plain), ("speculative", decode_speculative)):

        def counted(*args: Any, way: str = way, **kwargs: Any) -> torch.Tensor:
            n_passes[way] += 1
            return trunk(*args, **kwargs)

        large.trunk = counted  # type: ignore[method-assign]
        large.draft = Draft(lambda: draft, is_copy=False)
        tokens("coarse", large, engine)
    assert n_passes["speculative"] < n_passes["plain"] / 3
