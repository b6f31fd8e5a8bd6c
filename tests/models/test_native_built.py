"""Layers that were compiled beforehand: for each kind of processor, and only where they fit."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bark.models.native import compiler
from bark.models.native.compiler import VARIANTS, CompilationError, build_variants, built_library
from bark.models.native.library import computes_exactly, open_built

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    quick = tuple("-O1" if flag == "-O3" else flag for flag in compiler._FLAGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "_FLAGS", quick)
        try:
            build_variants(folder)
        except CompilationError as error:
            pytest.skip(str(error))
    return folder


def test_the_best_one_that_the_processor_knows_is_taken(built: Path) -> None:
    best = dict(VARIANTS)
    for name, (_, needed) in best.items():
        path = built_library(built, needed)
        if path is not None:  # an older compiler knows fewer kinds
            assert path.name.startswith(name)
    assert built_library(built, {"sse2", "avx2"}) is None


def test_there_is_one_for_each_kind_that_the_compiler_knows(built: Path) -> None:
    nothing = built / "nothing.c"
    nothing.write_text("int nothing;", encoding="ascii")
    for name, (flags, needed) in VARIANTS.items():
        command = [*compiler._command(None), *flags, "-fsyntax-only", str(nothing)]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            path = built_library(built, needed)
            assert path is not None, f"the layers do not compile for {name}"
            assert path.name.startswith(name)


def test_it_computes_here_what_it_should(built: Path) -> None:
    library = open_built(built)
    if library is None:
        pytest.skip("this processor is of none of the kinds")
    assert computes_exactly(library)


def test_a_damaged_one_or_one_of_other_sources_is_not_taken(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = {word for _, needed in VARIANTS.values() for word in needed}
    for path in built.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert built_library(tmp_path, everything) is not None
    for path in tmp_path.glob("*.so"):
        path.write_bytes(path.read_bytes()[:-1])
    assert built_library(tmp_path, everything) is None
    monkeypatch.setattr(compiler, "_SOURCES", tmp_path)
    assert built_library(built, everything) is None


@pytest.mark.slow
def test_a_platforms_wheel_holds_them(tmp_path: Path) -> None:
    hatchling = pytest.importorskip("hatchling")
    assert hatchling
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "BARK_BUILD_NATIVE": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert "-py3-none-" in wheel.name
    assert "none-any" not in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert any(name.startswith("bark/models/native/built/x86-64-v3") for name in names)
