"""Runs implementations side by side, each in a process of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .protocol import Worker, Workload
from .workload import duration_s

OURS = ["-m", "benchmarks.ours"]
FOREIGN = [str(Path(__file__).with_name("foreign.py"))]


@dataclasses.dataclass(frozen=True)
class Command:
    """How the worker of an implementation is started: `Worker`'s argv and options."""

    argv: Sequence[str]
    options: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """So many clips of a workload."""

    workload: Workload
    clips: int

    @property
    def seconds(self) -> float:
        """Of audio, all clips together."""
        return self.clips * duration_s(self.workload)


@dataclasses.dataclass(frozen=True)
class Sample:
    """One measurement of a stage.

    Attributes:
        name: of the implementation.
        seconds, clips: of the case; both 0 for the loading of a stage.
        wall_s, cpu_s: for all clips together.
        peak_mib: of the process while it worked.
        same: the share of the first clip's tokens that the first implementation has too, at the
            same places; None where they are not compared.
    """

    name: str
    stage: str
    seconds: float
    clips: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    same: float | None = None


def own_commands(model: Path, precisions: Sequence[str], device: str) -> dict[str, Command]:
    """Ours in some precisions, by the names of the table."""
    return {
        f"ours {precision}": Command(
            OURS, {"folder": str(model), "precision": precision, "device": device}
        )
        for precision in precisions
    }


def measure(
    commands: Mapping[str, Command],
    cases: Sequence[Case],
    folder: Path,
    *,
    stages: Sequence[str],
    n_threads: int,
    repeats: int,
) -> list[Sample]:
    """Every implementation, case and stage in turn, A B A B; an interrupt returns what is there.

    Only ours is given cases of several clips: the others take one after the other.

    Args:
        folder: for the files of the workloads.
    """
    paths = [folder / f"case_{i}.npz" for i in range(len(cases))]
    for case, path in zip(cases, paths, strict=True):
        case.workload.save(path)
    samples: list[Sample] = []
    tokens: dict[tuple[int, str], list[int]] = {}
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        for _, name in itertools.product(range(repeats - 1), commands):
            _load(name, commands[name], n_threads, stages, samples).close()
        workers = {}
        for name, command in commands.items():
            workers[name] = _load(name, command, n_threads, stages, samples)
            stack.callback(workers[name].close)
        for _, i, stage in itertools.product(range(repeats), range(len(cases)), stages):
            for name, worker in workers.items():
                if cases[i].clips > 1 and commands[name].argv != OURS:
                    continue
                answer = worker.ask(
                    do="run", stage=stage, workload=str(paths[i]), n_clips=cases[i].clips
                )
                made = answer.pop("tokens")
                same = None
                if made is not None:
                    wanted = tokens.setdefault((i, stage), made)
                    same = float(np.equal(made, wanted).mean())
                case = (cases[i].seconds, cases[i].clips)
                samples.append(Sample(name, stage, *case, **answer, same=same))
                print(samples[-1], file=sys.stderr, flush=True)
    return samples


def _load(
    name: str, command: Command, n_threads: int, stages: Sequence[str], samples: list[Sample]
) -> Worker:
    """A new worker with all stages loaded."""
    worker = Worker(command.argv, n_threads, command.options)
    for stage in stages:
        answer = worker.ask(do="load", stage=stage)
        del answer["tokens"]
        samples.append(Sample(name, stage, 0, 0, **answer))
    return worker


def rounds(
    samples: Sequence[Sample], name: str, clips: int, seconds: float, stages: Sequence[str]
) -> list[tuple[Sample, ...]]:
    """An implementation's samples of these stages, one tuple for each repetition of a case."""
    of_stage = {stage: [] for stage in stages}
    for s in samples:
        if (s.name, s.clips, s.seconds) == (name, clips, seconds) and s.stage in of_stage:
            of_stage[s.stage].append(s)
    return list(zip(*of_stage.values(), strict=False))  # an interrupted repetition is left out
