"""Running the stages' generators to their ends."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any


def watch(steps: Generator[Any, None, Any]) -> tuple[Any, list[Any]]:
    """A stage's result and what it yielded on the way."""
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return end.value, seen


def finish(steps: Generator[Any, None, Any]) -> Any:
    """A stage's result."""
    return watch(steps)[0]
