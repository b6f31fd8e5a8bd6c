"""Voices in files, which may come from strangers: sizes are judged before a byte is unpacked."""

from __future__ import annotations

import contextlib
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import VoiceError, VoiceNotFoundError
from ..files.archive_file import open_archive
from ..files.whole_file import open_regular, whole_file
from ..tokens import MAX_TOKENS, MAX_VOICE_S
from .prompt import PROMPT_KEYS, VoicePrompt

MAX_FILE_BYTES = 8 << 20  # the longest voice takes half of it, uncompressed
_MAX_DIRECTORY_BYTES = 64 << 10  # of an archive; three arrays need 200
_MAX_HEADER_BYTES = 4 << 10  # of an array; numpy writes 128
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the two that numpy writes
_ENCRYPTED = 0x1

_HEADER = re.compile(
    r"\{\s{0,9}'descr':\s{0,9}'(?P<dtype>[<>=|]?[a-zA-Z]\d{0,2})',"
    r"\s{0,9}'fortran_order':\s{0,9}(?P<by_column>True|False),"
    r"\s{0,9}'shape':\s{0,9}\((?P<shape>(?:\d{1,18}(?:, ?|(?=\)))){0,8})\),?\s{0,9}\}\s*"
)
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    OverflowError,
    RuntimeError,
)


def read_voice_file(path: Path, *, name: str | None = None) -> VoicePrompt:
    """Reads an .npz voice without trusting it: no pickle, no array larger than a voice can be.

    Raises:
        VoiceNotFoundError: there is no such file.
        VoiceError: it is no .npz file, or lacks one of the three arrays.
    """
    name = name or path.name
    title = f"The voice {name!r}"
    try:
        with (
            open_regular(path, max_bytes=MAX_FILE_BYTES) as file,
            open_archive(file, max_directory_bytes=_MAX_DIRECTORY_BYTES) as archive,
        ):
            arrays = {
                key: _read_member(archive, member, f"{title} has a {key} that")
                for key, member in _members(archive).items()
            }
    except FileNotFoundError as error:
        raise VoiceNotFoundError(f"There is no voice file at {path}; check the path.") from error
    except VoiceError:
        raise
    except (OSError, *_DAMAGE) as error:
        raise VoiceError(
            f"{path.name} cannot be read as a voice; "
            f"it must be an .npz file with {', '.join(PROMPT_KEYS)}."
        ) from error
    return VoicePrompt.from_dict(arrays, name=name)


def voice_file_ratio(path: Path) -> float | None:
    """Codec frames per semantic token, from the file's headers alone; None if unreadable."""
    try:
        with (
            open_regular(path, max_bytes=MAX_FILE_BYTES) as file,
            open_archive(file, max_directory_bytes=_MAX_DIRECTORY_BYTES) as archive,
        ):
            members = _members(archive)
            lengths = []
            for key in ("semantic_prompt", "fine_prompt"):
                with archive.open(members[key]) as stream:
                    lengths.append(_read_header(stream)[0][-1])
        return lengths[1] / lengths[0]
    except (OSError, ZeroDivisionError, *_DAMAGE):
        return None


def read_array(stream: IO[bytes], subject: str) -> np.ndarray:
    """Reads one .npy array after its header has been judged, so that it cannot fill the memory.

    Args:
        subject: how an error's sentence begins, for example "The voice 'x' has a y that".

    Raises:
        VoiceError: it is no .npy data, holds objects, or is larger than a voice can be.

    Returns:
        of the file's shape and dtype, for example (8, T) int64.
    """
    try:
        shape, dtype, by_column = _read_header(stream)
        if dtype.hasobject:
            raise VoiceError(f"{subject} holds Python objects; only numbers are accepted.")
        n_bytes = math.prod(shape) * dtype.itemsize
        if n_bytes > 8 * MAX_TOKENS:
            raise VoiceError(
                f"{subject} has the shape {shape}; "
                f"a voice may be at most {MAX_VOICE_S} seconds long."
            )
        content = stream.read(n_bytes)
        if len(content) < n_bytes:
            raise ValueError("the data ends early")
        flat = np.frombuffer(content, dtype)
        # suno-ai/bark's fine stage returns a transposed view, which numpy saves column by column.
        found: np.ndarray = (
            flat.reshape(shape[::-1]).T if by_column else flat.reshape(shape)
        ).copy()
        return found
    except VoiceError:
        raise
    except (OSError, *_DAMAGE) as error:
        raise VoiceError(f"{subject} cannot be read; it must be a numpy array.") from error


