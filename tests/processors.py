"""Processors whose layers can be tried on this one, each by `pytest --processor NAME`.

`python -m tests.processors` prints the names of those that can be tried here.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
from pathlib import Path

COMPILED = {  # as gcc and clang call them, and what a processor must have to run their code
    "x86-64-v3": "avx2",
    "alderlake": "avx_vnni",
    "icelake-server": "avx512_vnni",
    "sapphirerapids": "amx_int8",
}
TORCH, TORCH_AVX2 = "torch", "torch-avx2"
NAMES = (*COMPILED, TORCH, TORCH_AVX2)


def possible() -> list[str]:
    """The names of those that this machine can stand for."""
    is_x86 = platform.machine() == "x86_64"
    compiled = [name for name, feature in COMPILED.items() if _has(feature)]
    if not is_x86 or _compiler() is None:
        compiled = []
    return [*compiled, TORCH, *([TORCH_AVX2] if is_x86 else [])]


def variables(name: str, folder: Path) -> dict[str, str]:
    """What the environment must say before torch is imported, so that layers are as there.

    Args:
        name: one of `NAMES`.
        folder: for a compiler that knows the processor. A library is told by its compiler's
            path: in the same folder it is compiled once for many runs.
    """
    if name in COMPILED:
        compiler = folder / f"cc-{name}"
        found = _compiler() or "cc"
        if found != str(compiler):  # a worker's CC is this script already: it must not call itself
            compiler.write_text(f'#!/bin/sh\nexec {shlex.quote(found)} "$@" -march={name}\n')
            compiler.chmod(0o755)
        return {"CC": str(compiler)}
    isa = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    return {"BARK_NATIVE": "0", **(isa if name == TORCH_AVX2 else {})}


def _has(feature: str) -> bool:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.startswith("flags") and feature in line.split() for line in lines)


def _compiler() -> str | None:
    names = (os.environ.get("CC") or "", "cc", "gcc", "clang")
    return next((path for name in names if name and (path := shutil.which(name))), None)


if __name__ == "__main__":
    print("\n".join(possible()))  # noqa: T201
