"""How the parent and its workers talk: one JSON object a line, commands in and results out.

This module imports nothing of this package, because the workers that run the reference see that
package under the same name, `bark`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

VOICE_KEYS = ("semantic_prompt", "coarse_prompt", "fine_prompt")


@dataclasses.dataclass(frozen=True, eq=False)
class Workload:
    """Inputs of all stages for one clip, each independent of what a stage before it made.

    Attributes:
        text_ids: (n,) int64 word pieces, without offset.
        semantic: (T_s,) int64, the coarse stage's input; the semantic stage makes as many.
        fine: (8, T) int64, the codec's input; its first two rows are the fine stage's.
        max_duration_s: the limit that ends the semantic stage after T_s tokens.
        voice: a history prompt's three arrays by suno-ai/bark's names, or None.
        one_text: whether the clips of a batch are takes of one text, or parts of a long one.
    """

    text_ids: np.ndarray
    semantic: np.ndarray
    fine: np.ndarray
    max_duration_s: float
    voice: dict[str, np.ndarray] | None = None
    one_text: bool = True

    @property
    def coarse(self) -> np.ndarray:
        """(2, T) int64."""
        return self.fine[:2]

    def save(self, path: Path) -> None:
        """Writes an .npz that `load` reads."""
        arrays = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        np.savez(path, **(arrays.pop("voice") or {}), **arrays)

    @classmethod
    def load(cls, path: str) -> Workload:
        """Reads what `save` wrote."""
        arrays = dict(np.load(path))
        voice = {key: arrays.pop(key) for key in VOICE_KEYS if key in arrays}
        numbers = {name: arrays.pop(name).item() for name in ("max_duration_s", "one_text")}
        return cls(**arrays, **numbers, voice=voice or None)


class Implementation(Protocol):
    """What a worker measures."""

    def load(self, stage: str) -> None:
        """Gets a stage's model ready."""

    def run(
        self, stage: str, workload: Workload, n_clips: int, first_seed: int = 0
    ) -> np.ndarray | None:
        """Runs a stage on clips with seeds that count up; returns the first one's tokens.

        They are (T,) or (codebooks, T); None where they are not to be compared.
        """


class Worker:
    """A process that holds one implementation and measures its stages when it is told to.

    Args:
        argv: how it is started, without the interpreter.
        n_threads: of torch.
        options: keyword arguments of the implementation it builds.
        variables: of its environment, beside this process's own.
    """

    def __init__(
        self,
        argv: Sequence[str],
        n_threads: int,
        options: Mapping[str, Any],
        variables: Mapping[str, str] | None = None,
    ) -> None:
        env = {**os.environ, "OMP_NUM_THREADS": str(n_threads), **(variables or {})}
        self._process = subprocess.Popen(
            [sys.executable, *argv, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            text=True,
            start_new_session=True,  # an interrupt is the parent's business
        )

    def ask(self, **command: Any) -> dict[str, Any]:
        """Sends a command, a method of the implementation with its arguments, and waits.

        Returns:
            wall_s, cpu_s, peak_mib (of the process while it ran), tokens (a list, or None).

        Raises:
            RuntimeError: the worker died; its own message stands on the standard error.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(command) + "\n")
        stdin.flush()
        while line := stdout.readline():
            if line.startswith("{"):  # some packages greet on the standard output
                return json.loads(line)
        raise RuntimeError(f"the worker ended with {self._process.wait()}")

    def close(self) -> None:
        """Ends the process, also in the middle of a measurement."""
        self._process.terminate()
        self._process.communicate()


def serve(build: Callable[..., Implementation]) -> None:
    """Runs a worker: builds the implementation from its options and answers until the input ends.

    A "run" names the file of its workload instead of holding it.
    """
    implementation = build(**json.loads(sys.argv[1]))
    for line in sys.stdin:
        command = json.loads(line)
        if "workload" in command:
            command["workload"] = Workload.load(command["workload"])
        method = getattr(implementation, command.pop("do"))
        answer, made = measured(method, **command)
        # Frame by frame, the order in which they are made.
        tokens = None if made is None else made.T.ravel().tolist()
        sys.stdout.write(json.dumps({**answer, "tokens": tokens}) + "\n")
        sys.stdout.flush()


def measured(work: Callable[..., Any], **arguments: Any) -> tuple[dict[str, float], Any]:
    """What some work took (wall_s, cpu_s, peak_mib of the process) and what it returned."""
    _forget_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    made = work(**arguments)
    took = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    return {**took, "peak_mib": _peak_mib()}, made


def _forget_peak() -> None:
    """Lets the peak begin anew at what the process holds now, where there is a way."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mib() -> float:
    if sys.platform == "linux":
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        assert found is not None
        return int(found[1]) / 1_024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024**2  # macOS counts bytes
