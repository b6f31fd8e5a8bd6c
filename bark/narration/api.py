"""`narrate` and `narrate_to_file`: a long text as finished pieces, or as one file, in one call."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import NothingGeneratedError
from ..options import GenerationOptions
from ..voices.prompt import Voice
from .cast import Cast
from .documents import Document, document_of_text, read_document
from .engines import Engine
from .joining import Joined, chunk_audio, write_file
from .narration import Narration
from .pronunciations import Pronunciations
from .settings import NarrationOptions
from .states import ChunkFailed, ChunkReady, NarrationEvent

if TYPE_CHECKING:
    from ..pipeline import Bark


@dataclasses.dataclass(frozen=True, eq=False)
class Piece:
    """A finished part of a narration, in the order of the text.

    Attributes:
        number: from 1.
        text: what is said.
        speaker: "" for the narrator.
        chapter: the chapter's title.
        audio: (n,) float32 within ±1: trimmed, at the level asked for, its ends faded.
        sample_rate: Hz.
        pause_s: silence that belongs behind it, in seconds.
        findings: sentences on what is wrong with it; empty for a good one.
    """

    number: int
    text: str
    speaker: str
    chapter: str
    audio: np.ndarray
    sample_rate: int
    pause_s: float
    findings: tuple[str, ...]


def narrate(
    source: str | Path | Document,
    *,
    voice: Voice = None,
    model: str | Path | Bark = "nano",
    cast: Cast | Mapping[str, Voice] | None = None,
    folder: str | Path | None = None,
    options: NarrationOptions | None = None,
    seed: int | None = None,
    pronunciations: Pronunciations | None = None,
    engine: Engine | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Piece]:
    """Speaks a text of any length, yielding pieces in its order while later ones are made.

    Args:
        source: a text, the `Path` of a document (`bark.narration.documents.SUFFIXES`), or a
            `Document`.
        voice: the narrator's; None makes one, which all pieces then share.
        model: a loaded `Bark`, or what `Bark.from_pretrained` takes.
        cast: names to voices, for dialogues.
        folder: the job's; a call with the same one goes on where the last was stopped. None takes
            one that is removed at the end.
        options: how it is cut, spoken, checked and joined.
        seed: in place of the options' own.
        pronunciations: words to be said otherwise.
        engine: where it is computed; None computes here.
        stop: ends it at the next token.

    Raises:
        InvalidInputError, VoiceError, VoiceNotFoundError: something given is wrong; as all
            mistakes, when the first piece is asked for.
        NothingGeneratedError: at the end, where a piece gave no sound in any try.
    """
    with contextlib.ExitStack() as stack:
        place = folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="bark-"))
        narration = begin(
            source, place, voice=voice, model=model, cast=cast, options=options, seed=seed,
            pronunciations=pronunciations,
        )  # fmt: skip
        failed: list[ChunkFailed] = []
        for event in narration.run(engine=engine, stop=stop):
            if isinstance(event, ChunkReady):
                yield _piece(narration, event)
            elif isinstance(event, ChunkFailed):
                failed.append(event)
        _raise_failed(failed)


def narrate_to_file(
    source: str | Path | Document,
    out: str | Path,
    *,
    voice: Voice = None,
    model: str | Path | Bark = "nano",
    cast: Cast | Mapping[str, Voice] | None = None,
    folder: str | Path | None = None,
    options: NarrationOptions | None = None,
    seed: int | None = None,
    pronunciations: Pronunciations | None = None,
    engine: Engine | None = None,
    stop: threading.Event | None = None,
    on_event: Callable[[NarrationEvent], None] | None = None,
) -> Joined:
    """Speaks a text of any length into one audio file.

    Args:
        out: .wav, .flac, .ogg, .opus, .mp3 or .m4b; it appears when it is whole.
        folder: the job's; None takes one that is removed at the end, so that a stop loses all.
        on_event: called with every event of the run, for progress.
        the others: as `narrate`.

    Returns:
        the file, its duration, and warnings. After a stop it holds what was finished.

    Raises:
        as `narrate`; and AudioFileError where the file cannot be written. Where a piece gave no
        sound, NothingGeneratedError: no file is written that lacks a part of the text.
    """
    with contextlib.ExitStack() as stack:
        place = folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="bark-"))
        document = source if isinstance(source, Document) else open_source(source)
        narration = begin(
            document, place, voice=voice, model=model, cast=cast, options=options, seed=seed,
            pronunciations=pronunciations,
        )  # fmt: skip
        failed: list[ChunkFailed] = []
        for event in narration.run(engine=engine, stop=stop):
            if on_event is not None:
                on_event(event)
            if isinstance(event, ChunkFailed):
                failed.append(event)
        _raise_failed(failed)
        return write_file(narration, out, cover=document.cover)


def begin(
    source: str | Path | Document,
    folder: str | Path,
    *,
    voice: Voice = None,
    model: str | Path | Bark = "nano",
    cast: Cast | Mapping[str, Voice] | None = None,
    options: NarrationOptions | None = None,
    seed: int | None = None,
    pronunciations: Pronunciations | None = None,
) -> Narration:
    """The `Narration` behind `narrate`, not yet run; the arguments are its."""
    options = options or NarrationOptions()
    if seed is not None:
        generation = GenerationOptions.chosen(options.generation, {"seed": seed})
        options = dataclasses.replace(options, generation=generation)
    if cast is None or not isinstance(cast, Cast):
        cast = Cast(voice, cast or {})
    elif voice is not None:
        cast = dataclasses.replace(cast, narrator=voice)
    document = source if isinstance(source, Document) else open_source(source)
    return Narration.create(
        _loaded(model), document, folder, options, cast=cast, pronunciations=pronunciations
    )


def open_source(source: str | Path) -> Document:
    """A document from a `Path`, or of a text.

    A string is always a text, so that nothing somebody typed is taken for a file.
    """
    return read_document(source) if isinstance(source, Path) else document_of_text(source)


def _loaded(model: str | Path | Bark) -> Bark:
    if isinstance(model, str | Path):
        from ..pipeline import Bark

        return Bark.from_pretrained(model)
    return model


def _piece(narration: Narration, event: ChunkReady) -> Piece:
    state = event.state
    assert state.info is not None
    return Piece(
        number=state.chunk.number,
        text=state.chunk.text,
        speaker=state.chunk.speaker,
        chapter=narration.script.chapters[state.chunk.chapter],
        audio=chunk_audio(state, narration.options),
        sample_rate=state.info.sample_rate,
        pause_s=state.chunk.pause_s,
        findings=state.info.findings,
    )


def _raise_failed(failed: list[ChunkFailed]) -> None:
    if failed:
        numbers = ", ".join(str(event.number) for event in failed[:5])
        raise NothingGeneratedError(
            f"{len(failed)} of the chunks gave no sound ({numbers}): {failed[0].reason} What is "
            "finished is kept in the job's folder; edit the chunk or give it another seed."
        )
