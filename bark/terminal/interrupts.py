"""Ctrl+C while a program is still importing its modules, where nothing is begun yet."""

from __future__ import annotations

import os
import signal
import sys
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


def leave(code: int) -> None:
    """Ends the process with this exit code where Python might give another one; else returns.

    Python ends by the signal itself (-2 in place of 130) where Ctrl+C came amid the `exec` of a
    string, as in the making of a named tuple, even if the exception was answered afterwards.
    """
    if code == INTERRUPTED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
