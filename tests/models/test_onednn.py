"""Products of many rows by oneDNN: the same weights, the same results but for the last bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bark.decoding.referee import without_aids
from bark.models import onednn, quantize
from bark.models.blocks import GPTConfig
from bark.models.fine import FineGPT, FineGPTConfig
from bark.models.gpt import GPT
from bark.models.onednn import MANY_ROWS, OneDnnLinear, is_quicker, twins_by_onednn
from bark.models.quantize import apply_precision

SIZES: dict[str, Any] = {"block_size": 64, "n_layer": 2, "n_head": 2, "n_embd": 32}
VOCABULARY = {"input_vocab_size": 50, "output_vocab_size": 50}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor where oneDNN is quicker, and for models of any width."""
    monkeypatch.setattr(quantize, "is_quicker", lambda: True)
    monkeypatch.setattr(quantize, "_MIN_DRAFT_WIDTH", 32)
    monkeypatch.setattr(quantize, "parts_that_add_exactly", lambda: 1)


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Says what processor this is, by its vendor and what torch finds."""

    def be(vendor: str | None, capability: str) -> None:
        info = tmp_path / "cpuinfo"
        if vendor is not None:
            info.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
        monkeypatch.setattr(onednn, "_CPU_INFO", info)
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
        is_quicker.cache_clear()

    yield be
    is_quicker.cache_clear()


def gpt(**others: Any) -> GPT:
    torch.manual_seed(0)
    return GPT(GPTConfig(**SIZES, **VOCABULARY, **others)).eval().requires_grad_(False)


@torch.inference_mode()
def hidden(model: GPT, length: int) -> torch.Tensor:
    ids = torch.arange(length)[None] % 50
    return model.trunk(model.embed(ids), model.new_cache(1))


def test_many_positions_are_read_by_onednn_and_few_are_not(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    forward = OneDnnLinear.forward

    def counted(self: OneDnnLinear, x: torch.Tensor) -> torch.Tensor:
        rows.append(x.shape[-2])
        return forward(self, x)

    monkeypatch.setattr(OneDnnLinear, "forward", counted)
    model = apply_precision(gpt(), "fp32", "cpu")
    assert isinstance(model, GPT)
    hidden(model, MANY_ROWS - 1)
    assert rows == []
    made = hidden(model, 40)
    assert rows == [40] * 4 * SIZES["n_layer"]
    torch.testing.assert_close(made, hidden(gpt(), 40), rtol=1e-5, atol=1e-5)
    rows.clear()
    hidden(without_aids(model), 40)
    assert rows == []


@pytest.mark.parametrize("bias", [True, False])
def test_the_twins_take_no_memory_for_weights(bias: bool) -> None:
    model = gpt(bias=bias)
    own = {p.data_ptr() for p in model.parameters()}
    twins = twins_by_onednn(model.transformer["h"])
    assert {p.data_ptr() for twin in twins for p in twin.parameters()} < own
    assert list(gpt(bias=bias).state_dict()) == list(model.state_dict())
    model.of_many = twins
    torch.testing.assert_close(hidden(model, 40), hidden(gpt(bias=bias), 40), rtol=1e-5, atol=1e-5)


def test_weights_that_move_leave_the_twins_behind(quick: None) -> None:
    model = apply_precision(gpt(), "fp32", "cpu")
    assert model.of_many is not None
    assert model.double().of_many is None


@pytest.mark.parametrize("kind", ["narrow", "by words", "eight bits", "without a draft"])
def test_other_models_have_none(kind: str, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "narrow":
        monkeypatch.setattr(quantize, "_MIN_DRAFT_WIDTH", 64)
    if kind == "without a draft":  # nobody decides near ties
        monkeypatch.setattr(quantize, "load_library", lambda: None)
        monkeypatch.setattr(quantize, "parts_that_add_exactly", lambda: None)
    model = gpt(position_sizes=(4, 4, 4)) if kind == "by words" else gpt()
    made = apply_precision(model, "int8" if kind == "eight bits" else "fp32", "cpu")
    assert made.of_many is None


def test_a_fine_model_reads_all_its_frames_by_onednn(quick: None) -> None:
    torch.manual_seed(0)
    config = FineGPTConfig(**SIZES, input_vocab_size=20, output_vocab_size=20)
    model = FineGPT(config).eval().requires_grad_(False)
    codes = torch.arange(30 * 8).view(1, 30, 8) % 20
    expected = model.trunk(3, codes)
    assert apply_precision(model, "fp32", "cpu").of_many is not None
    torch.testing.assert_close(model.trunk(3, codes), expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(without_aids(model).trunk(3, codes), expected)


@pytest.mark.parametrize(
    ("vendor", "capability", "is_so"),
    [
        ("AuthenticAMD", "AVX512", True),
        ("AuthenticAMD", "AVX2", False),
        ("GenuineIntel", "AVX512", False),
        (None, "AVX512", False),
    ],
)
def test_it_is_quicker_where_only_it_knows_the_wide_vectors(
    vendor: str | None, capability: str, is_so: bool, processor: Any
) -> None:
    processor(vendor, capability)
    assert is_quicker() == is_so


def test_a_torch_without_the_operation_goes_on_with_mkl(
    processor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(self: OneDnnLinear, x: torch.Tensor) -> torch.Tensor:
        raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_linear_pointwise'")

    monkeypatch.setattr(OneDnnLinear, "forward", missing)
    processor("AuthenticAMD", "AVX512")
    assert not is_quicker()
