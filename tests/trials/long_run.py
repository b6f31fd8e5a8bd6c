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

from bark import Bark
from bark.compare import grid

TEXTS = ("Hi.", "Hello there.", "One, two, three.", "The price is 12 dollars.")
_SETTLED = 50  # takes after which nothing grows any more


def main() -> int:
    """Generates, and prints memory and handles on the way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takes", type=int, default=500)
    parser.add_argument("--grids", type=int, default=50)
    options = parser.parse_args()
    bark = Bark.from_pretrained("nano", device="cpu")
    settled = None
    with tempfile.TemporaryDirectory() as folder:
        for n in range(1, options.takes + 1):
            take = bark.generate(TEXTS[n % len(TEXTS)], seed=n)
            take.save(Path(folder) / "take.flac")
            if n % options.takes == 0 or n % 50 == 0:
                now = _state()
                settled = settled or (now if n >= _SETTLED else None)
                _say(f"{n:4} takes  {now[0] / 1e6:8.1f} MB  {now[1]} handles")
        for n in range(1, options.grids + 1):
            made = grid(
                "Hi.", across={"seed": f"{n}-{n + 1}"}, down={"text_temperature": "0.5, 0.7"},
                model=bark,
            )  # fmt: skip
            made.save(Path(folder) / "grid")
            if n % 10 == 0:
                now = _state()
                _say(f"{n:4} grids  {now[0] / 1e6:8.1f} MB  {now[1]} handles")
    assert settled is not None
    growth = now[0] / settled[0] - 1
    _say(f"after the first {_SETTLED} takes memory grew by {growth:+.1%}, handles by "
         f"{now[1] - settled[1]}")  # fmt: skip
    return 0 if growth <= 0.05 and now[1] <= settled[1] else 1


def _state() -> tuple[int, int]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(list(Path("/proc/self/fd").iterdir()))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
