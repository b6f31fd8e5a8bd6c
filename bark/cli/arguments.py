"""The command line's flags: suno-ai/bark's by their names, and this project's beside them."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from .. import __version__
from ..environment import MODELS, PRECISIONS
from ..terminal import flags

AUDIO_FORMATS = ("wav", "flac", "ogg", "mp3")
DEFAULT_STEM = "bark_generation"
STYLED = (
    "history_prompt text_temp waveform_temp fine_temp top_k top_p min_eos_p max_duration "
    "allow_early_stop speed"
).split()
"""What a style says; where it is given as a flag too, the flag counts."""

_BOOLEANS = {
    "--silent",
    "--output_full",
    "--semantic_only",
    "--keep_partial",
    "--dated",
    "--allow_early_stop",
    "--offline",
    "--list_voices",
    "--list_models",
    "--device_info",
}
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")

_DESCRIPTION = "Turns text into speech, music and sound effects, and writes an audio file."
_EPILOG = """\
examples:
  %(prog)s "Hello, my name is Suno. [laughs]" --output_filename hello.wav
  %(prog)s --text "Hello." --model small --history_prompt v2/en_speaker_6 --seed 7
  %(prog)s --batch lines.txt --output_dir out --format flac < /dev/null
  echo "Hello." | %(prog)s --silent
  %(prog)s narrate book.epub --voice alder --out book.m4b --captions book.srt
  %(prog)s grid "Hello." --across "text_temperature=0.5-0.9 (+0.2)" --down seed=7-9

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted
"""


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line; on wrong usage it prints a sentence and exits with 2.

    Args:
        argv: without the program's name; None takes `sys.argv`.
    """
    parser, words = _parser(), _plain(sys.argv[1:] if argv is None else argv)
    unset = object()
    # What is in the namespace before is no default: whatever stays there was not given.
    marked = parser.parse_args(words, argparse.Namespace(**dict.fromkeys(STYLED, unset)))
    arguments = parser.parse_args(words)
    arguments.given = frozenset(name for name in STYLED if getattr(marked, name) is not unset)
    return arguments


def _plain(argv: Sequence[str]) -> list[str]:
    """Spells flags one way: `--output-dir` as `--output_dir`, a bare `--silent` as true."""
    words: list[str] = []
    for i, word in enumerate(argv):
        if word == "--":
            return [*words, *argv[i:]]
        name, equals, value = word.partition("=")
        if re.fullmatch(r"--[a-z][a-z_-]*", name):
            name = "--" + name[2:].replace("-", "_")
            following = argv[i + 1].lower() if i + 1 < len(argv) else ""
            if name in _BOOLEANS and not equals and following not in (*_TRUE, *_FALSE):
                equals, value = "=", "true"
            word = name + equals + value
        words.append(word)
    return words


