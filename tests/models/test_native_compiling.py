"""How the layers in C become a library, whatever processor they are for."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bark.environment import read_environment
from bark.models.native.ahead import compile_ahead
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


def test_what_was_begun_at_the_start_is_waited_for_and_not_done_again(
    tmp_path: Path, quick_compiler: Path
) -> None:
    calls = tmp_path / "calls"
    head, *rest = quick_compiler.read_text().splitlines()
    counted = f'for word; do [ "$word" = -o ] && echo >> {calls} && sleep 1; done'
    quick_compiler.write_text("\n".join([head, counted, *rest]))
    environment = dataclasses.replace(read_environment({}), native_dir=tmp_path / "layers")
    ahead = compile_ahead(environment)
    assert ahead is not None
    made = [compiled_library(environment.native_dir)]
    others = [
        threading.Thread(target=lambda: made.append(compiled_library(environment.native_dir)))
        for _ in range(2)
    ]
    for thread in others:
        thread.start()
    for thread in (ahead, *others):
        thread.join(60)
    assert len(made) == 3
    assert len(set(made)) == 1
    assert len(calls.read_text().splitlines()) == 1
    assert Library(made[0])


@pytest.mark.parametrize("variables", [{"BARK_NATIVE": "0"}, {"SPACES_ZERO_GPU": "1"}])
def test_nothing_is_begun_where_it_is_not_wanted(variables: dict[str, str]) -> None:
    assert compile_ahead(read_environment(variables)) is None


def test_beginning_needs_no_torch() -> None:
    code = "import sys, bark.models.native.ahead, bark.server.arenas; exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
