"""Command line: measures all implementations side by side and prints a table for each setting."""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .machine import describe_machine
from .protocol import Worker
from .report import Sample, format_table
from .weights import make_weights
from .workload import SIZES, STAGES, make_workload


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--reference", type=Path, metavar="PATH", help="folder with suno-ai/bark's package `bark`"
    )
    parser.add_argument(
        "--transformers", action="store_true", help="measure transformers' Bark too"
    )
    parser.add_argument(
        "--precisions", type=_list, default=["fp32", "int8"], metavar="P,P", help="of ours"
    )
    parser.add_argument("--sizes", type=_list, default=["small"], metavar="S,S")
    parser.add_argument("--threads", type=_list, default=["1"], metavar="N,N")
    parser.add_argument("--clips", type=_list, default=["1"], metavar="N,N", help="in a batch")
    parser.add_argument("--stages", type=_list, default=list(STAGES), metavar="S,S")
    parser.add_argument("--seconds", type=float, default=5.0, help="of audio in a clip")
    parser.add_argument("--voice", action="store_true", help="with a history prompt of ten seconds")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, help="keeps the random weights there for the next run"
    )
    return parser.parse_args(argv)


def _list(text: str) -> list[str]:
    return text.split(",")


def main() -> None:
    """Runs what the command line asks for."""
    args = parse_args()
    print(describe_machine())
    with _folder(args.folder) as folder:
        workload = make_workload(seconds=args.seconds, voice=args.voice)
        workload.save(folder / "workload.npz")
        for size, threads in itertools.product(args.sizes, map(int, args.threads)):
            for part in ("text", "coarse", "fine"):
                make_weights(size, part, folder)
            samples = measure(args, size, threads, folder)
            voice = "a voice" if args.voice else "no voice"
            print(f"\n{size}, {threads} thread(s), {workload.duration_s:.1f} s of audio, {voice}\n")
            print(format_table(samples, workload), flush=True)


@contextmanager
def _folder(path: Path | None) -> Iterator[Path]:
    if path is None:
        with tempfile.TemporaryDirectory(prefix="bark-benchmark-") as name:
            yield Path(name)
    else:
        path.mkdir(parents=True, exist_ok=True)
        yield path


def measure(args: argparse.Namespace, size: str, threads: int, folder: Path) -> list[Sample]:
    """Every implementation and stage in turn, A B A B, each in a process of its own."""
    workers = _start(args, size, threads, folder)
    batches = [int(clips) for clips in args.clips]
    samples = []
    try:
        for name, worker in workers.items():
            for stage in args.stages:
                answer = worker.ask(do="load", stage=stage)
                samples.append(Sample.of(name, stage, 0, answer))
        for _, stage, clips in itertools.product(range(args.repeats), args.stages, batches):
            for name, worker in workers.items():
                batched = name.startswith("ours")  # the others go one clip after the other
                if clips > 1 and not batched:
                    continue
                answer = worker.ask(do="run", stage=stage, clips=clips)
                samples.append(Sample.of(name, stage, clips, answer))
                print(samples[-1], file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("interrupted: the table shows what was measured until then", file=sys.stderr)
    finally:
        for worker in workers.values():
            worker.close()
    return samples


def _start(args: argparse.Namespace, size: str, threads: int, folder: Path) -> dict[str, Worker]:
    own = {"size": size, "folder": str(folder)}
    foreign = str(Path(__file__).with_name("foreign.py"))
    workers: dict[str, Worker] = {}
    if args.reference is not None:
        options = {"kind": "reference", "path": str(args.reference), **own}
        workers["suno-ai/bark"] = Worker([foreign], threads, options)
    if args.transformers and importlib.util.find_spec("transformers"):
        options = {"kind": "transformers", "size": size, "sizes": SIZES[size]}
        workers["transformers"] = Worker([foreign], threads, options)
    for precision in args.precisions:
        options = {"precision": precision, **own}
        workers[f"ours {precision}"] = Worker(["-m", "benchmarks.ours"], threads, options)
    workload = {"seconds": args.seconds, "voice": args.voice}
    for name, worker in workers.items():
        file = {"path": str(folder / "workload.npz")}
        worker.ask(do="workload", options=workload if name.startswith("ours") else file)
    return workers


if __name__ == "__main__":
    main()
