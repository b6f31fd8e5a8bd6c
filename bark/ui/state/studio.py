"""The studio as a whole: its engine, its visitors and its limits."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

from ...environment import user_data_dir
from ...server.metrics import Metrics
from ...server.routes import Settings
from .access import Access
from .callers import Callers
from .engine import Engine
from .sessions import Visit, Visits
from .voice_samples import VoiceSamples

MAX_CHARS = 5_000


@dataclasses.dataclass(frozen=True)
class Studio:
    """What every handler works on.

    Attributes:
        max_chars: the longest text taken.
        can_change_model: visitors of a Space cannot; its owner chose.
        offline: nothing is downloaded.
        guards: who may call the addresses for programs.
        closing: set when the app ends, so that nothing goes on computing.
        callers: who still waits for the answer of an endpoint.
        metrics: what was asked for, by every way in, and what became of it.
        samples: what voices sound like.
    """

    engine: Engine
    visits: Visits
    max_chars: int = MAX_CHARS
    can_change_model: bool = True
    offline: bool = False
    guards: Settings = dataclasses.field(default_factory=Settings)
    closing: threading.Event = dataclasses.field(default_factory=threading.Event)
    callers: Callers = dataclasses.field(default_factory=Callers)
    metrics: Metrics = dataclasses.field(default_factory=Metrics)
    samples: VoiceSamples = dataclasses.field(default_factory=VoiceSamples)

    def access(self, visit: Visit | None = None) -> Access:
        """What a visitor may see and hear; without a visit, what a program may."""
        return Access(
            visit,
            is_owner=not self.visits.are_private,
            can_change_model=self.can_change_model,
            offline=self.offline,
            max_chars=self.max_chars,
            model_folder=self.engine.model_folder,
        )

    def close(self) -> None:
        """Ends every computation, and removes what visitors left."""
        self.closing.set()
        self.visits.close_all()
        self.engine.queue.wait_until_empty(3.0)
        self.visits.close_all()  # what a handler put there meanwhile


def takes_folder(takes_dir: Path | None, *, is_public: bool) -> Path | None:
    """Where takes are kept; None where every visitor gets a folder of their own.

    Args:
        takes_dir: what BARK_TAKES_DIR says.
        is_public: whether strangers may visit.
    """
    if is_public:
        return None
    if takes_dir is not None:
        return takes_dir
    return user_data_dir() / "takes"
