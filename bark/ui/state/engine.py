"""Which Bark is loaded, and how it is changed: one model and one computation at a time."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from ...environment import MODELS
from ...errors import BarkError
from ...files.whole_file import user_path
from ...pipeline import Bark
from .run_queue import MAX_WAITING, RunQueue

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]  # file name, bytes done, bytes in all


@dataclasses.dataclass(frozen=True)
class EngineState:
    """What the page's header says.

    Attributes:
        model: "nano", "small", "large" or a folder: loaded, or about to be.
        phase: "loading", "ready" or "failed".
        message: why it failed.
    """

    model: str
    phase: str
    message: str = ""


class Engine:
    """Owns the loaded model and the line of those who wait for it.

    Args:
        model: what to begin with.
        open_model: loads a model by name; its files are on disk or small.
        fetch_model: brings a model's files to the disk, reporting bytes, until `stop` is set.
        fault: what is said of a first model that could not be loaded, in place of the reason,
            which may name the owner's folders; None says the reason. The log always has it.
        max_waiting: how many may wait for the device before others are refused.
    """

    def __init__(
        self,
        model: str,
        *,
        open_model: Callable[[str], Bark],
        fetch_model: Callable[[str, Progress, threading.Event], None],
        fault: str | None = None,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self.queue = RunQueue(max_waiting=max_waiting)
        self._open_model = open_model
        self._fetch_model = fetch_model
        self._fault = fault
        self._bark: Bark | None = None
        self._state = EngineState(model, "loading")
        self._settled = threading.Event()

    @property
    def state(self) -> EngineState:
        """The model and whether it is ready."""
        return self._state

    @property
    def model_folder(self) -> Path | None:
        """The folder of the model, where somebody named one; it may hold voices."""
        model = self._state.model
        return None if model in MODELS else user_path(model)

    @property
    def bark(self) -> Bark | None:
        """The loaded model; None before the first one is there."""
        return self._bark

    def load(self) -> None:
        """Loads the first model now, in this thread."""
        self._load_first()

    def start(self) -> None:
        """Loads the first model in the background, so that the page is there at once."""
        threading.Thread(target=self._load_first, name="bark-load", daemon=True).start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits until the first loading has succeeded or failed."""
        return self._settled.wait(timeout_s)

    def ready(self) -> Bark:
        """The loaded model.

        Raises:
            BarkError: there is none; says why.
        """
        self.wait()
        if self._bark is None:
            raise BarkError(self._state.message)
        return self._bark

    def switch(self, model: str, stop: threading.Event, on_progress: Progress) -> Bark:
        """Fetches and loads another model; the old one goes on working until it is there.

        The caller holds no ticket: the download disturbs nobody, and the loading waits its turn.

        Raises:
            BarkError: it cannot be had; the old model stays.
        """
        self._fetch_model(model, on_progress, stop)
        ticket = self.queue.ticket()
        try:
            while not ticket.wait(0.25):
                if stop.is_set():
                    raise BarkError("Stopped; the model stays as it was.")
            ticket.begin()
            self._bark = self._open_model(model)
            self._state = EngineState(model, "ready")
            return self._bark
        finally:
            ticket.close()

    def beside(self, model: str) -> Bark:
        """Loads another model for its caller alone, who holds the ticket; the present one stays.

        Raises:
            BarkError: it cannot be had from the disk.
        """
        return self._open_model(model)

    def _load_first(self) -> None:
        ticket = self.queue.ticket()
        try:
            ticket.wait()
            self._bark = self._open_model(self._state.model)
            self._state = EngineState(self._state.model, "ready")
        except (BarkError, OSError, MemoryError, RuntimeError) as error:
            log.error("%s could not be loaded: %s", self._state.model, error)
            self._state = EngineState(self._state.model, "failed", self._fault or str(error))
        finally:
            ticket.close()
            self._settled.set()
