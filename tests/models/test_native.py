"""The layers in C, beside torch's own."""

from __future__ import annotations

import copy
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bark.models.blocks import GPTConfig
from bark.models.fine import FineGPT, FineGPTConfig
from bark.models.gpt import GPT
from bark.models.kv_cache import KVCache
from bark.models.native.eight_bit_cache import EightBitCache
from bark.models.native.library import Library, computes_exactly, load_library
from bark.models.native.linear import Int8Layer
from bark.models.native.memory import HugeMemory
from bark.models.quantize import apply_precision
from bark.models.torch_layers import Int8Linear

WIDTHS = {16: 48, 32: 96, 64: 192}  # of a head, of a model with three of them

pytestmark = pytest.mark.processor

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"
)


@pytest.fixture(scope="module")
def library() -> Library:
    found = load_library()
    if found is None:
        pytest.skip("the layers cannot be compiled here")
    return found


def make_gpt(head_size: int = 16, **sizes: int) -> GPT:
    torch.manual_seed(head_size)
    config = GPTConfig(
        **{
            "block_size": 128,
            "input_vocab_size": 50,
            "output_vocab_size": 37,
            "n_layer": 2,
            "n_head": 3,
            "n_embd": WIDTHS[head_size],
            **sizes,
        },
        bias=True,
    )
    model = GPT(config).requires_grad_(False).eval()
    for parameter in model.parameters():
        parameter.normal_(0, 0.2 if parameter.ndim > 1 else 1)
    return model


def packed(
    model: GPT | FineGPT, library: Library, monkeypatch: pytest.MonkeyPatch, precision: str
) -> GPT | FineGPT:
    monkeypatch.setattr("bark.models.quantize.load_library", lambda: library)
    result = apply_precision(copy.deepcopy(model), precision, "cpu")
    assert isinstance(result, (GPT, FineGPT))
    assert result.native is not None
    return result


def read(model: GPT, *parts: Tensor) -> Tensor:
    """Hidden states of embeddings (B, T, C) that come one part after the other."""
    cache = model.new_cache(len(parts[0]))
    return torch.cat([model.trunk(part, cache) for part in parts], dim=1)


def difference(a: Tensor, b: Tensor) -> float:
    return ((a - b).norm() / b.norm()).item()


# What the layers compute ----------------------------------------------------------------------


def test_eight_bit_sums_are_exact(library: Library) -> None:
    assert computes_exactly(library)


@pytest.mark.parametrize("n_rows", [1, 3, 8, 9, 40, 100])
@pytest.mark.parametrize("sizes", [(16, 64), (37, 48), (100, 192)])
def test_an_eight_bit_layer_is_near_the_float_one(
    library: Library, n_rows: int, sizes: tuple[int, int]
) -> None:
    torch.manual_seed(n_rows)
    weight, bias, x = torch.randn(sizes), torch.randn(sizes[0]), torch.randn(n_rows, sizes[1])
    layer = Int8Layer(library, HugeMemory(), weight, bias)
    assert difference(layer(x), x @ weight.T + bias) < 0.02
    assert torch.equal(layer(x)[-1:], layer(x[-1:])), "a row depends on its neighbours"
    assert torch.equal(layer(x.view(n_rows, 1, -1)), layer(x)[:, None])


def test_a_layer_of_many_outputs_is_packed_in_pieces_that_are_let_go(library: Library) -> None:
    torch.manual_seed(0)
    weight, x = torch.randn(2_060, 64), torch.randn(3, 64)
    let_go: list[torch.Tensor] = []
    layer = Int8Layer(library, HugeMemory(), weight, None, let_go.append)
    assert [len(rows) for rows in let_go] == [1_024, 1_024, 12]
    assert torch.equal(torch.cat(let_go), weight)
    for rows in (slice(0, 16), slice(1_008, 1_040), slice(2_048, 2_060)):
        part = Int8Layer(library, HugeMemory(), weight[rows], None)
        assert torch.equal(layer(x)[:, rows], part(x))


