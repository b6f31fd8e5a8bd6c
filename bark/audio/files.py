"""Audio files: written whole or not at all, clipped, and read within bounds."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
from mutagen.ogg import OggPage

from ..errors import AudioFileError, InvalidInputError
from ..files.whole_file import open_regular, user_path, whole_file
from .marks import marks_of
from .record import attach_record
from .record import read_record as read_record
from .tags import MAX_FILE_BYTES

FORMATS = ("wav", "flac", "ogg", "mp3")
MAX_FRAMES = 1 << 26  # 46 minutes at 24 kHz, 256 MiB as float32
MAX_DURATION_S = 3_600
SAMPLE_RATES_HZ = (4_000, 384_000)  # outside of it a file is a mistake or a trap for resamplers

_SUFFIXES = {"wave": "wav", "oga": "ogg", "m4a": "m4b"}
_SUBTYPES = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}
_LOSSY_LEVEL = 0.3  # 0 is the best and largest, 1 the worst: about 60 kbit/s for speech
_BLOCK_FRAMES = 1 << 16  # the Vorbis encoder overflows its stack on one long block


def to_int16(audio: np.ndarray) -> np.ndarray:
    """Scales audio to 16 bits, clipped: what lies outside ±1 does not wrap around.

    Args:
        audio: float of any shape; not-a-number counts as silence.

    Returns:
        int16 of the same shape, ±1 as ±32,767.
    """
    finite = np.nan_to_num(np.asarray(audio, dtype=np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
    return np.round(np.clip(finite, -1.0, 1.0) * 32_767).astype(np.int16)


def join_with_silence(pieces: Iterable[np.ndarray], gap_s: float, sample_rate: int) -> np.ndarray:
    """Joins pieces of audio with silence between them.

    Args:
        pieces: float, (n,) each; none gives (0,).
        gap_s: seconds of silence between two pieces.
        sample_rate: of all of them, Hz.

    Returns:
        (n,) float32.
    """
    if gap_s < 0:
        raise InvalidInputError(f"The silence is {gap_s} s long; it must be 0 or more.")
    gap = np.zeros(round(gap_s * sample_rate), dtype=np.float32)
    parts: list[np.ndarray] = []
    for piece in pieces:
        parts += [gap, np.asarray(piece, dtype=np.float32)]
    return np.concatenate(parts[1:]) if parts else np.zeros(0, dtype=np.float32)


def encode_audio(
    audio: np.ndarray,
    sample_rate: int,
    format: str = "wav",
    *,
    record: Mapping[str, Any] | None = None,
    tokens: Mapping[str, np.ndarray] | None = None,
) -> bytes:
    """Encodes mono audio as a whole file.

    Args:
        audio: (n,) float within ±1 (more is clipped), n of 1 or more.
        sample_rate: Hz.
        format: "wav" (16 bits), "flac" (16 bits), "ogg" (Vorbis) or "mp3".
        record: JSON-able settings to keep in the file's tags; None keeps none.
        tokens: integer arrays to keep beside the record.

    Raises:
        InvalidInputError: the audio is no (n,) array or empty, or the record cannot be kept.
        AudioFileError: the format is unknown, or cannot hold this sample rate.
    """
    audio = np.asarray(audio)
    if audio.ndim != 1 or audio.size == 0:
        raise InvalidInputError(
            f"The audio has the shape {audio.shape}; expected (n,) with one sample or more."
        )
    if format not in _SUBTYPES:
        raise AudioFileError(f"The format {format!r} is not one of {', '.join(FORMATS)}.")
    lossy = format in ("ogg", "mp3")
    samples = to_int16(audio)
    file = io.BytesIO()
    options = {"compression_level": _LOSSY_LEVEL} if lossy else {}
    is_recorded = record is not None or tokens is not None
    record = record or {}
    try:
        with soundfile.SoundFile(
            file, "w", sample_rate, 1, _SUBTYPES[format], format=format.upper(), **options
        ) as out:
            for name, text in marks_of(str(record["model"])).items() if "model" in record else ():
                setattr(out, name, text)
            for start in range(0, len(samples), _BLOCK_FRAMES):
                out.write(samples[start : start + _BLOCK_FRAMES])
    except (soundfile.SoundFileError, ValueError) as error:
        raise AudioFileError(
            f"{format.upper()} cannot be written at {sample_rate} Hz: {error}"
        ) from error
    if format == "ogg":
        _number_stream(file)
    if is_recorded:
        attach_record(file, format, record, tokens or {})
    return file.getvalue()


def write_audio(
    path: str | Path,
    audio: np.ndarray,
    sample_rate: int,
    *,
    format: str | None = None,
    record: Mapping[str, Any] | None = None,
    tokens: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Writes mono audio to a file, which appears whole or not at all.

    Args:
        path: its suffix names the format where `format` is None; its folder must exist.
        audio: (n,) float within ±1 (more is clipped).
        sample_rate: Hz.
        format: "wav", "flac", "ogg" or "mp3".
        record: JSON-able settings to keep in the file's tags; None keeps none.
        tokens: integer arrays to keep beside the record.

    Returns:
        the path.

    Raises:
        InvalidInputError: as `encode_audio`.
        AudioFileError: as `encode_audio`; or the file cannot be written.
    """
    path = user_path(path)
    data = encode_audio(audio, sample_rate, format or format_of(path), record=record, tokens=tokens)
    try:
        with whole_file(path) as file:
            file.write(data)
    except OSError as error:
        raise AudioFileError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def format_of(path: str | Path, formats: Sequence[str] = FORMATS) -> str:
    """The format that a file's name asks for.

    Args:
        formats: those that may be asked for.

    Raises:
        AudioFileError: the name has no suffix, or one of another kind of file.
    """
    suffix = Path(path).suffix.lower().lstrip(".")
    format = _SUFFIXES.get(suffix, suffix)
    if format not in formats:
        raise AudioFileError(
            f"The name {Path(path).name!r} does not end in one of "
            f"{', '.join('.' + known for known in formats)}."
        )
    return format


