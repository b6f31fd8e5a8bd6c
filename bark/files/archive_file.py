"""Opening ZIP archives that may come from strangers."""

from __future__ import annotations

import struct
import zipfile
from typing import BinaryIO

_END_RECORD = struct.Struct("<4s4H2IH")
_MAX_COMMENT_BYTES = 1 << 16
_LOCATOR = struct.Struct("<4sIQI")  # of the end record of a large archive
_LARGE_END_RECORD = struct.Struct("<4sQ2H2I4Q")


def open_archive(file: BinaryIO, *, max_directory_bytes: int) -> zipfile.ZipFile:
    """The archive, once its directory is known to be small: zipfile reads it as a whole.

    Raises:
        zipfile.BadZipFile: it is no archive, or its directory is larger than that.
        struct.error: it is cut off.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_RECORD.size - _MAX_COMMENT_BYTES))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        raise zipfile.BadZipFile("it has no directory")
    directory_bytes = _END_RECORD.unpack_from(tail, at)[5]
    if tail[max(0, at - _LOCATOR.size) : at].startswith(b"PK\x06\x07"):
        file.seek(_LOCATOR.unpack_from(tail, at - _LOCATOR.size)[2])
        directory_bytes = _LARGE_END_RECORD.unpack(file.read(_LARGE_END_RECORD.size))[8]
    if directory_bytes > max_directory_bytes:
        raise zipfile.BadZipFile("its directory is too large")
    file.seek(0)
    return zipfile.ZipFile(file)
