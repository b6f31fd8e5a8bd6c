"""Kills programs at random moments: `python -m tests.trials.kills`.

A take, a batch, a grid and a narration are begun over and over and killed; what stands under a
final name must be whole, and the next start must work and sweep what the killed ones left. Each is
the command line's `main` in a process of its own, forked from one that has imported everything.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

import bark.cli.grid
import bark.cli.narrate
import bark.pipeline  # noqa: F401  # in the parent of all children, once
from bark.audio import read_audio
from bark.cli import program
from bark.errors import BarkError
from bark.take import Take
from bark.voices.file import read_voice_file

_TEXT = "Hello there. This is one of several sentences. And this is another one."


def commands(folder: Path, seed: int) -> dict[str, list[str]]:
    """What is begun, each in a folder of its own; another seed makes all of it anew."""
    lines, book = folder / "lines.txt", folder / "book.txt"
    lines.write_text("One.\nTwo.\nThree.\nFour.\n")
    book.write_text(f"{_TEXT}\n\n{_TEXT}\n")

    def out(name: str) -> list[str]:
        return ["--output_dir", str(folder / name), "--model", "nano", "--seed", str(seed)]

    return {
        "take": ["--text", "Hello there.", "--output_filename", "take.flac",
                 "--output_full", "True", *out("take")],
        "batch": ["--batch", str(lines), "--output_filename", "line.wav", *out("batch")],
        "grid": ["grid", "Hi.", "--across", f"seed={seed}-{seed + 3}", "--model", "nano",
                 "--output", str(folder / "grid" / "grid.zip")],
        "narration": ["narrate", str(book), "--out", str(folder / "narration" / "b.flac"),
                      "--model", "nano", "--seed", str(seed)],
    }  # fmt: skip


def faults(folder: Path) -> list[str]:
    """Files under a final name that are not whole."""
    found = []
    for path in folder.rglob("*"):
        if not path.is_file() or path.name.endswith(".part") or path.name.startswith("."):
            continue
        try:
            if path.suffix == ".npz":
                read_voice_file(path)
            elif path.suffix == ".zip":
                with zipfile.ZipFile(path) as archive:
                    assert archive.testzip() is None
            elif path.suffix in (".flac", ".wav"):
                audio, _ = read_audio(path)
                assert len(audio)
                with contextlib.suppress(BarkError):
                    assert np.isfinite(Take.load(path).audio).all()
        except (BarkError, AssertionError, zipfile.BadZipFile) as error:
            found.append(f"{path.relative_to(folder)}: {error}")
    return found


def age(folder: Path) -> None:
    """Makes leftovers as old as those of a minute ago, which is when they are swept."""
    for path in folder.rglob(".*.part"):
        os.utime(path, (0, 0))


def main() -> int:
    """Kills `--n` programs; then lets each end, and looks what is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        for name in commands(folder, 0):
            (folder / name).mkdir()
        lasts = {name: _run(argv) for name, argv in commands(folder, 0).items()}
        killed: collections.Counter[str] = collections.Counter()
        n = 0
        while killed.total() < options.n:
            n += 1
            name = rng.choice(list(lasts))
            child = _begin(commands(folder, n)[name])
            # most moments while something is written, which is towards the end
            time.sleep(lasts[name] * rng.triangular(0.05, 1.1, 0.9))
            os.kill(child, signal.SIGKILL)
            killed[name] += os.WIFSIGNALED(os.waitpid(child, 0)[1])
            wrong += [f"{n}, {name}: {fault}" for fault in faults(folder / name)]
            if n % 10 == 9:
                _say(f"{killed.total()} of {n} were killed so far, {len(wrong)} files not whole")
        left = len(list(folder.rglob(".*.part")))
        age(folder)
        for name, argv in commands(folder, n).items():
            _run(argv)
            wrong += [f"afterwards, {name}: {fault}" for fault in faults(folder / name)]
        after = [str(path.relative_to(folder)) for path in folder.rglob(".*.part")]
    for fault in wrong:
        _say(fault)
    _say(f"{dict(killed)} of {n} were killed before their end; {len(wrong)} files not whole; "
         f"{left} unfinished files left, {len(after)} after the next start {after}")  # fmt: skip
    return 1 if wrong or after else 0


def _begin(argv: list[str]) -> int:
    """Starts the command line in a process of its own; returns its number."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1):
            os.dup2(silence, stream)
        code = program.main([*argv, "--silent"] if argv[0].startswith("-") else argv)
    finally:
        os._exit(code)


def _run(argv: list[str]) -> float:
    began = time.monotonic()
    _, status = os.waitpid(_begin(argv), 0)
    if status:
        raise SystemExit(f"{argv} failed")
    return time.monotonic() - began


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
