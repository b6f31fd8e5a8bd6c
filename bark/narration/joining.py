"""One audio file out of a job's chunks, read from disk one after the other.

Silence at a chunk's ends is trimmed, its level evened, its peaks held, and its ends faded for some
milliseconds so that no joint clicks. Memory holds one chunk at a time, however long the whole is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..audio.files import read_audio
from ..errors import InvalidInputError
from .formats import AudioWriter, Metadata, open_writer
from .levels import evening_gain, limited, uneven_levels
from .narration import Narration
from .settings import NarrationOptions
from .states import ChunkState
from .timeline import Placed, duration_s, place_narration

_FADE_S = 0.005
_SILENCE_BLOCK = 1 << 16


@dataclasses.dataclass(frozen=True)
class Joined:
    """A written file.

    Attributes:
        path: where it lies.
        duration_s: in seconds.
        n_chunks: that are in it.
        missing: numbers of chunks that are not, since they could not be made.
        warnings: sentences: chunks that failed the check and were kept, cues that were too short.
    """

    path: Path
    duration_s: float
    n_chunks: int
    missing: tuple[int, ...]
    warnings: tuple[str, ...]


def chunk_audio(state: ChunkState, options: NarrationOptions) -> np.ndarray:
    """A finished chunk as it stands in the whole: trimmed, evened, limited, its ends faded.

    Returns:
        (n,) float32 within ±1.

    Raises:
        InvalidInputError: the chunk is not finished.
        AudioFileError: its file cannot be read.
    """
    if state.info is None or state.path is None:
        raise InvalidInputError(f"Chunk {state.chunk.number} is not made yet.")
    audio, sample_rate = read_audio(state.path)
    first, last = state.info.speech
    audio = audio[first:last]
    if options.loudness_lufs is not None:
        audio = audio * np.float32(evening_gain(state.info.loudness_lufs, options.loudness_lufs))
        audio = limited(audio, sample_rate, options.peak_db)
    n_fade = min(len(audio) // 2, round(_FADE_S * sample_rate))
    if n_fade:
        fade = np.linspace(0, 1, n_fade, dtype=np.float32)
        audio = audio.copy()
        audio[:n_fade] *= fade
        audio[-n_fade:] *= fade[::-1]
    return audio.astype(np.float32)


def blocks(narration: Narration, placed: list[Placed]) -> Iterator[np.ndarray]:
    """The samples of the whole, (n,) float32 at a time."""
    at = 0
    for item in placed:
        yield from _silence(item.start - at)
        audio = chunk_audio(item.state, narration.options)
        yield audio
        at = item.start + len(audio)
    if placed:
        yield from _silence(round(duration_s(placed) * placed[-1].sample_rate) - at)


def write_file(
    narration: Narration, path: str | Path, *, format: str | None = None, cover: bytes | None = None
) -> Joined:
    """Joins all finished chunks into one file, which appears whole or not at all.

    Args:
        path: its suffix names the format where `format` is None; its folder must exist.
        format: "wav", "flac", "ogg", "opus", "mp3" or, through ffmpeg, "m4b".
        cover: a JPEG or PNG image, for formats that keep one.

    Raises:
        InvalidInputError: no chunk is finished.
        AudioFileError: the format is unknown, needs a program that is not there, or the file
            cannot be written.
    """
    placed = place_narration(narration)
    if not placed:
        raise InvalidInputError("No chunk is made yet, so there is nothing to write.")
    path = Path(path).expanduser()
    n_samples = round(duration_s(placed) * placed[-1].sample_rate)
    metadata = Metadata(
        title=narration.title or path.stem,
        author=narration.author,
        language=narration.language,
        model=narration.bark.name,
        chapters=chapter_starts(narration, placed),
        duration_s=duration_s(placed),
        cover=cover,
    )
    with open_writer(path, narration.bark.sample_rate, n_samples, metadata, format) as writer:
        _write(writer, blocks(narration, placed))
    there = {item.state.chunk.number for item in placed}
    missing = tuple(c.number for c in narration.script.chunks if c.number not in there)
    return Joined(path, duration_s(placed), len(placed), missing, tuple(warnings(placed)))


def chapter_starts(narration: Narration, placed: list[Placed]) -> tuple[tuple[str, float], ...]:
    """Title and start in seconds of every chapter that has a finished chunk."""
    starts: dict[int, float] = {}
    for item in placed:
        starts.setdefault(item.state.chunk.chapter, item.start_s)
    titles = narration.script.chapters
    return tuple(
        (titles[index] or f"Chapter {index + 1}", 0.0 if n == 0 else start)
        for n, (index, start) in enumerate(starts.items())
    )


def warnings(placed: list[Placed]) -> Iterator[str]:
    """Sentences on chunks that were kept although something is wrong with them."""
    for item in placed:
        chunk, info = item.state.chunk, item.state.info
        assert info is not None
        for sentence in info.findings:
            yield f"Chunk {chunk.number} ({chunk.text[:40]!r}): {sentence}"
        if item.late_s > 0.05:
            yield (
                f"Chunk {chunk.number} ({chunk.text[:40]!r}) ends {item.late_s:.1f} s after its "
                "cue."
            )
    levels = [item.state.info.loudness_lufs if item.state.info else None for item in placed]
    for index, decibels in uneven_levels(levels):
        side = "louder" if decibels > 0 else "quieter"
        yield (
            f"Chunk {placed[index].state.chunk.number} came {abs(decibels):.0f} dB {side} than its "
            "neighbours; where levels are evened it no longer is."
        )


def _write(writer: AudioWriter, audio: Iterator[np.ndarray]) -> None:
    for block in audio:
        writer.write(block)


def _silence(n_samples: int) -> Iterator[np.ndarray]:
    while n_samples > 0:
        n = min(n_samples, _SILENCE_BLOCK)
        yield np.zeros(n, np.float32)
        n_samples -= n
