"""Where each finished chunk stands in the whole, from what is known of the chunks alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from .narration import Narration
from .states import ChunkState

LEAD_S = 0.3
"""Silence before the first chunk."""


@dataclasses.dataclass(frozen=True)
class Placed:
    """A finished chunk in its place.

    Attributes:
        state: the chunk.
        start: sample of the whole at which its audio begins, the silence at its ends trimmed.
        n_samples: of its trimmed audio.
        sample_rate: Hz.
        late_s: how much of it lies behind the end of its subtitle cue, in seconds; 0 without one.
    """

    state: ChunkState
    start: int
    n_samples: int
    sample_rate: int
    late_s: float = 0.0

    @property
    def start_s(self) -> float:
        """Its beginning, in seconds."""
        return self.start / self.sample_rate

    @property
    def end_s(self) -> float:
        """Its end, in seconds; the pause behind it not counted."""
        return (self.start + self.n_samples) / self.sample_rate


def place(states: Iterable[ChunkState]) -> Iterator[Placed]:
    """Places chunks one behind the other, each followed by its pause.

    A chunk of a subtitle cue begins with its cue, or as soon as the one before it has ended.
    Chunks that are not finished are left out.

    Args:
        states: in order.
    """
    at: int | None = None
    for state in states:
        info, chunk = state.info, state.chunk
        if info is None:
            continue
        rate = info.sample_rate
        at = round(LEAD_S * rate) if at is None and chunk.slot is None else (at or 0)
        late_s = 0.0
        n_samples = info.speech[1] - info.speech[0]
        if chunk.slot is not None:
            at = max(at, round(chunk.slot[0] * rate))
            late_s = max(0.0, (at + n_samples) / rate - chunk.slot[1])
        yield Placed(state, at, n_samples, rate, late_s)
        pause_s = 0.0 if chunk.slot is not None else chunk.pause_s
        at += n_samples + round(pause_s * rate)


def place_narration(narration: Narration) -> list[Placed]:
    """The finished chunks of a narration in their places."""
    return list(place(narration.chunks))


def timeline(narration: Narration) -> dict[str, Any]:
    """The whole as JSON values: chapters and chunks with their times in seconds.

    Returns:
        "title", "author", "sample_rate", "duration_s", "chapters" (title, start_s) and "chunks"
        (number, chapter, speaker, text, start_s, end_s, and where it is known "words", each
        [word, start_s, end_s]).
    """
    placed = place_narration(narration)
    chapters: list[dict[str, Any]] = []
    for item in placed:
        index = item.state.chunk.chapter
        if not chapters or chapters[-1]["index"] != index:
            title = narration.script.chapters[index]
            chapters.append({"index": index, "title": title, "start_s": round(item.start_s, 4)})
    return {
        "title": narration.title,
        "author": narration.author,
        "sample_rate": narration.bark.sample_rate,
        "duration_s": round(duration_s(placed), 4),
        "chapters": chapters,
        "chunks": [_entry(item) for item in placed],
    }


def duration_s(placed: list[Placed]) -> float:
    """Of the whole file, in seconds."""
    if not placed:
        return 0.0
    last = placed[-1]
    return last.end_s + (0.0 if last.state.chunk.slot else last.state.chunk.pause_s)


def word_times(item: Placed) -> list[tuple[str, float, float]]:
    """The words of a chunk with their times in the whole, where the model's tokens know them."""
    info = item.state.info
    assert info is not None
    offset = item.start_s - info.speech[0] / info.sample_rate
    spoken = item.state.chunk.spoken
    return [(spoken[a:b], start + offset, end + offset) for a, b, start, end in info.words]


def _entry(item: Placed) -> dict[str, Any]:
    chunk = item.state.chunk
    entry: dict[str, Any] = {
        "number": chunk.number,
        "chapter": chunk.chapter,
        "speaker": chunk.speaker,
        "text": chunk.text,
        "start_s": round(item.start_s, 4),
        "end_s": round(item.end_s, 4),
    }
    words = word_times(item)
    if words:
        entry["words"] = [[word, round(start, 4), round(end, 4)] for word, start, end in words]
    return entry
