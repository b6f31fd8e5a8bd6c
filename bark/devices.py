"""Choosing the torch device, and how many threads compute on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from .errors import OptionError

_ONE_THREAD_BYTES = 100_000_000  # of weights in float32; nano has 48 MB, Bark's small model 1.6 GB


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


@contextlib.contextmanager
def exact_float32(precision: str, device: torch.device) -> Iterator[None]:
    """Keeps CUDA from rounding float32 to TF32 while the context lasts, where float32 is asked for.

    torch lets cuDNN do so by default, in the codec's and nano's convolutions, and a program may
    have allowed it for products too.

    Args:
        precision: as `choose_precision` returns it.
    """
    if device.type != "cuda" or precision != "fp32":
        yield
        return
    flags: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    try:
        before = [flag.allow_tf32 for flag in flags]
    except RuntimeError:  # the program decides by torch's newer names, for each operation
        yield
        return
    for flag in flags:
        flag.allow_tf32 = False
    try:
        yield
    finally:
        for flag, allowed in zip(flags, before, strict=True):
            flag.allow_tf32 = allowed


@contextlib.contextmanager
def fitting_threads(weight_bytes: int, *, is_native: bool = False) -> Iterator[None]:
    """The one rule for torch's threads: one of them while the context lasts, where more would harm.

    A small model's products are so short that threads mostly wait for each other: on two cores
    with other work nano took 16 s for a sentence with one thread and 114 s with two. And where the
    layers in C do the work on threads of their own, torch's, which have nothing to do, would keep
    the same cores busy for some milliseconds each time.

    Args:
        weight_bytes: of the whole model's weights in float32.
        is_native: the layers in C do the work.
    """
    if not is_native and weight_bytes > _ONE_THREAD_BYTES:
        yield
        return
    with same_threads():
        torch.set_num_threads(1)
        yield


@contextlib.contextmanager
def same_threads() -> Iterator[None]:
    """Puts torch's number of threads back to what it was when the context began."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)
