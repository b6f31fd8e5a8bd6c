"""The flags of `python -m bark narrate`."""

from __future__ import annotations

import argparse
import math

from ..environment import MODELS, PRECISIONS
from ..terminal import flags

_EPILOG = """\
examples:
  %(prog)s book.epub --voice alder --out book.m4b --captions book.srt
  %(prog)s play.txt --cast cast.toml --out play.mp3
  %(prog)s chapter.md --plan
  %(prog)s chapter.md --out chapter.wav --redo 12

The work lies in OUT.job: after a stop or a crash the same call goes on, and after a change of
the text it makes only what changed.

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted
"""


def narrate_parser() -> argparse.ArgumentParser:
    """The parser; its namespace is what `narrate_document` takes."""
    parser = flags.Parser(
        prog="bark-studio narrate",
        description="Speaks a text, a dialogue or a book into one audio file.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("source", metavar="DOCUMENT", help=".txt, .md, .html, .epub, .srt, .vtt, "
                        ".docx, .pdf; - reads standard input")  # fmt: skip
    _add_output(parser.add_argument_group("where it goes"))
    _add_voices(parser.add_argument_group("who speaks"))
    _add_reading(parser.add_argument_group("how it is spoken"))
    _add_work(parser.add_argument_group("how it is made"))
    return parser


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--out", metavar="FILE", help=".wav, .flac, .ogg, .opus, .mp3 or .m4b")
    group.add_argument("--captions", metavar="FILE", action="append", default=[],
                       help=".srt or .vtt; may be given twice")  # fmt: skip
    group.add_argument("--captions_by", choices=("sentence", "word"), default="sentence")
    group.add_argument("--timeline", metavar="FILE", help="chunks and their times as JSON")
    group.add_argument("--cover", metavar="IMAGE", help="a JPEG or PNG (default: the book's)")
    group.add_argument("--silent", action="store_true", help="no messages but the paths")


def _add_voices(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--voice",
        "--history_prompt",
        metavar="VOICE",
        help="a name, an .npz file or a take's audio; default: a new one",
    )
    group.add_argument("--cast", metavar="FILE", help="names and voices, as TOML")
    group.add_argument(
        "--carry",
        type=flags.whole(0),
        nargs="?",
        const=0,
        metavar="N",
        help="go on from the chunk before; every N chunks from the voice",
    )


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--seed", type=flags.seed, help="default: drawn, and kept by the job")
    group.add_argument("--text_temp", type=flags.not_negative, default=0.7, metavar="T")
    group.add_argument("--waveform_temp", type=flags.not_negative, default=0.7, metavar="T")
    group.add_argument("--min_eos_p", type=flags.probability, default=0.2, metavar="P",
                       help="lower ends sooner: 0.05 where it goes on after the text")  # fmt: skip
    group.add_argument("--max_chunk", type=flags.between(1, 60), default=12.0, metavar="S",
                       help="the longest chunk in expected seconds (12)")  # fmt: skip
    for name in ("comma", "sentence", "paragraph", "heading", "turn", "chapter"):
        group.add_argument(f"--pause_{name}", type=flags.between(0, 60), metavar="S")
    group.add_argument("--pronunciations", metavar="FILE", help="lines of word = respelling")
    group.add_argument("--loudness", type=_loudness, default=-19.0, metavar="LUFS|off",
                       help="to which every chunk is evened (-19)")  # fmt: skip


def _add_work(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--plan", action="store_true",
                       help="chapters, chunks, speakers and expected times, then end")  # fmt: skip
    group.add_argument("--job", metavar="DIR", help="its folder (default: OUT.job)")
    beginning = group.add_mutually_exclusive_group()
    beginning.add_argument("--resume", action="store_true",
                           help="go on where the folder left off, as it does anyway")  # fmt: skip
    beginning.add_argument("--anew", action="store_true", help="forget what the folder holds")
    group.add_argument("--remove_job", action="store_true", help="remove the folder at the end")
    group.add_argument("--redo", type=flags.whole(1), action="append", default=[], metavar="N",
                       help="make chunk N with another seed; may be repeated")  # fmt: skip
    group.add_argument("--retries", type=flags.whole(0, 20), default=2, metavar="N",
                       help="more tries for a chunk that fails the check (2)")  # fmt: skip
    group.add_argument("--listen", choices=("pocketsphinx", "faster-whisper"),
                       help="a recogniser that checks the words")  # fmt: skip
    group.add_argument("--model", help=f"{', '.join(MODELS)} or a folder")
    group.add_argument("--device", help="cpu, cuda, mps")
    group.add_argument("--precision", choices=PRECISIONS)
    group.add_argument(
        "--batch_size", type=flags.whole(1), metavar="N", help="chunks made together"
    )
    group.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray spreads the chunks over a Ray cluster (bark-studio[ray])",
    )
    group.add_argument("--ray_address", metavar="ADDRESS", help="default: one is started here")
    group.add_argument(
        "--workers", type=flags.whole(1), metavar="N", help="default: as many as there is room"
    )
    group.add_argument(
        "--worker_cpus", type=flags.positive, default=1, metavar="N", help="of one (1)"
    )
    group.add_argument(
        "--worker_gpus", type=flags.not_negative, default=0, metavar="N", help="of one (0)"
    )
    group.add_argument("--offline", action="store_true", help="download nothing")


def _loudness(word: str) -> float | None:
    if word == "off":
        return None
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not -60 <= value <= -5:
        raise argparse.ArgumentTypeError(f"{word!r} is neither a number from -60 to -5 nor off")
    return value
