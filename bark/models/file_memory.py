"""Memory that is given back to the system: pages of mapped weights, and what was freed."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

_LARGE_BYTES = 16 << 20

_MAPS = Path("/proc/self/maps")


def give_back(weight: Tensor) -> None:
    """Takes the pages of a weight that was mapped from a file out of this process's memory.

    A page that is read again comes from the file; memory without a file is left alone.
    """
    MappedPages([weight]).give_back()


class MappedPages:
    """Those pages of some weights that lie in a file, found once: looking takes a millisecond.

    Args:
        weights: stay where they are as long as this is there.
    """

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self._weights = weights
        mappings = _file_mappings() if any(w.device.type == "cpu" for w in weights) else []
        self._ranges = []
        for weight in weights:
            end = weight.data_ptr() + weight.nbytes
            start = -(-weight.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
            size = (end - start) // mmap.PAGESIZE * mmap.PAGESIZE
            if size > 0 and any(a <= start and start + size <= b for a, b in mappings):
                self._ranges.append((start, size))

    @classmethod
    def of_tables(cls, model: nn.Module) -> MappedPages:
        """Of a model's embeddings, where they are large.

        A run reads few of their rows, but a page for each of these and its neighbours with it.
        """
        tables = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
        return cls(tables if sum(table.nbytes for table in tables) >= _LARGE_BYTES else [])

    def give_back(self) -> bool:
        """Takes them out of this process's memory; whether there are any."""
        for start, size in self._ranges:
            ctypes.CDLL(None).madvise(
                ctypes.c_void_p(start), ctypes.c_size_t(size), ctypes.c_int(mmap.MADV_DONTNEED)
            )
        return bool(self._ranges)


def give_back_freed_memory() -> None:
    """Lets the system have the pages that this process has freed, also those between others.

    glibc alone gives back what lies at an arena's end; a few small things that are kept behind a
    generation's large ones hold all of them.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _file_mappings() -> list[tuple[int, int]]:
    """First and last address of each mapping of a file, which Linux can read again."""
    if sys.platform != "linux":
        return []
    try:
        lines = _MAPS.read_text().splitlines()
    except OSError:  # no /proc here: nothing is known, so nothing is given back
        return []
    found = []
    for line in lines:
        addresses, _, _, _, inode, *_ = line.split()
        if inode != "0":
            first, last = addresses.split("-")
            found.append((int(first, 16), int(last, 16)))
    return found
