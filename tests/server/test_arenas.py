"""Threads of a busy server share their memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import re, sys, threading, numpy as np
from bark.server.arenas import bound_arenas
assert bound_arenas() == (sys.argv[1] == "bounded"), "MALLOC_ARENA_MAX stands"
lock = threading.Lock()
def work():
    with lock:
        pieces = [bytearray(100_000) for _ in range(300)]  # 30 MB in pieces that arenas hold
        kept.append(bytearray(1_000))
        del pieces
kept, barrier = [], threading.Barrier(12)
def run():
    barrier.wait()
    work()
    barrier.wait()
threads = [threading.Thread(target=run) for _ in range(12)]
[t.start() for t in threads]; [t.join() for t in threads]
print(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


FREEING = """
import re
from bark.models.file_memory import give_back_freed_memory
def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])
pieces, kept = [], []
for _ in range(600):  # 60 MB, each piece with a little behind it that stays
    pieces.append(bytearray(100_000)); kept.append(bytearray(1_000))
pieces.clear()
before = resident()
give_back_freed_memory()
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc_trim")
def test_freed_memory_between_kept_pieces_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FREEING], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) / 1_024 > 40


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's arenas")
def test_memory_that_one_thread_freed_is_used_by_the_next() -> None:
    def resident_mib(name: str, variables: dict[str, str]) -> float:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, name],
            env={"PATH": "", "PYTHONPATH": ".", "OMP_NUM_THREADS": "1", **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return int(done.stdout) / 1_024

    apart = resident_mib("not", {"MALLOC_ARENA_MAX": "16"})
    assert resident_mib("bounded", {}) < apart - 20
