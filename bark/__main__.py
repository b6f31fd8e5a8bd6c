"""`python -m bark`."""

from __future__ import annotations

import signal
import sys

from .terminal.interrupts import end_on_interrupt, leave


def run() -> int:
    """The command line as a process of its own; returns its exit code."""
    end_on_interrupt("bark-studio")
    from .cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)  # which `main` answers
    return main()


if __name__ == "__main__":
    exit_code = run()
    leave(exit_code)
    sys.exit(exit_code)
