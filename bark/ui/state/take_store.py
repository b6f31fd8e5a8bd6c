"""The takes of a visit or of one's own machine: audio files that are their own records."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import BarkError
from ...files.json_file import read_json
from ...files.whole_file import sweep_parts, whole_file
from ...listening.loudness import gain_to
from ...take import Take
from ...text.splitting import valid_text
from .take_index import StoredTake, TakeIndex, read_flags

__all__ = ["N_PEAKS", "Changes", "StoredTake", "TakeStore"]

log = logging.getLogger(__name__)

N_PEAKS = 64  # points of the small waveform in the list
MAX_UNDO = 100  # deletions that can be taken back, each of one or many takes
MAX_NOTE_CHARS = 2_000
_MAX_MARKS_BYTES = 64 << 10
_NAME = re.compile(r"take-(\d+)-.*")


@dataclasses.dataclass(frozen=True)
class Changes:
    """What became of the takes since a version of the list.

    Attributes:
        version: to ask with the next time.
        takes: new or changed ones.
        removed: ids of those that are gone.
        is_whole: the version asked with is not known here; `takes` are all there are.
    """

    version: int
    takes: tuple[StoredTake, ...]
    removed: tuple[str, ...] = ()
    is_whole: bool = False


class TakeStore:
    """A folder of takes; everything is on disk before it is shown.

    Args:
        folder: made when the first take is kept.
        limit: the most takes held; past it the oldest without a star goes.
    """

    def __init__(self, folder: Path, *, limit: int | None = None) -> None:
        self.folder = folder
        self._limit = limit
        self._lock = threading.RLock()
        self._takes: dict[str, StoredTake] | None = None  # read when first asked for
        self._index: TakeIndex | None = None  # once there is a folder
        self._in_memory: dict[str, Take] = {}
        self._deleted: list[list[StoredTake]] = []  # the last deletion is the last of them
        self._history: list[str] = []  # the id that each version changed
        self._last_number = 0
        self._is_over = False

    def all(self) -> list[StoredTake]:
        """Every take, newest first."""
        with self._lock:
            return sorted(self._known().values(), key=lambda take: -take.number)

    def get(self, take_id: str | None) -> StoredTake | None:
        """The take of this id, or None."""
        with self._lock:
            return self._known().get(take_id or "")

    def changes(self, since: int | None = None) -> Changes:
        """What has changed since a version of the list; None asks for all."""
        with self._lock:
            known, version = self._known(), len(self._history)
            if since is None or not 0 <= since <= version:
                return Changes(version, tuple(self.all()), is_whole=True)
            ids = dict.fromkeys(self._history[since:])
            takes = tuple(known[take_id] for take_id in ids if take_id in known)
            return Changes(version, takes, tuple(i for i in ids if i not in known))

    def load(self, take_id: str) -> Take:
        """Reads a take with its tokens.

        Raises:
            BarkError: it is no longer there, or its file cannot be read.
        """
        stored = self.get(take_id)
        if stored is None:
            raise BarkError("This take is no longer here; choose another one.")
        if stored.path is None:
            return self._in_memory[take_id]
        return Take.load(stored.path)

    def encode(self, take_id: str, format: str) -> bytes:
        """A take's file in a format, with its record inside.

        Raises:
            BarkError: the take is no longer there, or its file cannot be read.
        """
        stored = self.get(take_id)
        if stored is not None and stored.path is not None and format == "wav":
            return stored.path.read_bytes()
        return self.load(take_id).encode(format)

    def add(self, take: Take) -> StoredTake:
        """Writes a take into the folder and lists it.

        A full or read-only disk costs nothing: the take then stays in memory, with `path` None.
        """
        with self._lock:
            known = self._known()
            number = self._next_number()
            take_id = f"take-{number:04d}-{_slug(take.text)}-{secrets.token_hex(3)}"
            stored = _summary(take, take_id=take_id, number=number, path=None)  # before it is kept
            try:
                path = self._write(take_id, take)
                stored = dataclasses.replace(stored, path=path, made_at=_written_at(path))
            except (OSError, BarkError) as error:
                log.warning("take %d stays in memory: %s", number, error)
                self._in_memory[take_id] = take
            known[take_id] = stored
            self._changed(stored)
            self._drop_oldest()
            return stored

    def mark(
        self,
        take_id: str,
        *,
        star: bool | None = None,
        note: str | None = None,
        flags: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        """Sets a take's star, note or flags, which lie beside its file."""
        with self._lock:
            stored = self.get(take_id)
            if stored is None:
                return
            star = stored.star if star is None else star
            note = stored.note if note is None else _note(note)
            found = stored.flags if flags is None else tuple(flags)
            stored = dataclasses.replace(stored, star=star, note=note, flags=found)
            self._known()[take_id] = stored
            if stored.path is not None:
                _write_marks(stored.path.with_suffix(".json"), stored)
            self._changed(stored)

    def delete(self, *take_ids: str) -> list[StoredTake]:
        """Takes takes out of the list; `restore` brings back one such deletion after another."""
        with self._lock:
            gone = [taken for i in take_ids if (taken := self._known().pop(i, None)) is not None]
            for stored in gone:
                if stored.path is not None and stored.path.exists():
                    stored.path.replace(_hidden(stored.path))
                self._history.append(stored.id)
            if gone:
                self._deleted.append(gone)
                if self._index is not None:
                    self._index.remove(stored.id for stored in gone)
                while len(self._deleted) > MAX_UNDO:
                    self._forget(self._deleted.pop(0))
            return gone

    def restore(self) -> list[StoredTake]:
        """Puts the takes of the last deletion back that has not been taken back yet."""
        with self._lock:
            back = self._deleted.pop() if self._deleted else []
            for stored in back:
                if stored.path is not None:
                    _hidden(stored.path).replace(stored.path)
                self._known()[stored.id] = stored
                self._changed(stored)
            return back

    @property
    def n_undo(self) -> int:
        """How many deletions can be taken back."""
        return len(self._deleted)

    def remove_folder(self) -> None:
        """Removes everything, when a visit is over; what is added later stays in memory."""
        with self._lock:
            self._is_over = True
            if self._index is not None:
                self._index.close()
            self._takes, self._index, self._in_memory, self._deleted = {}, None, {}, []
            shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, take_id: str, take: Take) -> Path:
        if self._is_over:
            raise BarkError("the visit is over")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return take.save(self.folder / f"{take_id}.wav")

    def _known(self) -> dict[str, StoredTake]:
        if self._takes is None:
            self._takes = {}
            if self.folder.is_dir():
                index = self._index = TakeIndex(self.folder)
                self._takes = _read_folder(self.folder, index)
                numbers = [stored.number for stored in self._takes.values()]
                self._last_number = max(index.highest_number(), *numbers, 0)
        return self._takes

    def _next_number(self) -> int:
        self._last_number += 1
        return self._last_number

    def _changed(self, stored: StoredTake) -> None:
        """Tells the list and the index of a take's new state."""
        self._history.append(stored.id)
        if stored.path is None:
            return
        if self._index is None and self.folder.is_dir():
            self._index = TakeIndex(self.folder)
        if self._index is not None:
            self._index.put([(_stamp(stored.path), stored)])
            self._index.keep_number(self._last_number)

    def _forget(self, gone: Sequence[StoredTake]) -> None:
        for stored in gone:
            self._in_memory.pop(stored.id, None)
            if stored.path is not None:
                _hidden(stored.path).unlink(missing_ok=True)
                stored.path.with_suffix(".json").unlink(missing_ok=True)

    def _drop_oldest(self) -> None:
        plain = [stored for stored in reversed(self.all()) if not stored.star]
        if self._limit is not None and len(self._known()) > self._limit and plain:
            self._forget(self.delete(plain[0].id))
            self._deleted.pop()


