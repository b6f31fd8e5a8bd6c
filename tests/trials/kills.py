"""Kills whole programs at random moments: `python -m tests.trials.kills`.

A take, a batch, a grid and a narration are begun over and over and killed; what stands under a
final name must be whole, and the next start must work and sweep what the killed ones left.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from bark.audio import read_audio
from bark.errors import BarkError
from bark.take import Take
from bark.voices.file import read_voice_file

_TEXT = "Hello there. This is one of several sentences. And this is another one."


def commands(folder: Path) -> dict[str, list[str]]:
    """What is begun, each in a folder of its own."""
    bark = [sys.executable, "-m", "bark"]
    lines, book = folder / "lines.txt", folder / "book.txt"
    lines.write_text("One.\nTwo.\nThree.\nFour.\n")
    book.write_text(f"{_TEXT}\n\n{_TEXT}\n")

    def out(name: str) -> list[str]:
        return ["--output_dir", str(folder / name), "--model", "nano", "--seed", "1"]

    return {
        "take": [*bark, "--text", "Hello there.", "--output_filename", "take.flac",
                 "--output_full", "True", *out("take")],
        "batch": [*bark, "--batch", str(lines), "--output_filename", "line.wav", *out("batch")],
        "grid": [*bark, "grid", "Hi.", "--across", "seed=1-4", "--model", "nano",
                 "--output", str(folder / "grid" / "grid.zip")],
        "narration": [*bark, "narrate", str(book), "--out", str(folder / "narration" / "b.flac"),
                      "--model", "nano", "--seed", "1"],
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
        begun = commands(folder)
        for name in begun:
            (folder / name).mkdir()
        environment = {**os.environ, "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", root)}
        lasts = {name: _run(command, environment) for name, command in begun.items()}
        killed = 0
        for n in range(options.n):
            name = rng.choice(list(begun))
            process = subprocess.Popen(
                begun[name], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            # most moments while something is written, which is towards the end
            time.sleep(lasts[name] * rng.triangular(0.05, 1.1, 0.9))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed += 1
            process.wait()
            wrong += [f"{n}, {name}: {fault}" for fault in faults(folder / name)]
            if n % 10 == 9:
                _say(f"{killed} of {n + 1} were killed so far, {len(wrong)} files not whole")
        left = len(list(folder.rglob(".*.part")))
        age(folder)
        for name, command in begun.items():
            _run(command, environment)
            wrong += [f"afterwards, {name}: {fault}" for fault in faults(folder / name)]
        after = [str(path.relative_to(folder)) for path in folder.rglob(".*.part")]
    for fault in wrong:
        _say(fault)
    _say(f"{killed} of {options.n} were killed before their end; {len(wrong)} files not whole; "
         f"{left} unfinished files left, {len(after)} after the next start {after}")  # fmt: skip
    return 1 if wrong or after else 0


def _run(command: list[str], environment: dict[str, str]) -> float:
    began = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command} failed: {done.stderr[-800:]}")
    return time.monotonic() - began


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
