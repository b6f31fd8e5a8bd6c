"""A progress bar for terminals and notebooks; in a pipe or a log it says nothing."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from tqdm.auto import tqdm


class ProgressBar:
    """One line on standard error, or a bar under a notebook's cell, that follows the stages.

    Args:
        silent: never shown.
    """

    def __init__(self, *, silent: bool = False) -> None:
        # A program without a window of its own may have no standard error at all.
        on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self.shown = not silent and (on_terminal or _in_notebook())
        self._stage = ""
        self._bar: Any = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def update(self, stage: str, done: int, total: int) -> None:
        """Shows how far a stage is; a new stage gets a new bar."""
        if not self.shown:
            return
        if stage != self._stage or self._bar is None:
            self._close()
            self._stage = stage
            self._bar = tqdm(total=total, desc=stage, leave=False, file=sys.stderr)
        self._bar.total = max(total, done)
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _in_notebook() -> bool:
    """Whether this runs in a kernel of Jupyter's, whose standard error is no terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in shell.config
