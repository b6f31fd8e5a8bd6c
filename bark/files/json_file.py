"""Reading JSON that may come from strangers: bounded, and either a value or a `ValueError`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .whole_file import open_regular


def read_json(path: Path, *, max_bytes: int) -> Any:
    """Reads a JSON file in UTF-8, as the standard has it: no NaN, no infinity.

    Args:
        max_bytes: of the file. Values take up to thirty times as much memory as their text.

    Raises:
        OSError: it cannot be opened, is no regular file, or is too large.
        ValueError: it is no JSON, or nested too deep.
    """
    with open_regular(path, max_bytes=max_bytes) as file:
        return parse_json(file.read(max_bytes + 1).decode("utf-8"))


def parse_json(text: str) -> Any:
    """Parses JSON, whose size its caller has bounded.

    Raises:
        ValueError: it is no JSON, or nested too deep.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
