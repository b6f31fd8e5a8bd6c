"""Making chunks together: a batch through the model, a look at each take, and another try."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import MemoryShortError
from ..events import AudioPiece, StageProgress, TakeFailed, TakeReady
from ..listening.check import Examined, Finding, Look, examine
from ..options import GenerationOptions
from ..request import Request
from ..take import Take
from ..voices.prompt import VoicePrompt
from .jobs import ChunkInfo
from .pronunciations import saying
from .settings import CheckOptions
from .word_times import word_times

if TYPE_CHECKING:
    from ..pipeline import Bark

_SEED_STEP = 1_000_003  # between the tries of one chunk: far from its neighbours' seeds


@dataclasses.dataclass(frozen=True, eq=False)
class ChunkTask:
    """All that decides one chunk; a worker on another machine needs no more.

    Attributes:
        key: under which it is kept.
        number: in the text, from 1.
        spoken: what the model is given.
        voice: None for a new one.
        options: with the seed of the first try.
        check: how it is looked at.
        phones: of words that the whole job says otherwise; for nano.
    """

    key: str
    number: int
    spoken: str
    voice: VoicePrompt | None
    options: GenerationOptions
    check: CheckOptions
    phones: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class Made:
    """A finished chunk."""

    number: int
    take: Take
    info: ChunkInfo


@dataclasses.dataclass(frozen=True)
class NotMade:
    """A chunk of which no try gave any sound."""

    number: int
    reason: str


@dataclasses.dataclass(frozen=True, eq=False)
class Working:
    """Progress of the chunks that are being made together."""

    numbers: tuple[int, ...]
    progress: StageProgress


@dataclasses.dataclass(frozen=True, eq=False)
class Preview:
    """Sound of a chunk that is made alone, before its end; see `bark.events.AudioPiece`."""

    number: int
    piece: AudioPiece


MakingEvent = Made | NotMade | Working | Preview


@dataclasses.dataclass(eq=False)
class _Tries:
    """The tries of one chunk."""

    task: ChunkTask
    takes: list[tuple[Take, Examined]] = dataclasses.field(default_factory=list)
    seeds: list[int] = dataclasses.field(default_factory=list)
    failures: list[str] = dataclasses.field(default_factory=list)
    is_too_large: bool = False  # another seed would not make it fit into memory
    seconds: float = 0.0

    def next_request(self) -> Request:
        """The task with the seed of its next try."""
        options = self.task.options.with_seed_after(len(self.seeds) * _SEED_STEP)
        return Request(self.task.spoken, self.task.voice, options)

    @property
    def is_done(self) -> bool:
        """A good take is there, or no try is left or of any use."""
        good = bool(self.takes) and not self.takes[-1][1].findings
        return good or self.is_too_large or len(self.seeds) > self.task.check.retries


def make_chunks(
    bark: Bark,
    tasks: Sequence[ChunkTask],
    *,
    look: Look = examine,
    stop: threading.Event | None = None,
) -> Iterator[MakingEvent]:
    """Makes chunks, in one batch a try.

    A chunk does not depend on those it is made with: each has its seeds and its voice.

    Args:
        bark: a `Bark`.
        tasks: of one job; their options differ in the seed alone.
        look: examines a take; a finding means another try.
        stop: ends it at the next token; chunks that are not finished by then are not yielded.

    Yields:
        progress; and each chunk as soon as it is finished, those that need no second try first.
    """
    stop = stop or threading.Event()
    bark = saying(bark, tasks[0].phones) if tasks else bark
    open_tries = [_Tries(task) for task in tasks]
    while open_tries and not stop.is_set():
        yield from _try_once(bark, open_tries, look, stop)
        if stop.is_set():
            return
        for tries in [tries for tries in open_tries if tries.is_done]:
            open_tries.remove(tries)
            yield _result(bark, tries)


def _try_once(
    bark: Bark, batch: Sequence[_Tries], look: Look, stop: threading.Event
) -> Iterator[MakingEvent]:
    started = time.perf_counter()
    requests = [tries.next_request() for tries in batch]
    numbers = tuple(tries.task.number for tries in batch)
    events = bark.stream_requests(requests, stop=stop)
    for tries, request in zip(batch, requests, strict=True):
        tries.seeds.append(request.seed)
    finished: list[tuple[_Tries, Take]] = []
    for event in events:
        if isinstance(event, StageProgress):
            yield Working(numbers, event)
        elif isinstance(event, AudioPiece):
            yield Preview(numbers[event.item], event)
        elif isinstance(event, TakeFailed):
            batch[event.item].failures.append(str(event.error))
            batch[event.item].is_too_large |= isinstance(event.error, MemoryShortError)
        elif isinstance(event, TakeReady) and not stop.is_set():
            finished.append((batch[event.item], event.take))
    for tries, take in finished:  # behind the last event, when the model is free again
        tries.takes.append((take, look(take, tries.task.spoken)))
    spent = (time.perf_counter() - started) / len(batch)
    for tries in batch:
        tries.seconds += spent


def _result(bark: Bark, tries: _Tries) -> Made | NotMade:
    task = tries.task
    if not tries.takes:
        return NotMade(task.number, tries.failures[-1])
    take, examined = min(tries.takes, key=lambda pair: pair[1].badness)
    others = [finding for other, seen in tries.takes if other is not take
              for finding in seen.findings]  # fmt: skip
    seeds = [seed for seed in tries.seeds if seed != take.options.seed]
    info = ChunkInfo(
        key=task.key,
        n_samples=len(take.audio),
        sample_rate=take.sample_rate,
        speech=examined.speech,
        loudness_lufs=examined.loudness_lufs,
        findings=_sentences(examined.findings),
        seeds=(*seeds, take.options.seed or 0),
        redone_for=(*_sentences(others), *tries.failures),
        word_error_rate=examined.word_error_rate,
        words=word_times(bark, take, task.spoken),
        seconds=round(tries.seconds, 3),
    )
    return Made(task.number, take, info)


def _sentences(findings: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(finding.sentence for finding in findings)
