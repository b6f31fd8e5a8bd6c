"""Files that appear whole or not at all, opened only where they are files, and their paths."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import OptionError

_PART = re.compile(r"\.[0-9a-f]{32}\.part")
_UNFINISHED_S = 60.0


def user_path(path: str | Path) -> Path:
    """A path with `~` as the home, or as a plain letter where the user has no home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_folder(path: Path) -> bool:
    """Whether a folder lies there; a name that no file can have names none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long, or not to be entered
        return False


def is_file(path: Path) -> bool:
    """Whether a file lies there, as `is_folder`."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def make_folder_above(path: Path) -> None:
    """Makes the folder that a file is to lie in.

    Raises:
        OptionError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(
            f"The folder {path.parent} cannot be made: {error.strerror or error}."
        ) from error


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for writing beside `path`, and renames it to `path` when the block is done.

    Where the block raises (a full disk, a stop), nothing is left, and a file that was at `path`
    stays as it was.

    Args:
        path: its folder must exist.

    Raises:
        OSError: as opening, writing and renaming do.
    """
    sweep_parts(path.parent)
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            _hold(file)
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


@functools.cache
def sweep_parts(folder: Path) -> None:
    """Removes, once in a process, the unfinished files of writers that were killed in a folder.

    Those that are being written are held by a lock, which ends with their process; and whoever
    writes without one has written in the last minute.
    """
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if _PART.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    if abs(time.time() - entry.stat().st_mtime) > _UNFINISHED_S:
                        with Path(entry).open("rb+") as file:
                            _hold(file)
                            Path(entry).unlink()


def _hold(file: BinaryIO) -> None:
    """Locks a file for this process.

    Raises:
        OSError: another process has it.
    """
    try:
        import fcntl
    except ImportError:  # of Windows' Python, which removes no file that is open
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        return


def open_regular(path: Path, *, max_bytes: int) -> BinaryIO:
    """Opens a file for reading, if it is one: a pipe or a device would hang, or never end.

    Args:
        max_bytes: of the file; a larger one is refused before a byte is read.

    Raises:
        OSError: it cannot be opened, is no regular file, or is too large; `strerror` says so.
    """
    # Opening a pipe waits for its writer unless it is told not to; a regular file is read as ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        number = os.open(path, flags)
    except ValueError as error:
        raise OSError(errno.EINVAL, "its name has a null character", str(path)) from error
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        if status.st_size > max_bytes:
            sizes = f"it has {status.st_size:,} bytes, and at most {max_bytes:,} are read"
            raise OSError(errno.EFBIG, sizes, str(path))
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise
