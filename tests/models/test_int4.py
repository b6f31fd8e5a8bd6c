"""Layers of four-bit weights: as exact as those of eight bits, and near enough to float32."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from bark import Bark
from bark.errors import OptionError
from bark.models.blocks import GPTConfig
from bark.models.fine import FineGPT, FineGPTConfig
from bark.models.gpt import GPT
from bark.models.native.library import Library, load_library
from bark.models.native.linear import Int4Layer, Int8Layer, PackedLayer
from bark.models.native.memory import HugeMemory
from bark.models.quantize import apply_precision, choose_precision

pytestmark = pytest.mark.processor


@pytest.fixture(scope="module")
def library() -> Library:
    found = load_library()
    if found is None:
        pytest.skip("the layers cannot be compiled here")
    return found


def weight_of(layer: PackedLayer) -> Tensor:
    """(N, K) float32, what the packed weight stands for."""
    lanes = layer._library.panel_lanes
    panels = [layer.panel(i) for i in range(-(-layer.out_features // lanes))]
    whole = torch.cat(panels)[: layer.out_features, : layer.in_features].float()
    return whole * layer._packed[1][: layer.out_features, None]


def rounded(weight: Tensor) -> Tensor:
    """Plainly to the nearest of fifteen values, by the largest of 32 inputs."""
    groups = weight.unflatten(1, (-1, 32))
    scale = groups.abs().amax(2, keepdim=True) / 7
    return ((groups / scale).round() * scale).flatten(1)


def difference(a: Tensor, b: Tensor) -> float:
    return ((a - b).norm() / b.norm()).item()


def make_gpt(n_layer: int = 3) -> GPT:
    torch.manual_seed(1)
    config = GPTConfig(
        block_size=128,
        input_vocab_size=50,
        output_vocab_size=37,
        n_layer=n_layer,
        n_head=3,
        n_embd=192,
        bias=True,
    )
    model = GPT(config).requires_grad_(False).eval()
    for parameter in model.parameters():
        parameter.normal_(0, 0.2 if parameter.ndim > 1 else 1)
    return model


def read(model: GPT, *parts: Tensor) -> Tensor:
    """Hidden states of embeddings (B, T, C) that come one part after the other."""
    cache = model.new_cache(len(parts[0]))
    return torch.cat([model.trunk(part, cache) for part in parts], dim=1)


# A layer --------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(16, 64), (37, 48), (100, 192), (20, 1_024)])
def test_sums_are_those_of_whole_numbers_for_any_number_of_rows(
    library: Library, sizes: tuple[int, int]
) -> None:
    torch.manual_seed(sizes[1])
    layer = Int4Layer(library, HugeMemory(), torch.randn(sizes), torch.randn(sizes[0]))
    x = torch.randn(100, sizes[1]) * torch.logspace(-4, 4, 100)[:, None]
    expected = torch.empty(100, sizes[0])
    layer._multiply_by_torch(x, expected)  # adds up whole numbers in float64
    for n_rows in (1, 2, 3, 4, 5, 8, 9, 16, 17, 61, 100):
        torch.testing.assert_close(layer(x[:n_rows]), expected[:n_rows], rtol=2e-6, atol=1e-6)
        assert torch.equal(layer(x[:n_rows]), layer(x)[:n_rows]), "a row depends on its neighbours"


@pytest.mark.parametrize("shape", ["normal", "with outliers"])
def test_weights_are_nearer_than_by_rounding_to_the_largest_of_a_group(
    library: Library, shape: str
) -> None:
    torch.manual_seed(2)
    weight = torch.randn(100, 192)
    if shape == "with outliers":
        weight[:, ::50] *= 6
    layer = Int4Layer(library, HugeMemory(), weight, None)
    error = difference(weight_of(layer), weight)
    assert error < 0.95 * difference(rounded(weight), weight)
    assert error < (0.09 if shape == "normal" else 0.15)
    assert layer.n_bytes < 0.65 * Int8Layer(library, HugeMemory(), weight, None).n_bytes


def test_weights_that_four_bits_can_say_are_kept(library: Library) -> None:
    generator = torch.Generator().manual_seed(3)
    whole = torch.randint(-8, 8, (24, 96), generator=generator).float()
    whole[:, 32:64] *= 15
    whole[:, 32] = -120
    layer = Int4Layer(library, HugeMemory(), whole / 4, None)
    assert torch.equal(weight_of(layer), whole / 4)


def test_weights_of_nothing_give_nothing(library: Library) -> None:
    weight = torch.randn(20, 64)
    weight[:, 32:] = 0  # a group
    weight[3] = 0
    layer = Int4Layer(library, HugeMemory(), weight, None)
    assert not weight_of(layer)[:, 32:].any()
    assert not layer(torch.randn(5, 64))[:, 3].any()
    assert not layer(torch.zeros(5, 64)).any()


def test_rows_too_long_for_exact_sums_are_not_taken() -> None:
    assert Int4Layer.fits(torch.empty(1, 8_192, device="meta"))
    assert not Int4Layer.fits(torch.empty(1, 8_208, device="meta"))


# A model --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("library")
def test_a_model_is_near_float32_and_treats_every_item_alone() -> None:
    exact = make_gpt()
    packed = apply_precision(copy.deepcopy(exact), "int4", "cpu")
    assert isinstance(packed, GPT)
    assert packed.native is not None
    x = torch.randn(3, 70, 192)
    steps = [x[:, :50], x[:, 50:60], *x[:, 60:].split(1, dim=1)]
    hidden = read(packed, *steps)
    eight = read(apply_precision(copy.deepcopy(exact), "int8", "cpu"), *steps)  # type: ignore[arg-type]
    wanted = read(exact, *steps)
    assert difference(eight, wanted) < difference(hidden, wanted) < 0.15
    assert torch.equal(hidden[1:2], read(packed, *(step[1:2] for step in steps)))


@pytest.mark.usefixtures("library")
def test_many_positions_are_read_as_few_are() -> None:
    packed = apply_precision(make_gpt(), "int4", "cpu")
    assert isinstance(packed, GPT)
    x = torch.randn(2, 64, 192)
    # Attention of many positions adds up in another order; products must not.
    assert difference(read(packed, *x.split(16, dim=1)), read(packed, x)) < 0.02


@pytest.mark.usefixtures("library")
def test_the_first_block_the_output_layer_and_the_fine_model_have_eight_bits() -> None:
    model = apply_precision(make_gpt(), "int4", "cpu")
    kinds = [type(block.mlp.c_fc) for block in model.transformer["h"]]
    assert kinds == [Int8Layer, Int4Layer, Int4Layer]
    assert type(model.lm_head.part(slice(0, 16))) is Int8Layer
    config = FineGPTConfig(
        block_size=96, input_vocab_size=40, output_vocab_size=40, n_layer=2, n_head=1, n_embd=64
    )
    fine = apply_precision(FineGPT(config).requires_grad_(False).eval(), "int4", "cpu")
    assert {type(m) for m in fine.modules() if isinstance(m, PackedLayer)} == {Int8Layer}


@pytest.mark.usefixtures("library")
def test_nanos_takes_of_a_batch_are_those_alone_and_tell_the_precision() -> None:
    bark = Bark.from_pretrained("nano", device="cpu", precision="int4")
    texts = ["Hello there.", "Nobody expected the old bridge to hold.", "Yes."]
    together = bark.generate_batch(texts, seeds=[3, 4, 5])
    alone = [bark.generate(text, seed=seed) for text, seed in zip(texts, [3, 4, 5], strict=True)]
    for one, other in zip(together, alone, strict=True):
        assert (one.tokens.semantic == other.tokens.semantic).all()
        assert (one.tokens.coarse == other.tokens.coarse).all()
        assert (one.tokens.fine == other.tokens.fine).all()
    assert together[0].to_record()["precision"] == "int4"


# Where it cannot be ---------------------------------------------------------------------------


def test_int4_is_refused_in_a_sentence_where_nothing_is_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bark.models.quantize.load_library", lambda: None)
    with pytest.raises(OptionError, match=r"compiled for this processor.*use int8\.$"):
        choose_precision("int4", "cpu")


def test_int4_is_refused_off_the_cpu() -> None:
    with pytest.raises(OptionError, match="int4 runs on the CPU"):
        choose_precision("int4", "mps")
