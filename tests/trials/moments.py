"""Programs in processes of their own, killed by the clock or where they work at their files."""

from __future__ import annotations

import contextlib
import mmap
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Collection
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

Program = Callable[[], int]
"""Returns 0 when all went well."""

_TOUCHES = ("open", "os.scandir", "os.rename", "os.symlink", "os.remove")
_MAX_DOUBLINGS = 10.0  # the last kill comes 2^10 calls after what a program did to a file


class Killer(Protocol):
    """Learns what a program does, and then kills it at moments of it."""

    def learn(self, name: str, program: Program, folder: Path) -> None:
        """Lets a program end once."""

    def kill(self, name: str, program: Program, folder: Path) -> bool:
        """Begins a program and kills it; False where it was quicker.

        Raises:
            RuntimeError: it failed, as no start may, whatever kills there were before.
        """


class ByClock:
    """From outside, at a time that is drawn: mostly towards the end, where files are written.

    Args:
        evenly: programs that are killed as often at their beginning.
    """

    def __init__(self, rng: random.Random, evenly: Collection[str] = ()) -> None:
        self._rng, self._evenly = rng, evenly
        self._lasts_s: dict[str, float] = {}

    def learn(self, name: str, program: Program, folder: Path) -> None:
        began = time.monotonic()
        run(program)
        self._lasts_s[name] = time.monotonic() - began

    def kill(self, name: str, program: Program, folder: Path) -> bool:
        share = self._rng.triangular(0.05, 1.1, 0.9)
        if name in self._evenly:
            share = self._rng.uniform(0.05, 1.1)
        child = begin(program)
        time.sleep(self._lasts_s[name] * share)
        os.kill(child, signal.SIGKILL)
        return _was_killed(child)


class AtFiles:
    """A program kills itself some calls after it touched a file of its folder.

    No clock decides, so a few kills are worth many, and a loaded machine gives the same ones.

    Args:
        lean: 1 meets all files alike; 2 the first ones more often, for what goes on where a kill
            left it and so has fewer to come than were counted; 0.5 the last ones.
    """

    def __init__(self, rng: random.Random, lean: float = 1.0) -> None:
        self._rng, self._lean = rng, lean
        self._n_touches: dict[str, int] = {}

    def learn(self, name: str, program: Program, folder: Path) -> None:
        with mmap.mmap(-1, 8) as shared:  # with the process that counts
            run(lambda: _counting(program, folder, shared))
            self._n_touches[name] = int.from_bytes(shared[:], "big")

    def kill(self, name: str, program: Program, folder: Path) -> bool:
        touch = int(self._n_touches[name] * self._rng.random() ** self._lean)
        n_calls = int(2 ** self._rng.uniform(0, _MAX_DOUBLINGS))
        child = begin(lambda: _killing_itself(program, folder, touch, n_calls))
        return _was_killed(child)


def begin(program: Program) -> int:
    """Starts a program in a process of its own, which says nothing; returns its number."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1):
            os.dup2(silence, stream)
        code = program()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def run(program: Program) -> None:
    """Lets a program end.

    Raises:
        RuntimeError: it failed, or was killed.
    """
    if _was_killed(begin(program)):
        raise RuntimeError("a program was killed by somebody else")


def _was_killed(child: int) -> bool:
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    if status:
        raise RuntimeError(f"a program failed before it was killed ({status})")
    return False


def _counting(program: Program, folder: Path, shared: mmap.mmap) -> int:
    n = 0

    def count() -> None:
        nonlocal n
        n += 1
        shared[:] = n.to_bytes(len(shared), "big")

    _on_touch(folder, count)
    return program()


def _killing_itself(program: Program, folder: Path, touch: int, n_calls: int) -> int:
    n = 0

    def count() -> None:
        nonlocal n
        if n == touch:
            _kill_after(n_calls)
        n += 1

    _on_touch(folder, count)
    return program()


def _on_touch(folder: Path, call: Callable[[], None]) -> None:
    """Has this process, to its end, call whenever it begins or renames a file of a folder.

    It also calls where a folder is listed, as it is before libsndfile writes, which tells nothing.
    Such a hook cannot be taken out again: only for a process that has nothing else to do.
    """
    begins = str(folder)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not _is_for_writing(*arguments):
            return
        # the first two are paths, where there are two
        if event in _TOUCHES and any(str(path).startswith(begins) for path in arguments[:2]):
            call()

    sys.addaudithook(hook)


def _is_for_writing(path: object, mode: object, flags: int) -> bool:
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) and not str(path).endswith(".lock")


def _kill_after(n_calls: int) -> None:
    """Kills this process when this thread has called, or come back, so often."""
    n = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal n
        n += 1
        if n > n_calls:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)


def say(line: str) -> None:
    """A line of a trial that is run by hand."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
