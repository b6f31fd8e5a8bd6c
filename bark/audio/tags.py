"""Text tags of audio files: ID3 in WAV, MP3 and AAC, Vorbis comments in FLAC and OGG, M4B's atoms.

Written through the tag library. ID3 is read here because that library's own reader unpacks
compressed frames of any size, and these files come from strangers.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from mutagen import MutagenError
from mutagen.flac import FLAC
from mutagen.id3 import TXXX
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from ..errors import AudioFileError
from ..files.whole_file import open_regular, user_path

MAX_FILE_BYTES = 512 << 20
MAX_TAG_BYTES = 16 << 20  # one ID3 tag
_MAX_CHUNKS = 1_000  # of a WAV file
_MAGIC_BYTES = 64  # as far as an Ogg stream's first page says what is in it

_CONTAINERS: dict[str, Any] = {"wav": WAVE, "mp3": MP3, "flac": FLAC, "ogg": OggVorbis}
_ID3_ENCODINGS = {0: "latin-1", 1: "utf-16", 2: "utf-16-be", 3: "utf-8"}


def write_texts(file: io.BytesIO, container: str, texts: Mapping[str, str]) -> None:
    """Writes texts into the tags of an encoded audio file in memory, beside what is there.

    Args:
        file: the whole file; changed in place.
        container: "wav", "flac", "ogg" or "mp3".
        texts: by name, in ASCII letters and underscores.
    """
    file.seek(0)
    audio: Any = _CONTAINERS[container](file)
    if audio.tags is None:
        audio.add_tags()
    for name, value in texts.items():
        if container in ("wav", "mp3"):
            audio.tags.add(TXXX(encoding=3, desc=name, text=[value]))
        else:
            audio.tags[name] = value
    file.seek(0)
    audio.save(file)


def read_texts(path: str | Path) -> dict[str, str]:
    """Reads the texts out of an audio file's tags; its content decides its kind, not its name.

    Returns:
        texts by lower-case name; of two with the same name, the first. What players show as the
        file's comment is "comment" in every kind.

    Raises:
        AudioFileError: the file cannot be read, is too large, is of another kind, or damaged.
    """
    path = user_path(path)
    try:
        with open_regular(path, max_bytes=MAX_FILE_BYTES) as file:
            return _read_texts(file)
    except OSError as error:
        raise AudioFileError(f"{path} cannot be read: {error.strerror or error}.") from error
    except AudioFileError:
        raise
    except (MutagenError, struct.error, ValueError, IndexError, KeyError, EOFError) as error:
        raise AudioFileError(
            f"{path.name} is no WAV, FLAC, OGG, Opus, MP3, M4B or AAC file, or its tags are "
            "damaged."
        ) from error


def _read_texts(file: BinaryIO) -> dict[str, str]:
    """The texts of an audio file by lower-case name."""
    magic = file.read(_MAGIC_BYTES)
    file.seek(0)
    if magic[:4] in (b"RIFF", b"RF64") and magic[8:12] == b"WAVE":
        return _find_wave_texts(file)
    if magic[:4] == b"fLaC":
        return _comments(FLAC(file))
    if magic[:4] == b"OggS":
        return _comments(OggOpus(file) if b"OpusHead" in magic else OggVorbis(file))
    if magic[4:8] == b"ftyp":
        tags: Any = MP4(file).tags or {}
        comments = tags.get("\xa9cmt", ())
        return {"comment": str(comments[0])} if comments else {}
    if magic[:3] == b"ID3":
        return _read_id3_texts(file)
    if len(magic) > 1 and magic[0] == 0xFF and magic[1] & 0xE0 == 0xE0:  # MP3 or AAC without a tag
        return {}
    raise MutagenError("none of these kinds")


def _comments(audio: FLAC | OggOpus | OggVorbis) -> dict[str, str]:
    tags: Any = audio.tags or ()
    texts: dict[str, str] = {}
    for name, value in tags:
        texts.setdefault(name.lower(), value)
    return texts


def _find_wave_texts(file: BinaryIO) -> dict[str, str]:
    file.seek(12)
    texts: dict[str, str] = {}
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            break
        name, size = struct.unpack("<4sI", head)
        begin = file.tell()
        if name.lower() == b"id3 ":
            texts = _read_id3_texts(file) | texts
        elif name == b"LIST" and size <= MAX_TAG_BYTES:
            texts |= _info_texts(file.read(size))
        file.seek(begin + size + size % 2)
    return texts


def _info_texts(body: bytes) -> dict[str, str]:
    """The comment of a WAV file's INFO list."""
    start = 4 if body[:4] == b"INFO" else len(body)
    while start + 8 <= len(body):
        name, size = struct.unpack_from("<4sI", body, start)
        start += 8
        if name == b"ICMT":
            text = body[start : start + size].partition(b"\0")[0]
            return {"comment": text.decode("utf-8", "replace")}
        start += size + size % 2
    return {}


def _read_id3_texts(file: BinaryIO) -> dict[str, str]:
    """The TXXX frames and the comment of the ID3v2.3 or 2.4 tag that begins here."""
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3" or head[3] not in (3, 4):
        return {}
    version, flags, size = head[3], head[5], _syncsafe(head[6:])
    if size > MAX_TAG_BYTES:
        raise AudioFileError(f"The file's tag has {size:,} bytes, more than {MAX_TAG_BYTES:,}.")
    body = file.read(size)
    if flags & 0x80 and version == 3:
        body = body.replace(b"\xff\x00", b"\xff")
    start = 0
    if flags & 0x40:  # an extended header; version 3 leaves its own four bytes out of its size
        start = int.from_bytes(body[:4], "big") + 4 if version == 3 else _syncsafe(body[:4])
    texts: dict[str, str] = {}
    for frame, data in _text_frames(body, start, version):
        is_comment = frame == b"COMM"
        encoded = data[4:] if is_comment else data[1:]  # a comment's language stands before it
        raw = encoded.decode(_ID3_ENCODINGS.get(data[0], "latin-1"), "replace")
        name, _, value = raw.partition("\0")
        name = "comment" if is_comment else name.lstrip("\ufeff").lower()
        texts.setdefault(name, value.lstrip("\ufeff").partition("\0")[0])
    return texts


def _text_frames(body: bytes, start: int, version: int) -> Iterator[tuple[bytes, bytes]]:
    while start + 10 <= len(body) and body[start]:
        name, size_bytes, flags = struct.unpack_from(">4s4sH", body, start)
        size = int.from_bytes(size_bytes, "big") if version == 3 else _syncsafe(size_bytes)
        start += 10
        packed = flags & (0x00C0 if version == 3 else 0x000C)  # compressed or encrypted
        if name in (b"TXXX", b"COMM") and size and not packed:
            data = body[start : start + size]
            if version == 4 and flags & 0x01:  # the frame's length stands before it
                data = data[4:]
            if version == 4 and flags & 0x02:
                data = data.replace(b"\xff\x00", b"\xff")
            if data:
                yield name, data
        start += size


def _syncsafe(four: bytes) -> int:
    """Seven bits a byte, as ID3 writes sizes."""
    value = 0
    for byte in four:
        value = value << 7 | byte & 0x7F
    return value
