"""Who is here: what belongs to a visitor, and what to one open tab."""

from __future__ import annotations

import collections
import dataclasses
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...errors import BarkError
from ...voices.prompt import VoicePrompt
from .grid_store import GridStore
from .narration_store import NarrationStore
from .run_board import Place, RunBoard
from .take_store import TakeStore
from .visitors_folder import VisitorsFolder
from .worker import HEARTBEAT_S

VISIT_TAKES = 200
VISIT_KEPT_S = 3_600.0  # after the last tab is closed, so that a reload finds everything
GRACE_S = 10.0  # a run goes on for so long after the last tab was closed: it may be a reload
TAB_KEPT_S = 86_400.0  # without a sign of life, for tabs whose closing nobody noticed
_MAX_LOOSE_VOICES = 50


class Visit:
    """A visitor's takes and voices; on one's own machine there is only one visit.

    Attributes:
        key: unguessable; part of the addresses of its audio files.
        takes: kept results.
        voices_dir: its own folder of saved voices; None means the user's own one.
        runs: what is being made for it.
        grids: those that were made.
        narrations: its long texts.
        pace: seconds that a second of sound took to make lately; None before any was made.
    """

    def __init__(self, takes: TakeStore, voices_dir: Path | None) -> None:
        self.key = secrets.token_urlsafe(24)
        self.takes = takes
        self.voices_dir = voices_dir
        self.last_seen = time.monotonic()
        self.runs: RunBoard[Any] = RunBoard()
        self.grids = GridStore(takes.folder)
        self.narrations = NarrationStore(takes.folder / "narrations")
        self.pace: float | None = None
        self._loose: collections.OrderedDict[str, VoicePrompt] = collections.OrderedDict()

    def learn_pace(self, sound_s: float, wall_s: float) -> None:
        """Takes a measurement into account: so much sound was made in so much time."""
        if sound_s > 0:
            measured = wall_s / sound_s
            self.pace = measured if self.pace is None else 0.6 * self.pace + 0.4 * measured

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
        stored = self.takes.get(rest)
        if kind in ("take", "given") and stored is None:
            raise BarkError(
                "The take whose voice is chosen is no longer here; choose another voice, "
                "or bring the take back with Z."
            )
        if kind == "take" and stored is not None:
            return dataclasses.replace(self.takes.load(rest).tokens, name=f"take {stored.number}")
        if kind == "given":
            return self.takes.load(rest).voice
        if f"file:{rest}" not in self._loose:
            raise BarkError(f"The voice {rest!r} is no longer here; choose another one.")
        return self._loose[f"file:{rest}"]


