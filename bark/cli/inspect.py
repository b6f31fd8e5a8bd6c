"""`python -m bark inspect FILE`: what an audio file says of itself."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..terminal import flags


def run_inspect(argv: Sequence[str]) -> int:
    """Prints record, marks and credentials of the files named.

    Returns:
        0 where every file could be read.

    Raises:
        AudioFileError: one could not.
    """
    arguments = _parser().parse_args(list(argv))
    for name in arguments.files:
        found = inspect_file(Path(name))
        print(json.dumps(found, indent=2) if arguments.json else _in_words(found), flush=True)
    return 0


def inspect_file(path: Path) -> dict[str, Any]:
    """What an audio file says of itself, as JSON values.

    Returns:
        "file"; "sound" (duration in seconds, sample rate in Hz); "marks", the tags that say where
        it is from; "record", a take's settings, or None; "credential", or why none was looked for.

    Raises:
        AudioFileError: it is no audio file, or its tags are damaged.
    """
    from ..audio.credentials import read_credential
    from ..audio.files import read_record
    from ..audio.marks import marks_in
    from ..audio.tags import read_texts
    from ..errors import OptionError
    from ..files.whole_file import user_path

    path = user_path(path)
    seconds, rate = _length(path)
    marks = marks_in(read_texts(path))
    record = read_record(path)
    try:
        credential: Any = read_credential(path)
    except OptionError as error:
        credential = str(error)
    return {
        "file": path.name,
        "sound": {"seconds": round(seconds, 3), "sample_rate": rate},
        "marks": marks,
        "record": None if record is None else record[0],
        "credential": credential,
    }


def _length(path: Path) -> tuple[float, int]:
    """Seconds and sample rate in Hz."""
    from ..audio.files import read_audio
    from ..audio.mpeg import read_length
    from ..errors import AudioFileError

    try:
        audio, rate = read_audio(path)
    except AudioFileError as error:
        try:
            return read_length(path)
        except AudioFileError:
            raise error from None  # which says more
    return len(audio) / rate, rate


def _in_words(found: dict[str, Any]) -> str:
    sound, marks, record = found["sound"], found["marks"], found["record"]
    lines = [f"{found['file']}: {sound['seconds']} s at {sound['sample_rate']:,} Hz"]
    lines += [f"  {name}: {text}" for name, text in marks.items()] or ["  no marks of its origin"]
    if record is None:
        lines.append("  no record of a take")
    else:
        seed = record.get("options", {}).get("seed")
        lines.append(f"  take: model {record.get('model')}, seed {seed}")
        lines.append(f"  voice: {record.get('voice') or 'none given'}")
        lines.append(f"  text: {record.get('text')}")
    credential = found["credential"]
    if isinstance(credential, dict):
        lines.append(f"  content credential: {credential['validation_state']}")
    else:
        lines.append(f"  content credential: {credential or 'none'}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = flags.Parser(
        prog="bark-studio inspect",
        description="Tells what audio files say of themselves: how their sound was made, by which "
        "model, and whether that is signed.",
        epilog="A tag can be removed or forged; only a credential's signature can be checked.",
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="WAV, FLAC, OGG, Opus, MP3, M4B or AAC"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser
