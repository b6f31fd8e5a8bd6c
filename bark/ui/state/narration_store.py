"""The long texts of a visit: a folder each, inside the visit's own."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import InvalidInputError
from ...files.json_file import read_json
from ...files.whole_file import whole_file
from ...narration.jobs import JobFolder

MAX_LISTED = 50
_NAME = re.compile(r"long-[0-9a-f]{12}")
_SOURCE = "source.json"
_FILE = "source-file.json"  # the dropped file alone: large, and read only to lay it out again
_MAX_SOURCE_BYTES = 32 << 20
_MAX_TITLE_CHARS = 80


@dataclasses.dataclass(frozen=True)
class ListedText:
    """A long text as a list shows it.

    Attributes:
        title: of the document, else its first words.
        n_chunks, n_ready: in all, and those that can be heard.
        changed_at: in seconds since 1970.
    """

    id: str
    title: str
    n_chunks: int
    n_ready: int
    changed_at: float


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

    def listed(self) -> list[ListedText]:
        """The newest `MAX_LISTED` for a list; one whose manifest is damaged is left out."""
        found = []
        for narration_id in self.ids()[:MAX_LISTED]:
            job = JobFolder(self.path(narration_id))
            try:
                manifest = job.read_manifest() or {}
                chunks = manifest["chunks"]
                title = str(manifest["title"] or chunks[0]["text"])[:_MAX_TITLE_CHARS]
                changed_at = (job.path / "manifest.json").stat().st_mtime
            except (InvalidInputError, LookupError, TypeError, OSError):
                continue
            n_ready = min(len(chunks), sum(1 for _ in job.chunks.glob("*.json")))
            found.append(ListedText(narration_id, title, len(chunks), n_ready, changed_at))
        return found

    def source(self, narration_id: str, *, with_file: bool = False) -> dict[str, Any]:
        """What a long text was laid out from, as `keep_source` took it; {} where that is lost.

        Args:
            with_file: the dropped file too, which may be large.
        """
        path = self.path(narration_id)
        kept = _read(path / _SOURCE)
        if with_file and kept.get("file") is None:  # once it was kept among the rest
            kept = {**kept, **_read(path / _FILE)}
        return kept

    def keep_source(self, narration_id: str, source: Mapping[str, Any]) -> None:
        """Remembers what a long text was laid out from, so that it can be laid out otherwise.

        Raises:
            InvalidInputError: the disk does not take it.
        """
        path, small = self.path(narration_id), {**source, "file": None}
        try:
            if source.get("file") is None:
                (path / _FILE).unlink(missing_ok=True)
            else:
                _write(path / _FILE, {"file": source["file"]})
            _write(path / _SOURCE, small)
        except OSError as error:
            raise InvalidInputError(
                f"The long text cannot be kept: {error.strerror or error}."
            ) from error

    def remove(self, narration_id: str) -> None:
        """Removes a long text and all that was made of it."""
        path = self.path(narration_id)
        for name in (_SOURCE, _FILE):
            (path / name).unlink(missing_ok=True)
        JobFolder(path).remove()

    def keep_newest(self, n: int) -> None:
        """Removes all but the newest n."""
        for narration_id in self.ids()[n:]:
            self.remove(narration_id)


def _read(path: Path) -> dict[str, Any]:
    try:
        kept = read_json(path, max_bytes=_MAX_SOURCE_BYTES)
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with whole_file(path) as file:
        file.write(json.dumps(dict(content)).encode("utf-8"))
