"""A narration that is killed again and again, from its first chunk to its file, loses nothing."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from bark.narration.captions import write_captions
from bark.narration.cast import Cast
from bark.narration.engines import LocalEngine
from bark.narration.joining import write_file
from bark.narration.timeline import timeline

from .narrating import Hummer, begun, run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

TEXT = "\n\n".join(
    f"This is paragraph {n}. It has two sentences, and a comma." for n in range(1, 25)
)
FILES = ("whole.wav", "whole.flac", "whole.srt", "whole.json")
_WAIT_S = 120
LONG = pytest.mark.skipif("BARK_TRIALS" not in os.environ, reason="long: set BARK_TRIALS=1")


def narrate(folder: Path) -> None:
    """The whole job: what is missing is made, and the files are written."""
    bark = Hummer()
    bark.pace_s = 0.001
    narration = begun(folder / "job", TEXT, bark, Cast("alder"))
    run(narration, engine=LocalEngine(bark, width=3))
    for name in FILES[:2]:
        write_file(narration, folder / name)
    write_captions(narration, folder / "whole.srt")
    (folder / "whole.json").write_text(json.dumps(timeline(narration)))


def begin(folder: Path) -> int:
    """Narrates in a process of its own."""
    child = os.fork()
    if child:
        return child
    try:
        narrate(folder)
        os._exit(0)
    finally:
        os._exit(1)


def n_made(folder: Path) -> int:
    return len(list((folder / "job" / "chunks").glob("*.json")))


def kill_at(folder: Path, n_chunks: int, delay_s: float) -> bool:
    """Kills a run once so many chunks are there and a moment has passed; False if it ended."""
    child, until = begin(folder), time.monotonic() + _WAIT_S
    while n_made(folder) < n_chunks and os.waitpid(child, os.WNOHANG) == (0, 0):
        assert time.monotonic() < until
        time.sleep(0.002)
    time.sleep(delay_s)
    try:
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def hashes(folder: Path) -> list[str]:
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES]


@pytest.mark.parametrize("n_kills", [20, pytest.param(200, marks=LONG)])
def test_killed_at_moments_over_the_whole_job_the_files_are_the_same(
    tmp_path: Path, n_kills: int
) -> None:
    draw = random.Random(n_kills)
    (tmp_path / "once").mkdir()
    narrate(tmp_path / "once")
    n_chunks = n_made(tmp_path / "once")
    folder = tmp_path / "killed"
    folder.mkdir()
    places = []
    for i in range(n_kills):
        if kill_at(folder, i * n_chunks // n_kills, draw.uniform(0, 0.1)):
            places.append(n_made(folder))
    assert len(places) > n_kills // 2  # the last ones may find nothing left to do
    assert places[0] < n_chunks // 4
    assert places[-1] > n_chunks * 3 // 4
    for path in folder.rglob("*.part"):  # as if the kill lay some minutes back
        os.utime(path, (time.time() - 300,) * 2)
    os.waitpid(begin(folder), 0)
    assert hashes(folder) == hashes(tmp_path / "once")
    assert list(folder.rglob("*.part")) == []
