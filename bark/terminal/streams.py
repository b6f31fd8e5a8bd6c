"""Standard streams of the front ends, where they are missing or cannot print what must be said."""

from __future__ import annotations

import os
import sys


def open_missing_streams() -> None:
    """Gives a program that was started without standard streams ones that lead nowhere.

    A window's program has none, nor has one whose parent closed them. Their numbers are taken too:
    else the next file that is opened gets number 2, and a library's warnings are written into it.
    """
    while True:
        number = os.open(os.devnull, os.O_RDWR)
        if number > 2:
            os.close(number)
            break
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def write_path(path: os.PathLike[str]) -> None:
    """Prints a path to standard output, in its own bytes where the encoding has no letters."""
    try:
        print(path, flush=True)  # noqa: T201
    except UnicodeEncodeError:
        sys.stdout.buffer.write(os.fsencode(path) + os.linesep.encode("ascii"))
        sys.stdout.flush()
