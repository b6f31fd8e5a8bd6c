"""Voice files that a stranger made: refused with a sentence, and before memory is taken."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bark.errors import VoiceError
from bark.spec import BARK
from bark.voices import library
from bark.voices.file import read_array, voice_file_ratio
from bark.voices.library import list_voices, load_voice
from bark.voices.prompt import PROMPT_KEYS


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "own_voices_dir", lambda: tmp_path / "own")
    monkeypatch.setattr(library, "packaged_prompts_dir", lambda: tmp_path / "packaged")


def array_header(shape: str, descr: str = "'<i8'", size: int | None = None) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text) if size is None else size) + text


ZEROS = b"\0" * (40 << 20)
HOSTILE_ARRAYS = {
    "a negative length": array_header("(8, -1)") + ZEROS,
    "an endless header": array_header("(1,)", size=len(ZEROS)) + b" " * len(ZEROS),
    "a shape of sixty digits": array_header("(" + "9" * 60 + ",)") + ZEROS,
    "nested brackets": array_header("(" * 3_000 + ")" * 3_000),
    "a dtype of a gigabyte": array_header("(1,)", "'|V1000000000'") + ZEROS,
    "a dtype with fields": array_header("(1,)", "[('a', '<i8')]"),
    "a dtype that is none": array_header("(1,)", "'<q9'"),
    "no shape": array_header("4"),
    "one byte": b"\x93",
    "another version": b"\x93NUMPY\x09\x00\x10\x00",
    "a length past its data": array_header("(8, 60)"),
}


@pytest.mark.parametrize("kind", HOSTILE_ARRAYS)
def test_an_array_that_is_none_takes_no_memory_also_when_it_is_listed(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "own" / "bad.npz"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key in PROMPT_KEYS:
            archive.writestr(f"{key}.npy", HOSTILE_ARRAYS[kind])
    (path.parent / "bare.npy").write_bytes(HOSTILE_ARRAYS[kind])
    tracemalloc.start()
    try:
        assert "bad" in {info.name for info in list_voices(BARK)}
        with pytest.raises(VoiceError, match=r"cannot be read|at most 600 seconds"):
            load_voice("bad", BARK)
        with (path.parent / "bare.npy").open("rb") as stream, pytest.raises(VoiceError):
            read_array(stream, "It")
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def zip_of(path: Path, method: int, names: Sequence[str]) -> Path:
    content = io.BytesIO()
    np.save(content, np.zeros(40, int))
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in names:
            archive.writestr(name, content.getvalue())
    return path


def test_an_archive_that_numpy_would_not_write_is_refused(tmp_path: Path) -> None:
    files = [f"{key}.npy" for key in PROMPT_KEYS]
    paths = [
        zip_of(tmp_path / "lzma.npz", zipfile.ZIP_LZMA, files),
        zip_of(tmp_path / "bzip2.npz", zipfile.ZIP_BZIP2, files),
        zip_of(tmp_path / "many.npz", zipfile.ZIP_STORED, [*files, *map(str, range(2_000))]),
    ]
    large = tmp_path / "large.npz"
    with large.open("wb") as file:
        file.truncate(9 << 20)
    for path in (*paths, large, tmp_path):
        with pytest.raises(VoiceError, match="cannot be read as a voice"):
            load_voice(path, BARK)
        assert voice_file_ratio(path) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_or_a_device_in_the_voices_folder_is_no_voice(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    os.mkfifo(tmp_path / "own" / "pipe.npz")
    (tmp_path / "own" / "zero.npz").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        assert name in {info.name for info in list_voices(BARK)}
        with pytest.raises(VoiceError, match="cannot be read as a voice"):
            load_voice(name, BARK)
