"""Damage to files: at random places, and where formats keep numbers, names and nesting."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
from collections.abc import Callable, Sequence

_NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
_WORDS = (
    "-1",
    "1e999",
    "NaN",
    "Infinity",
    "9" * 400,
    "null",
    "true",
    "[]",
    "{}",
    '""',
    '"\\ud800"',
    '"../../../etc/passwd"',
    '"\\u0000"',
    "[" * 2_000,
    '{"a":' * 2_000,
    "99999999999999999999",
    "1" + "0" * 30,
    '"<script>alert(1)</script>"',
)


def mutate(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """One to four damages to a file.

    Args:
        others: files of the same kind, pieces of which may be put in.
    """
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_DAMAGES)(data, others, rng)
    return data


def _flip(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[_place(len(changed), rng)] = rng.randrange(256)
    return bytes(changed)


def _cut(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    at = _place(len(data) + 1, rng)
    return data[:at] if rng.random() < 0.7 else data[at:]


def _remove(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    at = _place(len(data) + 1, rng)
    return data[:at] + data[at + rng.choice((1, 2, 4, 8, 100)) :]


def _repeat(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    at, length = _place(len(data) + 1, rng), rng.choice((1, 4, 16, 256))
    return data[:at] + data[at : at + length] * rng.choice((2, 3, 50)) + data[at + length :]


def _splice(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    other = rng.choice(others)
    start = _place(len(other) + 1, rng)
    at = _place(len(data) + 1, rng)
    return data[:at] + other[start : start + rng.choice((4, 64, 4_096))] + data[at:]


def _number(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """A size or an offset that says something else."""
    form = rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
    number = rng.choice(_NUMBERS) & ((1 << 8 * struct.calcsize(form)) - 1)
    if form[1] == "Q" and rng.random() < 0.3:
        number = rng.choice((2**63, 2**64 - 1, 2**40))
    at = _place(len(data) + 1, rng)
    return data[:at] + struct.pack(form, number) + data[at + struct.calcsize(form) :]


def _value(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """A number or a text in a text that is another."""
    spans = [m.span() for m in re.finditer(rb'-?\d+(?:\.\d+)?|"[^"\n]{0,80}"|true|null', data)]
    if not spans:
        return _flip(data, others, rng)
    start, end = spans[_place(len(spans), rng)]
    return data[:start] + rng.choice(_WORDS).encode() + data[end:]


def _member(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """A file inside an archive that is damaged, the archive itself being whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [(info, archive.read(info)) for info in archive.infolist()]
    except Exception:  # damaged already
        return _flip(data, others, rng)
    if not files:
        return data
    chosen = rng.randrange(len(files))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for i, (info, content) in enumerate(files):
            if i == chosen:
                content = rng.choice((_flip, _cut, _number, _value, _repeat))(content, others, rng)
                info.compress_type = rng.choice((info.compress_type, zipfile.ZIP_DEFLATED))
            archive.writestr(info, content)
    return out.getvalue()


def _place(n: int, rng: random.Random) -> int:
    """A place among n, near the beginning or the end as often as anywhere: there headers are."""
    if n < 2:
        return 0
    kind = rng.random()
    if kind < 0.4:
        return min(n - 1, int(rng.expovariate(1 / 64)))
    if kind < 0.5:
        return max(0, n - 1 - int(rng.expovariate(1 / 64)))
    return rng.randrange(n)


_DAMAGES: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    _flip,
    _cut,
    _remove,
    _repeat,
    _splice,
    _number,
    _number,
    _value,
    _value,
    _member,
)
