"""How the layers in C become a library, whatever processor they are for."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bark.models.native.compiler import CompilationError, compiled_library
from bark.models.native.library import Library, open_or_rebuild

COMPILER = next(filter(shutil.which, ("cc", "gcc", "clang")), None)


@pytest.mark.usefixtures("quick_compiler")
def test_it_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = compiled_library(tmp_path / "new")
    assert path.parent == tmp_path / "new"
    assert sorted(path.parent.iterdir()) == sorted([path, path.with_suffix(".sha256")])
    assert Library(path)
    monkeypatch.setattr("bark.models.native.compiler._compile", lambda *args: pytest.fail("again"))
    assert compiled_library(tmp_path / "new") == path


@pytest.mark.usefixtures("quick_compiler")
def test_what_is_no_library_is_compiled_anew_before_it_is_used(tmp_path: Path) -> None:
    path = compiled_library(tmp_path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no library at all", whole[:-1] + b"x"):
        path.unlink()  # in place of writing into a library that this process has mapped
        path.write_bytes(damaged)
        assert compiled_library(tmp_path) == path
        assert Library(path)


@pytest.mark.usefixtures("quick_compiler")
def test_a_foreign_library_with_a_right_digest_is_compiled_anew(tmp_path: Path) -> None:
    path = compiled_library(tmp_path)
    foreign = tmp_path / "foreign.c"
    foreign.write_text("int struct_layout(void) { return 0; }")
    subprocess.run([str(COMPILER), "-shared", "-fPIC", str(foreign), "-o", str(path)], check=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".sha256").write_text(digest)
    assert compiled_library(tmp_path) == path
    assert open_or_rebuild(tmp_path, None).panel_lanes > 0


def test_a_compiler_may_be_given_with_flags_and_leftovers_are_swept(
    tmp_path: Path, quick_compiler: Path
) -> None:
    left = tmp_path / "part-left.so"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    assert Library(compiled_library(tmp_path, compiler=f"{quick_compiler} -O1"))
    assert not left.exists()


@pytest.mark.usefixtures("quick_compiler")
def test_other_flags_are_another_library(tmp_path: Path) -> None:
    assert compiled_library(tmp_path) != compiled_library(tmp_path, extra_flags=("-DOTHER",))


@pytest.mark.usefixtures("quick_compiler")
def test_a_folder_that_cannot_be_written_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    path = compiled_library(tmp_path / "file")
    assert tmp_path not in path.parents
    assert Library(path)
    shutil.rmtree(path.parent)


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    with pytest.raises(CompilationError, match=r"no C compiler \(no-such-cc"):
        compiled_library(tmp_path, compiler="no-such-cc")


def test_a_compiler_that_refuses_is_quoted_and_leaves_nothing(tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'not today' >&2\nexit 1\n")
    compiler.chmod(0o755)
    with pytest.raises(CompilationError, match="not today"):
        compiled_library(tmp_path / "out", compiler=str(compiler))
    assert list((tmp_path / "out").iterdir()) == []