def test_a_layer_of_zeros_gives_zeros(library: Library) -> None:
    layer = Int8Layer(library, HugeMemory(), torch.zeros(20, 32), None)
    assert not layer(torch.randn(3, 32)).any()
    layer = Int8Layer(library, HugeMemory(), torch.randn(20, 32), None)
    assert not layer(torch.zeros(3, 32)).any()


@pytest.mark.parametrize("head_size", list(WIDTHS))
def test_float32_layers_give_what_torch_gives(
    library: Library, head_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_gpt(head_size)
    native = packed(model, library, monkeypatch, "fp32")
    x = torch.randn(2, 20, WIDTHS[head_size])
    steps = [x[:, :9], *x[:, 9:].split(1, dim=1)]
    assert difference(read(native, *steps), read(model, *steps)) < 2e-6


@pytest.mark.parametrize("head_size", list(WIDTHS))
def test_eight_bit_layers_are_near_torchs_and_treat_every_item_alone(
    library: Library, head_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_gpt(head_size)
    native = packed(model, library, monkeypatch, "int8")
    x = torch.randn(3, 70, WIDTHS[head_size])
    steps = [x[:, :50], x[:, 50:60], *x[:, 60:].split(1, dim=1)]
    hidden = read(native, *steps)
    assert difference(hidden, read(model, *steps)) < 0.03
    assert torch.equal(hidden[1:2], read(native, *(step[1:2] for step in steps)))


def test_a_position_does_not_see_what_comes_later(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = packed(make_gpt(64), library, monkeypatch, "int8")
    x = torch.randn(1, 60, 192)
    other = torch.cat([x[:, :40], torch.randn(1, 20, 192)], dim=1)
    assert torch.equal(read(native, x)[:, :40], read(native, other)[:, :40])
    assert not torch.equal(read(native, x)[:, 40:], read(native, other)[:, 40:])


def test_the_fine_model_sees_all_positions(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    config = FineGPTConfig(
        block_size=96, input_vocab_size=40, output_vocab_size=40, n_layer=2, n_head=1, n_embd=64
    )
    model = FineGPT(config).requires_grad_(False).eval()
    native = packed(model, library, monkeypatch, "int8")
    codes = torch.randint(0, 40, (2, 90, 8))
    assert difference(native(3, codes), model(3, codes)) < 0.03
    before = native(3, codes)
    codes[0, -1, 0] = (codes[0, -1, 0] + 1) % 40
    after = native(3, codes)
    assert not torch.equal(before[0, 0], after[0, 0]), "the first position misses the last"
    assert torch.equal(before[1], after[1])


@pytest.mark.parametrize("n_positions", [17, 60, 61, 131])
def test_many_positions_go_through_the_compiled_layers_on_every_processor(
    library: Library, monkeypatch: pytest.MonkeyPatch, n_positions: int
) -> None:
    model = make_gpt(64, block_size=160)
    native = packed(model, library, monkeypatch, "int8")
    x = torch.randn(2, n_positions, 192)
    by_torch = read(model, x)
    for kind in (GPT, FineGPT):
        monkeypatch.setattr(f"bark.models.{'gpt' if kind is GPT else 'fine'}.Block.forward", None)
    assert difference(read(native, x), by_torch) < 0.03
    few = [*x[:, :16].split(1, dim=1), x[:, 16:]]
    assert difference(read(native, *few), read(native, x)) < 0.015
    config = FineGPTConfig(
        block_size=160, input_vocab_size=40, output_vocab_size=40, n_layer=2, n_head=2, n_embd=128
    )
    fine = packed(FineGPT(config).requires_grad_(False).eval(), library, monkeypatch, "int8")
    codes = torch.randint(0, 40, (2, n_positions, 8))
    assert fine(3, codes).isfinite().all()
    assert torch.equal(fine.trunk(3, codes, 5), fine.trunk(3, codes)[:, -5:])


def test_the_sizes_that_do_not_fit_are_left_to_torch(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bark.models.quantize.load_library", lambda: library)
    model = GPT(GPTConfig(block_size=8, n_layer=1, n_head=2, n_embd=24)).requires_grad_(False)
    apply_precision(model, "int8", "cpu")
    assert model.native is None
    assert isinstance(model.transformer["h"][0].mlp.c_fc, Int8Linear)
    assert read(model, torch.randn(1, 4, 24)).isfinite().all()


# Its cache ------------------------------------------------------------------------------------


@pytest.mark.parametrize("head_size", [32, 64])
def test_keys_and_values_are_kept_in_eight_bits_each_position_by_its_largest(
    library: Library, head_size: int
) -> None:
    sizes = {"n_layer": 2, "batch_size": 2, "n_head": 3, "max_len": 40, "head_size": head_size}
    cache = EightBitCache(library, **sizes)
    key_value = torch.randn(2, 2, 3, 35, head_size) * torch.logspace(-3, 3, 35)[:, None]
    key_value[:, :, :, 7] = 0
    for start, end in ((0, 20), (20, 21), (21, 35)):
        key, value, mask = cache.update(1, key_value[:, :, :, start:end])
        assert (mask is None) == (start == 0 or end - start == 1)
        cache.advance(end - start)
    step = key_value.abs().amax(dim=-1, keepdim=True) / 127
    assert ((torch.stack((key, value)) - key_value).abs() <= 0.501 * step).all()
    assert all(map(torch.equal, cache.as_past()[1], (key, value)))
    plain = KVCache(**sizes, dtype=torch.bfloat16)
    held, of_floats = (sum(stored.nbytes for stored in c.layers) for c in (cache, plain))
    assert held < (0.66 if head_size == 64 else 0.7) * of_floats * 48 / 40


def test_attention_over_it_is_that_over_its_numbers(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = packed(make_gpt(64), library, monkeypatch, "int8")
    assert isinstance(model, GPT)
    x = torch.randn(2, 90, 192)
    steps = [x[:, :50], x[:, 50:60], *x[:, 60:].split(1, dim=1)]
    kept = read(model, *steps)
    by_library = model.native
    model.native = None  # torch's attention over what the cache gives back
    cache = EightBitCache(library, n_layer=2, batch_size=2, n_head=3, max_len=90, head_size=64)
    by_torch = torch.cat([model.trunk(step, cache) for step in steps], dim=1)
    assert difference(kept, by_torch) < 0.01
    model.native = by_library
    assert isinstance(model.new_cache(1), EightBitCache)


@pytest.mark.parametrize("n_positions", [9, 50])
def test_the_last_positions_alone_are_what_they_are_among_all_in_less_memory(
    library: Library, monkeypatch: pytest.MonkeyPatch, n_positions: int
) -> None:
    native = packed(make_gpt(64), library, monkeypatch, "int8")
    assert isinstance(native, GPT)
    x = torch.randn(3, n_positions, 192)
    whole = native.trunk(x, native.new_cache(3))
    for n_last in (0, 1, 4):
        cache = native.new_cache(3)
        last = native.trunk(x, cache, n_last=n_last)
        assert torch.equal(last, whole[:, n_positions - n_last :])
        assert last.untyped_storage().nbytes() == 3 * n_last * 192 * 4
        assert cache.length == n_positions


def test_items_that_drop_out_leave_the_others_as_they_are(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = packed(make_gpt(64), library, monkeypatch, "int8")
    assert isinstance(native, GPT)
    x = torch.randn(3, 60, 192)
    cache = native.new_cache(3)
    native.trunk(x[:, :37], cache)
    rows = torch.tensor([2, 0])
    cache.select(rows)
    assert cache.batch_size == 2
    rest = native.trunk(x[rows, 37:], cache)
    assert torch.equal(rest[:1], read(native, x[2:, :37], x[2:, 37:])[:, 37:])


def test_a_past_is_handed_out_and_taken_as_numbers(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = packed(make_gpt(64), library, monkeypatch, "int8")
    assert isinstance(native, GPT)
    ids = torch.randint(0, 37, (1, 30))
    whole, _ = native(ids)
    _, past = native(ids[:, :20], use_cache=True)
    assert past is not None
    assert past[0][0].shape == (1, 3, 20, 64)
    assert past[0][0].is_floating_point()
    behind, _ = native(ids[:, 20:], past_kv=past)
    assert difference(behind, whole) < 0.02


# Threads --------------------------------------------------------------------------------------


def test_two_threads_and_two_callers_at_once_get_what_one_gets(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = packed(make_gpt(64), library, monkeypatch, "int8")
    x = torch.randn(1, 60, 192)
    monkeypatch.setattr(library, "n_threads", 1)
    alone = read(native, x[:, :40], *x[:, 40:].split(1, dim=1))
    monkeypatch.setattr(library, "n_threads", 2)
    results: list[Tensor] = []

    def work() -> None:
        results.extend(read(native, x[:, :40], *x[:, 40:].split(1, dim=1)) for _ in range(5))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(results) == 15
    assert all(torch.equal(result, alone) for result in results)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_computes_too(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "n_threads", 2)
    layer = Int8Layer(library, HugeMemory(), torch.randn(200, 64), None)
    x = torch.randn(2, 64)
    expected = layer(x)
    child = os.fork()
    if child == 0:  # no pytest here: the answer is the exit code
        os._exit(0 if torch.equal(layer(x), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells it so")
def test_a_thread_that_ends_gives_its_memory_back(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = packed(make_gpt(64), library, monkeypatch, "int8")
    x = torch.randn(64, 16, 192)  # 5 MB of room

    def resident_mib_after_threads() -> float:
        for _ in range(20):
            thread = threading.Thread(target=read, args=(native, x))
            thread.start()
            thread.join(60)
        line = next(s for s in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in s)
        return int(line.split()[1]) / 1_024

    before = resident_mib_after_threads()
    assert resident_mib_after_threads() - before < 40


# Without it -----------------------------------------------------------------------------------


@pytest.fixture
def _nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("BARK_NATIVE", raising=False)
    load_library.cache_clear()
    yield
    load_library.cache_clear()


@pytest.mark.usefixtures("_nothing_loaded")
@pytest.mark.parametrize("variable", [("CC", "no-such-cc"), ("BARK_NATIVE", "0")])
def test_without_it_torch_computes(
    variable: tuple[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(*variable)
    with caplog.at_level(logging.INFO, "bark.models.native"):
        assert load_library() is None
    assert ("no-such-cc" in caplog.text) == (variable[0] == "CC")
    model = make_gpt(16)
    x = torch.randn(1, 20, 48)
    exact = read(model, x)
    apply_precision(model, "int8", "cpu")
    assert model.native is None
    assert difference(read(model, x), exact) < 0.03


@pytest.mark.usefixtures("_nothing_loaded")
@needs_compiler
def test_a_library_that_computes_wrongly_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Library, "run_linear", lambda self, layer, x, y: y.zero_())
    assert load_library() is None
    assert "do not compute what they should" in caplog.text


# Memory ---------------------------------------------------------------------------------------


def test_memory_is_aligned_and_not_shared() -> None:
    memory = HugeMemory()
    pieces = [memory.take(size) for size in (1, 64, 100, 40 << 20, 5)]
    assert [len(piece) for piece in pieces] == [64, 64, 128, 40 << 20, 64]
    assert all(piece.data_ptr() % 64 == 0 for piece in pieces)
    for i, piece in enumerate(pieces):
        piece.fill_(i)
    assert all((piece == i).all() for i, piece in enumerate(pieces))
