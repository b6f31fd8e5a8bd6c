"""Kills programs at random moments: `python -m tests.trials.kills`.

A take, a batch, a grid, a narration and a download are begun over and over and killed; what stands
under a final name must be whole, and the next start must work and sweep what the killed ones left.
The download is the program's own from a server here, the others are the command line's `main`;
each runs in a process of its own, forked from one that has imported everything.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import functools
import json
import os
import random
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
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

from .downloading import download, download_fault, serving
from .moments import ByClock, Killer, Program, run, say

KINDS = ("take", "batch", "grid", "narration", "download")
_TEXT = "Hello there. This is one of several sentences. And this is another one."
_EVENLY = ("download",)  # it writes from its beginning to its end, the others at their end
_PACE_S = 0.005  # a piece of a download
_MOST_BEGUN = 20  # times as many as are to be killed: not for ever where none can be


@dataclasses.dataclass
class Outcome:
    """What became of killed programs.

    Attributes:
        begun, killed: how many of each kind; the others ended before their moment came.
        amid: kills that left a file half written, or a half written one longer.
        wrong: files that were not whole, each with its kill.
        left: how many unfinished files lay there after the last kill.
        after: those that lay there after the next start.
    """

    begun: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    killed: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    amid: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)
    left: int = 0
    after: list[str] = dataclasses.field(default_factory=list)


def commands(folder: Path, seed: int) -> dict[str, list[str]]:
    """What is begun of the command line, by kind; another seed makes all of it anew."""
    lines, book = folder / "lines.txt", folder / "book.txt"
    lines.write_text("One.\nTwo.\nThree.\nFour.\n")
    book.write_text(f"{_TEXT}\n\n{_TEXT}\n")
    model = ["--model", "nano", "--silent"]

    def out(name: str) -> list[str]:
        return ["--output_dir", str(folder / name), "--seed", str(seed), *model]

    return {
        "take": ["--text", "Hello there.", "--output_filename", "take.flac",
                 "--output_full", "True", *out("take")],
        "batch": ["--batch", str(lines), "--output_filename", "line.wav", *out("batch")],
        "grid": ["grid", "Hi.", "--across", f"seed={seed}-{seed + 3}",
                 "--output", str(folder / "grid" / "grid.zip"), *model],
        "narration": ["narrate", str(book), "--out", str(folder / "narration" / "b.flac"),
                      "--seed", str(seed), *model],
    }  # fmt: skip


def programs(folder: Path, seed: int, server: str) -> dict[str, Program]:
    """What is begun, by kind; a download goes on from what lies in its folder."""
    made: dict[str, Program] = {
        name: functools.partial(program.main, argv) for name, argv in commands(folder, seed).items()
    }
    made["download"] = functools.partial(download, folder / "download", server)
    return made


def faults(folder: Path, kind: str) -> list[str]:
    """Files under a final name that are not whole, and parts of which none may be."""
    find = download_fault if kind == "download" else _fault
    return [
        f"{path.relative_to(folder)}: {fault}"
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and (fault := find(path))
    ]


def _fault(path: Path) -> str | None:
    try:
        if path.suffix == ".npz":
            read_voice_file(path)
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
        elif path.suffix == ".json":
            json.loads(path.read_bytes())
        elif path.suffix in (".flac", ".wav"):
            audio, _ = read_audio(path)
            assert len(audio)
            with contextlib.suppress(BarkError):
                assert np.isfinite(Take.load(path).audio).all()
    except (BarkError, AssertionError, ValueError, zipfile.BadZipFile) as error:
        return str(error) or "it holds nothing, or no sound"
    return None


def unfinished(folder: Path) -> dict[str, int]:
    """Files that killed ones began and did not end, and their bytes."""
    parts = [*folder.rglob(".*.part"), *folder.rglob("*.incomplete")]
    return {str(path.relative_to(folder)): path.stat().st_size for path in parts}


def age(folder: Path) -> None:
    """Makes leftovers as old as those of a minute ago, which is when they are swept."""
    for path in folder.rglob(".*.part"):
        os.utime(path, (0, 0))


def kill_many(
    folder: Path,
    kinds: Sequence[str],
    n_kills: int,
    killer: Killer,
    rng: random.Random,
    *,
    server: str,
    tell: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Kills programs of some kinds; then lets each end, and looks what is left.

    Raises:
        RuntimeError: one failed, as no start may after whatever kills.
    """
    out = Outcome()
    for name in kinds:
        (folder / name).mkdir()
        killer.learn(name, programs(folder, 0, server)[name], folder / name)
        _begin_anew(folder / name, name)
    for n in range(1, _MOST_BEGUN * n_kills + 1):
        name = rng.choice(kinds)
        out.begun[name] += 1
        before = unfinished(folder / name)
        if killer.kill(name, programs(folder, n, server)[name], folder / name):
            out.killed[name] += 1
            out.amid += not unfinished(folder / name).items() <= before.items()
            out.wrong += [f"{n}, {name}: {fault}" for fault in faults(folder / name, name)]
        else:
            _begin_anew(folder / name, name)
        if n % 10 == 0:
            tell(f"{out.killed.total()} of {n} were killed, {len(out.wrong)} files not whole")
        if out.killed.total() == n_kills:
            break
    out.left = len(unfinished(folder))
    age(folder)
    for name in kinds:
        run(programs(folder, n, server)[name])
        out.wrong += [f"afterwards, {name}: {fault}" for fault in faults(folder / name, name)]
    out.after = sorted(unfinished(folder))
    return out


def _begin_anew(folder: Path, kind: str) -> None:
    """Another seed makes all others anew; a download that is done would find nothing to do."""
    if kind == "download":
        shutil.rmtree(folder)
        folder.mkdir()


def main() -> int:
    """Kills `--n` programs, and prints what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as root, serving(_PACE_S) as server:
        out = kill_many(
            Path(root),
            options.kinds,
            options.n,
            ByClock(rng, _EVENLY),
            rng,
            server=server,
            tell=say,
        )
    for fault in out.wrong:
        say(fault)
    say(
        f"{dict(out.killed)} of {out.begun.total()} were killed before their end, "
        f"{out.amid} amid a file; {len(out.wrong)} files not whole; "
        f"{out.left} unfinished files left, {len(out.after)} after the next start {out.after}"
    )
    return 1 if out.wrong or out.after or out.killed.total() < options.n else 0


if __name__ == "__main__":
    sys.exit(main())