def _parser() -> argparse.ArgumentParser:
    parser = flags.Parser(
        prog="bark-studio",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _add_text(parser.add_argument_group("what to say"))
    _add_output(parser.add_argument_group("where it goes"))
    _add_reading(parser.add_argument_group("how it sounds"))
    _add_machine(parser.add_argument_group("what computes it"))
    lists = parser.add_argument_group("instead of speaking")
    _add_switch(lists, "--list_voices", "print the voices of the model, downloading nothing")
    lists.add_argument(
        "--reading",
        metavar="TEXT",
        help="print the words that are spoken for it (- for stdin)",
    )
    _add_switch(lists, "--list_models", "print the models, their sizes and where they lie")
    _add_switch(lists, "--device_info", "print what computes here, and how fast its layers are")
    return parser


def _add_text(group: argparse._ArgumentGroup) -> None:
    group.add_argument("words", nargs="?", metavar="TEXT", help="the text; - reads standard input")
    group.add_argument("--text", help="the text, as a flag")
    group.add_argument(
        "--text_file", metavar="FILE", help="a file in UTF-8 or UTF-16; - is standard input"
    )
    group.add_argument(
        "--batch", metavar="FILE", help="speak every line of FILE (- is standard input) as a take"
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--output_filename",
        metavar="NAME",
        help=f"default {DEFAULT_STEM}.wav; a batch adds _001, _002, ...; - is standard output",
    )
    group.add_argument("--output_dir", metavar="DIR", default=".", help="made where it is missing")
    group.add_argument(
        "--format", choices=AUDIO_FORMATS, help="default: what the name ends in, else wav"
    )
    _add_switch(group, "--output_full", "also write NAME.npz, a voice made of the take's tokens")
    _add_switch(group, "--semantic_only", "write only the semantic tokens, as NAME.npy")
    _add_switch(group, "--keep_partial", "on Ctrl-C, write what has been made so far")
    group.add_argument(
        "--c2pa",
        nargs=2,
        metavar=("CERT", "KEY"),
        help="sign a content credential into the file (needs c2pa-python)",
    )
    _add_switch(group, "--dated", "the file tells when it was made; else same seed, same file")
    _add_switch(group, "--silent", "no progress, no messages; errors are still printed")


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--history_prompt",
        "--voice",
        metavar="VOICE",
        help="a voice's name, an .npz file, or the audio file of a take; default: a new voice",
    )
    group.add_argument(
        "--text_temp",
        type=flags.not_negative,
        default=0.7,
        metavar="T",
        help="higher is livelier and stranger, lower steadier (default 0.7)",
    )
    group.add_argument(
        "--waveform_temp",
        type=flags.not_negative,
        default=0.7,
        metavar="T",
        help="higher is rougher and more varied, lower smoother (default 0.7)",
    )
    group.add_argument(
        "--fine_temp",
        type=flags.not_negative,
        metavar="T",
        help="of the last stage (default: the model's own)",
    )
    group.add_argument(
        "--top_k",
        type=flags.whole(1),
        metavar="K",
        help="draw from the K most probable tokens only",
    )
    group.add_argument(
        "--top_p",
        type=flags.probability,
        metavar="P",
        help="draw from the tokens that make up P only",
    )
    group.add_argument(
        "--min_eos_p",
        type=flags.probability,
        default=0.2,
        metavar="P",
        help="lower ends sooner: try 0.05 when it goes on after the text (default 0.2)",
    )
    group.add_argument(
        "--max_duration", type=flags.positive, metavar="S", help="end after S seconds of speech"
    )
    group.add_argument(
        "--allow_early_stop",
        type=_boolean,
        default=True,
        metavar="true|false",
        help="false speaks on to the limit (default true)",
    )
    group.add_argument(
        "--speed",
        type=flags.between(0.5, 2),
        default=1.0,
        metavar="X",
        help="0.5 to 2, at the same pitch; official models need ffmpeg for it (default 1)",
    )
    group.add_argument(
        "--style",
        metavar="NAME",
        help="a style saved in the studio: voice, settings, words around the text; flags win",
    )
    group.add_argument(
        "--seed", type=flags.seed, help="the same seed gives the same take; default: drawn"
    )


def _add_machine(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--model",
        metavar="MODEL",
        help=f"{', '.join(MODELS)} or a folder (default: $BARK_MODEL, else the best one on disk)",
    )
    group.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: $BARK_DEVICE, else best)")
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="fp32 is exact, int4 takes the least memory (default: $BARK_PRECISION, else auto)",
    )
    group.add_argument(
        "--draft",
        metavar="MODEL",
        help="a smaller model on this disk that proposes the semantic and coarse tokens, which "
        "the model verifies: the same takes, faster where the two agree (default: $BARK_DRAFT, "
        "else none)",
    )
    group.add_argument(
        "--batch_size",
        type=flags.whole(1),
        default=4,
        metavar="N",
        help="lines of a batch that are spoken together (default 4)",
    )
    _add_switch(group, "--offline", "download nothing")


def _add_switch(group: argparse._ArgumentGroup, flag: str, text: str) -> None:
    group.add_argument(flag, type=_boolean, default=False, metavar="true|false", help=text)


def _boolean(word: str) -> bool:
    if word.lower() in _TRUE:
        return True
    if word.lower() in _FALSE:
        return False
    raise argparse.ArgumentTypeError(f"{word!r} is neither true nor false")
