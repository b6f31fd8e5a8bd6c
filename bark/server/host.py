"""What the surfaces for programs need of the app that they stand on."""

from __future__ import annotations

import threading
from typing import Protocol

from ..checkpoints.registry import ModelInfo
from ..pipeline import Bark
from ..spec import ModelSpec
from ..voices.library import VoiceInfo
from ..voices.prompt import VoicePrompt
from .metrics import Metrics


class Ticket(Protocol):
    """A place in the line of those who wait for the device."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for the turn; False when the time ran out first."""

    def begin(self) -> None:
        """Starts the clock of this turn."""

    def close(self) -> None:
        """Leaves the line."""


class Queue(Protocol):
    """The line itself."""

    def until_room_s(self) -> float:
        """When somebody more will be let in, in seconds from now: a guess by the last turns."""

    @property
    def n_waiting(self) -> int:
        """How many are in the line, whoever computes included."""

    def ticket(self, *, is_inside: bool = False) -> Ticket:
        """Joins the line; raises `QueueFullError` unless the caller is inside already."""


class EngineState(Protocol):
    """How the loading of the model stands."""

    @property
    def model(self) -> str:
        """Its name."""

    @property
    def phase(self) -> str:
        """ "loading", "ready" or "failed"."""


class Engine(Protocol):
    """The loaded model and its line."""

    @property
    def queue(self) -> Queue:
        """Who waits."""

    @property
    def state(self) -> EngineState:
        """Which model, and whether it is loaded."""

    @property
    def bark(self) -> Bark | None:
        """The loaded model; None before there is one."""

    def ready(self) -> Bark:
        """The loaded model, waited for; raises `BarkError` where it cannot be loaded."""


class Access(Protocol):
    """What a program may see and hear."""

    def voices(self, spec: ModelSpec) -> list[VoiceInfo]:
        """The voices of a family."""

    def load_voice(self, choice: str | None, spec: ModelSpec) -> VoicePrompt | None:
        """A voice by its name, which is never a path."""

    def models(self) -> list[ModelInfo]:
        """The models that the caller may know of."""

    def model_name(self, name: str) -> str:
        """How the caller is told of a model."""


class Host(Protocol):
    """The app."""

    @property
    def engine(self) -> Engine:
        """Model and line."""

    @property
    def metrics(self) -> Metrics:
        """What is counted."""

    @property
    def max_chars(self) -> int:
        """The longest text taken."""

    @property
    def closing(self) -> threading.Event:
        """Set when the app ends."""

    def access(self) -> Access:
        """What a program may see and hear."""
