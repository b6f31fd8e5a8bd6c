"""The script of a narration: a document as chunks, each with a speaker and the pause behind it."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import InvalidInputError
from . import cast, marks
from .cutting import Measure, Piece, Size, cut
from .documents import HEADING, Block, Document
from .pronunciations import Pronunciations
from .settings import NarrationOptions


@dataclasses.dataclass(frozen=True)
class Chunk:
    """What is said in one go.

    Attributes:
        number: from 1, in the order of the text.
        id: names the chunk by its speaker and words, wherever it stands: an edit or a new seed of
            it holds when the text around it changes.
        text: as it is shown.
        spoken: as the model is given it; differs where a mark or a pronunciation says so.
        speaker: `cast.NARRATOR` or a name.
        chapter: index of its chapter.
        is_heading: whether a heading's.
        ends: "clause", "sentence", ... as in `cutting`, or "paragraph", "heading", "turn",
            "chapter", "pause": what stands behind it.
        pause_s: silence behind it, in seconds.
        slot: seconds (start, end) of the subtitle cue that it fills, or the share of it.
        expected_s: a guess at its duration.
    """

    number: int
    id: str
    text: str
    spoken: str
    speaker: str
    chapter: int
    is_heading: bool
    ends: str
    pause_s: float
    slot: tuple[float, float] | None
    expected_s: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Chunk:
        """Reads what `to_dict` gave."""
        slot = values.get("slot")
        return cls(**{**values, "slot": None if slot is None else (slot[0], slot[1])})


@dataclasses.dataclass(frozen=True)
class Script:
    """All chunks, and what else the document says.

    Attributes:
        chunks: in order.
        chapters: their titles.
        left_out: sentences that name what is not spoken.
    """

    chunks: tuple[Chunk, ...]
    chapters: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def speakers(self) -> list[str]:
        """In the order in which they first speak."""
        return list(dict.fromkeys(chunk.speaker for chunk in self.chunks))


def write_script(
    document: Document,
    measure: Measure,
    limit: Size,
    options: NarrationOptions,
    *,
    known_names: Sequence[str] = (),
    pronunciations: Pronunciations | None = None,
) -> Script:
    """Cuts a document into chunks.

    Args:
        measure: the size of a text for the model.
        limit: the largest chunk.
        known_names: speakers of the cast; their lines may begin with `Name:`.
        pronunciations: words that are to be said otherwise.

    Raises:
        InvalidInputError: a mark is wrong, or nothing is left to speak.
    """
    writer = _Writer(measure, limit, options, pronunciations or Pronunciations())
    whole = "\n".join(block.text for chapter in document.chapters for block in chapter.blocks)
    names = cast.find_names(whole, known_names)
    for index, chapter in enumerate(document.chapters):
        writer.chapter(index, chapter.blocks, names, document.has_tags)
    if not writer.chunks:
        raise InvalidInputError("The text has nothing to speak; write words.")
    titles = tuple(chapter.title for chapter in document.chapters)
    return Script(tuple(writer.numbered()), titles, (*document.left_out, *writer.left_out()))


class _Writer:
    """Collects chunks."""

    def __init__(
        self, measure: Measure, limit: Size, options: NarrationOptions, words: Pronunciations
    ) -> None:
        self.measure, self.limit, self.options = measure, limit, options
        self.pronunciations = words
        self.chunks: list[Chunk] = []
        self.unspoken: list[str] = []

    def chapter(self, index: int, blocks: Sequence[Block], names: set[str], has_tags: bool) -> None:
        """Adds the chunks of a chapter."""
        first = len(self.chunks)
        speaker = cast.NARRATOR
        for block in blocks:
            if block.kind == HEADING:
                self._pause("heading", self.options.pauses.heading)
                speaker = cast.NARRATOR
            turns = cast.parse_turns(block.text, names)
            opened = False
            for turn in turns:
                # a paragraph without a name goes on with whoever spoke last in a dialogue of lines
                if turn.speaker != cast.NARRATOR:
                    speaker, opened = turn.speaker, True
                elif not opened:
                    speaker = cast.NARRATOR
                self._turn(index, block, speaker, turn.text, has_tags)
                self._pause("turn", self.options.pauses.turn)
            if block.kind == HEADING:
                self._pause("heading", self.options.pauses.heading)
            else:
                self._pause("paragraph", self.options.pauses.paragraph)
        if len(self.chunks) > first:
            self._pause("chapter", self.options.pauses.chapter)

    def _pause(self, ends: str, seconds: float) -> None:
        """Sets what stands behind the last chunk; an asked-for pause is not changed."""
        if self.chunks and self.chunks[-1].ends != "pause":
            self.chunks[-1] = dataclasses.replace(self.chunks[-1], ends=ends, pause_s=seconds)

    def _turn(self, chapter: int, block: Block, speaker: str, text: str, has_tags: bool) -> None:
        if self.chunks and self.chunks[-1].chapter == chapter:
            before = self.chunks[-1]
            if before.speaker != speaker and before.ends in ("paragraph", "sentence"):
                self._pause("turn", self.options.pauses.turn)
        for part in marks.read_marks(text, tags=has_tags):
            if isinstance(part, marks.Break):
                if part.seconds is not None:
                    self._asked_pause(part.seconds)
                elif part.ends == "paragraph":
                    self._pause("paragraph", self.options.pauses.paragraph)
            else:
                self._words(chapter, block, speaker, part)

    def _asked_pause(self, seconds: float) -> None:
        if not self.chunks:
            return
        last = self.chunks[-1]
        already = last.pause_s if last.ends == "pause" else 0.0
        self.chunks[-1] = dataclasses.replace(last, ends="pause", pause_s=already + seconds)

    def _words(self, chapter: int, block: Block, speaker: str, words: marks.Words) -> None:
        words = marks.normalized(words)
        words = self.pronunciations.applied(words)
        pauses = self.options.pauses
        always_at = "sentence" if pauses.sentence is not None else None
        always_at = "clause" if pauses.comma is not None else always_at
        pieces = cut(
            words.text,
            self.measure,
            self.limit,
            first_s=None if self.chunks else self.options.first_chunk_s,
            kept=[(swap.start, swap.end) for swap in words.swaps],
            always_at=always_at,
        )
        slots = _slots(block.slot, pieces)
        for piece, slot in zip(pieces, slots, strict=True):
            spoken = marks.spoken(piece.text, words.swaps, piece.start)
            if self.measure(spoken).n_tokens == 0:
                self.unspoken.append(piece.text)
                continue
            size = self.measure(spoken)
            self.chunks.append(
                Chunk(
                    number=0,
                    id="",
                    text=piece.text,
                    spoken=spoken,
                    speaker=speaker,
                    chapter=chapter,
                    is_heading=block.kind == HEADING,
                    ends=piece.ends,
                    pause_s=pauses.after(piece.ends),
                    slot=slot,
                    expected_s=round(size.seconds, 3),
                )
            )

    def numbered(self) -> Iterator[Chunk]:
        """The chunks with their numbers and ids."""
        seen: Counter[str] = Counter()
        for number, chunk in enumerate(self.chunks, 1):
            words = hashlib.sha256(f"{chunk.speaker}\0{chunk.spoken}".encode()).hexdigest()[:12]
            seen[words] += 1
            yield dataclasses.replace(chunk, number=number, id=f"{words}.{seen[words]}")

    def left_out(self) -> Iterator[str]:
        """A sentence where some text has nothing that the model can say."""
        if self.unspoken:
            some = ", ".join(repr(text[:40]) for text in self.unspoken[:3])
            n = len(self.unspoken)
            yield f"Not spoken, since there is no word in it: {n} part{'s' * (n > 1)} ({some})."


def _slots(
    slot: tuple[float, float] | None, pieces: Sequence[Piece]
) -> list[tuple[float, float] | None]:
    """A cue's time, shared out by the lengths of its pieces."""
    if slot is None:
        return [None] * len(pieces)
    start, end = slot
    total = max(1, sum(len(piece.text) for piece in pieces))
    places = [start]
    for piece in pieces:
        places.append(places[-1] + (end - start) * len(piece.text) / total)
    return list(itertools.pairwise(places))
