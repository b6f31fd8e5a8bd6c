"""Which precision a device is given, and a model the layers of a precision.

Reading the weights is what a decode step takes its time for, so a quarter of the bytes is nearly a
quarter of the time. The layers of eight and four bits quantise each row of the activations with a
scale of its own, and their sums are integers: what else is in a batch never changes an item's
result.
"""

from __future__ import annotations

import copy
import functools
import logging
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from ..errors import OptionError
from .blocks import Block
from .file_memory import give_back
from .fine import FineGPT
from .gpt import GPT, Draft
from .native.library import load_library
from .native.linear import Int4Layer, Int8Layer
from .native.memory import HugeMemory
from .native.trunk import NativeTrunk
from .onednn import is_quicker, twins_by_onednn
from .torch_layers import Bf16Linear, Fp16Linear, Int8Linear, parts_that_add_exactly

log = logging.getLogger(__name__)

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
PRECISIONS = (*_DTYPES, "int8", "int4")

_ROWS_AT_ONCE = 256  # measured: the fastest for a layer of 768 or 1,024 with its MLP
_MIN_DRAFT_WIDTH = 512  # below it a step's time is not the reading of weights

_WHOLE_NUMBERS = ("int8", "int4")
_Release = Callable[[Tensor], object]


class _Pack(Protocol):
    """Makes a layer of a float32 weight (N, K) and a bias (N,) or None.

    `done_with` is called with the weight, or some of its rows after the others, once packed.
    """

    def __call__(
        self, weight: Tensor, bias: Tensor | None, done_with: _Release | None = None
    ) -> nn.Module: ...


def choose_precision(
    precision: str, device: torch.device | str, *, slow_by_torch: bool = False
) -> str:
    """The precision to compute with, one of `PRECISIONS`.

    "auto" takes int8 on a CPU where eight-bit layers give exact sums, else float32; bfloat16 on
    a CUDA device that computes in it (compute capability 8), else float16; float32 elsewhere.
    Nano's layers are too small for torch's eight-bit ones: it takes int8 where layers can be
    compiled, else float32.

    Args:
        precision: "auto" or one of `PRECISIONS`.
        device: where the models will run.
        slow_by_torch: the models are too small for torch's eight-bit layers to be a gain.

    Raises:
        OptionError: an unknown precision, int8 or int4 anywhere but on a CPU, or int4 where
            nothing can be compiled.
    """
    kind = torch.device(device).type
    if precision not in ("auto", *PRECISIONS):
        raise OptionError(
            f"The precision is {precision!r}; "
            f"use auto, {', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}."
        )
    if precision in _WHOLE_NUMBERS and kind != "cpu":
        raise OptionError(f"{precision} runs on the CPU, not on {device}; use auto, bf16 or fp16.")
    if precision == "int4" and load_library() is None:
        raise OptionError(
            "int4 needs layers that are compiled for this processor, and there are none here "
            "(no C compiler, BARK_NATIVE=0, or a processor without products of bytes); use int8."
        )
    if precision == "int8" and not integer_layers_work():
        log.warning("this processor has no exact eight-bit products; float32 is used instead")
        return "fp32"
    if precision != "auto":
        return precision
    if slow_by_torch and (kind != "cpu" or load_library() is None):
        return "fp32"
    if kind == "cuda":
        # is_bf16_supported() also counts emulation, which is slow.
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
    return "int8" if kind == "cpu" and integer_layers_work() else "fp32"


def apply_precision(model: nn.Module, precision: str, device: torch.device | str) -> nn.Module:
    """Gives a stage's model the layers of a precision; changes it in place and returns it.

    Layer norms, embeddings and sampling stay in float32 on a CPU; on other devices the whole
    model has the precision's dtype. "int4" is for what reads all weights for a token: the first
    block, whose error goes through all others, the output layer and the fine model, which reads
    its weights six times a take, have eight bits there too. A large causal model that stays in
    float32 on a CPU gets a draft (decoding/speculative.py), which changes none of its tokens.

    Args:
        model: GPT or FineGPT in float32 on the CPU; each layer's float32 weight is let go once
            it is packed, so that both never lie in memory for the whole model.
        precision: as `choose_precision` returns it.
        device: where it will run.

    Returns:
        the model, still on the CPU.
    """
    on_cpu = torch.device(device).type == "cpu"
    if precision == "fp32":
        if on_cpu:
            assert isinstance(model, (GPT, FineGPT))
            _quicken(model)
        return model
    if not on_cpu:
        return model.to(_DTYPES[precision])
    assert isinstance(model, (GPT, FineGPT))
    _pack_layers(model, precision, let_go=True)
    if precision in _WHOLE_NUMBERS:
        _run_natively(model)
    return model


def _quicken(model: GPT | FineGPT) -> None:
    """Gives a model that stays in float32 what leaves its tokens as they are."""
    is_large = model.config.n_embd >= _MIN_DRAFT_WIDTH and not model.config.position_sizes
    if isinstance(model, GPT):
        _run_natively(model)
        # Torch's eight-bit layers in two parts take as long as float32 ones.
        if is_large and (load_library() is not None or parts_that_add_exactly() == 1):
            model.draft = Draft(lambda: _make_draft(model))
    # Without a draft a token is drawn by decode_plain, which decides near ties as they come.
    is_judged = isinstance(model, FineGPT) or model.draft is not None
    if is_large and is_judged and is_quicker():
        model.of_many = twins_by_onednn(model.transformer["h"])


