"""What the page's form says, as one value, and how it becomes the options of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from ...decoding.sampling import SamplingOptions
from ...errors import InvalidInputError
from ...options import MAX_SEED, GenerationOptions, draw_seed
from ...request import Request
from ...text.splitting import valid_text

MAX_TAKES = 8
_DEFAULTS = GenerationOptions()


@dataclasses.dataclass(frozen=True)
class Form:
    """The form's values in the order of the page's components.

    Zeros in the number fields of the fold mean "no limit" or "as the model has it".
    """

    text: str = ""
    voice: str = ""
    text_temperature: float = 0.7
    waveform_temperature: float = 0.7
    seed: int | None = None
    hold_seed: bool = False
    n_takes: int = 1
    fine_temperature: float = 0.5
    text_top_k: int = 0
    text_top_p: float = 1.0
    sound_top_k: int = 0
    sound_top_p: float = 1.0
    min_eos_p: float = 0.2
    max_duration_s: float = 0.0
    allow_early_stop: bool = True
    coarse_history: int = _DEFAULTS.max_coarse_history
    coarse_window: int = _DEFAULTS.sliding_window_len
    speed: float = 1.0

    @classmethod
    def from_values(cls, values: Sequence[Any]) -> Form:
        """Takes the components' values, which a stranger may have made up.

        Raises:
            InvalidInputError: a field does not hold what it should.
        """
        fields = dataclasses.fields(cls)
        if len(values) != len(fields):
            raise InvalidInputError(f"The form has {len(fields)} fields, not {len(values)}.")
        read = {
            field.name: _read(field.name, value, field.default)
            for field, value in zip(fields, values, strict=True)
        }
        return cls(**read)

    @classmethod
    def names(cls) -> list[str]:
        """Names of the fields in order."""
        return [field.name for field in dataclasses.fields(cls)]

    def first_seed(self) -> int:
        """The held seed, or a new one."""
        if self.hold_seed and self.seed is not None:
            if not 0 <= self.seed <= MAX_SEED - MAX_TAKES:
                raise InvalidInputError(
                    f"The seed is {self.seed}; it must be a whole number from 0 to 2^63 - 9."
                )
            return self.seed
        return draw_seed()

    def options(self) -> GenerationOptions:
        """The options of a take, with the held seed or a new one.

        Raises:
            InvalidInputError: a value is out of its range.
        """
        return GenerationOptions(
            semantic=SamplingOptions(
                self.text_temperature, self.text_top_k or None, _top_p(self.text_top_p)
            ),
            coarse=SamplingOptions(
                self.waveform_temperature, self.sound_top_k or None, _top_p(self.sound_top_p)
            ),
            fine_temperature=self.fine_temperature,
            min_eos_p=self.min_eos_p or None,
            max_duration_s=self.max_duration_s or None,
            allow_early_stop=self.allow_early_stop,
            max_coarse_history=self.coarse_history,
            sliding_window_len=self.coarse_window,
            speed=self.speed,
            seed=self.first_seed(),
        )

    def request(self) -> Request:
        """The form as a take to be made.

        Raises:
            InvalidInputError: the text is none, or a value is out of its range.
        """
        return Request(self.text, self.voice or None, self.options())

    def with_settings_of(self, *, text: str, options: GenerationOptions, voice: str) -> Form:
        """This form with a take's text, voice and settings, its seed held."""
        return dataclasses.replace(
            self,
            text=text,
            voice=voice,
            text_temperature=options.semantic.temperature,
            waveform_temperature=options.coarse.temperature,
            seed=options.seed,
            hold_seed=True,
            n_takes=1,
            fine_temperature=self.fine_temperature
            if options.fine_temperature is None
            else options.fine_temperature,
            text_top_k=options.semantic.top_k or 0,
            text_top_p=options.semantic.top_p or 1.0,
            sound_top_k=options.coarse.top_k or 0,
            sound_top_p=options.coarse.top_p or 1.0,
            min_eos_p=options.min_eos_p or 0.0,
            max_duration_s=options.max_duration_s or 0.0,
            allow_early_stop=options.allow_early_stop,
            coarse_history=options.max_coarse_history,
            coarse_window=options.sliding_window_len,
            speed=options.speed,
        )


def _top_p(value: float) -> float | None:
    return None if value >= 1 else value


def _read(name: str, value: Any, default: Any) -> Any:
    if value is None or (value == "" and name == "seed"):
        return default
    try:
        if isinstance(default, bool):
            return bool(value)
        if isinstance(default, float):
            return float(value)
        if isinstance(default, int) or name == "seed":
            return int(value)
        return valid_text(str(value))
    except (TypeError, ValueError, OverflowError) as error:
        shown = str(value)[:40]
        raise InvalidInputError(
            f"The field {name.replace('_', ' ')} holds {shown!r}; it must be a number."
        ) from error
