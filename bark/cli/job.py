"""What a command line asks for, checked before anything heavy is loaded."""

from __future__ import annotations

import argparse
import codecs
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..environment import read_environment
from ..errors import InvalidInputError, OptionError
from ..files.whole_file import make_folder_above, user_path
from .arguments import AUDIO_FORMATS, DEFAULT_STEM
from .outputs import check_that_nothing_is_lost

if TYPE_CHECKING:
    from ..options import GenerationOptions
    from ..styles import Style

STANDARD_OUTPUT = Path("-")
"""In place of a file's path: the audio goes to standard output."""

_MAX_TEXT_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Job:
    """Texts, where their takes go, and how.

    Attributes:
        texts: one, or a batch's lines.
        paths: an audio file each; their folder exists. `STANDARD_OUTPUT` is no file.
        format: "wav", "flac", "ogg" or "mp3".
        model: asked for by flag or environment; None: the best one on disk.
        options: of all takes; with a seed, the takes of a batch count up from it.
        offline: nothing is downloaded.
        arguments: the rest.
    """

    texts: list[str]
    paths: list[Path]
    format: str
    model: str | None
    options: GenerationOptions
    offline: bool
    arguments: argparse.Namespace


def read_job(arguments: argparse.Namespace) -> Job:
    """Checks the arguments, reads the texts and makes the output folder.

    Raises:
        OptionError, InvalidInputError: something given is wrong.
    """
    texts = _texts(arguments)
    style = _style(arguments)
    if style is not None:
        texts = [style.words(text) for text in texts]
        if "history_prompt" not in arguments.given:
            arguments.history_prompt = style.voice
    options = _options(arguments, style)
    environment = read_environment()
    if arguments.output_filename == str(STANDARD_OUTPUT):
        paths, format = [STANDARD_OUTPUT], _format_of_stream(arguments)
    else:
        path, format = _path_and_format(arguments)
        paths = _free_paths(path, len(texts) if arguments.batch is not None else None)
        _check_inputs_stay(arguments, paths)
    if arguments.c2pa:
        _check_credential(arguments, paths, format)
    return Job(
        texts=texts,
        paths=paths,
        format=format,
        model=arguments.model or environment.model,
        options=options,
        offline=arguments.offline or environment.offline,
        arguments=arguments,
    )


def _check_inputs_stay(arguments: argparse.Namespace, paths: list[Path]) -> None:
    if arguments.semantic_only:
        paths = [path.with_suffix(".npy") for path in paths]
    elif arguments.output_full:
        paths = [*paths, *(path.with_suffix(".npz") for path in paths)]
    read = (arguments.text_file, arguments.batch, arguments.history_prompt)
    check_that_nothing_is_lost(read, paths)


def _check_credential(arguments: argparse.Namespace, paths: list[Path], format: str) -> None:
    from ..audio.credentials import check_signing

    if arguments.semantic_only or paths == [STANDARD_OUTPUT]:
        flag = "--semantic_only" if arguments.semantic_only else "--output_filename -"
        raise OptionError(f"--c2pa signs audio files, and {flag} writes none; leave out one.")
    certificate, key = map(Path, arguments.c2pa)
    check_signing(format, certificate, key)


def _free_paths(path: Path, n: int | None) -> list[Path]:
    """The path, or n numbered ones for a batch, once their folder is there."""
    make_folder_above(path)
    paths = [path]
    if n is not None:
        width = max(3, len(str(n)))
        paths = [path.with_name(f"{path.stem}_{i:0{width}}{path.suffix}") for i in range(1, n + 1)]
    try:
        is_dir = any(one.is_dir() for one in {paths[0], paths[-1]})
    except OSError as error:
        raise OptionError(
            f"No file can have the name {paths[-1].name!r}: {error.strerror or error}; "
            "give a shorter one by --output_filename."
        ) from error
    if is_dir:
        raise OptionError(f"{path} is a folder; give the file's name by --output_filename.")
    return paths


def _format_of_stream(arguments: argparse.Namespace) -> str:
    if arguments.batch is not None or arguments.output_full:
        flag = "--batch" if arguments.batch is not None else "--output_full"
        raise OptionError(f"{flag} writes several files; give a name by --output_filename, not -.")
    if sys.stdout.isatty():
        raise OptionError(
            "Standard output is a terminal, which cannot play audio; "
            "send it to a program or a file, or give another --output_filename."
        )
    return arguments.format or "wav"


