"""Keeps a busy server's memory flat: few pieces for its threads, and what is free given back.

glibc gives threads that allocate at the same time a piece ("arena") each, up to eight a core, and
what a thread has freed stays in its piece. A server whose requests come on forty threads ends up
with the peak of one generation in each of them, though one computes at a time.
"""

from __future__ import annotations

import ctypes
import os
import sys

_M_ARENA_MAX = -8  # glibc's malloc.h
_N_ARENAS = 2  # one for whoever computes, one for all others


def bound_arenas() -> bool:
    """Lets all threads of this process share two arenas, unless MALLOC_ARENA_MAX says otherwise.

    To be called before there are threads: arenas that exist are kept.

    Returns:
        whether it did; other systems and C libraries have no such thing.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_ARENA_MAX, _N_ARENAS))
