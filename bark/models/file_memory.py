"""Memory that is given back to the system: pages of mapped weights, and what was freed."""

from __future__ import annotations

import ctypes
import mmap
import sys
from pathlib import Path

from torch import Tensor, nn

_LARGE_BYTES = 16 << 20

_MAPS = Path("/proc/self/maps")


def give_back(weight: Tensor) -> None:
    """Takes the pages of a weight that was mapped from a file out of this process's memory.

    A page that is read again comes from the file; memory without a file is left alone.
    """
    if sys.platform != "linux" or weight.device.type != "cpu":
        return
    end = weight.data_ptr() + weight.numel() * weight.element_size()
    start = -(-weight.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    size = (end - start) // mmap.PAGESIZE * mmap.PAGESIZE
    if size > 0 and _is_of_a_file(start, start + size):
        ctypes.CDLL(None).madvise(
            ctypes.c_void_p(start), ctypes.c_size_t(size), ctypes.c_int(mmap.MADV_DONTNEED)
        )


def give_back_tables(model: nn.Module) -> bool:
    """The same of a model's embeddings, where they are large; whether they are.

    A run reads few of their rows, but a page for each of these and its neighbours with it.
    """
    tables = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    if sum(table.nbytes for table in tables) < _LARGE_BYTES:
        return False
    for table in tables:
        give_back(table)
    return True


def give_back_freed_memory() -> None:
    """Lets the system have the pages that this process has freed, also those between others.

    glibc alone gives back what lies at an arena's end; a few small things that are kept behind a
    generation's large ones hold all of them.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _is_of_a_file(start: int, end: int) -> bool:
    """Whether these addresses lie in one mapping of a file, which Linux can read again."""
    try:
        lines = _MAPS.read_text().splitlines()
    except OSError:  # no /proc here: nothing is known, so nothing is given back
        return False
    for line in lines:
        addresses, _, _, _, inode, *_ = line.split()
        first, last = (int(address, 16) for address in addresses.split("-"))
        if first <= start and end <= last:
            return inode != "0"
    return False
