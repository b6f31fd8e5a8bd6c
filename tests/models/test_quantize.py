"""Eight- and sixteen-bit layers: near float32, and blind to the rest of a batch."""

from __future__ import annotations

import copy
import os
import platform
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from bark.decoding.sampling import SamplingOptions
from bark.errors import OptionError
from bark.models.blocks import GPTConfig
from bark.models.fine import FineGPT, FineGPTConfig
from bark.models.gpt import GPT
from bark.models.native.library import load_library
from bark.models.native.linear import Int8Layer
from bark.models.quantize import apply_precision, choose_precision, integer_layers_work
from bark.models.torch_layers import (
    Bf16Linear,
    Fp16Linear,
    Int8Linear,
    parts_that_add_exactly,
    quantize_rows,
)
from bark.spec import BARK
from bark.stages.coarse import CoarseWindows, generate_coarse
from bark.stages.fine import generate_fine
from bark.stages.semantic import SemanticLimits, generate_semantic

from ..running import finish

pytestmark = pytest.mark.processor

needs_int8 = pytest.mark.skipif(
    not integer_layers_work(), reason="no exact eight-bit products on this processor"
)
WIDTHS = {"n_layer": 2, "n_head": 4, "n_embd": 128, "block_size": 1_024}


def layer(n_in: int = 96, n_out: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(n_out, n_in, generator=generator)
    return weight, torch.randn(n_out, generator=generator)


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).norm() / b.norm()).item()


def text_model() -> GPT:
    torch.manual_seed(1)
    return GPT(GPTConfig(**WIDTHS, input_vocab_size=129_600, output_vocab_size=10_048)).eval()


def coarse_model() -> GPT:
    torch.manual_seed(2)
    return GPT(GPTConfig(**WIDTHS, input_vocab_size=12_096, output_vocab_size=12_096)).eval()


def fine_model() -> FineGPT:
    torch.manual_seed(3)
    config = FineGPTConfig(**WIDTHS, input_vocab_size=1_056, output_vocab_size=1_056)
    return FineGPT(config).eval()


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [pytest.param(Int8Linear, 0.02, marks=needs_int8), (Bf16Linear, 0.01), (Fp16Linear, 0.001)],
)
def test_packed_layer_is_near_the_float32_one(kind: type[nn.Module], tolerance: float) -> None:
    weight, bias = layer()
    x = torch.randn(3, 5, weight.shape[1])
    exact = x @ weight.T + bias
    assert 0 < difference(kind(weight, bias)(x), exact) < tolerance


def add_in_sixteen_bits(layer: Int8Linear, codes: torch.Tensor, zero_point: int) -> torch.Tensor:
    """`Int8Linear._multiply` as AVX2 has it: two products at a time, cut at sixteen bits."""
    weight = layer.codes.int()
    products = codes.int()[:, None] * weight
    pairs = products.unflatten(-1, (-1, 2)).sum(-1).clamp(-(2**15), 2**15 - 1)
    return (pairs.sum(-1) - zero_point * weight.sum(-1)).float()


