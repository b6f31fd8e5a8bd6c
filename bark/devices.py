"""Choosing the torch device, how many threads compute on it, and what says that it is full."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any

import torch

from .errors import BarkError, MemoryShortError, OptionError

_ONE_THREAD_BYTES = 100_000_000  # of weights in float32; nano has 63 MB, Bark's small model 1.6 GB

_FULL = (
    *("not enough memory", "allocate memory", "out of memory", "bad_alloc", "alloc_failed"),
    *("could not create a primitive", "could not create a memory"),  # oneDNN names no reason
)


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


def is_short_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is short: Python's, NumPy's, torch's or the system's.

    What has its sentence already, a `MemoryShortError`, is none of these.
    """
    if isinstance(error, BarkError):
        return False
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _FULL)


@contextlib.contextmanager
def memory_for(what: str, n_bytes: int) -> Iterator[None]:
    """Says in a sentence that something does not fit.

    Args:
        what: is loaded.
        n_bytes: about what it takes.

    Raises:
        MemoryShortError: memory ran out while the context lasted.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_short_of_memory(error):
            raise
        size = f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
        raise MemoryShortError(
            f"There is not enough memory to load {what}, which takes about {size}; "
            "close other programs or choose a smaller model."
        ) from error
