"""How many float32 runs leave an oracle's tokens, and where: `python -m benchmarks.same_tokens`.

The oracle is suno-ai/bark where its package is given, else this package's loop without drafts and
without compiled layers. Rounding decides a draw only where two tokens are nearly even, so a run
that leaves does so at one place and goes its own way behind it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .machine import describe_machine
from .measure import FOREIGN, OURS
from .options import add_folder, names, numbers, parser_of, weights_folder
from .protocol import Worker, Workload
from .report import Row, keep, markdown
from .weights import make_model
from .workload import make_workload

STAGES = ("semantic", "coarse", "fine")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One run beside the oracle's.

    Attributes:
        left_at: the first token that is another, or None.
        n_tokens: of the oracle.
    """

    name: str
    stage: str
    voice: bool
    seed: int
    left_at: int | None
    n_tokens: int


def first_difference(made: Sequence[int], wanted: Sequence[int]) -> int | None:
    """Where two sequences part; None where they are equal."""
    n = min(len(made), len(wanted))
    places = np.flatnonzero(np.asarray(made[:n]) != np.asarray(wanted[:n]))
    if len(places):
        return int(places[0])
    return None if len(made) == len(wanted) else n


def comparison_rows(comparisons: Sequence[Comparison]) -> list[Row]:
    """A row for each implementation, stage, and with and without a voice."""
    rows = []
    of = {(c.name, c.stage, c.voice): [] for c in comparisons}
    for comparison in comparisons:
        of[comparison.name, comparison.stage, comparison.voice].append(comparison)
    for (name, stage, voice), runs in of.items():
        left = [run for run in runs if run.left_at is not None]
        rows.append(
            {
                "implementation": name,
                "stage": stage,
                "voice": "yes" if voice else "no",
                "runs": str(len(runs)),
                "tokens": f"{sum(run.n_tokens for run in runs):,}",
                "runs that left": str(len(left)),
                "where": ", ".join(f"seed {run.seed} at {run.left_at}" for run in left),
            }
        )
    return rows


def compare(
    model: Path,
    workloads: dict[bool, Path],
    *,
    reference: Path | None,
    stages: Sequence[str],
    seeds: Sequence[int],
    n_threads: int,
    ways: Sequence[int] = (0, 1, 2),
) -> list[Comparison]:
    """Runs all in turn; an interrupt returns what is there.

    Args:
        model: folder of the weights.
        workloads: files, by whether they have a voice.
        reference: the folder of suno-ai/bark's package; None takes the slow loop for the oracle.
        ways: numbers of those of this package's that are compared: one by one, by drafts, and by
            drafts with compiled layers.
    """
    ours = {"folder": str(model), "precision": "fp32", "device": "cpu"}
    own: list[tuple[str, dict[str, Any], dict[str, str]]] = [
        ("one by one, torch's layers", {**ours, "drafts": False}, {"BARK_NATIVE": "0"}),
        ("drafts, torch's layers", ours, {"BARK_NATIVE": "0"}),
        ("drafts, compiled layers", ours, {}),
    ]
    workers = {
        name: Worker(OURS, n_threads, options, environment)
        for name, options, environment in (own[way] for way in ways)
    }
    if reference is not None:
        options = {"kind": "reference", "path": str(reference), "folder": str(model)}
        workers = {"suno-ai/bark": Worker(FOREIGN, n_threads, options), **workers}
    found: list[Comparison] = []
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        for worker in workers.values():
            stack.callback(worker.close)
        for stage in stages:
            for worker in workers.values():
                worker.ask(do="load", stage=stage)
            for (voice, path), seed in itertools.product(workloads.items(), seeds):
                oracle: list[int] | None = None
                for name, worker in workers.items():
                    made = worker.ask(
                        do="run", stage=stage, workload=str(path), n_clips=1, first_seed=seed
                    )["tokens"]
                    if oracle is None:
                        oracle = made
                        continue
                    place = first_difference(made, oracle)
                    found.append(Comparison(name, stage, voice, seed, place, len(oracle)))
                    print(found[-1], file=sys.stderr, flush=True)
    return found


def _workloads(seconds: float, folder: Path, voices: Sequence[bool]) -> dict[bool, Path]:
    paths = {}
    for voice in voices:
        workload: Workload = make_workload(seconds=seconds, voice=voice)
        paths[voice] = folder / f"same_tokens_{int(voice)}.npz"
        workload.save(paths[voice])
    return paths


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = parser_of("benchmarks.same_tokens", __doc__)
    parser.add_argument("--reference", type=Path, metavar="PATH", help="suno-ai/bark's folder")
    parser.add_argument("--size", default="small")
    parser.add_argument("--stages", type=names, default=list(STAGES), metavar="S,S")
    parser.add_argument("--voices", type=names, default=["no", "yes"], metavar="no,yes")
    parser.add_argument("--seeds", type=numbers, default=list(range(5)), metavar="N,N")
    parser.add_argument("--seconds", type=float, default=3.0, help="of audio in a run")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--ways", type=numbers, default=[0, 1, 2], metavar="N,N", help="of ours, by their numbers"
    )
    add_folder(parser)
    args = parser.parse_args(argv)
    print(describe_machine())
    with weights_folder(args.folder) as folder, tempfile.TemporaryDirectory() as own:
        found = compare(
            make_model(args.size, folder),
            _workloads(args.seconds, Path(own), [voice == "yes" for voice in args.voices]),
            reference=args.reference,
            stages=args.stages,
            seeds=args.seeds,
            n_threads=args.threads,
            ways=args.ways,
        )
    rows = comparison_rows(found)
    if rows:
        print(f"\n{markdown(rows)}")
    keep(args, {"runs": found})


if __name__ == "__main__":
    main()
