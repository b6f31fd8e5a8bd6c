"""Compiles the C sources into a shared library, once for each processor and compiler.

    python -m bark.models.native.compiler FOLDER      compiles one for each kind of processor

An image and a platform's wheel carry such a folder, so that nothing is compiled at the first start.
This file imports nothing of the package: a wheel is built by it before the package can be imported.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection
from pathlib import Path

log = logging.getLogger(__name__)

_SOURCES = Path(__file__).parent
_MAIN = _SOURCES / "transformer.c"
_FLAGS = (
    "-O3",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-strict-aliasing",  # vectors and codes are read through pointers of other types
    "-fPIC",
    "-shared",
    "-pthread",
    "-Wno-psabi",
)
_FOR_THIS_PROCESSOR = (("-march=native",), ("-mcpu=native",))
"""Compilers differ in how they are told; the first that is understood is taken."""

_BASE = ("avx2", "fma", "f16c", "bmi2")
_WIDE = (*_BASE, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512_vnni")
_TILES = (*_WIDE, "amx_tile", "amx_int8", "amx_bf16", "avx512_bf16")
_TILE_FLAGS = ("-mamx-tile", "-mamx-int8", "-mamx-bf16")
VARIANTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "x86-64-v4-amx": (
        ("-march=x86-64-v4", "-mavx512vnni", "-mavx512bf16", *_TILE_FLAGS),
        _TILES,
    ),
    "x86-64-v4-vnni": (("-march=x86-64-v4", "-mavx512vnni"), _WIDE),
    "x86-64-v3-vnni": (("-march=x86-64-v3", "-mavxvnni"), (*_BASE, "avx_vnni")),
    "x86-64-v3": (("-march=x86-64-v3",), _BASE),
}
"""The compiler's flags for a kind of processor, and the features that it must list; best first."""

_NAMES = ("cc", "gcc", "clang")
_TIME_LIMIT_S = 120
_BUILD_LIMIT_S = 900  # nobody waits for a wheel as for the first start
_PART = "part-"
_ONE_AT_A_TIME = threading.Lock()
_AT_WORK = threading.Event()


class CompilationError(Exception):
    """There is no library, for the reason it gives. It never leaves this package."""


def is_compiling() -> bool:
    """Whether this process has the layers compiled right now, for which everybody waits."""
    return _AT_WORK.is_set()


def compiled_library(
    folder: Path, *, compiler: str | None = None, extra_flags: tuple[str, ...] = ()
) -> Path:
    """The library's file, compiled now if it is not there yet; by one thread at a time.

    Args:
        folder: where libraries are kept; made if it is missing, replaced by a temporary one
            where it cannot be written to.
        compiler: its name or path, and flags of its own as in CC="gcc -O2"; None takes the
            system's.
        extra_flags: behind the others, so that they win.

    Raises:
        CompilationError: no compiler, or it refuses.
    """
    # Forked in the meantime, a process would wait for a thread that it does not have.
    has_turn = _ONE_AT_A_TIME.acquire(timeout=_TIME_LIMIT_S)
    try:
        return _compiled(folder, _command(compiler), extra_flags)
    finally:
        if has_turn:
            _ONE_AT_A_TIME.release()


def _compiled(folder: Path, command: list[str], extra_flags: tuple[str, ...]) -> Path:
    name = f"transformer-{_fingerprint(command, extra_flags)}.so"
    if _is_whole(folder / name):
        return folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(folder)
        with tempfile.NamedTemporaryFile(
            dir=folder, prefix=_PART, suffix=".so", delete=False
        ) as file:
            part = Path(file.name)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="bark-native-"))
        part = folder / f"{_PART}{name}"
    try:
        _AT_WORK.set()
        _compile(command, extra_flags, part)
        digest = _digest(part)
        part.replace(folder / name)
        _digest_path(folder / name).write_text(digest, encoding="ascii")
        return folder / name
    except OSError as error:
        raise CompilationError(f"{folder} does not take the library: {error}") from None
    finally:
        _AT_WORK.clear()
        part.unlink(missing_ok=True)