def read_voice_arrays(paths: Mapping[str, Path], *, name: str) -> VoicePrompt:
    """Reads a voice whose three arrays lie in .npy files, without trusting them.

    Args:
        paths: by `PROMPT_KEYS`.

    Raises:
        VoiceError: a file cannot be read, or is no array of a voice.
    """
    arrays = {}
    for key in PROMPT_KEYS:
        try:
            with open_regular(paths[key], max_bytes=MAX_FILE_BYTES) as stream:
                arrays[key] = read_array(stream, f"The voice {name!r} has a {key} that")
        except OSError as error:
            raise VoiceError(
                f"The {key} of the voice {name!r} cannot be read: {error.strerror or error}."
            ) from error
    return VoicePrompt.from_dict(arrays, name=name)


def write_voice_file(path: Path, voice: VoicePrompt, more: Mapping[str, Any] | None = None) -> None:
    """Writes an .npz voice in the dtypes of the official ones, in one step.

    The file appears under its name only when it is complete.

    Args:
        more: arrays to keep beside the voice's own.

    Raises:
        VoiceError: the folder cannot be written, or `more` holds what is no array.
    """
    others = {key: np.asarray(value) for key, value in (more or {}).items()}
    for key, array in others.items():
        if array.dtype.hasobject:
            raise VoiceError(f"{key} holds Python objects; a voice's file takes only arrays.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            arrays: dict[str, Any] = {
                "semantic_prompt": voice.semantic,
                "coarse_prompt": voice.coarse,
                "fine_prompt": voice.fine.astype(np.int32),
                **others,
            }
            np.savez(stream, **arrays)
    except OSError as error:
        raise VoiceError(f"The voice cannot be saved as {path}: {error.strerror}.") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    with (
        open_regular(path, max_bytes=MAX_FILE_BYTES) as file,
        open_archive(file, max_directory_bytes=_MAX_DIRECTORY_BYTES) as archive,
    ):
        yield archive


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The voice's arrays in the archive, by key; those it lacks are left out."""
    members = {}
    for info in archive.infolist():
        key = info.filename.removesuffix(".npy")
        if key in PROMPT_KEYS:
            if info.compress_type not in _METHODS or info.flag_bits & _ENCRYPTED:
                raise zipfile.BadZipFile("it is compressed as numpy compresses nothing")
            members[key] = info
    return members


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, subject: str) -> np.ndarray:
    with archive.open(member) as stream:
        return read_array(stream, subject)


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype, bool]:
    """Shape, dtype and order of an array, read as numpy writes them and in no other way.

    numpy's own reader evaluates the header as Python and takes any length and sign.
    """
    magic = stream.read(8)
    if len(magic) < 8 or magic[:6] != b"\x93NUMPY" or magic[6] not in (1, 2, 3):
        raise ValueError("it does not begin as an array does")
    n_bytes = int.from_bytes(stream.read(2 if magic[6] == 1 else 4), "little")
    if n_bytes > _MAX_HEADER_BYTES:
        raise ValueError(f"its header has {n_bytes} bytes")
    match = _HEADER.fullmatch(stream.read(n_bytes).decode("latin-1"))
    if match is None:
        raise ValueError("its header is none that numpy writes")
    try:
        dtype = np.dtype(match["dtype"])
    except TypeError as error:
        raise ValueError(f"{match['dtype']} is no dtype") from error
    shape = tuple(int(n) for n in match["shape"].replace(",", " ").split())
    return shape, dtype, match["by_column"] == "True"
