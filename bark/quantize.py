"""Number formats of the weights: float32, half precision, and what `auto` makes of a device."""

from __future__ import annotations

import torch
from torch import nn

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def choose_precision(precision: str, device: torch.device) -> str:
    """What `auto` means on a device; anything else stays as it is."""
    if precision != "auto":
        return precision
    if device.type != "cuda":
        return "fp32"
    # is_bf16_supported() also counts emulation; the hardware has it from Ampere on.
    return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"


def apply_precision(model: nn.Module, precision: str, device: torch.device) -> nn.Module:
    """The model with its weights in that format."""
    return model.to(_DTYPES[precision])