@pytest.fixture
def _no_vnni(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    make = Int8Linear.__init__

    def init(self: Int8Linear, weight: torch.Tensor, *args: object) -> None:
        make(self, weight, *args)  # type: ignore[arg-type]
        self.codes = (weight / (weight.abs().amax(1) / 127)[:, None]).round()

    monkeypatch.setattr(Int8Linear, "__init__", init)
    monkeypatch.setattr(Int8Linear, "_multiply", add_in_sixteen_bits)
    parts_that_add_exactly.cache_clear()
    yield
    parts_that_add_exactly.cache_clear()


@pytest.mark.usefixtures("_no_vnni")
def test_where_eight_bit_products_saturate_the_layer_multiplies_in_two_parts() -> None:
    assert parts_that_add_exactly() == 2
    weight, bias = layer()
    x = torch.randn(9, weight.shape[1])
    exact = x @ weight.T + bias
    assert difference(Int8Linear(weight, bias)(x), exact) < 0.02
    assert difference(Int8Linear(weight, bias, 1)(x), exact) > 0.02


def test_where_no_sums_are_exact_int8_is_float32(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Int8Linear, "sums", lambda self, codes: torch.zeros(len(codes), 64))
    monkeypatch.setattr("bark.models.quantize.load_library", lambda: None)
    for cached in (parts_that_add_exactly, integer_layers_work):
        monkeypatch.setattr(f"bark.models.quantize.{cached.__name__}", cached.__wrapped__)
    assert choose_precision("int8", "cpu") == "fp32"
    assert "float32 is used instead" in caplog.text
    assert choose_precision("auto", "cpu") == "fp32"
    packed = apply_precision(fine_model(), "int8", "cpu")
    assert not any(isinstance(module, Int8Linear) for module in packed.modules())


@needs_int8
def test_two_parts_give_what_one_gives() -> None:
    weight, bias = layer(768)
    x = torch.randn(40, 768)
    wanted = Int8Linear(weight, bias, parts_that_add_exactly())(x)
    assert torch.equal(Int8Linear(weight, bias, 2)(x), wanted)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86-64 has AVX2")
def test_torchs_layers_are_exact_without_vnni() -> None:
    code = (
        "from bark.models.torch_layers import parts_that_add_exactly;"
        "print(parts_that_add_exactly())"
    )
    env = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "BARK_NATIVE": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.strip() in {"1", "2"}, done.stderr


@needs_int8
def test_each_row_of_an_int8_layer_is_what_it_is_alone() -> None:
    packed = Int8Linear(*layer())
    x = torch.randn(37, 96) * torch.logspace(-4, 4, 37)[:, None]
    alone = torch.cat([packed(row) for row in x.split(1)])
    assert torch.equal(packed(x), alone)
    assert torch.equal(packed(x[5:21]), alone[5:21])


@needs_int8
def test_a_row_of_zeros_gives_the_bias() -> None:
    weight, bias = layer()
    x = torch.randn(2, 96)
    x[1] = 0
    assert torch.equal(Int8Linear(weight, bias)(x)[1], bias)


def test_codes_of_a_row_reach_the_ends_of_their_range() -> None:
    codes, largest = quantize_rows(torch.tensor([[-2.0, 0.0, 2.0], [0.5, 0.25, -0.125]]))
    assert codes.tolist() == [[1, 128, 255], [255, 192, 96]]
    assert largest.tolist() == [[2.0], [0.5]]


@needs_int8
def test_semantic_tokens_of_a_batch_are_those_alone_in_int8() -> None:
    model = apply_precision(text_model(), "int8", "cpu")
    texts = [np.array(ids) for ids in ([5, 6, 7], [900], list(range(200)), [5, 6, 7])]
    limits = SemanticLimits(max_duration_s=0.5)

    @torch.inference_mode()
    def tokens(items: list[int]) -> list[list[int]]:
        steps = generate_semantic(
            model,
            BARK,
            [texts[i] for i in items],
            histories=[None] * len(items),
            sampling=SamplingOptions(),
            limits=limits,
            generators=generators(*items),
        )
        return [made.tokens.tolist() for made in finish(steps)]

    together = tokens([0, 1, 2, 3])
    assert together == [tokens([i])[0] for i in range(4)]
    assert together[0] != together[3]  # one text, two seeds


@needs_int8
def test_coarse_codes_of_a_batch_are_those_alone_in_int8() -> None:
    model = apply_precision(coarse_model(), "int8", "cpu")
    rng = np.random.default_rng(0)
    semantic = [rng.integers(0, 10_000, n) for n in (30, 45, 22)]

    @torch.inference_mode()
    def codes(items: list[int]) -> list[list[list[int]]]:
        steps = generate_coarse(
            model,
            BARK,
            [semantic[i] for i in items],
            histories=[None] * len(items),
            sampling=SamplingOptions(),
            windows=CoarseWindows(),
            generators=generators(*items),
        )
        return [made.tolist() for made in finish(steps)]

    assert codes([0, 1, 2]) == [codes([i])[0] for i in range(3)]


@pytest.mark.parametrize("precision", [pytest.param("int8", marks=needs_int8), "bf16", "fp32"])
def test_fine_codes_of_a_batch_are_those_alone(precision: str) -> None:
    model = apply_precision(fine_model(), precision, "cpu")
    rng = np.random.default_rng(0)
    coarse = [rng.integers(0, 1_024, (2, n)) for n in (40, 75)]

    @torch.inference_mode()
    def codes(items: list[int]) -> list[list[list[int]]]:
        steps = generate_fine(
            model,
            BARK,
            [coarse[i] for i in items],
            histories=[None] * len(items),
            temperature=0.5,
            generators=generators(*items),
        )
        return [made.tolist() for made in finish(steps)]

    assert codes([0, 1]) == [codes([i])[0] for i in range(2)]


@needs_int8
def test_int8_logits_stay_near_float32() -> None:
    exact = coarse_model()
    packed = apply_precision(copy.deepcopy(exact), "int8", "cpu")
    ids = torch.randint(0, 12_096, (1, 40))
    with torch.inference_mode():
        expected = exact.logits(ids)
        error = (packed.logits(ids) - expected).norm() / expected.norm()
    assert 0 < error < 0.05


def test_float32_keeps_the_layers_as_they_are() -> None:
    model = fine_model()
    assert apply_precision(model, "fp32", "cpu") is model
    assert all(type(m) is nn.Linear for m in model.modules() if hasattr(m, "in_features"))


@pytest.mark.parametrize(("parts", "has_draft"), [(1, True), (2, False), (None, False)])
def test_a_draft_is_made_only_where_it_is_faster(
    parts: int | None, has_draft: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bark.models.quantize.load_library", lambda: None)
    monkeypatch.setattr("bark.models.quantize.parts_that_add_exactly", lambda: parts)
    model = GPT(GPTConfig(16, 20, 20, n_layer=1, n_head=8, n_embd=512)).eval()
    apply_precision(model, "fp32", "cpu")
    assert (model.draft is not None) == has_draft


def test_a_draft_shares_all_but_the_layers_and_is_no_part_of_the_model() -> None:
    if load_library() is None and parts_that_add_exactly() != 1:
        pytest.skip("no drafts on this processor")
    config = GPTConfig(1_024, 12_096, 12_096, n_layer=1, n_head=8, n_embd=512)
    model = apply_precision(GPT(config).eval(), "fp32", "cpu")
    names = set(model.state_dict())
    assert model.draft is not None
    draft = model.draft.model
    assert draft.transformer["wte"].weight is model.transformer["wte"].weight
    assert isinstance(draft.transformer["h"][0].mlp.c_fc, (Int8Layer, Int8Linear))
    assert type(model.transformer["h"][0].mlp.c_fc) is nn.Linear
    assert set(model.state_dict()) == names
    assert draft.draft is None


def test_unknown_precisions_and_int8_off_the_cpu_are_refused() -> None:
    with pytest.raises(OptionError, match="int3"):
        choose_precision("int3", "cpu")
    with pytest.raises(OptionError, match="CPU"):
        choose_precision("int8", "mps")


def test_auto_takes_int8_for_nano_only_where_layers_are_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bark.models.quantize.integer_layers_work", lambda: True)
    monkeypatch.setattr("bark.models.quantize.load_library", lambda: None)
    assert choose_precision("auto", "cpu", slow_by_torch=True) == "fp32"
    monkeypatch.setattr("bark.models.quantize.load_library", lambda: object())
    assert choose_precision("auto", "cpu", slow_by_torch=True) == "int8"


def test_auto_takes_int8_only_where_it_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bark.models.quantize.integer_layers_work", lambda: True)
    assert choose_precision("auto", "cpu") == "int8"
    monkeypatch.setattr("bark.models.quantize.integer_layers_work", lambda: False)
    assert choose_precision("auto", "cpu") == "fp32"
    assert choose_precision("int8", "cpu") == "fp32"
    assert choose_precision("auto", "mps") == "fp32"
