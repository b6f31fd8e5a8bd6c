"""Float32 products of many rows by oneDNN, where MKL leaves half of the processor unused.

Torch's float32 layers are MKL's. On processors that are not Intel's it multiplies with AVX2 where
they have AVX-512, at half the speed (measured: 102 instead of 225 GFLOP/s a thread); oneDNN, which
is in torch as well, compiles its kernels for what is there. Its sums have another order, so their
last bits differ; near ties are decided as the reference decides them (decoding/referee.py).
"""

from __future__ import annotations

import copy
import functools
import logging
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from .blocks import Block

log = logging.getLogger(__name__)

MANY_ROWS = 17
"""From so many rows on; fewer are read by the compiled layers, or are as quick in MKL's."""

_CPU_INFO = Path("/proc/cpuinfo")
_INTEL = "GenuineIntel"


class OneDnnLinear(nn.Module):
    """A linear layer that shares the weight of another one.

    Args:
        linear: float32, on the CPU.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.out_features, self.in_features = linear.out_features, linear.in_features
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, x: Tensor) -> Tensor:
        """(..., K) float32 -> (..., N) float32."""
        result: Tensor = torch.ops.mkldnn._linear_pointwise(
            x.contiguous(), self.weight, self.bias, "none", [], ""
        )
        return result


def twins_by_onednn(blocks: Iterable[nn.Module]) -> tuple[Block, ...]:
    """Blocks with the same weights whose products oneDNN computes; they are for reading only."""
    twins = []
    for block in blocks:
        shared = {id(parameter): parameter for parameter in block.parameters()}
        twin = copy.deepcopy(block, shared)
        assert isinstance(twin, Block)
        for part in (twin.attn, twin.mlp):
            for name, layer in list(part.named_children()):
                assert isinstance(layer, nn.Linear)
                setattr(part, name, OneDnnLinear(layer))
        twins.append(twin)
    return tuple(twins)


@functools.cache
def is_quicker() -> bool:
    """Whether oneDNN multiplies float32 with wider vectors here than MKL does."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or _is_intel():
        return False
    try:
        return _multiplies()
    except (RuntimeError, AttributeError) as error:
        log.info("float32 products stay MKL's: %s", error)
        return False


def _is_intel() -> bool:
    """Whether the processor is Intel's, or nobody knows."""
    try:
        return _INTEL in _CPU_INFO.read_text(encoding="utf-8")
    except OSError:
        return True


@torch.inference_mode()
def _multiplies() -> bool:
    generator = torch.Generator().manual_seed(0)
    linear = nn.Linear(64, 32)
    x = torch.randn(2, MANY_ROWS, 64, generator=generator)
    return torch.allclose(OneDnnLinear(linear)(x), linear(x), atol=1e-5)
