"""What a generation reports while it runs; bars, live players and stop buttons hang on these."""

from __future__ import annotations

import dataclasses

import numpy as np

from .errors import BarkError
from .take import Take


@dataclasses.dataclass(frozen=True)
class StageProgress:
    """How far a stage is.

    Attributes:
        stage: "semantic", "coarse", "fine" or "decode".
        done, total: in the stage's own steps (tokens, passes, items); the semantic stage's total
            is an estimate that `done` may reach before the end.
        n_items: takes that are being made together.
    """

    stage: str
    done: int
    total: int
    n_items: int = 1


@dataclasses.dataclass(frozen=True, eq=False)
class AudioPiece:
    """Sound before the end, from the coarse codes alone; the finished take sounds better.

    Attributes:
        audio: (n,) float32 within ±1.
        start_s: where it begins in the utterance.
        item: which of the takes that are being made.
    """

    audio: np.ndarray
    start_s: float
    item: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class TakeReady:
    """A take is finished, or was stopped with some sound made."""

    take: Take
    item: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class TakeFailed:
    """One of several takes came to nothing; the others go on."""

    error: BarkError
    item: int = 0


Event = StageProgress | AudioPiece | TakeReady | TakeFailed
