"""Reads thousands of damaged files, each within bounds: `python -m tests.trials.mutation`.

A file is used, or refused by one of our errors in one line, within a second of the processor's
time and 200 MB; nothing it holds is run and nothing outside the folder is written.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import logging
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from bark.errors import BarkError

from .kinds import Kind, all_kinds
from .mutations import mutate

MAX_CPU_S = 1.0
MAX_BYTES = 200 << 20
MAX_SENTENCE_CHARS = 1_500
_HANGS_S = 20
_RUNS_A_PROGRAM = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one file.

    Attributes:
        verdict: "used", "refused", or what was wrong.
        detail: says more where something was.
    """

    verdict: str
    cpu_s: float
    n_bytes: int
    detail: str = ""


class Watch:
    """Notices what no reading of a file may do: run a program, write elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self.is_on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event in _RUNS_A_PROGRAM:
            self.seen.append(f"{event} {arguments!r}"[:200])
        elif event == "open" and len(arguments) > 2:
            path, mode, flags = arguments[:3]
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            elsewhere = isinstance(path, str) and not path.startswith((self._folder, "/dev/null"))
            if writes and elsewhere:
                self.seen.append(f"open {path} {mode}"[:200])


def try_file(kind: Kind, path: Path, watch: Watch) -> Outcome:
    """Reads one file."""
    verdict, detail = "used", ""
    before, began = _memory("VmRSS"), time.process_time()
    _forget_peak()
    watch.seen.clear()
    watch.is_on = True
    try:
        with _alarm(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.read(path)
    except BarkError as error:
        verdict, sentence = "refused", str(error)
        if "\n" in sentence or not 0 < len(sentence) <= MAX_SENTENCE_CHARS:
            verdict, detail = "no sentence", sentence[:300]
    except _HangError:
        verdict = "hang"
    except BaseException as error:
        verdict = "traceback"
        detail = f"{type(error).__name__}: {str(error)[:200]} at {_where(error)}"
    watch.is_on = False
    cpu_s, n_bytes = time.process_time() - began, max(0, _memory("VmHWM") - before)
    if watch.seen:
        verdict, detail = "escape", watch.seen[0]
    elif verdict in ("used", "refused") and n_bytes > MAX_BYTES:
        verdict, detail = "memory", f"{n_bytes >> 20} MB"
    elif verdict in ("used", "refused") and cpu_s > MAX_CPU_S:
        verdict, detail = "slow", f"{cpu_s:.1f} s"
    return Outcome(verdict, cpu_s, n_bytes, detail)


def try_kind(
    kind: Kind, n: int, seed: int, folder: Path, watch: Watch, keep: Path | None = None
) -> list[Outcome]:
    """Reads the valid examples of a kind, and `n` damaged ones.

    Args:
        keep: a folder for the files of which something was wrong.
    """
    rng = random.Random(f"{kind.name} {seed}")
    outcomes = []
    for name, content in kind.seeds:
        path = folder / name
        path.write_bytes(content)
        kind.read(path)  # also warms up what is loaded when it is first needed
    others = [content for _, content in kind.seeds]
    for i in range(n):
        name, content = rng.choice(kind.seeds)
        path = folder / name
        path.write_bytes(mutate(content, others, rng))
        outcomes.append(try_file(kind, path, watch))
        if keep is not None and outcomes[-1].verdict not in ("used", "refused"):
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{i:05d}-{name}").write_bytes(path.read_bytes())
    return outcomes


class _HangError(BaseException):
    pass


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise _HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(_HANGS_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) << 10
    return 0


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/bark/" in frame.filename] or frames
    return " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(ours[-3:]))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Tries all kinds, and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000, help="damaged files in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="kinds whose names hold this")
    parser.add_argument("--keep", type=Path, help="a folder for what was wrong")
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    wrong = 0
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        (folder / "seeds").mkdir()
        (folder / "damaged").mkdir()
        tempfile.tempdir = root
        kinds = [kind for kind in all_kinds(folder / "seeds") if options.only in kind.name]
        watch = Watch(folder)
        n = -(-options.n // len(kinds))
        _say(f"{'kind':28}{'files':>7}{'used':>7}{'refused':>9}{'wrong':>7}{'s':>7}{'MB':>6}")
        for kind in kinds:
            outcomes = try_kind(kind, n, options.seed, folder / "damaged", watch, options.keep)
            counts = collections.Counter(outcome.verdict for outcome in outcomes)
            bad = len(outcomes) - counts["used"] - counts["refused"]
            wrong += bad
            _say(
                f"{kind.name:28}{len(outcomes):7}{counts['used']:7}{counts['refused']:9}{bad:7}"
                f"{max(o.cpu_s for o in outcomes):7.2f}{max(o.n_bytes for o in outcomes) >> 20:6}",
            )
            details = collections.Counter(
                f"{o.verdict}: {o.detail}" for o in outcomes if o.verdict not in ("used", "refused")
            )
            for detail, times in details.most_common(8):
                _say(f"    {times} × {detail}")
    _say(f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
