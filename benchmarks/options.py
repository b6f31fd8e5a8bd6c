"""What the benchmarks' command lines have in common."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def names(text: str) -> list[str]:
    """Reads "a,b"."""
    return text.split(",")


def numbers(text: str) -> list[int]:
    """Reads "1,8"."""
    return [int(part) for part in text.split(",")]


def parser_of(name: str, about: str | None) -> argparse.ArgumentParser:
    """The options that all benchmarks have; `about` is the module's docstring."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=about)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keeps the figures there too")
    return parser


def add_stage_options(parser: argparse.ArgumentParser) -> None:
    """The options of benchmarks that run the stages on random weights."""
    parser.add_argument(
        "--precisions", type=names, default=["fp32", "int8"], metavar="P,P", help="of ours"
    )
    parser.add_argument("--device", default="cpu", help="of ours")
    parser.add_argument("--sizes", type=names, default=["small"], metavar="S,S")
    parser.add_argument("--threads", type=numbers, default=[1], metavar="N,N")
    parser.add_argument("--voice", action="store_true", help="with a history prompt of ten seconds")
    parser.add_argument("--repeats", type=int, default=3)
    add_folder(parser)


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Where random weights lie."""
    parser.add_argument("--folder", type=Path, help="keeps the random weights for the next run")


@contextmanager
def weights_folder(path: Path | None) -> Iterator[Path]:
    """That folder, or one that is gone afterwards."""
    if path is None:
        with tempfile.TemporaryDirectory(prefix="bark-benchmark-") as name:
            yield Path(name)
    else:
        path.mkdir(parents=True, exist_ok=True)
        yield path.resolve()