def _make_draft(model: GPT) -> GPT:
    """An eight-bit copy that shares the embeddings and norms."""
    shared = [*model.parameters(), *model.buffers(), model.draft, model.native, model.of_many]
    draft = copy.deepcopy(model, {id(part): part for part in shared})
    draft.draft = draft.native = draft.of_many = None
    _pack_layers(draft, "int8", let_go=False)
    _run_natively(draft)
    return draft


def _run_natively(model: nn.Module) -> None:
    """Lets the compiled library run the blocks, where it is there and takes their sizes."""
    library = load_library()
    assert isinstance(model, (GPT, FineGPT))
    if library is not None and NativeTrunk.fits(model.config.n_embd, model.config.n_head):
        layers = model.transformer
        model.native = NativeTrunk(library, layers["h"], layers["ln_f"], model.config.n_head)


def _pack_layers(model: GPT | FineGPT, precision: str, *, let_go: bool) -> None:
    pack = _packer("int8" if precision == "int4" else precision)
    pack_blocks = [pack] * model.config.n_layer
    if precision == "int4" and isinstance(model, GPT):
        pack_blocks[1:] = [_packer("int4")] * (model.config.n_layer - 1)
    for block, pack_block in zip(model.transformer["h"], pack_blocks, strict=True):
        _pack_block(block, pack_block, let_go=let_go)
    if isinstance(model, GPT):
        model.lm_head = PackedHead(model.lm_head.weight, pack)
    elif isinstance(model, FineGPT):
        for i, head in enumerate(model.lm_heads):
            # Its tied embedding stays.
            model.lm_heads[i] = pack(head.weight.detach(), None, give_back)


def _pack_block(block: Block, pack: _Pack, *, let_go: bool) -> None:
    def packed(linear: nn.Module) -> nn.Module:
        assert isinstance(linear, nn.Linear)
        return pack(linear.weight.detach(), linear.bias, give_back if let_go else None)

    attention, mlp = block.attn, block.mlp
    # Half the cache to read, and an attention that is several times faster.
    attention.dtype = torch.bfloat16 if _has_bf16_products() else None
    attention.c_attn, attention.c_proj = packed(attention.c_attn), packed(attention.c_proj)
    mlp.rows_at_once = _ROWS_AT_ONCE
    mlp.c_fc, mlp.c_proj = packed(mlp.c_fc), packed(mlp.c_proj)


def computes_natively(model: nn.Module) -> bool:
    """Whether nothing of a model's blocks is left to torch."""
    return (
        isinstance(model, (GPT, FineGPT)) and model.native is not None and model.native.reads_many
    )


def _packer(precision: str) -> _Pack:
    kind = {"int8": Int8Layer, "int4": Int4Layer}.get(precision)
    library, memory = load_library() if kind is not None else None, HugeMemory()

    def pack(weight: Tensor, bias: Tensor | None, done_with: _Release | None = None) -> nn.Module:
        if kind is not None and library is not None and kind.fits(weight):
            return kind(library, memory, weight, bias, done_with)
        layer = _torch_layer(precision, weight, bias)
        if done_with is not None:
            done_with(weight)
        return layer

    return pack


def _torch_layer(precision: str, weight: Tensor, bias: Tensor | None) -> nn.Module:
    if precision not in _WHOLE_NUMBERS:
        return {"bf16": Bf16Linear, "fp16": Fp16Linear}[precision](weight, bias)
    exact = parts_that_add_exactly() is not None
    return Int8Linear(weight, bias) if exact else _float32_linear(weight, bias)


def _float32_linear(weight: Tensor, bias: Tensor | None) -> nn.Module:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.clone(), requires_grad=False)
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return linear


class PackedHead(nn.Module):
    """An output layer of which the parts that a stage asks for are packed when it first does.

    Args:
        weight: (V, C) float32.
        pack: makes a layer of a weight without bias.
    """

    def __init__(self, weight: Tensor, pack: _Pack) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self._pack = pack
        self._parts: dict[tuple[int, int], nn.Module] = {}

    def part(self, rows: slice) -> nn.Module:
        """The layer of these rows, (..., C) -> (..., stop - start)."""
        start, stop, _ = rows.indices(len(self.weight))
        if (start, stop) not in self._parts:
            self._parts[start, stop] = self._pack(self.weight[start:stop], None, give_back)
        return self._parts[start, stop]

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., C) float32 -> (..., V) float32."""
        result: Tensor = self.part(slice(None))(hidden)
        return result


@functools.cache
def integer_layers_work() -> bool:
    """Whether eight-bit layers exist here and give exact sums."""
    return load_library() is not None or parts_that_add_exactly() is not None


def _has_bf16_products() -> bool:
    """Whether the CPU multiplies in bfloat16 instead of converting at each step."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return supported is not None and supported()
