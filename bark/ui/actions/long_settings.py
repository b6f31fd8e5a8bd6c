"""What can be set about a long text on the page: pauses, loudness, speed, words, voices."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ...errors import InvalidInputError
from ...narration.pronunciations import Pronunciations, parse_pronunciations
from ...narration.settings import NarrationOptions, Pauses
from ...options import GenerationOptions
from ...text.splitting import valid_text

_PAUSES = tuple(field.name for field in dataclasses.fields(Pauses))
_FREE = ("comma", "sentence")  # pauses that the model may be left to make
_MAX_LIST_CHARS = 20_000
_MAX_CAST = 200


@dataclasses.dataclass(frozen=True)
class LongSettings:
    """How a long text is spoken, as the page has it.

    Attributes:
        pauses: seconds by what stands between; None leaves one to the model.
        is_evened: whether every chunk is brought to `loudness_lufs`.
        loudness_lufs: the target.
        speed: 0.5 to 2, at the same pitch.
        is_carried: whether each chunk goes on from the one before, or has its speaker's own voice.
        pronunciations: lines `word = respelling`.
        cast: speakers' names to choices of the voice menu.
    """

    pauses: Pauses = dataclasses.field(default_factory=Pauses)
    is_evened: bool = True
    loudness_lufs: float = -19.0
    speed: float = 1.0
    is_carried: bool = False
    pronunciations: str = ""
    cast: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_asked(cls, asked: object) -> LongSettings:
        """Takes what the page sent, or was kept; a stranger may have made it up.

        Raises:
            InvalidInputError: a value is not what its field takes.
        """
        given: Mapping[str, Any] = asked if isinstance(asked, dict) else {}
        cast = given.get("cast")
        names = list((cast if isinstance(cast, dict) else {}).items())[:_MAX_CAST]
        return cls(
            pauses=_pauses(given.get("pauses")),
            is_evened=bool(given.get("is_evened", True)),
            loudness_lufs=_number("loudness", given.get("loudness_lufs", -19.0)),
            speed=_number("speed", given.get("speed", 1.0)),
            is_carried=bool(given.get("is_carried", False)),
            pronunciations=valid_text(str(given.get("pronunciations") or ""))[:_MAX_LIST_CHARS],
            cast={
                valid_text(str(name))[:60]: valid_text(str(voice))[:200]
                for name, voice in names
                if voice
            },
        )

    def options(self, generation: GenerationOptions) -> NarrationOptions:
        """The options of the narration.

        Raises:
            InvalidInputError: a value is out of its range.
        """
        return NarrationOptions(
            generation=dataclasses.replace(generation, speed=self.speed),
            voice_mode="carried" if self.is_carried else "fixed",
            pauses=self.pauses,
            loudness_lufs=self.loudness_lufs if self.is_evened else None,
        )

    def listed_pronunciations(self) -> Pronunciations | None:
        """The pronunciation list; None where there is none.

        Raises:
            InvalidInputError: a line of it is wrong.
        """
        if not self.pronunciations.strip():
            return None
        return parse_pronunciations(self.pronunciations)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the page has them."""
        return dataclasses.asdict(self)


def _pauses(asked: object) -> Pauses:
    chosen: dict[str, Any] = {}
    for name, value in (asked if isinstance(asked, dict) else {}).items():
        if value is None and name in _FREE:
            chosen[name] = None
        elif value is not None and name in _PAUSES:
            chosen[name] = _number(f"pause for a {name}", value)
    return Pauses(**chosen)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInputError(f"The {name} is {str(value)[:20]!r}; it must be a number.")
    return float(value)