class Session:
    """One open tab: what it downloads, and what its player shows.

    Attributes:
        stop_download: set to end the fetching of a model.
        selected: id of the take that the player shows, as far as the page has said.
    """

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.last_seen = time.monotonic()
        self.stop_download = threading.Event()
        self.selected: str | None = None
        self._lock = threading.Lock()
        self._follows = False

    def submit(self, run: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """Starts a run of the visit's, or puts it behind the present one, and follows it.

        Yields:
            what it tells; nothing where another request of this tab follows already.

        Raises:
            BarkError: too many are waiting.
        """
        with self._lock:
            start = self.visit.runs.submit(run)
            if start is None:
                raise BarkError("Enough is waiting already; press again when some of it is made.")
            if self._follows:
                return
            self._follows = True
        for item, _ in self._follow(start):
            yield item

    def follow(self) -> Iterator[tuple[Any, bool]]:
        """Follows what is being made for the visit from its beginning, after a reload.

        Yields:
            what it tells, and whether that is old news.
        """
        with self._lock:
            if self._follows or not self.visit.runs.busy:
                return
            self._follows = True
        yield from self._follow(self.visit.runs.start)

    def _follow(self, place: Place[Any]) -> Iterator[tuple[Any, bool]]:
        runs = self.visit.runs
        try:
            while True:
                place = yield from runs.follow(place, heartbeat_s=HEARTBEAT_S)
                with self._lock:
                    if runs.is_over(place):
                        self._follows = False
                        return
        except BaseException:  # the page is gone; at the end above another may follow by now
            with self._lock:
                self._follows = False
            raise


class Visits:
    """Finds the visit and the tab of a request.

    Args:
        shared_folder: the folder of takes on one's own machine; None keeps every visitor's
            things apart in a temporary folder, and removes them when the visit is over.
        grace_s: how long runs go on after the last tab was closed.
    """

    def __init__(self, shared_folder: Path | None, *, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._lock = threading.RLock()
        self._sessions: dict[str, Session] = {}
        self._left: dict[str, Session] = {}  # closed tabs, or those whose connection was lost
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
        """The tab of a request.

        A tab whose connection was lost for a while is taken for closed; it comes back to its visit.
        A tab from before a restart of the app gets a new one.
        """
        with self._lock:
            session = self._sessions.get(session_hash or "")
            if session is None:
                left = self._left.pop(session_hash or "", None)
                key = left.visit.key if left is not None else None
                session = self.open(session_hash or secrets.token_hex(8), key)
                if left is not None and left.visit is session.visit:
                    session.selected = left.selected
            session.last_seen = session.visit.last_seen = time.monotonic()
            return session

    def close(self, session_hash: str | None) -> None:
        """A tab was closed: unless another one comes soon, what is being made is stopped."""
        with self._lock:
            session = self._sessions.pop(session_hash or "", None)
            if session is None:
                return
            self._left[session_hash or ""] = session
        session.stop_download.set()
        self._stop_later(session.visit)

    def by_key(self, key: str) -> Visit | None:
        """The visit whose files these are; a page asks every few seconds, so somebody is there."""
        with self._lock:
            visit = self._visits.get(key)
            if visit is not None:
                visit.last_seen = time.monotonic()
            return visit

    def close_all(self) -> None:
        """Stops every tab and removes every visitor's temporary things, when the app ends.

        A take that is finished afterwards is kept on no disk.
        """
        with self._lock:
            self._is_over = True
            visits = {id(visit): visit for visit in self._visits.values()}
            for session in self._sessions.values():
                session.stop_download.set()
                visits[id(session.visit)] = session.visit
            self._sessions.clear()
            self._left.clear()
        for visit in visits.values():
            visit.runs.stop_all()
        for visit in visits.values():
            visit.runs.wait_until_idle(3.0)  # on one's own machine what was made so far is kept
        with self._lock:
            for visit in visits.values():
                if visit is not self._shared:
                    visit.takes.remove_folder()
            if self._root is not None:
                self._root.remove()

    def _stop_later(self, visit: Visit) -> None:
        if visit.runs.busy:
            timer = threading.Timer(self._grace_s, self._stop_if_left, [visit])
            timer.daemon = True
            timer.start()

    def _stop_if_left(self, visit: Visit) -> None:
        with self._lock:
            if any(session.visit is visit for session in self._sessions.values()):
                return
            is_asking = time.monotonic() - visit.last_seen < self._grace_s / 2
        if is_asking:  # a tab without its connection
            self._stop_later(visit)
        else:
            visit.runs.stop_all()

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
        self._left = {
            session_hash: session
            for session_hash, session in self._left.items()
            if time.monotonic() - session.last_seen < VISIT_KEPT_S
        }
        here = {id(session.visit) for session in self._sessions.values()}
        for key, visit in list(self._visits.items()):
            idle_s = time.monotonic() - visit.last_seen
            if visit is not self._shared and id(visit) not in here and idle_s > VISIT_KEPT_S:
                visit.takes.remove_folder()
                if visit.voices_dir is not None:
                    shutil.rmtree(visit.voices_dir.parent, ignore_errors=True)
                del self._visits[key]
