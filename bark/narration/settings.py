"""What decides how a long text is spoken, as plain values that a job's manifest keeps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidInputError
from ..options import GenerationOptions

VOICE_MODES = ("fixed", "carried")


@dataclasses.dataclass(frozen=True)
class Pauses:
    """Silence between two chunks, in seconds, by what stands between them.

    Attributes:
        comma: None leaves it to the model, and puts 0.15 s where a sentence had to be cut at one;
            a number cuts at every clause, so that all such pauses are of this length.
        sentence: None leaves it to the model, and puts 0.35 s between two chunks of a paragraph;
            a number cuts at every sentence.
        paragraph: between two paragraphs.
        heading: before and behind a heading.
        turn: between two speakers.
        chapter: behind a chapter.
    """

    comma: float | None = None
    sentence: float | None = None
    paragraph: float = 0.7
    heading: float = 1.0
    turn: float = 0.4
    chapter: float = 2.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value is not None and not (math.isfinite(value) and 0 <= value <= 60):
                raise InvalidInputError(
                    f"The pause for a {name} is {value} s; it must lie in 0 to 60."
                )

    def after(self, ends: str) -> float:
        """Seconds behind a piece that ends with a "sentence", "clause", "word", "character"."""
        if ends == "sentence":
            return 0.35 if self.sentence is None else self.sentence
        if ends == "clause":
            return 0.15 if self.comma is None else self.comma
        return 0.0


@dataclasses.dataclass(frozen=True)
class CheckOptions:
    """How chunks are looked at once they are made (`bark.listening.check`).

    Attributes:
        retries: how often a chunk that failed is made anew with another seed; the best is kept.
        listener: "" for none, "pocketsphinx" or "faster-whisper": whether the words are heard.
        max_word_error_rate: more of the words misheard is a failure; for the listener only.
    """

    retries: int = 2
    listener: str = ""
    max_word_error_rate: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.retries <= 20:
            raise InvalidInputError(f"The number of retries is {self.retries}; give 0 to 20.")
        if not 0 <= self.max_word_error_rate <= 1:
            raise InvalidInputError(
                f"The word error rate is {self.max_word_error_rate}; it must lie in 0 to 1."
            )


@dataclasses.dataclass(frozen=True)
class NarrationOptions:
    """How a text is cut, spoken, checked and joined.

    Attributes:
        generation: how each chunk is made; its seed is the job's, from which each chunk has one of
            its own. None in it draws one, which the job then keeps.
        voice_mode: "fixed", every chunk in its speaker's voice, which without a given one is that
            of the speaker's first good chunk; or "carried", each chunk going on from the one
            before it.
        anchor_every: where carried, every so many chunks the speaker's own voice is taken again;
            0 never does.
        max_chunk_s, first_chunk_s: the longest chunk and the very first one, in expected seconds.
        pauses: silences between chunks.
        loudness_lufs: to which each chunk is evened, by EBU R128; None leaves levels alone.
        peak_db: no true peak above it.
        check: how chunks are looked at.
    """

    generation: GenerationOptions = dataclasses.field(default_factory=GenerationOptions)
    voice_mode: str = "fixed"
    anchor_every: int = 0
    max_chunk_s: float = 12.0
    first_chunk_s: float = 4.0
    pauses: Pauses = dataclasses.field(default_factory=Pauses)
    loudness_lufs: float | None = -19.0
    peak_db: float = -1.0
    check: CheckOptions = dataclasses.field(default_factory=CheckOptions)

    def __post_init__(self) -> None:
        if self.voice_mode not in VOICE_MODES:
            raise InvalidInputError(
                f"The voice mode {self.voice_mode!r} is none of {', '.join(VOICE_MODES)}."
            )
        if self.anchor_every < 0:
            raise InvalidInputError(f"anchor_every is {self.anchor_every}; give 0 or more.")
        for name in ("max_chunk_s", "first_chunk_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 1 <= value <= 60):
                raise InvalidInputError(f"{name} is {value}; it must lie in 1 to 60 seconds.")
        loudness = self.loudness_lufs
        if loudness is not None and not (math.isfinite(loudness) and -60 <= loudness <= -5):
            raise InvalidInputError(
                f"The loudness is {loudness} LUFS; it must lie in -60 to -5, or be None."
            )
        if not (math.isfinite(self.peak_db) and -20 <= self.peak_db <= 0):
            raise InvalidInputError(f"The peak is {self.peak_db} dB; it must lie in -20 to 0.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a manifest keeps them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NarrationOptions:
        """Reads what `to_dict` gave; unknown keys, from a later version, are ignored.

        Raises:
            InvalidInputError: a value is not what its field takes.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        chosen = {key: value for key, value in values.items() if key in known}
        try:
            chosen["generation"] = GenerationOptions.from_dict(chosen.get("generation", {}))
            chosen["pauses"] = Pauses(**chosen.get("pauses", {}))
            chosen["check"] = CheckOptions(**chosen.get("check", {}))
            return cls(**chosen)
        except (TypeError, AttributeError) as error:
            raise InvalidInputError(f"These settings cannot be read: {error}.") from error
