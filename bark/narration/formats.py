"""Audio files of any length, written as the samples come, with chapters and a cover."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile

from ..audio.ffmpeg import ffmpeg_path
from ..audio.files import format_of, number_ogg_pages, to_int16
from ..audio.marks import COMMENT, mark_tags, marks_of
from ..errors import AudioFileError
from ..files.whole_file import sweep_parts

FORMATS = ("wav", "flac", "ogg", "opus", "mp3", "m4b")
_SOUNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
_LOSSY_LEVEL = {"ogg": 0.3, "opus": 0.8, "mp3": 0.3}  # 0 is the best and largest, 1 the worst
_MAX_WAV_BYTES = (1 << 32) - (1 << 16)  # a WAV header counts to four gigabytes
_BLOCK_FRAMES = 1 << 16  # the Vorbis encoder overflows its stack on one long block
_M4B_BITRATE = "64k"


@dataclasses.dataclass(frozen=True)
class Metadata:
    """What players show of a file.

    Attributes:
        title, author, language: "" where it is not known.
        model: that spoke; "" where it is not known.
        chapters: title and start in seconds of each; the first begins at 0.
        duration_s: of the whole.
        cover: a JPEG or PNG image, or None.
    """

    title: str = ""
    author: str = ""
    language: str = ""
    model: str = ""
    chapters: tuple[tuple[str, float], ...] = ()
    duration_s: float = 0.0
    cover: bytes | None = None

    def spans(self) -> Iterator[tuple[str, float, float]]:
        """Title, start and end in seconds of each chapter."""
        ends = [start for _, start in self.chapters[1:]] + [self.duration_s]
        for (title, start), end in zip(self.chapters, ends, strict=True):
            yield title, start, end


class AudioWriter(Protocol):
    """Takes samples."""

    def write(self, audio: np.ndarray) -> None:
        """Appends (n,) float32 within ±1."""


def check_format(path: str | Path) -> str:
    """The format of a file that is to be written later.

    Raises:
        AudioFileError: the name asks for none, or for one that needs ffmpeg where it is missing.
    """
    format = format_of(path, FORMATS)
    if format == "m4b":
        _find_ffmpeg()
    return format


def _find_ffmpeg() -> str:
    program = ffmpeg_path()
    if program is None:
        raise AudioFileError(
            "An .m4b file is made by ffmpeg, which is not installed; install it or write .mp3, "
            "which keeps chapters too."
        )
    return program


@contextlib.contextmanager
def open_writer(
    path: Path, sample_rate: int, n_samples: int, metadata: Metadata, format: str | None = None
) -> Iterator[AudioWriter]:
    """Opens an audio file for samples; it stands at `path` when the block is done, or not at all.

    Args:
        n_samples: that will come; a WAV file beyond four gigabytes becomes RF64.
        format: one of `FORMATS`; None takes the path's suffix.

    Raises:
        AudioFileError: the format is unknown, ffmpeg is needed and missing, or the disk refuses.
    """
    format = format or format_of(path, FORMATS)
    if format not in FORMATS:
        raise AudioFileError(f"The format {format!r} is not one of {', '.join(FORMATS)}.")
    if format == "wav" and 2 * n_samples > _MAX_WAV_BYTES:
        format = "rf64"
    sweep_parts(path.parent)  # of a run that was killed as it wrote, perhaps gigabytes
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        opened: Any = (
            _ffmpeg(part, sample_rate, metadata)
            if format == "m4b"
            else _soundfile(part, sample_rate, metadata, format)
        )
        with opened as writer:
            yield writer
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise AudioFileError(f"{path} cannot be written: {error.strerror or error}.") from error
    except soundfile.SoundFileError as error:
        raise AudioFileError(f"{path} cannot be written: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


class _Samples:
    """Writes 16-bit samples through libsndfile."""

    def __init__(self, file: soundfile.SoundFile) -> None:
        self.file = file

    def write(self, audio: np.ndarray) -> None:
        samples = to_int16(audio)
        for start in range(0, len(samples), _BLOCK_FRAMES):
            self.file.write(samples[start : start + _BLOCK_FRAMES])


@contextlib.contextmanager
def _soundfile(
    path: Path, sample_rate: int, metadata: Metadata, format: str
) -> Iterator[AudioWriter]:
    container, subtype = _SOUNDFILE[format]
    level = {"compression_level": _LOSSY_LEVEL[format]} if format in _LOSSY_LEVEL else {}
    with soundfile.SoundFile(path, "w", sample_rate, 1, subtype, format=container, **level) as file:
        for name, text in marks_of(metadata.model).items():
            setattr(file, name, text)
        yield _Samples(file)
    if format in ("ogg", "opus"):
        _renumbered(path)
    _TAGGERS.get(format, _no_tags)(path, metadata)


def _renumbered(path: Path) -> None:
    """Gives an Ogg stream a fixed number, so that the same audio gives the same bytes."""
    other = path.with_name(path.name + "2")
    try:
        with path.open("rb") as source, other.open("wb") as target:
            number_ogg_pages(source, target)
        other.replace(path)
    finally:
        other.unlink(missing_ok=True)


def _no_tags(path: Path, metadata: Metadata) -> None:
    """WAV files of other programs' making have none either."""


def _tag_flac(path: Path, metadata: Metadata) -> None:
    from mutagen.flac import FLAC, Picture

    audio = FLAC(path)
    _add_comments(audio, metadata)
    if metadata.cover:
        picture = Picture()
        picture.data, picture.type, picture.mime = metadata.cover, 3, _mime(metadata.cover)
        audio.add_picture(picture)
    audio.save()


