"""Memory in large pages, which weights are read from faster."""

from __future__ import annotations

import ctypes
import mmap

import torch
from torch import Tensor

LANES = 16
"""Outputs of one panel of weights."""

ROW_STEP = 64
"""The inputs of a packed layer are filled up to a multiple of it."""

_HUGE_PAGE = 1 << 21
_CHUNK = 32 << 20  # what is not used of it is never touched, and so takes no memory


class HugeMemory:
    """Gives tensors that lie one behind the other in a few large pieces."""

    def __init__(self) -> None:
        self._chunk = torch.empty(0, dtype=torch.int8)
        self._used = 0

    def take(self, n_bytes: int) -> Tensor:
        """(n_bytes,) int8, at a multiple of 64 bytes; it keeps its piece alive."""
        n_bytes = -(-n_bytes // 64) * 64
        if self._used + n_bytes > len(self._chunk):
            self._chunk = torch.empty(max(_CHUNK, n_bytes) + _HUGE_PAGE, dtype=torch.int8)
            self._used = -self._chunk.data_ptr() % _HUGE_PAGE
            prefer_huge_pages(self._chunk)
        start = self._used
        self._used += n_bytes
        return self._chunk[start : self._used]


def new_packed(n_out: int, n_bytes: int, memory: HugeMemory) -> tuple[Tensor, Tensor, Tensor]:
    """Empty codes of so many bytes, scales and offsets of a layer with `n_out` outputs."""
    n_out = -(-n_out // LANES) * LANES
    codes = memory.take(n_bytes)
    return codes, torch.empty(n_out), torch.empty(n_out, dtype=torch.int32)


def prefer_huge_pages(tensor: Tensor) -> None:
    """Asks for large pages for the memory behind a tensor, which was not touched yet."""
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    storage = tensor.untyped_storage()
    start = -(-storage.data_ptr() // _HUGE_PAGE) * _HUGE_PAGE
    size = (storage.data_ptr() + storage.nbytes() - start) // _HUGE_PAGE * _HUGE_PAGE
    if advice is not None and size > 0:
        ctypes.CDLL(None).madvise(
            ctypes.c_void_p(start), ctypes.c_size_t(size), ctypes.c_int(advice)
        )
