"""How the layers in C become a library, whatever processor they are for."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bark.environment import read_environment
from bark.models.native import compiler
from bark.models.native.ahead import compile_ahead
from bark.models.native.compiler import VARIANTS, CompilationError, compiled_library
from bark.models.native.library import Library, open_or_rebuild

N_KILLS = 8

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


_START = """
import pathlib, sys
from bark.models.native.compiler import compiled_library
print("begins", flush=True)
print(compiled_library(pathlib.Path(sys.argv[1]), compiler=sys.argv[2]), flush=True)
"""


def start(folder: Path, compiler: Path) -> subprocess.Popen[str]:
    """A program that compiles into a folder, in a group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", _START, str(folder), str(compiler)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until_it_begins(program: subprocess.Popen[str]) -> None:
    assert program.stdout is not None
    assert program.stdout.readline() == "begins\n"


@pytest.fixture
def slow_compiler(tmp_path: Path, quick_compiler: Path) -> Path:
    """Writes a library that was compiled before, the second half of it a little later."""
    library = compiled_library(tmp_path / "before")
    script = tmp_path / "slow-cc"
    script.write_text(
        "#!/bin/sh\n"
        'while [ $# -gt 0 ] && [ "$1" != -o ]; do shift; done\n'
        '[ $# -gt 0 ] || { echo "slow 1.0"; exit 0; }\n'
        f'head -c 20000 {library} > "$2"; sleep 0.2; tail -c +20001 {library} >> "$2"\n'
    )
    script.chmod(0o755)
    return script


@pytest.mark.skipif(sys.platform == "win32", reason="its compiler is a shell script")
def test_two_programs_that_start_at_once_leave_one_library(
    tmp_path: Path, slow_compiler: Path
) -> None:
    folder = tmp_path / "new"
    programs = [start(folder, slow_compiler) for _ in range(2)]
    for program in programs:
        wait_until_it_begins(program)
    told = {program.communicate(timeout=120)[0].strip() for program in programs}
    assert [program.returncode for program in programs] == [0, 0]
    [path] = map(Path, told)
    assert sorted(folder.iterdir()) == sorted([path, path.with_suffix(".sha256")])
    assert Library(path)


@pytest.mark.skipif(sys.platform == "win32", reason="its compiler is a shell script")
def test_after_a_program_was_killed_amid_compiling_the_next_start_works(
    tmp_path: Path, slow_compiler: Path
) -> None:
    n_cut = 0
    for tenth in range(N_KILLS):
        folder = tmp_path / f"killed{tenth}"
        program = start(folder, slow_compiler)
        wait_until_it_begins(program)
        time.sleep(0.3 * tenth / N_KILLS)
        os.killpg(program.pid, signal.SIGKILL)
        program.communicate(timeout=60)
        n_cut += not list(folder.glob("*.sha256"))
        assert Library(compiled_library(folder, compiler=str(slow_compiler)))
    assert n_cut > 0


@pytest.mark.skipif(COMPILER != "cc" and COMPILER != "gcc", reason="its warnings are gcc's")
@pytest.mark.parametrize("kind", ["native", *VARIANTS])
def test_the_sources_give_no_warning(kind: str) -> None:
    flags = ("-march=native",) if kind == "native" else VARIANTS[kind][0]
    warnings = ("-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-fsyntax-only")
    done = subprocess.run(
        [str(COMPILER), *flags, *warnings, str(compiler._MAIN)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unrecognized" in done.stderr or "bad value" in done.stderr or "unknown" in done.stderr:
        pytest.skip("the compiler does not know this kind of processor")
    assert done.stderr == ""
