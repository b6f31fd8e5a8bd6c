"""Audio encoded while it is made: bytes as soon as there are any, never the whole in memory."""

from __future__ import annotations

import contextlib
import io
import os
import select
import struct
import subprocess
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import soundfile
from mutagen.ogg import OggPage

from ..audio.ffmpeg import ffmpeg_path
from ..audio.files import to_int16
from .faults import ApiError

MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""By `response_format`; Opus lies in Ogg, PCM is 16 bits, little-endian, mono."""

_SOUNDFILE_KINDS = {
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "opus": ("OGG", "OPUS"),
    "flac": ("FLAC", "PCM_16"),
}
_UNKNOWN_LEN = 0xFFFFFFFF  # as players know it from streams
_BLOCK_FRAMES = 24_000
_FFMPEG_TAKES_S = 0.05
_PIPE_BYTES = 1 << 15
_MP3_LEVEL = 0.6  # 64 kbit/s at 24 kHz


class Encoder(Protocol):
    """Turns audio into the bytes of one format, piece by piece."""

    def add(self, audio: np.ndarray) -> bytes:
        """Takes (n,) float within ±1; returns the bytes that are there by now, maybe none."""

    def end(self) -> bytes:
        """Returns the last bytes."""

    def close(self) -> None:
        """Lets go of everything, also where the end was not reached."""


def new_encoder(format: str, sample_rate: int, marks: dict[str, str]) -> Encoder:
    """An encoder for one answer.

    Args:
        format: a key of `MEDIA_TYPES`.
        sample_rate: Hz.
        marks: what the file says of itself, where its head has a place for it: "title",
            "software", "comment".

    Raises:
        ApiError: the format is unknown, or needs a program that is not on this machine.
    """
    if format == "pcm":
        return _Pcm(b"")
    if format == "wav":
        return _Pcm(_wav_head(sample_rate, marks))
    if format == "aac":
        return _Ffmpeg(sample_rate, marks)
    if format in _SOUNDFILE_KINDS:
        return _Soundfile(format, sample_rate, marks)
    raise ApiError(
        f"The response_format {format[:20]!r} is not one of {', '.join(MEDIA_TYPES)}.",
        param="response_format",
        code="invalid_value",
    )


class _Pcm:
    """16-bit samples, after whatever head the format has."""

    def __init__(self, head: bytes) -> None:
        self._head = head

    def add(self, audio: np.ndarray) -> bytes:
        head, self._head = self._head, b""
        return head + to_int16(audio).astype("<i2").tobytes()

    def end(self) -> bytes:
        head, self._head = self._head, b""
        return head

    def close(self) -> None:
        pass


def _wav_head(sample_rate: int, marks: dict[str, str]) -> bytes:
    """The head of a WAV stream, whose length nobody knows yet."""
    names = {"title": b"INAM", "software": b"ISFT", "comment": b"ICMT"}
    info = b"INFO"
    for key, name in names.items():
        if key in marks:
            text = marks[key].encode("utf-8") + b"\0"
            info += name + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2)
    format_chunk = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", _UNKNOWN_LEN, b"WAVE")
        + format_chunk
        + struct.pack("<4sI", b"LIST", len(info))
        + info
        + struct.pack("<4sI", b"data", _UNKNOWN_LEN)
    )


class _Soundfile:
    """MP3, Opus and FLAC through libsndfile, which writes to what it takes for a file."""

    def __init__(self, format: str, sample_rate: int, marks: dict[str, str]) -> None:
        self._out = _Growing()
        self._is_ogg = format == "opus"
        # Readers trust the length in a FLAC file's head, which is written at the end.
        self._streams = format != "flac"
        container, subtype = _SOUNDFILE_KINDS[format]
        # Of constant rate, so a reader can tell the length of an MP3 from its size.
        rate = {"bitrate_mode": "CONSTANT", "compression_level": _MP3_LEVEL}
        self._file = soundfile.SoundFile(
            self._out,
            "w",
            sample_rate,
            1,
            subtype,
            format=container,
            **(rate if format == "mp3" else {}),
        )
        for name, text in marks.items():
            setattr(self._file, name, text)
        self._pages = b""

    def add(self, audio: np.ndarray) -> bytes:
        samples = to_int16(audio)
        for start in range(0, len(samples), _BLOCK_FRAMES):  # its encoders take no long block
            self._file.write(samples[start : start + _BLOCK_FRAMES])
        return self._taken() if self._streams else b""

    def end(self) -> bytes:
        self._file.close()
        return self._taken()

    def close(self) -> None:
        self._file.close()

    def _taken(self) -> bytes:
        return self._numbered(self._out.take()) if self._is_ogg else self._out.take()

    def _numbered(self, data: bytes) -> bytes:
        """Whole Ogg pages with a fixed serial number: the same audio gives the same bytes."""
        stream = io.BytesIO(self._pages + data)
        pages: list[bytes] = []
        end = 0
        with contextlib.suppress(EOFError, struct.error):
            while True:
                page = OggPage(stream)
                page.serial = 1
                pages.append(page.write())
                end = stream.tell()
        self._pages = stream.getvalue()[end:]
        return b"".join(pages)


class _Growing(io.BytesIO):
    """A file that is written to once: what has been taken out of it is not written again."""

    def __init__(self) -> None:
        super().__init__()
        self._n_taken = 0

    def take(self) -> bytes:
        """The bytes since the last time; corrections of earlier ones come too late."""
        here = self.tell()
        self.seek(self._n_taken)
        data = self.read()
        self._n_taken += len(data)
        self.seek(here)
        return data


class _Ffmpeg:
    """AAC through ffmpeg, in a process of its own."""

    def __init__(self, sample_rate: int, marks: dict[str, str]) -> None:
        program = ffmpeg_path()
        if program is None:
            raise ApiError(
                "This server has no ffmpeg, which aac needs; ask for mp3, opus, flac, wav or pcm.",
                param="response_format",
                code="unsupported_value",
            )
        quick = ["-probesize", "32", "-analyzeduration", "0"]
        command = [
            program,
            "-v",
            "error",
            *quick,
            "-f",
            "s16le",
            "-ar",
            str(sample_rate),
            "-ac",
            "1",
        ]
        command += ["-i", "pipe:0", "-c:a", "aac", "-b:a", "96k", "-f", "adts"]
        for name, text in marks.items():
            command += ["-metadata", f"{name}={' '.join(text.split())}"]
        command += ["-write_id3v2", "1", "-flush_packets", "1", "pipe:1"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)

    def add(self, audio: np.ndarray) -> bytes:
        assert self._process.stdin is not None
        data, found = to_int16(audio).astype("<i2").tobytes(), b""
        for start in range(0, len(data), _PIPE_BYTES):  # both pipes hold little
            self._process.stdin.write(data[start : start + _PIPE_BYTES])
            self._process.stdin.flush()
            found += self._read(0)
        return found + self._read(_FFMPEG_TAKES_S)

    def end(self) -> bytes:
        rest, _ = self._process.communicate()
        return rest or b""

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def _read(self, timeout_s: float) -> bytes:
        assert self._process.stdout is not None
        found = b""
        while select.select([self._process.stdout], [], [], timeout_s)[0]:
            data = self._process.stdout.read()
            if not data:
                break
            found += data
        return found


def encoded(pieces: Iterator[np.ndarray], encoder: Encoder) -> Iterator[bytes]:
    """Yields the bytes of an answer as its audio comes."""
    try:
        for audio in pieces:
            data = encoder.add(audio)
            if data:
                yield data
        data = encoder.end()
        if data:
            yield data
    finally:
        encoder.close()
