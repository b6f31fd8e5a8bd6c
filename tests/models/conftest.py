"""A compiler that costs nothing, for tests of what is done with its output."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from bark.environment import read_environment
from bark.models.native import compiler
from bark.models.native.compiler import CompilationError, compiled_library


@pytest.fixture
def quick_compiler(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Stands for the system's: it copies the library that was compiled for all tests."""
    environment = read_environment()
    try:
        built = compiled_library(environment.native_dir, compiler=environment.compiler)
    except CompilationError as error:
        pytest.skip(str(error))
    script = tmp_path_factory.mktemp("compiler") / "cc"
    script.write_text(
        "#!/bin/sh\n"
        'for word; do [ "$word" = --version ] && exec echo quick; done\n'
        'while [ "$1" != -o ]; do shift; done\n'
        f'exec cp {shlex.quote(str(built))} "$2"\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(compiler, "_system_compiler", lambda: str(script))
    return script
