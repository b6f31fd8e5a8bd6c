"""The files of a long text: its sound in many formats, captions, a timeline, and all in one ZIP."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

from ...errors import BarkError, InvalidInputError
from ...files.whole_file import whole_file
from ...narration.captions import write_captions
from ...narration.joining import write_file
from ...narration.narration import Narration
from ...narration.timeline import timeline
from ..state.sessions import Visit
from ..state.studio import Studio
from .long_layout import document_of, open_narration, without_paths

AUDIO_FORMATS = ("wav", "flac", "mp3", "opus", "m4b")
OTHER_FORMATS = ("srt", "vtt", "json", "zip")
_IN_ARCHIVE = ("flac", "mp3", "m4b", "srt", "vtt", "json")


def formats_here() -> list[str]:
    """The formats that can be written on this machine; an M4B takes ffmpeg."""
    audio = [name for name in AUDIO_FORMATS if name != "m4b" or shutil.which("ffmpeg")]
    return [*audio, *OTHER_FORMATS]


def write_as(studio: Studio, visit: Visit, narration_id: str, format: str, folder: Path) -> Path:
    """Writes what is made so far of a long text as one file.

    Args:
        format: one of `formats_here`.
        folder: of its own, in which the file gets a name of the text's title.

    Raises:
        BarkError: nothing is made yet, there is no such format, or it cannot be written.
    """
    if format not in formats_here():
        raise InvalidInputError(f"A long text is not written as {format[:20]!r} here.")
    narration = open_narration(studio, visit, narration_id)
    if not any(state.is_ready for state in narration.chunks):
        raise InvalidInputError("No chunk is made yet, so there is nothing to write.")
    path = folder / f"{_slug(narration.title) or narration_id}.{format}"
    with without_paths(narration.folder.path, folder):
        if format == "zip":
            _write_archive(narration, path, _cover(visit, narration_id))
        else:
            _write_one(narration, path, _cover(visit, narration_id))
    return path


def _write_one(narration: Narration, path: Path, cover: bytes | None) -> None:
    format = path.suffix[1:]
    if format in ("srt", "vtt"):
        write_captions(narration, path)
    elif format == "json":
        with whole_file(path) as file:
            file.write(json.dumps(timeline(narration), ensure_ascii=False, indent=1).encode())
    else:
        write_file(narration, path, cover=cover)


def _write_archive(narration: Narration, path: Path, cover: bytes | None) -> None:
    with (
        tempfile.TemporaryDirectory(dir=path.parent) as folder,
        zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive,
    ):
        for format in (name for name in _IN_ARCHIVE if name in formats_here()):
            part = Path(folder) / f"{path.stem}.{format}"
            _write_one(narration, part, cover)
            archive.write(part, part.name)
            part.unlink()
        paragraphs = [state.chunk.text for state in narration.chunks]
        archive.writestr(f"{path.stem}.txt", "\n\n".join(paragraphs) + "\n")


def _cover(visit: Visit, narration_id: str) -> bytes | None:
    """The cover of the file that the text was read from."""
    source = visit.narrations.source(narration_id, with_file=True)
    if not source.get("file"):
        return None
    try:
        return document_of(source).cover
    except BarkError:
        return None


def _slug(title: str) -> str:
    words: list[str] = re.findall(r"[a-z0-9]+", title.lower())
    return "-".join(words)[:48].strip("-")