def _path_and_format(arguments: argparse.Namespace) -> tuple[Path, str]:
    name = Path(arguments.output_filename or f"{DEFAULT_STEM}.{arguments.format or 'wav'}")
    suffix = name.suffix.lower().lstrip(".")
    if suffix in AUDIO_FORMATS and arguments.format not in (None, suffix):
        raise OptionError(
            f"--output_filename {name} asks for {suffix} and --format for {arguments.format}; "
            "name one of them."
        )
    if suffix and suffix not in AUDIO_FORMATS and arguments.format is None:
        raise OptionError(
            f"--output_filename {name} ends in none of "
            f"{', '.join('.' + known for known in AUDIO_FORMATS)}; name one of them by --format."
        )
    format = arguments.format or suffix or "wav"
    if arguments.format and suffix != arguments.format:
        name = name.with_name(f"{name.name}.{format}")
    return user_path(arguments.output_dir) / user_path(name), format


def _texts(arguments: argparse.Namespace) -> list[str]:
    flags = {
        "TEXT": arguments.words,
        "--text": arguments.text,
        "--text_file": arguments.text_file,
        "--batch": arguments.batch,
    }
    given = [flag for flag, value in flags.items() if value is not None]
    if len(given) > 1:
        raise OptionError(f"{' and '.join(given)} both name a text; give one of them.")
    if arguments.batch is not None:
        lines = [line.strip() for line in read_text(arguments.batch).splitlines()]
        texts = [line for line in lines if line]
        if not texts:
            raise InvalidInputError(f"--batch {arguments.batch} has no line to speak.")
        return texts
    text = arguments.text if arguments.text is not None else arguments.words
    if arguments.text_file is not None:
        text = read_text(arguments.text_file)
    elif text == "-" or (text is None and not sys.stdin.isatty()):
        text = read_text("-")
    if text is None:
        raise OptionError(
            "There is no text; give it as an argument, by --text_file FILE or on standard input."
        )
    if not text.strip():
        raise InvalidInputError("The text is empty; write what shall be spoken.")
    return [text]


def read_text(name: str) -> str:
    """The text in a file, or on standard input for "-".

    Raises:
        InvalidInputError: it cannot be read, or is too long.
    """
    source = "standard input" if name == "-" else name
    try:
        if name == "-":
            data = sys.stdin.buffer.read(_MAX_TEXT_BYTES + 1)
        else:
            with user_path(name).open("rb") as file:
                data = file.read(_MAX_TEXT_BYTES + 1)
        if len(data) > _MAX_TEXT_BYTES:
            raise InvalidInputError(f"{source} is longer than {_MAX_TEXT_BYTES:,} bytes of text.")
        is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return data.decode("utf-16" if is_wide else "utf-8-sig")  # as PowerShell writes files
    except OSError as error:
        raise InvalidInputError(f"{source} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{source} is no UTF-8 text (byte {error.start}).") from error


def _style(arguments: argparse.Namespace) -> Style | None:
    if arguments.style is None:
        return None
    from ..styles import load_style

    return load_style(arguments.style)


def _options(arguments: argparse.Namespace, style: Style | None) -> GenerationOptions:
    """The options of the flags; what no flag gives is the style's."""
    from ..decoding.sampling import SamplingOptions
    from ..options import GenerationOptions

    base = GenerationOptions() if style is None else style.options

    def said(flag: str, of_style: Any) -> Any:
        is_given = style is None or flag in arguments.given
        return getattr(arguments, flag) if is_given else of_style

    def sampling(flag: str, own: SamplingOptions) -> SamplingOptions:
        temperature = said(flag, own.temperature)
        return SamplingOptions(temperature, said("top_k", own.top_k), said("top_p", own.top_p))

    return dataclasses.replace(
        base,
        semantic=sampling("text_temp", base.semantic),
        coarse=sampling("waveform_temp", base.coarse),
        fine_temperature=said("fine_temp", base.fine_temperature),
        min_eos_p=said("min_eos_p", base.min_eos_p),
        max_duration_s=said("max_duration", base.max_duration_s),
        allow_early_stop=said("allow_early_stop", base.allow_early_stop),
        speed=said("speed", base.speed),
        seed=arguments.seed,
    )
