"""Compiles the C sources into a shared library, once for each processor and compiler."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import platform
import shlex
import shutil
import subprocess
import tempfile
import time
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

_NAMES = ("cc", "gcc", "clang")
_TIME_LIMIT_S = 120
_PART = "part-"


class CompilationError(Exception):
    """There is no library, for the reason it gives. It never leaves this package."""


def compiled_library(
    folder: Path, *, compiler: str | None = None, extra_flags: tuple[str, ...] = ()
) -> Path:
    """The library's file, compiled now if it is not there yet.

    Args:
        folder: where libraries are kept; made if it is missing, replaced by a temporary one
            where it cannot be written to.
        compiler: its name or path, and flags of its own as in CC="gcc -O2"; None takes the
            system's.
        extra_flags: behind the others, so that they win.

    Raises:
        CompilationError: no compiler, or it refuses.
    """
    command = _command(compiler)
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
        _compile(command, extra_flags, part)
        digest = _digest(part)
        part.replace(folder / name)
        _digest_path(folder / name).write_text(digest, encoding="ascii")
        return folder / name
    except OSError as error:
        raise CompilationError(f"{folder} does not take the library: {error}") from None
    finally:
        part.unlink(missing_ok=True)


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


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_TIME_LIMIT_S, check=False
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
