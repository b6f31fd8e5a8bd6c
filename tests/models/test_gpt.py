"""The transformer: the cache changes nothing, and nobody looks ahead."""

from __future__ import annotations

import pytest
import torch

from bark.models.gpt import GPT, MLP, GPTConfig

CONFIG = GPTConfig(
    block_size=32, input_vocab_size=40, output_vocab_size=40, n_layer=2, n_head=2, n_embd=16
)


@pytest.fixture
def model() -> GPT:
    torch.manual_seed(0)
    return GPT(CONFIG).eval().requires_grad_(False)


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(0, 40, (3, 12), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("steps", [(12,), (1,) * 12, (5, 1, 1, 5), (7, 5), (1, 11)])
def test_cached_and_uncached_logits_agree(
    model: GPT, ids: torch.Tensor, steps: tuple[int, ...]
) -> None:
    cache = model.new_cache(3)
    parts = []
    for n in steps:
        start = cache.length
        positions = torch.arange(start, start + n)
        parts.append(model.trunk(model.embed(ids[:, start : start + n], positions), cache))
    torch.testing.assert_close(model.head(torch.cat(parts, dim=1)), model(ids))


def test_a_position_does_not_see_later_ones(model: GPT, ids: torch.Tensor) -> None:
    changed = ids.clone()
    changed[:, 7:] = (changed[:, 7:] + 1) % 40
    torch.testing.assert_close(model(changed)[:, :7], model(ids)[:, :7])
    assert not torch.allclose(model(changed)[:, 7:], model(ids)[:, 7:])


def test_a_rewound_cache_forgets(model: GPT, ids: torch.Tensor) -> None:
    cache = model.new_cache(3)
    model.trunk(model.embed(ids), cache)
    cache.rewind(4)
    rest = model.trunk(model.embed(ids[:, 4:], torch.arange(4, 12)), cache)
    torch.testing.assert_close(model.head(rest), model(ids)[:, 4:])


def test_selected_rows_go_on_as_before(model: GPT, ids: torch.Tensor) -> None:
    rows = torch.tensor([2, 0, 0])
    cache = model.new_cache(3)
    model.trunk(model.embed(ids[:, :9]), cache)
    cache.select(rows)
    rest = model.trunk(model.embed(ids[rows, 9:], torch.arange(9, 12)), cache)
    torch.testing.assert_close(model.head(rest), model(ids[rows])[:, 9:])


def test_a_full_cache_is_an_error(model: GPT, ids: torch.Tensor) -> None:
    cache = model.new_cache(3, max_len=8)
    with pytest.raises(AssertionError, match="8 positions"):
        model.trunk(model.embed(ids), cache)


def test_head_of_some_rows_is_a_part_of_the_whole(model: GPT) -> None:
    hidden = torch.randn(2, 16)
    torch.testing.assert_close(model.head(hidden, slice(10, 20)), model.head(hidden)[:, 10:20])


def test_mlp_in_parts_is_the_mlp() -> None:
    mlp = MLP(CONFIG).requires_grad_(False)
    x = torch.randn(2, 7, 16)
    whole = mlp(x)
    mlp.rows_at_once = 3
    torch.testing.assert_close(mlp(x), whole)
