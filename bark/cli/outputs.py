"""Files that a call writes beside those that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import OptionError


def check_that_nothing_is_lost(read: Iterable[str | None], written: Sequence[Path]) -> None:
    """No file may be written over another one of the same call.

    Args:
        read: names of files; None, "" and "-" are none, nor is what is not there.
        written: where the call's files will go.

    Raises:
        OptionError: one would be.
    """
    given = [Path(name).expanduser() for name in read if name and name != "-"]
    taken = {path.resolve(): "read" for path in given if path.exists()}
    for path in written:
        place = path.expanduser().resolve()
        if place in taken:
            raise OptionError(
                f"{path} is {taken[place]} by this call too and would be lost; give another name."
            )
        taken[place] = "written"