def _read_folder(folder: Path, index: TakeIndex) -> dict[str, StoredTake]:
    """The takes of a folder: from the index where their files are as it knows them."""
    sweep_parts(folder)
    files = {entry.name: entry for entry in os.scandir(folder)}
    for name in files:  # of a session that ended before it was sure
        if name.startswith(".deleted-") and name.endswith(".wav"):
            (folder / name).unlink(missing_ok=True)
            (folder / name[9:-4]).with_suffix(".json").unlink(missing_ok=True)
    known, takes, new = index.read(), {}, []
    for name in sorted(files):
        path = folder / name
        if path.suffix != ".wav" or not _NAME.match(path.stem):
            continue
        stamp = _stamp(path, files)
        kept_stamp, kept = known.pop(path.stem, ("", None))
        if kept is not None and kept_stamp == stamp:
            takes[path.stem] = kept
            continue
        try:
            takes[path.stem] = _read_summary(path)
            new.append((stamp, takes[path.stem]))
        except (OSError, BarkError) as error:
            log.warning("%s is left out of the list: %s", path.name, error)
        except Exception:  # whatever is wrong with one file, the others are still there
            log.exception("%s is left out of the list", path.name)
    index.put(new)
    index.remove(known)
    return takes


def _stamp(path: Path, files: dict[str, os.DirEntry[str]] | None = None) -> str:
    """Size and time of a take's file, and of its marks."""
    parts = []
    for name in (path.name, f"{path.stem}.json"):
        try:
            entry = path.with_name(name) if files is None else files[name]
            found = entry.stat()
            parts.append(f"{found.st_size}:{found.st_mtime_ns}")
        except (OSError, KeyError):
            parts.append("")
    return " ".join(parts)


