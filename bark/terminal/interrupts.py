"""Ctrl+C while a program is still importing its modules, where nothing is begun yet."""

from __future__ import annotations

import os
import signal
from types import FrameType

INTERRUPTED = 130
"""The exit code of a program that Ctrl+C ended, as shells have it."""


def end_on_interrupt(program: str) -> None:
    """Lets Ctrl+C end the process at once and with a sentence, until another handler is set.

    An exception, which is Python's own answer, would come out of the middle of some import as a
    traceback.

    Args:
        program: whose name the sentence begins with.
    """

    def end(number: int, frame: FrameType | None) -> None:
        os.write(2, f"{program}: Interrupted.\n".encode())
        os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, end)
