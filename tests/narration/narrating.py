"""What tests of narrations share: nano's tokenizer and family behind a model that hums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bark.batch import Request
from bark.events import Event
from bark.narration.cast import Cast
from bark.narration.documents import document_of_text
from bark.narration.narration import Narration
from bark.narration.settings import CheckOptions, NarrationOptions, Pauses
from bark.narration.states import ChunkReady
from bark.options import GenerationOptions

from ..fake_bark import FakeBark

TEXT = """It was late. The rain had stopped, and the road was empty.

Nobody saw the two of them come up from the river. They did not speak.

At the gate she turned round and looked back once more at the water. "It is over," she said.

He nodded, and neither of them believed it. In the house a light was burning."""


class Hummer(FakeBark):
    """Counts what it is asked to speak.

    Attributes:
        spoken: every text, in the order of the calls.
        batches: how many texts each call had.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spoken: list[str] = []
        self.batches: list[int] = []

    def stream_requests(self, requests: Sequence[Request], **how: Any) -> Iterator[Event]:
        self.spoken += [request.text for request in requests]
        self.batches.append(len(requests))
        return super().stream_requests(requests, **how)


def options(**changes: Any) -> NarrationOptions:
    """Settings with a seed and without tries for takes that hum too long."""
    generation = GenerationOptions(seed=changes.pop("seed", 5))
    check = changes.pop("check", CheckOptions(retries=0))
    return NarrationOptions(
        generation=generation, check=check, **{"max_chunk_s": 5.0, "pauses": Pauses(), **changes}
    )


def begun(
    folder: Path, text: str = TEXT, bark: Any = None, cast: Cast | None = None, **changes: Any
) -> Narration:
    """A job that is not run yet."""
    bark = bark or Hummer()
    how = {name: changes.pop(name) for name in ("pronunciations", "anew") if name in changes}
    document = document_of_text(text)
    return Narration.create(bark, document, folder, options(**changes), cast=cast, **how)


def run(narration: Narration, **how: Any) -> list[int]:
    """Runs a job to its end; the numbers of the chunks as they came out."""
    return [e.state.chunk.number for e in narration.run(**how) if isinstance(e, ChunkReady)]
