"""`python -m bark grid`: a take for every combination of settings, in a folder or a ZIP."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..environment import MODELS, read_environment
from ..errors import AudioFileError, InvalidInputError, NothingGeneratedError, OptionError
from ..files.whole_file import is_file, is_folder, make_folder_above, user_path, whole_file
from ..terminal import flags
from .arguments import AUDIO_FORMATS

if TYPE_CHECKING:
    from ..compare.grid import Grid
    from ..compare.make import GridEvent

_EPILOG = """\
axes: seed, voice, words, model, text_temperature, waveform_temperature, fine_temperature,
      min_eos_p, text_top_k, text_top_p, waveform_top_k, waveform_top_p

values: 0.5, 0.7, 1.0   0.5-1.1 (+0.2)   7-14   1-100 [4]   alder, none   all English   calm|angry

examples:
  %(prog)s "Good morning." --across "text_temperature=0.5-0.9 (+0.2)" --down seed=7-9
  %(prog)s "Say it {calm|angry}." --across "voice=alder, birch" --output grid.zip
"""


def run_grid(argv: Sequence[str]) -> int:
    """Makes a grid as the arguments behind `grid` say, and prints where it lies.

    Returns:
        0 done, 1 where cells came to nothing.

    Raises:
        SystemExit: of argparse. OptionError, InvalidInputError: something given is wrong.
        NothingGeneratedError: no cell gave a take.
    """
    arguments = _parser().parse_args(list(argv))
    written: dict[str, Any] = {
        place: _axis(getattr(arguments, place)) for place in ("across", "down", "pages")
    }
    if not any(written.values()) and "|" not in arguments.text:
        raise OptionError("A grid needs an axis; give one by --across, for example seed=7-14.")
    output = _output(arguments.output)
    from ..checkpoints.registry import best_local_model
    from ..compare import grid
    from ..pipeline import Bark

    environment = read_environment()
    name = arguments.model or environment.model or best_local_model()
    bark = Bark.from_pretrained(name, device=arguments.device, offline=arguments.offline or None)
    started = time.perf_counter()
    made = grid(
        arguments.text,
        **written,
        model=bark,
        voice=arguments.voice,
        same_seed=not arguments.new_seeds,
        batch_size=arguments.batch_size,
        on_event=None if arguments.silent else _tell,
        **_short(arguments),
    )
    if not made.takes:
        why = next(iter(made.failures.values()), "")
        raise NothingGeneratedError(f"No cell gave a take, so {output} is not written. {why}")
    _write(made, output, arguments.format)
    if not arguments.silent:
        seconds = time.perf_counter() - started
        print(
            f"{len(made.takes)} of {made.plan.n_cells} takes, seed {made.plan.options.seed}, "
            f"made in {seconds:.1f} s.",
            file=sys.stderr,
        )
    print(output, flush=True)
    return 1 if made.failures else 0


def _short(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("text_temperature", "waveform_temperature", "seed")
    given = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def _output(written: str) -> Path:
    """Where the grid goes, looked at before any take is made; the folder above it is made."""
    output = user_path(written)
    make_folder_above(output)
    if _is_archive(output) and is_folder(output):
        raise OptionError(f"{output} is a folder; give the ZIP another name by --output.")
    if not _is_archive(output) and is_file(output):
        raise OptionError(
            f"{output} is a file, and a grid goes into a folder or a .zip; "
            "give another name by --output."
        )
    return output


def _is_archive(output: Path) -> bool:
    return output.suffix.lower() == ".zip"


def _write(made: Grid, output: Path, format: str) -> None:
    from ..compare.archive import write_archive

    try:
        if _is_archive(output):
            with whole_file(output) as file:
                write_archive(made, file, format=format)
        else:
            made.save(output, format=format)
    except OSError as error:
        raise AudioFileError(f"{output} cannot be written: {error.strerror or error}.") from error


def _tell(event: GridEvent) -> None:
    from ..compare.make import CellFailed, CellReady

    if isinstance(event, CellReady):
        values = ", ".join(map(str, event.cell.values))
        print(f"{values}: {event.take.duration_s:.1f} s", file=sys.stderr, flush=True)
    elif isinstance(event, CellFailed):
        print(f"{', '.join(map(str, event.cell.values))}: {event.error}", file=sys.stderr)


def _axis(written: str | None) -> dict[str, str] | None:
    if written is None:
        return None
    name, equals, values = written.partition("=")
    if not equals:
        raise InvalidInputError(
            f"The axis {written!r} has no values; write it as seed=7-14 or voice=alder, birch."
        )
    return {name: values}


def _parser() -> argparse.ArgumentParser:
    parser = flags.Parser(
        prog="bark-studio grid",
        description="Makes a take for every combination of up to three settings.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("text", metavar="TEXT", help="what to say; {calm|angry} makes an axis")
    for place in ("across", "down", "pages"):
        parser.add_argument(f"--{place}", metavar="SETTING=VALUES", help="an axis of the grid")
    parser.add_argument(
        "--output", metavar="PATH", default="grid.zip", help="a .zip, else a folder (grid.zip)"
    )
    parser.add_argument("--format", choices=AUDIO_FORMATS, default="wav", help="of the takes")
    parser.add_argument("--voice", help="of all cells, unless an axis names voices")
    parser.add_argument("--seed", type=flags.seed, help="of all cells; default: drawn")
    parser.add_argument("--new_seeds", action="store_true", help="count the seed up, cell by cell")
    parser.add_argument("--text_temperature", type=flags.not_negative, metavar="T")
    parser.add_argument("--waveform_temperature", type=flags.not_negative, metavar="T")
    parser.add_argument("--model", help=f"{', '.join(MODELS)} or a folder")
    parser.add_argument("--device", help="cpu, cuda, mps")
    parser.add_argument(
        "--batch_size", type=flags.whole(1), default=8, help="takes made together (8)"
    )
    parser.add_argument("--offline", action="store_true", help="download nothing")
    parser.add_argument("--silent", action="store_true", help="no messages but the path")
    return parser
