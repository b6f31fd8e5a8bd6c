"""The temporary folder of visitors' things: removed at the end, or else by the next start."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import IO

_PREFIX = "bark-visits-"
_LOCK = ".in-use"
_JUST_MADE_S = 60.0  # a folder without a lock may be about to get it


class VisitorsFolder:
    """A folder that this process holds by a lock, which ends with the process, however it ends.

    Making one first removes the folders that killed processes of this user left behind.
    """

    def __init__(self) -> None:
        root = Path(tempfile.gettempdir())
        for left in root.glob(f"{_PREFIX}*"):
            if _is_left(left):
                shutil.rmtree(left, ignore_errors=True)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = _take_lock(self.path / _LOCK)

    def remove(self) -> None:
        """Removes the folder and everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()


def _is_left(folder: Path) -> bool:
    """Whether a folder is this user's and nobody's lock is on it."""
    try:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            return False
        if not (folder / _LOCK).exists():
            return time.time() - status.st_mtime > _JUST_MADE_S
    except (OSError, AttributeError):  # gone meanwhile, or a system without users' numbers
        return False
    lock = _take_lock(folder / _LOCK)
    if lock is None:
        return False
    lock.close()
    return True


def _take_lock(path: Path) -> IO[bytes] | None:
    """The open file that holds the lock; None where another one does, or there are no locks."""
    try:
        import fcntl
    except ImportError:  # of Windows' Python
        return None
    with contextlib.suppress(OSError):
        file = path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except OSError:
            file.close()
    return None
