"""Which ways a linear layer can be computed here, and how long each takes.

`auto` does not choose by such a measurement: other work on the machine would change the choice,
and with it the last digits of a take. It chooses by what the processor can do (quantize.py), in an
order that this measurement has confirmed on every kind tried: compiled eight-bit layers, torch's
eight-bit layers, float32. Both eight-bit ways add whole numbers, so that no take depends on its
neighbours; they round the activations' codes and the results each in their own way.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from .native.library import load_library
from .native.linear import Int4Layer, Int8Layer
from .native.memory import HugeMemory
from .onednn import OneDnnLinear, is_quicker
from .torch_layers import Int8Linear, parts_that_add_exactly

_SIZE = (3_072, 768)  # of the first layer of small's MLP
_N_LAYERS = 3  # one after the other, so that the first caches do not hold their weights
_BUDGET_S = 0.15  # of one way's measurements with one number of rows

_FEATURES = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "asimddp")


@dataclasses.dataclass(frozen=True)
class Way:
    """One way, and what it takes.

    Attributes:
        name: "compiled int8", "torch int8" or "float32"; behind them what `auto` never takes,
            "compiled int4", and how float32 reads many rows where oneDNN is quicker.
        ms: of one layer of 768 inputs and 3,072 outputs, by how many rows go through it.
    """

    name: str
    ms: dict[int, float]


def measure_ways(rows: Sequence[int] = (1, 8, 256), *, budget_s: float = _BUDGET_S) -> list[Way]:
    """The ways that give results here, those of `auto` first and in the order it prefers.

    The least of some repeats counts, so that other work hardly does; of the processor's time, on
    as many threads as torch has.

    Args:
        budget_s: after which a way is not repeated.
    """
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(_SIZE, generator=generator) for _ in range(_N_LAYERS)]
    ways: dict[str, list[nn.Module]] = {}
    library = load_library()
    memory = HugeMemory()
    if library is not None:
        ways["compiled int8"] = [Int8Layer(library, memory, w, None) for w in weights]
    if parts_that_add_exactly() is not None:
        ways["torch int8"] = [Int8Linear(w, None) for w in weights]
    ways["float32"] = [_float32(w) for w in weights]
    if library is not None:
        ways["compiled int4"] = [Int4Layer(library, memory, w, None) for w in weights]
    if is_quicker():
        ways["float32 by oneDNN"] = [OneDnnLinear(_float32(w)) for w in weights]
    inputs = {n: torch.randn(n, _SIZE[1], generator=generator) for n in rows}
    return [
        Way(name, {n: _least_ms(layers, x, budget_s) for n, x in inputs.items()})
        for name, layers in ways.items()
    ]


def describe_processor() -> str:
    """Its name, and those of its features that decide; "" where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return (
        f"{fields.get('model name', '')} ({' '.join(f for f in _FEATURES if f in flags)})".strip()
    )


def _float32(weight: torch.Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    layer.weight = nn.Parameter(weight, requires_grad=False)
    return layer


@torch.inference_mode()
def _least_ms(layers: list[nn.Module], x: torch.Tensor, budget_s: float) -> float:
    least, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < budget_s or least == float("inf"):
        before = time.process_time()
        for layer in layers:
            layer(x)
        least = min(least, time.process_time() - before)
    return 1e3 * least / len(layers)
