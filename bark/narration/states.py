"""What a narration tells of itself: its chunks, its plan, and the events of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from ..events import StageProgress
from .jobs import ChunkInfo
from .making import Preview
from .script import Chunk


@dataclasses.dataclass(frozen=True)
class ChunkState:
    """A chunk and how far it is.

    Attributes:
        chunk: its text, speaker, chapter and the pause behind it.
        info: of the finished take; None while there is none.
        path: of the finished take's audio file, a take with its record; None while there is none.
        is_edited: whether its words or its seed were changed by hand.
    """

    chunk: Chunk
    info: ChunkInfo | None
    path: Path | None
    is_edited: bool

    @property
    def is_ready(self) -> bool:
        """Whether it can be heard."""
        return self.info is not None


@dataclasses.dataclass(frozen=True)
class Plan:
    """What will be made.

    Attributes:
        chapters: title, number of chunks and expected seconds of each.
        speakers: name to what is said of its voice ("alder", "a new voice", ...).
        n_chunks, n_ready: in all, and those that are finished.
        expected_s: a guess at the duration of it all, pauses included.
        left_out: sentences that name what is not spoken.
        notes: other sentences to show, such as which voice a speaker was given.
    """

    chapters: tuple[tuple[str, int, float], ...]
    speakers: Mapping[str, str]
    n_chunks: int
    n_ready: int
    expected_s: float
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class ChunkProgress:
    """How far the chunks are that are being made together.

    Attributes:
        numbers: of the chunks.
        progress: of their stage.
    """

    numbers: tuple[int, ...]
    progress: StageProgress


@dataclasses.dataclass(frozen=True)
class ChunkReady:
    """A chunk is finished, and all before it are."""

    state: ChunkState


@dataclasses.dataclass(frozen=True)
class ChunkFailed:
    """No try gave any sound; the others go on, and the next run tries again."""

    number: int
    reason: str


NarrationEvent = ChunkProgress | ChunkReady | ChunkFailed | Preview
