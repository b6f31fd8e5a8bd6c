"""The grids of a visit: small files beside the takes that they name."""

from __future__ import annotations

import dataclasses
import logging
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from ...compare.grid import read_grid_file, write_grid_file
from ...compare.plan import GridPlan
from ...errors import BarkError

log = logging.getLogger(__name__)

MAX_LISTED = 100
_NAME = re.compile(r"grid-[0-9a-f]{12}")


@dataclasses.dataclass(frozen=True)
class StoredGrid:
    """A grid as its file tells it.

    Attributes:
        id: the file's name without its ending.
        takes: ids of the takes by cell; some may be gone.
        failures: a sentence for each cell that came to nothing.
    """

    id: str
    plan: GridPlan
    takes: Mapping[int, str]
    failures: Mapping[int, str]


class GridStore:
    """The grids in a folder of takes.

    Args:
        folder: need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._in_memory: dict[str, StoredGrid] = {}

    def new_id(self) -> str:
        """A name that no grid has yet."""
        return f"grid-{secrets.token_hex(6)}"

    def keep(self, grid: StoredGrid) -> None:
        """Writes a grid, also one that is still being made; a full disk costs its file only."""
        self._in_memory[grid.id] = grid
        while len(self._in_memory) > MAX_LISTED:
            del self._in_memory[next(iter(self._in_memory))]
        files = {index: f"{take_id}.wav" for index, take_id in grid.takes.items()}
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_grid_file(self._path(grid.id), grid.plan, files, grid.failures)
        except OSError as error:
            log.warning("a grid stays in memory: %s", error)

    def get(self, grid_id: str) -> StoredGrid | None:
        """The grid of this id; None where there is none, or its file is damaged."""
        if grid_id in self._in_memory:
            return self._in_memory[grid_id]
        if not _NAME.fullmatch(grid_id) or not self._path(grid_id).is_file():
            return None
        try:
            plan, files, failures = read_grid_file(self._path(grid_id))
        except BarkError as error:
            log.warning("a grid is left out: %s", error)
            return None
        takes = {index: Path(name).stem for index, name in files.items()}
        return StoredGrid(grid_id, plan, takes, failures)

    def all(self) -> list[StoredGrid]:
        """The newest grids, newest first."""
        paths = [path for path in self._folder.glob("grid-*.json") if _NAME.fullmatch(path.stem)]
        paths.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        written = [path.stem for path in paths[:MAX_LISTED]]
        unwritten = [grid_id for grid_id in reversed(self._in_memory) if grid_id not in written]
        found = (self.get(grid_id) for grid_id in [*unwritten, *written])
        return [grid for grid in found if grid is not None]

    def _path(self, grid_id: str) -> Path:
        return self._folder / f"{grid_id}.json"
