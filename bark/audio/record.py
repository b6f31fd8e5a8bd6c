"""A take's record inside its own audio file: settings as JSON, tokens as one compressed block.

The record lies in two text tags, where other players and editors leave it alone. Files come from
strangers, so everything is bounded before it is unpacked, and nothing is ever unpickled.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import AudioFileError, InvalidInputError
from ..files.json_file import parse_json
from .marks import mark_tags
from .tags import read_texts, write_texts

RECORD_VERSION = 1
RECORD_TAG = "bark_take"
TOKENS_TAG = "bark_tokens"

MAX_RECORD_CHARS = 1 << 20
MAX_TOKENS_CHARS = 12 << 20  # base64; with the record it fits into FLAC's block of 16 MiB
MAX_TOKENS_BYTES = 16 << 20  # unpacked: more than an hour of semantic, coarse and fine tokens
_MAX_ARRAYS = 32
_NAMES_BYTES = 4  # length of the names and shapes that open the block

Tokens = dict[str, np.ndarray]


def pack_tokens(tokens: Mapping[str, np.ndarray]) -> str:
    """Packs token arrays into base64 text.

    Args:
        tokens: integer arrays of any shape, values in [-32768, 32767].

    Returns:
        base64 of zlib of: length of a JSON header, the header (name → shape), int16 little-endian.

    Raises:
        InvalidInputError: an array is not of integers or does not fit into 16 bits.
    """
    shapes: dict[str, list[int]] = {}
    body = b""
    for name, values in tokens.items():
        array = np.asarray(values)
        limits = np.iinfo(np.int16)
        if array.dtype.kind not in "iu" or (
            array.size and (array.min() < limits.min or array.max() > limits.max)
        ):
            raise InvalidInputError(
                f"The tokens {name!r} are {array.dtype} and do not fit into 16-bit integers; "
                "only token arrays can be kept in an audio file."
            )
        shapes[name] = list(array.shape)
        body += array.astype("<i2").tobytes()
    header = json.dumps(shapes).encode("ascii")
    block = struct.pack("<I", len(header)) + header + body
    text = base64.b64encode(zlib.compress(block, 9)).decode("ascii")
    if len(block) > MAX_TOKENS_BYTES or len(text) > MAX_TOKENS_CHARS:
        raise InvalidInputError(
            f"The tokens take {len(block):,} bytes, and an audio file keeps at most "
            f"{MAX_TOKENS_BYTES:,}; save the parts on their own."
        )
    return text


def unpack_tokens(text: str) -> Tokens:
    """Unpacks what `pack_tokens` packed; a hostile block cannot take more than its bound.

    Returns:
        int64 arrays by name.

    Raises:
        AudioFileError: the block is damaged or too large.
    """
    if len(text) > MAX_TOKENS_CHARS:
        raise AudioFileError(
            f"The file's token block has {len(text):,} characters, more than {MAX_TOKENS_CHARS:,}."
        )
    try:
        packed = base64.b64decode(text, validate=True)
        unpacker = zlib.decompressobj()
        block = unpacker.decompress(packed, MAX_TOKENS_BYTES)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise AudioFileError("The file's token block is damaged.") from error
    if not unpacker.eof:
        raise AudioFileError(
            f"The file's token block is cut off or unpacks to more than {MAX_TOKENS_BYTES:,} bytes."
        )
    return _read_block(block)


def attach_record(
    file: io.BytesIO, container: str, record: Mapping[str, Any], tokens: Mapping[str, np.ndarray]
) -> None:
    """Writes a record into the tags of an encoded audio file in memory.

    Args:
        file: the whole file; changed in place.
        container: "wav", "flac", "ogg" or "mp3".
        record: JSON-able; "bark_take" with the version is added, and the marks of `mark_tags`.
        tokens: integer arrays by name.

    Raises:
        InvalidInputError: the record is no JSON or too long, or the tokens do not fit.
    """
    try:
        text = json.dumps({RECORD_TAG: RECORD_VERSION, **record}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"The record cannot be written as JSON: {error}.") from error
    if len(text) > MAX_RECORD_CHARS:
        raise InvalidInputError(
            f"The record has {len(text):,} characters; at most {MAX_RECORD_CHARS:,} can be kept."
        )
    texts = {RECORD_TAG: text, TOKENS_TAG: pack_tokens(tokens), **mark_tags(record)}
    write_texts(file, container, texts)


def read_record(path: str | Path) -> tuple[dict[str, Any], Tokens] | None:
    """Reads the record out of an audio file, which may come from a stranger.

    Args:
        path: a WAV, MP3, FLAC or OGG file; its content decides, not its name.

    Returns:
        the record as written and its tokens, int64 by name; None where the file has no record.
        What the record says is data: whoever uses it checks it.

    Raises:
        AudioFileError: the file cannot be read or is too large, or its record is damaged.
    """
    texts = read_texts(path)
    if RECORD_TAG not in texts:
        return None
    tokens = unpack_tokens(texts[TOKENS_TAG]) if TOKENS_TAG in texts else {}
    return _read_json(texts[RECORD_TAG]), tokens


def _read_block(block: bytes) -> Tokens:
    damaged = AudioFileError("The file's token block does not hold the arrays that it names.")
    if len(block) < _NAMES_BYTES:
        raise damaged
    start = _NAMES_BYTES + int(struct.unpack_from("<I", block)[0])
    shapes = _load_json(block[_NAMES_BYTES:start].decode("utf-8", "replace"))
    if start > len(block) or not isinstance(shapes, dict) or len(shapes) > _MAX_ARRAYS:
        raise damaged
    tokens: Tokens = {}
    for name, shape in shapes.items():
        if not _is_shape(shape):
            raise damaged
        end = start + 2 * math.prod(shape)
        if end > len(block):
            raise damaged
        values = np.frombuffer(block[start:end], dtype="<i2")
        tokens[name] = values.astype(np.int64).reshape(shape)
        start = end
    if start != len(block):
        raise damaged
    return tokens


def _is_shape(shape: object) -> bool:
    return (
        isinstance(shape, list)
        and len(shape) <= 3
        and all(type(n) is int and 0 <= n <= MAX_TOKENS_BYTES for n in shape)
    )


def _read_json(text: str) -> dict[str, Any]:
    record = _load_json(text)
    version = record.get(RECORD_TAG) if isinstance(record, dict) else None
    if type(version) is not int or version < 1:
        raise AudioFileError("The file's record is damaged: it is not the JSON of a take.")
    if version > RECORD_VERSION:
        raise AudioFileError(
            f"The file's record is of version {version}, and this program reads version "
            f"{RECORD_VERSION}; a newer release of it is needed."
        )
    result: dict[str, Any] = record
    return result


def _load_json(text: str) -> Any:
    if len(text) > MAX_RECORD_CHARS:
        raise AudioFileError(
            f"The file's record has {len(text):,} characters, more than {MAX_RECORD_CHARS:,}."
        )

    try:
        return parse_json(text)
    except ValueError as error:
        raise AudioFileError("The file's record is damaged: it is not the JSON of a take.") from (
            error
        )
