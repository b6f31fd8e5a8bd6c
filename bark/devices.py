"""Choosing the torch device."""

from __future__ import annotations

import torch

from .errors import OptionError


def choose_device(device: str | torch.device | None, *, enable_mps: bool = False) -> torch.device:
    """The torch device to compute on.

    Raises:
        OptionError: it is none, or this machine does not have it.
    """
    if device is None or device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if enable_mps and torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise OptionError(f"Unknown device {device!r}; use cpu, cuda, cuda:1 or mps.") from None
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (chosen.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(chosen.type, False):
        raise OptionError(f"The device {device} is not on this machine; use cpu or leave it out.")
    return chosen
