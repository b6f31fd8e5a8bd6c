"""The golden cases of suno-ai/bark: made-up weights, inputs and the reference's outputs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bark.models.blocks import GPTConfig
from bark.models.fine import FineGPT, FineGPTConfig
from bark.models.gpt import GPT

GOLDEN = Path(__file__).parent / "golden"
TINY = {"n_layer": 2, "n_head": 2, "n_embd": 32, "block_size": 1_024}
VOCABULARIES = {
    "semantic": (129_600, 10_048),
    "coarse": (12_096, 12_096),
    "fine": (1_056, 1_056),
}


@dataclasses.dataclass(frozen=True, eq=False)
class GoldenCase:
    """One call of the reference."""

    name: str
    stage: str
    seed: int
    weights: int
    bias: bool
    eos_gain: float
    kwargs: dict[str, Any]
    arrays: dict[str, np.ndarray]
    ids: list[int]

    @property
    def voice(self) -> dict[str, np.ndarray] | None:
        """The history prompt of the call."""
        prefix = "voice_"
        voice = {k[len(prefix) :]: v for k, v in self.arrays.items() if k.startswith(prefix)}
        return voice or None


def golden_cases() -> list[GoldenCase]:
    """All 33, in the file's order."""
    arrays = np.load(GOLDEN / "arrays.npz")
    cases = json.loads((GOLDEN / "cases.json").read_text())
    return [_case(case, arrays) for case in cases]


def _case(case: dict[str, Any], arrays: Any) -> GoldenCase:
    own = {
        key.split("/", 1)[1]: arrays[key]
        for key in arrays.files
        if key.split("/", 1)[0] == case["name"]
    }
    return GoldenCase(
        name=case["name"],
        stage=case["kind"],
        seed=case["seed"],
        weights=case["weights"],
        bias=case["bias"],
        eos_gain=case.get("eos_gain", 1.0),
        kwargs=case["kwargs"],
        arrays=own,
        ids=case.get("ids", []),
    )


def golden_model(case: GoldenCase) -> GPT | FineGPT:
    """The model whose weights are a function of the case's `weights` number."""
    n_in, n_out = VOCABULARIES[case.stage]
    sizes = dict(TINY, input_vocab_size=n_in, output_vocab_size=n_out, bias=case.bias)
    model = FineGPT(FineGPTConfig(**sizes)) if case.stage == "fine" else GPT(GPTConfig(**sizes))
    rng = np.random.default_rng(case.weights)
    state = model.state_dict()
    tied = {f"transformer.wtes.{i}.weight" for i in range(1, 8)} if case.stage == "fine" else set()
    for key in sorted(set(state) - tied):
        draw = rng.standard_normal(tuple(state[key].shape), dtype=np.float32)
        if state[key].ndim == 2 and key.endswith("weight"):
            value = draw * np.float32(0.25)
        elif key.endswith("weight"):
            value = 1 + np.float32(0.1) * draw
        else:
            value = draw * np.float32(0.1)
        state[key].copy_(torch.from_numpy(value))
    if case.stage == "semantic":
        state["lm_head.weight"][10_000] *= case.eos_gain
    return model.eval()