def _tag_ogg(path: Path, metadata: Metadata) -> None:
    from mutagen.oggvorbis import OggVorbis

    audio = OggVorbis(path)
    _add_comments(audio, metadata)
    audio.save()


def _tag_opus(path: Path, metadata: Metadata) -> None:
    from mutagen.oggopus import OggOpus

    audio = OggOpus(path)
    _add_comments(audio, metadata)
    audio.save()


def _add_comments(audio: Any, metadata: Metadata) -> None:
    """Vorbis comments; chapters as CHAPTER001 and CHAPTER001NAME."""
    for name, value in _texts(metadata).items():
        audio[name] = value
    if len(metadata.chapters) > 1:
        for number, (title, start_s) in enumerate(metadata.chapters, 1):
            minutes, seconds = divmod(start_s, 60)
            hours, minutes = divmod(int(minutes), 60)
            audio[f"CHAPTER{number:03d}"] = f"{hours:02d}:{minutes:02d}:{seconds:06.3f}"
            audio[f"CHAPTER{number:03d}NAME"] = title


def _texts(metadata: Metadata) -> dict[str, str]:
    texts = {"title": metadata.title, "artist": metadata.author, "language": metadata.language}
    texts |= {COMMENT: marks_of(metadata.model)[COMMENT], **_program_tags(metadata)}
    return {name: value for name, value in texts.items() if value}


def _program_tags(metadata: Metadata) -> dict[str, str]:
    return mark_tags({"model": metadata.model} if metadata.model else {})


def _tag_mp3(path: Path, metadata: Metadata) -> None:
    from mutagen.id3 import APIC, CHAP, COMM, CTOC, ID3, TIT2, TPE1, TXXX, CTOCFlags

    tags = ID3()
    tags.add(TIT2(encoding=3, text=metadata.title))
    comment = marks_of(metadata.model)[COMMENT]
    tags.add(COMM(encoding=3, lang="eng", desc="", text=comment))
    for name, text in _program_tags(metadata).items():
        tags.add(TXXX(encoding=3, desc=name, text=text))
    if metadata.author:
        tags.add(TPE1(encoding=3, text=metadata.author))
    if metadata.cover:
        mime = _mime(metadata.cover)
        tags.add(APIC(encoding=3, mime=mime, type=3, desc="Cover", data=metadata.cover))
    if len(metadata.chapters) > 1:
        names = [f"ch{number}" for number in range(len(metadata.chapters))]
        flags = CTOCFlags.TOP_LEVEL | CTOCFlags.ORDERED
        tags.add(CTOC(element_id="toc", flags=flags, child_element_ids=names, sub_frames=[]))
        for name, (title, start, end) in zip(names, metadata.spans(), strict=True):
            title_frame = TIT2(encoding=3, text=title)
            tags.add(CHAP(element_id=name, start_time=round(start * 1_000),
                          end_time=round(end * 1_000), sub_frames=[title_frame]))  # fmt: skip
    tags.save(path)


_TAGGERS = {"flac": _tag_flac, "ogg": _tag_ogg, "opus": _tag_opus, "mp3": _tag_mp3}


def _mime(image: bytes) -> str:
    return "image/png" if image.startswith(b"\x89PNG") else "image/jpeg"


class _Pipe:
    """Writes samples into a program."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def write(self, audio: np.ndarray) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(to_int16(audio).astype("<i2").tobytes())


@contextlib.contextmanager
def _ffmpeg(path: Path, sample_rate: int, metadata: Metadata) -> Iterator[AudioWriter]:
    program = _find_ffmpeg()
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+b") as log:
        command = _ffmpeg_command(program, Path(folder), path, sample_rate, metadata)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        try:
            with contextlib.suppress(BrokenPipeError):
                yield _Pipe(process)
                assert process.stdin is not None
                process.stdin.close()
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        if code:
            log.seek(0)
            last = (log.read().decode(errors="replace").strip().splitlines() or ["no message"])[-1]
            raise AudioFileError(f"ffmpeg could not write the file: {last}")


def _ffmpeg_command(
    program: str, folder: Path, path: Path, sample_rate: int, metadata: Metadata
) -> list[str]:
    described = folder / "metadata.txt"
    described.write_text(ffmetadata(metadata), encoding="utf-8")
    command = [program, "-v", "error", "-y", "-f", "s16le", "-ar", str(sample_rate), "-ac", "1",
               "-i", "pipe:0", "-f", "ffmetadata", "-i", str(described)]  # fmt: skip
    cover: list[str] = []
    if metadata.cover:
        image = folder / ("cover.png" if metadata.cover.startswith(b"\x89PNG") else "cover.jpg")
        image.write_bytes(metadata.cover)
        command += ["-i", str(image)]
        cover = ["-map", "2:v", "-c:v", "copy", "-disposition:v:0", "attached_pic"]
    return [*command, "-map", "0:a", *cover, "-map_metadata", "1", "-map_chapters", "1",
            "-c:a", "aac", "-b:a", _M4B_BITRATE, "-fflags", "+bitexact", "-flags:a", "+bitexact",
            "-f", "ipod", str(path)]  # fmt: skip


def ffmetadata(metadata: Metadata) -> str:
    """Title, author and chapters as ffmpeg's metadata file has them."""
    lines = [";FFMETADATA1", "genre=Audiobook"]
    names = {"title": "title", "artist": "artist", "comment": "comment"}
    lines += [f"{names[k]}={_escaped(v)}" for k, v in _texts(metadata).items() if k in names]
    for title, start, end in metadata.spans():
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={round(start * 1_000)}",
                  f"END={round(end * 1_000)}", f"title={_escaped(title)}"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    text = " ".join(text.split())
    return "".join(f"\\{char}" if char in "=;#\\" else char for char in text)
