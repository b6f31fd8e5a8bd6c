"""From logits to tokens: filters, temperature and the random stream."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bark.decoding.sampling import (
    SamplingOptions,
    _past_top_p,
    draw,
    draw_each,
    filter_logits,
    token_probabilities,
)
from bark.errors import InvalidInputError


def logits(n: int = 1, size: int = 50, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, size, generator=torch.Generator().manual_seed(seed)) * 3


@pytest.mark.parametrize("seed", range(20))
def test_draws_what_multinomial_draws(seed: int) -> None:
    probabilities = torch.softmax(logits(size=1_024, seed=seed), dim=-1)
    ours, theirs = (torch.Generator().manual_seed(seed) for _ in range(2))
    token = draw(probabilities, SamplingOptions(), ours)
    assert token.item() == torch.multinomial(probabilities[0], 1, generator=theirs).item()
    assert torch.equal(ours.get_state(), theirs.get_state())


def test_each_row_draws_as_it_does_alone() -> None:
    probabilities = torch.softmax(logits(4), dim=-1)
    together = [torch.Generator().manual_seed(seed) for seed in range(4)]
    alone = [torch.Generator().manual_seed(seed) for seed in range(4)]
    options = SamplingOptions()
    expected = [
        int(draw(row, options, generator))
        for row, generator in zip(probabilities.split(1), alone, strict=True)
    ]
    assert draw_each(probabilities, options, together).tolist() == expected


def test_temperature_zero_takes_the_best_and_leaves_the_random_stream() -> None:
    generator = torch.Generator().manual_seed(1)
    before = generator.get_state()
    still = SamplingOptions(temperature=0)
    probabilities = token_probabilities(logits(3), still)
    token = draw(probabilities, still, generator)
    assert token.tolist() == logits(3).argmax(-1).tolist()
    assert probabilities.sum(-1).tolist() == [1.0, 1.0, 1.0]
    assert torch.equal(generator.get_state(), before)


@settings(deadline=None, max_examples=50)
@given(st.floats(0.01, 1.0), st.integers(0, 1_000))
def test_top_p_keeps_the_smallest_set_that_passes_p(top_p: float, seed: int) -> None:
    values = logits(size=30, seed=seed)[0]
    kept = torch.isfinite(filter_logits(values, SamplingOptions(top_p=top_p)))
    odds = np.sort(torch.softmax(values.double(), 0).numpy())[::-1]
    n_needed = int(np.searchsorted(np.cumsum(odds), top_p)) + 1
    assert abs(int(kept.sum()) - min(n_needed, 30)) <= 1  # float32 may round at the border
    assert kept[values.argmax()]


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.93])
def test_both_ways_to_top_p_agree(top_p: float) -> None:
    values = logits(5, 200)
    kept = torch.isfinite(filter_logits(values, SamplingOptions(top_p=top_p)))
    assert torch.equal(~_past_top_p(values, top_p), kept)


def test_top_k_keeps_k_and_no_more_than_there_are() -> None:
    values = logits(2)
    assert torch.isfinite(filter_logits(values, SamplingOptions(top_k=7))).sum(-1).tolist() == [
        7,
        7,
    ]
    assert torch.equal(filter_logits(values, SamplingOptions(top_k=1_000)), values)


def test_top_p_reads_the_logits_before_the_temperature() -> None:
    values = torch.log(torch.tensor([[0.5, 0.3, 0.2]]))
    odds = token_probabilities(values, SamplingOptions(temperature=100.0, top_p=0.6))
    assert odds[0, 2] == 0
    assert odds[0, :2].tolist() == pytest.approx([0.5, 0.5], abs=0.01)


@pytest.mark.parametrize(
    "options",
    [{"temperature": -1}, {"temperature": math.nan}, {"top_k": 0}, {"top_p": 0}, {"top_p": 1.1}],
)
def test_options_outside_their_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError):
        SamplingOptions(**options)
