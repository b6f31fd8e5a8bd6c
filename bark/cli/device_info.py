"""`python -m bark --device_info`: what computes here."""

from __future__ import annotations

import platform

import torch

from ..devices import choose_device
from ..environment import Environment
from ..models.native.library import load_library
from ..models.quantize import choose_precision
from ..models.torch_layers import parts_that_add_exactly
from ..models.ways import describe_processor, measure_ways


def device_info(environment: Environment) -> str:
    """Some lines for people: processor, device, precision, and what a layer takes in each way."""
    device = choose_device(environment.device, enable_mps=environment.enable_mps)
    lines = [
        f"processor: {describe_processor() or platform.processor() or platform.machine()}",
        f"device: {device}, torch {torch.__version__}, {torch.get_num_threads()} thread(s)",
        f"precision by auto: {choose_precision('auto', device)}",
        f"eight-bit layers: {_eight_bit_layers()}",
    ]
    if device.type == "cpu":
        lines.append(
            "one layer of small, milliseconds of processor time (auto takes the first way):"
        )
        for way in measure_ways():
            took = ", ".join(f"{ms:.2f} for {n} row(s)" for n, ms in way.ms.items())
            lines.append(f"  {way.name}: {took}")
    return "\n".join(lines)


def _eight_bit_layers() -> str:
    library = load_library()
    if library is not None:
        tiles = "with" if library.has_tiles else "without"
        return (
            f"compiled, {library.panel_lanes} lanes, {tiles} tiles, {library.n_threads} thread(s)"
        )
    parts = parts_that_add_exactly()
    if parts is None:
        return "none that add exactly; float32 is used"
    return f"torch's, their products in {parts} part(s); nothing could be compiled"
