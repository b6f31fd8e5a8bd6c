"""Command lines whose mistakes are told in one sentence, and the numbers that their flags take."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import shown

MAX_SEED = 2**63 - 1
"""As `bark.options` has it, which loads torch."""


class Parser(argparse.ArgumentParser):
    """Says a mistake in one sentence, where argparse prints every flag there is before it."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with code 2."""
        sentence = message.removeprefix("argument ")
        advice = "" if "; " in sentence else "; --help tells what there is"
        self.exit(2, f"{self.prog.split()[0]}: {sentence}{advice}.\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Help that cannot be written ends with code 1, where argparse drops it in silence."""
        out = file or sys.stderr
        try:
            out.write(message)
            out.flush()
        except OSError as error:
            with contextlib.suppress(OSError):  # Python would complain again as it ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
            if not isinstance(error, BrokenPipeError) and out is not sys.stderr:
                reason = error.strerror or error
                sys.stderr.write(
                    f"{self.prog.split()[0]}: The output cannot be written: {reason}.\n"
                )
            raise SystemExit(1) from None


def whole(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """Reads a whole number within bounds; as argparse's `type`."""
    wanted = f"of {lowest:,} or more" if highest is None else f"from {lowest} to {highest}"

    def read(word: str) -> int:
        try:
            value = int(word)
        except ValueError:
            raise _refused(word, f"whole number {wanted}") from None
        if value < lowest or (highest is not None and value > highest):
            raise _refused(word, f"whole number {wanted}")
        return value

    return read


def number(wanted: str, fits: Callable[[float], bool]) -> Callable[[str], float]:
    """Reads a finite number; as argparse's `type`.

    Args:
        wanted: its bounds in words, behind "number".
        fits: whether it lies within them.
    """

    def read(word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            raise _refused(word, f"number {wanted}") from None
        if not (math.isfinite(value) and fits(value)):
            raise _refused(word, f"number {wanted}")
        return value

    return read


seed = whole(0, MAX_SEED)
not_negative = number("of 0 or more", lambda value: value >= 0)
probability = number("above 0 and up to 1", lambda value: 0 < value <= 1)
positive = number("above 0", lambda value: value > 0)


def between(lowest: float, highest: float) -> Callable[[str], float]:
    """Reads a number within bounds; as argparse's `type`."""
    return number(f"from {lowest:g} to {highest:g}", lambda value: lowest <= value <= highest)


def _refused(word: str, wanted: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{shown(word)} is no {wanted}; give one, or leave it out")