def built_library(folder: Path, features: Collection[str] | None = None) -> Path | None:
    """The best library of a folder for this processor; None where none of them fits.

    Args:
        folder: what `build_variants` made.
        features: of the processor; None asks it.
    """
    if features is None:
        features = _processor().partition(":")[2].split()
    for name, (_, needed) in VARIANTS.items():
        path = folder / _built_name(name)
        if set(needed) <= set(features) and _is_whole(path):
            return path
    return None


def build_variants(folder: Path, *, compiler: str | None = None) -> list[Path]:
    """Compiles a library for each kind of processor that the compiler knows.

    Args:
        folder: made if it is missing.

    Raises:
        CompilationError: no compiler, or it knows none of the kinds.
    """
    command = _command(compiler)
    folder.mkdir(parents=True, exist_ok=True)
    built, complaint = [], ""
    for name, (flags, _) in VARIANTS.items():
        target = folder / _built_name(name)
        order = [*command, *flags, *_FLAGS, str(_MAIN), "-o", str(target), "-lm"]
        done = _run(order, time_limit_s=_BUILD_LIMIT_S)
        if done.returncode:
            complaint = done.stderr.strip()[-400:]
            continue
        _digest_path(target).write_text(_digest(target), encoding="ascii")
        built.append(target)
    if not built:
        raise CompilationError(f"{command[0]} refused: {complaint}")
    return built


def _built_name(variant: str) -> str:
    """Of other sources, a library has another name: an old one is never taken for it."""
    sources = [path.read_bytes() for path in sorted(_SOURCES.glob("*.[ch]"))]
    return f"{variant}-{hashlib.sha256(b''.join(sources)).hexdigest()[:12]}.so"


def remove_library(path: Path) -> None:
    """Removes a library that turned out to be none, so that the next call compiles it anew."""
    for file in (_digest_path(path), path):
        with contextlib.suppress(OSError):
            file.unlink()


def _is_whole(path: Path) -> bool:
    """Whether a library is what was compiled: the loader runs what it finds, or dies of its end."""
    try:
        return _digest(path) == _digest_path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest_path(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _sweep(folder: Path) -> None:
    """Removes what compilations left that were killed."""
    for path in folder.glob(f"{_PART}*.so"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > 2 * _TIME_LIMIT_S:
                path.unlink()


def _command(compiler: str | None) -> list[str]:
    """The compiler and the flags that stand behind its name."""
    if compiler is None:
        found = _system_compiler()
        if found is None:
            raise CompilationError(f"there is no C compiler ({', '.join(_NAMES)})")
        return [found]
    try:
        name, *flags = [compiler] if shutil.which(compiler) else shlex.split(compiler)
    except ValueError:
        name, flags = compiler, []
    found = shutil.which(name)
    if found is None:
        raise CompilationError(f"there is no C compiler ({compiler})")
    return [found, *flags]


def _system_compiler() -> str | None:
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def _compile(compiler: list[str], extra_flags: tuple[str, ...], target: Path) -> None:
    log.info("compiling the layers for this processor with %s; this happens once", compiler[0])
    for native in _FOR_THIS_PROCESSOR:
        command = [*compiler, *native, *_FLAGS, *extra_flags, str(_MAIN), "-o", str(target), "-lm"]
        done = _run(command)
        if done.returncode == 0:
            return
    raise CompilationError(f"{compiler[0]} refused: {done.stderr.strip()[-400:]}")


def _run(
    command: list[str], *, time_limit_s: float = _TIME_LIMIT_S
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=time_limit_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CompilationError(f"{command[0]} does not run: {error}") from None


def _fingerprint(compiler: list[str], extra_flags: tuple[str, ...]) -> str:
    """Tells libraries of other sources, flags, compilers or processors apart."""
    parts = [path.read_text(encoding="utf-8") for path in sorted(_SOURCES.glob("*.[ch]"))]
    parts += [*compiler, _run([*compiler, "--version"]).stdout, *_FLAGS, *extra_flags]
    parts += [platform.platform(), platform.machine(), _processor()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _processor() -> str:
    """What sets this processor apart: its features where Linux lists them."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    lines = [line for line in text.splitlines() if line.startswith(("flags", "Features"))]
    return lines[0] if lines else platform.processor()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for _path in build_variants(Path(sys.argv[1])):
        log.info("%s", _path)
