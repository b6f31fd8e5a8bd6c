"""Measures all implementations side by side and prints a table for each setting."""

from __future__ import annotations

import argparse
import importlib.util
import itertools
from collections.abc import Sequence
from pathlib import Path

from .bandwidth import copy_rate, limit_rows
from .machine import describe_machine
from .measure import FOREIGN, Case, Command, measure, own_commands
from .options import add_stage_options, names, numbers, parser_of, weights_folder
from .report import keep, markdown, stage_rows
from .weights import make_model
from .workload import SIZES, STAGES, VOCABULARIES, make_workload


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = parser_of("benchmarks", __doc__)
    add_stage_options(parser)
    parser.add_argument(
        "--reference", type=Path, metavar="PATH", help="folder with suno-ai/bark's package `bark`"
    )
    parser.add_argument(
        "--transformers", action="store_true", help="measure transformers' Bark too"
    )
    parser.add_argument("--clips", type=numbers, default=[1], metavar="N,N", help="in a batch")
    parser.add_argument("--stages", type=names, default=list(STAGES), metavar="S,S")
    parser.add_argument("--seconds", type=float, default=5.0, help="of audio in a clip")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs what the command line asks for."""
    args = parse_args(argv)
    workload = make_workload(seconds=args.seconds, voice=args.voice)
    cases = [Case(workload, clips) for clips in args.clips]
    kept = {}
    print(describe_machine())
    with weights_folder(args.folder) as folder:
        for size, n_threads in itertools.product(args.sizes, args.threads):
            samples = measure(
                _commands(args, size, folder),
                cases,
                folder,
                stages=args.stages,
                n_threads=n_threads,
                repeats=args.repeats,
            )
            voice = "a voice" if args.voice else "no voice"
            title = f"{size}, {n_threads} thread(s), {args.seconds:g} s of audio, {voice}"
            print(f"\n{title}\n\n{markdown(stage_rows(samples, cases))}", flush=True)
            if args.device != "cpu":
                rate = copy_rate(args.device)
                rows = limit_rows(samples, cases, size=size, precisions=args.precisions, rate=rate)
                print(f"\nThe device copies {rate / 1e9:.0f} GB/s.\n\n{markdown(rows)}", flush=True)
            kept[title] = samples
            keep(args, kept)


def _commands(args: argparse.Namespace, size: str, folder: Path) -> dict[str, Command]:
    model = make_model(size, folder)
    commands = {}
    if args.reference is not None:
        options = {"path": str(args.reference), "folder": str(model)}
        commands["suno-ai/bark"] = Command(FOREIGN, {"kind": "reference", **options})
    if args.transformers and importlib.util.find_spec("transformers"):
        options = {"sizes": SIZES[size], "vocabularies": VOCABULARIES}
        own = {"kind": "transformers", "folder": str(folder / f"{size}-transformers")}
        commands["transformers"] = Command(FOREIGN, {**own, **options})
    return {**commands, **own_commands(model, args.precisions, args.device)}


if __name__ == "__main__":
    main()
