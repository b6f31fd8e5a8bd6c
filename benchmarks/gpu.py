"""All that a GPU has to show, in one command of at most ten minutes: `python -m benchmarks.gpu`.

The steps come in order of what they tell, each is kept in the JSON file as soon as it is done, and
what the time does not allow is named there. `--device cpu --sizes tiny` tries the command itself.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from bark import Bark

from . import nano
from .bandwidth import copy_rate, limit_rows
from .machine import describe_machine
from .measure import FOREIGN, Case, Command, measure, own_commands
from .options import add_folder, names, numbers, parser_of, weights_folder
from .ours import Ours
from .report import Row, keep, markdown, stage_rows
from .weights import make_model
from .workload import STAGES, make_workload

_LOOPS = ("semantic", "coarse")


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the steps and prints a table for each."""
    parser = parser_of("benchmarks.gpu", __doc__)
    parser.set_defaults(json=Path("gpu.json"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", type=names, default=["small", "large"], metavar="S,S")
    parser.add_argument("--precisions", type=names, default=["bf16", "fp32"], metavar="P,P")
    parser.add_argument("--clips", type=numbers, default=[1, 8, 32], metavar="N,N")
    parser.add_argument("--seconds", type=float, default=5.0, help="of audio in a clip")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=9.0, help="no step begins after them")
    parser.add_argument("--reference", type=Path, metavar="PATH", help="suno-ai/bark's folder")
    add_folder(parser)
    args = parser.parse_args(argv)
    print(describe_machine())
    end = time.monotonic() + 60 * args.minutes
    kept: dict[str, Sequence[Any]] = {}
    with weights_folder(args.folder) as folder:
        for title, step in _steps(args, folder).items():
            if time.monotonic() > end:
                kept[title] = [{"left out": f"{args.minutes:g} minutes were over"}]
            else:
                kept[title] = step()
            print(f"\n{title}\n\n{markdown(kept[title])}", flush=True)
            keep(args, kept)


def _steps(args: argparse.Namespace, folder: Path) -> dict[str, Callable[[], Sequence[Row]]]:
    steps: dict[str, Callable[[], Sequence[Row]]] = {"copying": lambda: _copy_rows(args.device)}
    for size in args.sizes:
        steps |= {
            f"{size}, stages": lambda size=size: _stage_rows(args, size, folder),
            f"{size}, kernels": lambda size=size: _kernel_rows(args, size, folder),
        }
    steps["nano, first sound"] = lambda: _first_sound_rows(args.device)
    return steps


def _copy_rows(device: str) -> list[Row]:
    n_bytes = 1 << 24 if device == "cpu" else 1 << 30
    return [{"device": device, "copies GB/s": f"{copy_rate(device, n_bytes) / 1e9:.0f}"}]


def _stage_rows(args: argparse.Namespace, size: str, folder: Path) -> list[Row]:
    """Times, memory and share of the copy rate, beside the reference where its path is given."""
    model = make_model(size, folder)
    workload = make_workload(seconds=args.seconds, voice=False)
    cases = [Case(workload, clips) for clips in args.clips]
    commands = {}
    if args.reference is not None:
        options = {"kind": "reference", "path": str(args.reference), "folder": str(model)}
        commands["suno-ai/bark"] = Command(FOREIGN, options)
    commands |= own_commands(model, args.precisions, args.device)
    samples = measure(commands, cases, folder, stages=STAGES, n_threads=1, repeats=args.repeats)
    rate = copy_rate(args.device, 1 << 24)
    limits = limit_rows(samples, cases, size=size, precisions=args.precisions, rate=rate)
    print(f"\n{size}, near its limit\n\n{markdown(limits)}", flush=True)
    return stage_rows(samples, cases)


def _kernel_rows(args: argparse.Namespace, size: str, folder: Path) -> list[Row]:
    """How many kernels a decode step starts, as it is and fused, and how long they take of it."""
    model = make_model(size, folder)
    rows = []
    for precision, fused in itertools.product(args.precisions, ("no", "yes")):
        with _fusing(fused == "yes"):
            ours = Ours(folder=str(model), precision=precision, device=args.device)
            for stage in _LOOPS:
                found = _kernels_of(ours, stage, on_cpu=ours.bark.device.type == "cpu")
                rows.append({"stage": stage, "precision": precision, "fused": fused, **found})
    return rows


@torch.inference_mode()
def _kernels_of(ours: Ours, stage: str, *, on_cpu: bool) -> Row:
    workload = make_workload(seconds=0.5, voice=False)
    ours.load(stage)
    begin = time.perf_counter()
    ours.run(stage, workload, 1)  # compiles, loads kernels, records graphs
    first_s = time.perf_counter() - begin
    activity = ProfilerActivity.CPU if on_cpu else ProfilerActivity.CUDA
    begin = time.perf_counter()
    with profile(activities=[activity]) as profiled:
        made = ours.run(stage, workload, 1)
    wall_s = time.perf_counter() - begin
    assert made is not None
    events = [e for e in profiled.events() or [] if on_cpu or e.device_type.name == "CUDA"]
    busy_s = sum(e.time_range.elapsed_us() for e in events) / 1e6
    return {
        "kernels a step": f"{len(events) / made.size:.0f}",
        "ms a step": f"{1e3 * wall_s / made.size:.2f}",
        "device busy": "" if on_cpu else f"{busy_s / wall_s:.0%}",
        "first time, s": f"{first_s:.1f}",
    }


@contextlib.contextmanager
def _fusing(asked: bool) -> Iterator[None]:
    before = os.environ.get("BARK_FUSE")
    os.environ["BARK_FUSE"] = str(int(asked))
    try:
        yield
    finally:
        del os.environ["BARK_FUSE"]
        if before is not None:
            os.environ["BARK_FUSE"] = before


def _first_sound_rows(device: str) -> list[Row]:
    bark = Bark.from_pretrained("nano", device=device)
    made = [
        nano.speak(bark, "a short sentence", threads=1, voice=None, seed=seed) for seed in range(3)
    ]
    return nano.spoken_rows(made)


if __name__ == "__main__":
    main()