def _read_summary(path: Path) -> StoredTake:
    match = _NAME.match(path.stem)
    assert match is not None
    take = Take.load(path)
    stored = _summary(take, take_id=path.stem, number=int(match.group(1)), path=path)
    try:
        marks = read_json(path.with_suffix(".json"), max_bytes=_MAX_MARKS_BYTES)
        return dataclasses.replace(
            stored,
            star=bool(marks.get("star")),
            note=_note(str(marks.get("note", ""))),
            flags=read_flags(marks.get("flags")),
        )
    except FileNotFoundError:
        return stored
    except (OSError, ValueError, AttributeError) as error:
        log.warning("the star and note of %s cannot be read: %s", path.name, error)
        return stored


def _summary(take: Take, *, take_id: str, number: int, path: Path | None) -> StoredTake:
    voice_name = None
    if take.voice is not None:
        voice_name = valid_text(take.voice.name or "a voice without a name")
    return StoredTake(
        id=take_id,
        number=number,
        text=valid_text(take.text),
        voice_name=voice_name,
        options=take.options,
        model=take.model,
        stop_reason=take.stop_reason,
        cut_text=valid_text(take.cut_text),
        unspoken=tuple(valid_text(stretch) for stretch in take.unspoken),
        duration_s=take.duration_s,
        made_s=sum(take.timings.values()),
        made_at=_written_at(path),
        gain=round(gain_to(take.audio, take.sample_rate), 4),
        peaks=_peaks(take.audio),
        path=path,
    )


def _note(text: str) -> str:
    return valid_text(text).strip()[:MAX_NOTE_CHARS]


def _written_at(path: Path | None) -> float:
    try:
        return time.time() if path is None else path.stat().st_mtime
    except OSError:
        return time.time()


def _peaks(audio: np.ndarray) -> tuple[float, ...]:
    if len(audio) == 0:
        return (0.0,) * N_PEAKS
    edges = np.linspace(0, len(audio), N_PEAKS, endpoint=False).astype(int)
    loudest = np.minimum(np.maximum.reduceat(np.abs(audio), edges), 1.0)
    return tuple(round(float(peak), 4) for peak in np.round(loudest * 255) / 255)


def _slug(text: str) -> str:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return "-".join(words)[:32].strip("-") or "sound"


def _hidden(path: Path) -> Path:
    return path.with_name(f".deleted-{path.name}")


def _write_marks(path: Path, stored: StoredTake) -> None:
    marks = {"star": stored.star, "note": stored.note, "flags": stored.flags}
    try:
        with whole_file(path) as file:
            file.write(json.dumps(marks).encode("utf-8"))
    except OSError as error:
        log.warning("the star and note of %s are not kept: %s", stored.id, error)
