"""Who is here: what belongs to a visitor, and what to one open tab."""

from __future__ import annotations

import collections
import dataclasses
import secrets
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from ...errors import BarkError
from ...voices.prompt import VoicePrompt
from .take_store import TakeStore
from .visitors_folder import VisitorsFolder

MAX_WAITING_RUNS = 8
VISIT_TAKES = 200
VISIT_KEPT_S = 3_600.0  # after the last tab is closed, so that a reload finds everything
TAB_KEPT_S = 86_400.0  # without a sign of life, for tabs whose closing nobody noticed
_MAX_LOOSE_VOICES = 50


class Visit:
    """A visitor's takes and voices; on one's own machine there is only one visit.

    Attributes:
        key: unguessable; part of the addresses of its audio files.
        takes: kept results.
        voices_dir: its own folder of saved voices; None means the user's own one.
    """

    def __init__(self, takes: TakeStore, voices_dir: Path | None) -> None:
        self.key = secrets.token_urlsafe(24)
        self.takes = takes
        self.voices_dir = voices_dir
        self.last_seen = time.monotonic()
        self._loose: collections.OrderedDict[str, VoicePrompt] = collections.OrderedDict()

    def keep_voice(self, voice: VoicePrompt) -> str:
        """Remembers a voice that has no name of its own; returns how the menu calls it."""
        key = f"file:{voice.name or secrets.token_hex(3)}"
        self._loose[key] = voice
        while len(self._loose) > _MAX_LOOSE_VOICES:
            self._loose.popitem(last=False)
        return key

    @property
    def loose_voices(self) -> list[str]:
        """Keys of the remembered voices, newest first."""
        return list(reversed(self._loose))

    def held_voice(self, kind: str, rest: str) -> VoicePrompt | None:
        """A voice that only this visit holds; what a file says of it is not yet checked.

        Args:
            kind: "take" (its own tokens), "given" (the voice a take was given) or "file".
            rest: the take's id, or the file's name.

        Raises:
            BarkError: the take or file is gone.
        """
        if kind == "take":
            take, stored = self.takes.load(rest), self.takes.get(rest)
            number = stored.number if stored else "?"
            return dataclasses.replace(take.tokens, name=f"take {number}")
        if kind == "given":
            return self.takes.load(rest).voice
        if f"file:{rest}" not in self._loose:
            raise BarkError(f"The voice {rest!r} is no longer here; choose another one.")
        return self._loose[f"file:{rest}"]


class Session:
    """One open tab: what it computes, what waits behind that, and what its player shows.

    Attributes:
        stop: set to end what this tab is computing; every run has its own.
        stop_download: the same for a model that is being fetched.
        selected: id of the take that the player shows.
        chose: the visitor has chosen a take since the run began, so the player is left to them.
    """

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.last_seen = time.monotonic()
        self.stop = threading.Event()
        self.stop_download = threading.Event()
        self.selected: str | None = None
        self.chose = False
        self._lock = threading.Lock()
        self._speaking = False
        self._waiting: collections.deque[Any] = collections.deque()

    @property
    def speaking(self) -> bool:
        """Whether a run is being made or about to be."""
        return self._speaking

    @property
    def n_waiting(self) -> int:
        """Runs asked for while another one is being made."""
        return len(self._waiting)

    def begin_or_wait(self, run: Any) -> bool:
        """True where the caller may begin its run; otherwise it waits behind the present one."""
        with self._lock:
            if self._speaking:
                if len(self._waiting) < MAX_WAITING_RUNS:
                    self._waiting.append(run)
                return False
            self._speaking = True
            return True

    def next_waiting(self) -> Any | None:
        """The next run; None ends the speaking."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._speaking = False
            return None

    def end_speaking(self) -> None:
        """The tab has gone, or nothing waits any more."""
        with self._lock:
            self._speaking = False
            self._waiting.clear()

    def stop_all(self) -> None:
        """Ends the present run, and drops those that wait behind it."""
        with self._lock:
            self._waiting.clear()
            self.stop.set()


class Visits:
    """Finds the visit and the tab of a request.

    Args:
        shared_folder: the folder of takes on one's own machine; None keeps every visitor's
            things apart in a temporary folder, and removes them when the visit is over.
    """

    def __init__(self, shared_folder: Path | None) -> None:
        self._lock = threading.RLock()
        self._sessions: dict[str, Session] = {}
        self._visits: dict[str, Visit] = {}
        self._shared: Visit | None = None
        self._root: VisitorsFolder | None = None
        self._is_over = False
        if shared_folder is not None:
            self._shared = Visit(TakeStore(shared_folder), None)
            self._visits[self._shared.key] = self._shared

    @property
    def are_private(self) -> bool:
        """Whether every visitor has things of their own."""
        return self._shared is None

    def open(self, session_hash: str, key: str | None) -> Session:
        """A tab was opened, or reloaded: then `key` is what the browser remembered."""
        with self._lock:
            visit = self._shared or self._visits.get(key or "") or self._new_visit()
            visit.last_seen = time.monotonic()
            session = self._sessions.get(session_hash)
            if session is None or session.visit is not visit:
                session = self._sessions[session_hash] = Session(visit)
            self._forget_old()
            return session

    def session(self, session_hash: str | None) -> Session:
        """The tab of a request; a tab from before a restart of the app gets a new visit."""
        with self._lock:
            session = self._sessions.get(session_hash or "")
            if session is None:
                return self.open(session_hash or secrets.token_hex(8), None)
            session.last_seen = session.visit.last_seen = time.monotonic()
            return session

    def close(self, session_hash: str | None) -> None:
        """A tab was closed: its computation stops, its takes stay for a reload."""
        with self._lock:
            session = self._sessions.pop(session_hash or "", None)
        if session is not None:
            session.stop_all()
            session.stop_download.set()

    def by_key(self, key: str) -> Visit | None:
        """The visit whose files these are."""
        with self._lock:
            return self._visits.get(key)

    def close_all(self) -> None:
        """Stops every tab and removes every visitor's temporary things, when the app ends.

        A take that is finished afterwards is kept on no disk.
        """
        with self._lock:
            self._is_over = True
            for session_hash in list(self._sessions):
                self.close(session_hash)
            for visit in self._visits.values():
                if visit is not self._shared:
                    visit.takes.remove_folder()
            if self._root is not None:
                self._root.remove()

    def _new_visit(self) -> Visit:
        if self._root is None:
            self._root = VisitorsFolder()
        folder = self._root.path / secrets.token_hex(8)
        visit = Visit(TakeStore(folder / "takes", limit=VISIT_TAKES), folder / "voices")
        if self._is_over:
            visit.takes.remove_folder()
        self._visits[visit.key] = visit
        return visit

    def _forget_old(self) -> None:
        for session_hash, session in list(self._sessions.items()):
            if time.monotonic() - session.last_seen > TAB_KEPT_S:
                self.close(session_hash)
        here = {id(session.visit) for session in self._sessions.values()}
        for key, visit in list(self._visits.items()):
            idle_s = time.monotonic() - visit.last_seen
            if visit is not self._shared and id(visit) not in here and idle_s > VISIT_KEPT_S:
                visit.takes.remove_folder()
                if visit.voices_dir is not None:
                    shutil.rmtree(visit.voices_dir.parent, ignore_errors=True)
                del self._visits[key]
