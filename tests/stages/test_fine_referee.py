"""Where rounding could decide a code of the fine stage, the pass is computed as the reference's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bark.models.fine import FineGPT, FineGPTConfig
from bark.spec import BARK
from bark.stages.fine import generate_fine

from ..running import finish


class RoughBlock:
    """A block that rounds otherwise, by more than any does."""

    def __init__(self, block: Any, size: float) -> None:
        self._block, self._size = block, size
        self._drawn = torch.Generator().manual_seed(2)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self._block(x)
        return made + self._size * torch.randn(x.shape, generator=self._drawn)


@torch.inference_mode()
def fine_codes(size: float | None, temperature: float = 0.5) -> np.ndarray:
    """Codes of a random model whose quicker blocks are off by so much; None has no such blocks."""
    torch.manual_seed(0)
    config = FineGPTConfig(
        n_layer=1, n_head=2, n_embd=16, input_vocab_size=1_056, output_vocab_size=1_056
    )
    model = FineGPT(config).eval().requires_grad_(False)
    if size is not None:
        blocks = tuple(RoughBlock(block, size) for block in model.transformer["h"])
        model.of_many = blocks  # type: ignore[assignment]
    steps = generate_fine(
        model,
        BARK,
        [np.random.default_rng(3).integers(0, 1_024, (2, 60))],
        histories=[None],
        temperature=temperature,
        generators=[torch.Generator().manual_seed(1)],
    )
    made: np.ndarray = finish(steps)[0]
    return made


@pytest.mark.parametrize("near", [0.0, 0.2])
def test_a_pass_with_a_near_tie_is_computed_again(
    near: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bark.decoding.referee.NEAR", near)
    assert np.array_equal(fine_codes(0.01), fine_codes(None)) == (near > 0)


def test_a_pass_without_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bark.decoding.referee.NEAR", 1e-9)
    monkeypatch.setattr("bark.stages.fine.without_aids", lambda model: pytest.fail("again"))
    assert np.array_equal(fine_codes(0.0), fine_codes(None))


def test_the_most_probable_codes_are_never_left_to_the_quicker_blocks() -> None:
    assert np.array_equal(fine_codes(0.01, 0.0), fine_codes(None, 0.0))
