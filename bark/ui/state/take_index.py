"""What is known of the takes in a folder, kept in SQLite so that thousands open at once.

The files stay the truth: the index only saves reading those that have not changed. Lost or
damaged, it is written anew from the files.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...errors import BarkError
from ...listening.check import KINDS
from ...options import GenerationOptions
from ...text.splitting import valid_text

log = logging.getLogger(__name__)

INDEX_NAME = ".index.sqlite"
_VERSION = 1
_MAX_NUMBER = 1e12
_TABLES = """
CREATE TABLE IF NOT EXISTS takes (id TEXT PRIMARY KEY, stamp TEXT NOT NULL, summary TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""

Stamp = str
"""Says whether a take's files are still those that were read: their sizes and times."""


@dataclasses.dataclass(frozen=True)
class StoredTake:
    """What the list shows of one take; its arrays stay in the file.

    Attributes:
        id: the file's name without its ending.
        number: counted from 1 in its folder, and never given twice.
        peaks: the loudest values of the audio in equal parts, 0 to 1.
        gain: what brings it to -20 LUFS without clipping.
        made_s: how long it took to make, in seconds.
        made_at: when its file was written, in seconds since 1970.
        path: None while it could not be written and lives in memory.
        flags: what the check found, a kind of `bark.listening.check.KINDS` and a sentence each;
            None for a take that was not checked.
    """

    id: str
    number: int
    text: str
    voice_name: str | None
    options: GenerationOptions
    model: str
    stop_reason: str
    cut_text: str
    duration_s: float
    made_s: float
    made_at: float
    gain: float
    peaks: tuple[float, ...]
    path: Path | None
    star: bool = False
    note: str = ""
    unspoken: tuple[str, ...] = ()
    flags: tuple[tuple[str, str], ...] | None = None


_FIELDS = frozenset(field.name for field in dataclasses.fields(StoredTake))


class TakeIndex:
    """The index of one folder; where it cannot be written, it lives in memory.

    Args:
        folder: exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._database = self._open()

    def read(self) -> dict[str, tuple[Stamp, StoredTake]]:
        """All that is kept, by id; a line that cannot be read is left out."""
        found = {}
        for take_id, stamp, summary in self._rows("SELECT id, stamp, summary FROM takes"):
            try:
                take = _from_json(summary, self._folder)
                if take.id == take_id:
                    found[take_id] = (stamp, take)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError, BarkError):
                log.warning("the index of takes has a damaged line, which is read anew")
        return found

    def put(self, entries: Iterable[tuple[Stamp, StoredTake]]) -> None:
        """Keeps takes, or what has changed about them."""
        rows = [(take.id, stamp, _to_json(take)) for stamp, take in entries]
        self._write("INSERT OR REPLACE INTO takes VALUES (?, ?, ?)", rows)

    def remove(self, ids: Iterable[str]) -> None:
        """Forgets takes."""
        self._write("DELETE FROM takes WHERE id = ?", [(take_id,) for take_id in ids])

    def highest_number(self) -> int:
        """The highest number that was ever given, also to takes that are gone; 0 for none."""
        rows = self._rows("SELECT value FROM counters WHERE name = 'number'")
        number = rows[0][0] if rows else 0
        return number if isinstance(number, int) and 0 <= number < _MAX_NUMBER else 0

    def keep_number(self, number: int) -> None:
        """Remembers that a number was given."""
        self._write("INSERT OR REPLACE INTO counters VALUES ('number', ?)", [(number,)])

    def close(self) -> None:
        """Lets the file go."""
        self._database.close()

    def _open(self) -> sqlite3.Connection:
        path = self._folder / INDEX_NAME
        for _ in range(2):
            try:
                return _connect(str(path))
            except (sqlite3.Error, ValueError) as error:  # ValueError: of texts that are none
                log.warning("the index of takes is written anew: %s", error)
                try:
                    path.unlink(missing_ok=True)
                except OSError:
                    break
        return _connect(":memory:")

    def _rows(self, query: str) -> list[Any]:
        try:
            return self._database.execute(query).fetchall()
        except (sqlite3.Error, ValueError) as error:
            log.warning("the index of takes cannot be read: %s", error)
            return []

    def _write(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        try:
            with self._database:
                self._database.executemany(statement, rows)
        except sqlite3.Error as error:  # a full disk: the files are there all the same
            log.warning("the index of takes cannot be written: %s", error)


def _connect(path: str) -> sqlite3.Connection:
    # Its one user holds a lock of its own.
    database = sqlite3.connect(path, timeout=2.0, check_same_thread=False)
    try:
        database.execute("PRAGMA synchronous = OFF")  # lost, it is written anew
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"it is of version {version}, not {_VERSION}")
        with database:
            database.executescript(_TABLES)
            database.execute(f"PRAGMA user_version = {_VERSION}")
    except (sqlite3.Error, ValueError):
        database.close()
        raise
    return database


def _to_json(take: StoredTake) -> str:
    values = dataclasses.asdict(dataclasses.replace(take, path=None))
    return json.dumps({**values, "file": None if take.path is None else take.path.name})


def _from_json(text: str, folder: Path) -> StoredTake:
    values: Mapping[str, Any] = json.loads(text)
    known: dict[str, Any] = {name: value for name, value in values.items() if name in _FIELDS}
    known["options"] = GenerationOptions.from_dict(values["options"])
    known["peaks"] = tuple(values["peaks"])
    known["unspoken"] = tuple(values.get("unspoken", ()))
    known["flags"] = read_flags(values.get("flags"))
    known["path"] = folder / f"{values['id']}.wav"
    take = StoredTake(**known)
    _check(take)
    return take


def read_flags(values: object) -> tuple[tuple[str, str], ...] | None:
    """Flags as a file keeps them; None where it has none that this program knows."""
    if not isinstance(values, list):
        return None
    pairs = [value for value in values if isinstance(value, list) and len(value) == 2]
    return tuple((kind, valid_text(str(said))[:300]) for kind, said in pairs if kind in KINDS)


def _check(take: StoredTake) -> None:
    """Raises ValueError where a line holds what no summary does: somebody else wrote it."""
    texts = [take.id, take.text, take.model, take.stop_reason, take.cut_text, take.note]
    texts += [take.voice_name or "", *take.unspoken]
    numbers = [take.duration_s, take.made_s, take.made_at, take.gain, *take.peaks]
    if (
        any(not isinstance(text, str) or valid_text(text) != text for text in texts)
        or any(type(n) not in (int, float) or not 0 <= n < _MAX_NUMBER for n in numbers)
        or not take.duration_s > 0
        or type(take.number) is not int
        or type(take.star) is not bool
        or Path(take.id).name != take.id
    ):
        raise ValueError("it is no summary of a take")
