"""The long texts of a visit: a folder each, inside the visit's own."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from ...narration.jobs import JobFolder

MAX_LISTED = 50
_NAME = re.compile(r"long-[0-9a-f]{12}")


class NarrationStore:
    """The folders of long texts.

    Args:
        folder: in which they lie; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new_id(self) -> str:
        """A name that no long text has yet."""
        return f"long-{secrets.token_hex(6)}"

    def path(self, narration_id: str) -> Path:
        """Where a long text of this name lies, or is going to.

        Args:
            narration_id: one that `new_id` gave, or that `is_there` knows.
        """
        return self._folder / narration_id

    def is_there(self, narration_id: str) -> bool:
        """Whether there is such a long text; a stranger may have made the name up."""
        known = _NAME.fullmatch(narration_id) is not None
        return known and (self.path(narration_id) / "manifest.json").is_file()

    def ids(self) -> list[str]:
        """All of them, the one that was changed last first."""
        found = [path for path in self._folder.glob("long-*") if self.is_there(path.name)]
        found.sort(key=lambda path: (path / "manifest.json").stat().st_mtime, reverse=True)
        return [path.name for path in found]

    def keep_newest(self, n: int) -> None:
        """Removes all but the newest n."""
        for narration_id in self.ids()[n:]:
            JobFolder(self.path(narration_id)).remove()