def names_audio(path: str | Path) -> bool:
    """Whether a file's name ends as an audio file's does."""
    suffix = Path(path).suffix.lower().lstrip(".")
    return _SUFFIXES.get(suffix, suffix) in FORMATS


def read_audio(path: str | Path, *, max_frames: int = MAX_FRAMES) -> tuple[np.ndarray, int]:
    """Reads an audio file as mono, which may come from a stranger.

    Args:
        path: WAV, FLAC, OGG, MP3 or another format that libsndfile reads.
        max_frames: a longer file is refused.

    Returns:
        (n,) float32 (channels averaged; not-a-number as silence), and the sample rate in Hz.

    Raises:
        AudioFileError: the file is missing, no audio, empty, or larger than the bounds above.
    """
    path = user_path(path)
    try:
        with (
            open_regular(path, max_bytes=MAX_FILE_BYTES) as opened,
            soundfile.SoundFile(opened) as file,
        ):
            return _read_mono(file, path.name, max_frames), int(file.samplerate)
    except OSError as error:
        raise AudioFileError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: a headerless .raw
        raise AudioFileError(f"{path.name} is no audio file that can be read.") from error


def number_ogg_pages(source: BinaryIO, target: BinaryIO) -> None:
    """Copies an Ogg stream, its random number replaced: the same audio gives the same bytes."""
    with contextlib.suppress(EOFError):
        while True:
            page = OggPage(source)
            page.serial = 1
            target.write(page.write())


def _number_stream(file: io.BytesIO) -> None:
    file.seek(0)
    numbered = io.BytesIO()
    number_ogg_pages(file, numbered)
    file.seek(0)
    file.write(numbered.getvalue())


def _read_mono(file: soundfile.SoundFile, name: str, max_frames: int) -> np.ndarray:
    """Reads block by block: a header may promise anything."""
    low, high = SAMPLE_RATES_HZ
    if not low <= file.samplerate <= high:
        raise AudioFileError(
            f"{name} has a sample rate of {file.samplerate:,} Hz; expected {low:,} to {high:,}."
        )
    limit = min(max_frames, MAX_DURATION_S * file.samplerate)
    blocks: list[np.ndarray] = []
    n_frames = 0
    while True:
        block = file.read(max(1, _BLOCK_FRAMES // file.channels), dtype="float32", always_2d=True)
        if not len(block):
            break
        n_frames += len(block)
        if n_frames > limit:
            raise AudioFileError(
                f"{name} is longer than {limit / file.samplerate / 60:.0f} minutes, which is the "
                "most that is read."
            )
        blocks.append(np.nan_to_num(block.mean(axis=1), nan=0.0, posinf=1.0, neginf=-1.0))
    if not blocks:
        raise AudioFileError(f"{name} holds no audio.")
    return np.concatenate(blocks)
