"""The takes of a visit or of one's own machine: audio files that are their own records."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
import secrets
import shutil
import threading
from pathlib import Path

import numpy as np

from ...errors import BarkError
from ...options import GenerationOptions
from ...take import Take
from ...text.splitting import valid_text

log = logging.getLogger(__name__)

N_PEAKS = 64  # points of the small waveform in the list
MAX_LISTED = 300
MAX_NOTE_CHARS = 2_000
_NAME = re.compile(r"take-(\d+)-.*")


@dataclasses.dataclass(frozen=True)
class StoredTake:
    """What the list shows of one take; its arrays stay in the file.

    Attributes:
        id: the file's name without its ending.
        number: counted from 1 in its folder.
        peaks: `N_PEAKS` loudest values of the audio, 0 to 1.
        made_s: how long it took to make, in seconds.
        path: None while it could not be written and lives in memory.
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
    peaks: tuple[float, ...]
    path: Path | None
    star: bool = False
    note: str = ""


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
        self._in_memory: dict[str, Take] = {}
        self._deleted: StoredTake | None = None
        self._is_over = False

    def all(self) -> list[StoredTake]:
        """Every take, newest first."""
        with self._lock:
            return sorted(self._known().values(), key=lambda take: -take.number)

    def get(self, take_id: str | None) -> StoredTake | None:
        """The take of this id, or None."""
        with self._lock:
            return self._known().get(take_id or "")

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
            number = max((stored.number for stored in known.values()), default=0) + 1
            take_id = f"take-{number:04d}-{_slug(take.text)}-{secrets.token_hex(3)}"
            stored = _summary(take, take_id=take_id, number=number, path=None)  # before it is kept
            try:
                stored = dataclasses.replace(stored, path=self._write(take_id, take))
            except (OSError, BarkError) as error:
                log.warning("take %d stays in memory: %s", number, error)
                self._in_memory[take_id] = take
            known[take_id] = stored
            self._drop_oldest()
            return stored

    def mark(self, take_id: str, *, star: bool | None = None, note: str | None = None) -> None:
        """Sets a take's star or note, which lie beside its file."""
        with self._lock:
            stored = self.get(take_id)
            if stored is None:
                return
            star = stored.star if star is None else star
            note = stored.note if note is None else _note(note)
            stored = dataclasses.replace(stored, star=star, note=note)
            self._known()[take_id] = stored
            if stored.path is not None:
                _write_marks(stored.path.with_suffix(".json"), stored)

    def delete(self, take_id: str) -> StoredTake | None:
        """Takes a take out of the list; it can be restored until the next one is deleted."""
        with self._lock:
            stored = self._known().pop(take_id, None)
            if stored is None:
                return None
            self.forget_deleted()
            self._deleted = stored
            if stored.path is not None and stored.path.exists():
                stored.path.replace(_hidden(stored.path))
            return stored

    def restore(self) -> StoredTake | None:
        """Puts the last deleted take back."""
        with self._lock:
            stored, self._deleted = self._deleted, None
            if stored is None:
                return None
            if stored.path is not None:
                _hidden(stored.path).replace(stored.path)
            self._known()[stored.id] = stored
            return stored

    def forget_deleted(self) -> None:
        """Removes the last deleted take for good."""
        with self._lock:
            stored, self._deleted = self._deleted, None
            if stored is None:
                return
            self._in_memory.pop(stored.id, None)
            if stored.path is not None:
                _hidden(stored.path).unlink(missing_ok=True)
                stored.path.with_suffix(".json").unlink(missing_ok=True)

    def remove_folder(self) -> None:
        """Removes everything, when a visit is over; what is added later stays in memory."""
        with self._lock:
            self._is_over = True
            self._takes, self._in_memory, self._deleted = {}, {}, None
            shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, take_id: str, take: Take) -> Path:
        if self._is_over:
            raise BarkError("the visit is over")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return take.save(self.folder / f"{take_id}.wav")

    def _known(self) -> dict[str, StoredTake]:
        if self._takes is None:
            self._takes = {stored.id: stored for stored in _read_folder(self.folder)}
        return self._takes

    def _drop_oldest(self) -> None:
        plain = [stored for stored in reversed(self.all()) if not stored.star]
        if self._limit is not None and len(self._known()) > self._limit and plain:
            self.delete(plain[0].id)
            self.forget_deleted()


def _read_folder(folder: Path) -> list[StoredTake]:
    if not folder.is_dir():
        return []
    for leftover in folder.glob(".deleted-*.wav"):  # of a session that ended before it was sure
        leftover.unlink(missing_ok=True)
    paths = sorted(path for path in folder.glob("take-*.wav") if _NAME.match(path.stem))
    takes = []
    for path in paths[-MAX_LISTED:]:
        try:
            takes.append(_read_summary(path))
        except (OSError, BarkError) as error:
            log.warning("%s is left out of the list: %s", path.name, error)
        except Exception:  # whatever is wrong with one file, the others are still there
            log.exception("%s is left out of the list", path.name)
    return takes


def _read_summary(path: Path) -> StoredTake:
    match = _NAME.match(path.stem)
    assert match is not None
    take = Take.load(path)
    stored = _summary(take, take_id=path.stem, number=int(match.group(1)), path=path)
    try:
        marks = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return dataclasses.replace(
            stored, star=bool(marks.get("star")), note=_note(str(marks.get("note", "")))
        )
    except FileNotFoundError:
        return stored
    except (OSError, ValueError, AttributeError, RecursionError) as error:
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
        duration_s=take.duration_s,
        made_s=sum(take.timings.values()),
        peaks=_peaks(take.audio),
        path=path,
    )


def _note(text: str) -> str:
    return valid_text(text).strip()[:MAX_NOTE_CHARS]


def _peaks(audio: np.ndarray) -> tuple[float, ...]:
    if len(audio) == 0:
        return (0.0,) * N_PEAKS
    edges = np.linspace(0, len(audio), N_PEAKS, endpoint=False).astype(int)
    return tuple(round(float(peak), 3) for peak in np.maximum.reduceat(np.abs(audio), edges))


def _slug(text: str) -> str:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return "-".join(words)[:32].strip("-") or "sound"


def _hidden(path: Path) -> Path:
    return path.with_name(f".deleted-{path.name}")


def _write_marks(path: Path, stored: StoredTake) -> None:
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(json.dumps({"star": stored.star, "note": stored.note}), "utf-8")
        temporary.replace(path)
    except OSError as error:
        log.warning("the star and note of %s are not kept: %s", stored.id, error)
        temporary.unlink(missing_ok=True)
