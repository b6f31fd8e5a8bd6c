"""Hundreds of takes and dozens of grids in one process: `python -m tests.trials.long_run`.

Memory and open handles are looked at throughout; both must be flat after the first fifty takes.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from bark import Bark
from bark.compare import grid
from bark.options import GenerationOptions

from .moments import say

TEXTS = ("Hi.", "Hello there.", "One, two, three.", "The price is 12 dollars.")


class State(NamedTuple):
    """What a process holds."""

    n_bytes: int
    n_handles: int


def grown(
    bark: Any, folder: Path, *, n_takes: int, n_grids: int, n_settled: int, every: int = 50
) -> tuple[float, int]:
    """Makes takes and grids and saves them, and tells what this process holds on the way.

    Args:
        bark: a loaded model.
        n_settled: takes after which nothing grows any more.
        every: takes from one look to the next; five times as many as grids.

    Returns:
        by what share memory has grown since it was settled, and by how many the handles.
    """
    for n in range(1, n_takes + 1):
        take = bark.generate(TEXTS[n % len(TEXTS)], options=GenerationOptions(seed=n))
        take.save(folder / "take.flac")
        if n == n_settled:
            settled = _state()
        if n % every == 0:
            _tell(f"{n:4} takes")
    for n in range(1, n_grids + 1):
        made = grid(
            "Hi.", across={"seed": f"{n}-{n + 1}"}, down={"text_temperature": "0.5, 0.7"},
            model=bark,
        )  # fmt: skip
        made.save(folder / "grid")
        if n % (every // 5) == 0:
            _tell(f"{n:4} grids")
    now = _state()
    return now.n_bytes / settled.n_bytes - 1, now.n_handles - settled.n_handles


def main() -> int:
    """Makes as many as is asked for, and says whether all stayed flat."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takes", type=int, default=500)
    parser.add_argument("--grids", type=int, default=50)
    parser.add_argument("--settled", type=int, default=50, help="takes after which all is flat")
    parser.add_argument("--growth", type=float, default=0.05, help="of memory, as a share (0.05)")
    options = parser.parse_args()
    bark = Bark.from_pretrained("nano", device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        growth, n_handles = grown(
            bark,
            Path(folder),
            n_takes=options.takes,
            n_grids=options.grids,
            n_settled=options.settled,
        )
    say(
        f"after the first {options.settled} takes memory grew by {growth:+.1%}, "
        f"handles by {n_handles}"
    )
    return 0 if growth <= options.growth and n_handles <= 0 else 1


def _state() -> State:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    n_handles = len(list(Path("/proc/self/fd").iterdir()))
    return State(pages * os.sysconf("SC_PAGE_SIZE"), n_handles)


def _tell(made: str) -> None:
    now = _state()
    say(f"{made}  {now.n_bytes / 1e6:8.1f} MB  {now.n_handles} handles")


if __name__ == "__main__":
    sys.exit(main())
