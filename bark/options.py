"""Everything that decides how one take is made, apart from its text, voice and model."""

from __future__ import annotations

import dataclasses
import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from .decoding.sampling import SamplingOptions, make_plain
from .errors import InvalidInputError, shown

MAX_SEED = 2**63 - 1
MIN_SPEED, MAX_SPEED = 0.5, 2.0
_SEED_BITS = 31  # of drawn seeds
_MAX_REASON_CHARS = 120  # a made-up name may be of any length
_SHORT = {"text_temperature": "semantic", "waveform_temperature": "coarse"}


class OptionChanges(TypedDict, total=False):
    """Single options by name, as `Bark.generate` and its kin take them; see `GenerationOptions`.

    `text_temperature` and `waveform_temperature` are the temperatures of `semantic` and `coarse`.
    """

    text_temperature: float
    waveform_temperature: float
    semantic: SamplingOptions
    coarse: SamplingOptions
    fine_temperature: float | None
    min_eos_p: float | None
    max_duration_s: float | None
    allow_early_stop: bool
    max_coarse_history: int
    sliding_window_len: int
    speed: float


class SeededChanges(OptionChanges, total=False):
    """The same with the seed, where it has no parameter of its own."""

    seed: int | None


def draw_seed() -> int:
    """A seed at random, short enough to be read out and typed: 0 to 2**31 - 1."""
    return secrets.randbits(_SEED_BITS)


def seed_after(seed: int, n: int) -> int:
    """The n-th seed after a seed; past the largest one they begin again at 0."""
    return (seed + n) & MAX_SEED


@dataclasses.dataclass(frozen=True)
class GenerationOptions:
    """How the three stages draw, when they end, and the seed of it all.

    Attributes:
        semantic, coarse: how the first two stages sample. The semantic ("text") temperature makes
            readings livelier, the coarse ("waveform") temperature the sound more varied.
        fine_temperature: of the fine stage; None takes the model's own (0.5 for Bark), 0 the most
            probable code.
        min_eos_p: the semantic stage ends once the end is that probable; lower stops sooner;
            None waits until the end is drawn.
        max_duration_s: the semantic stage ends when the speech gets longer; None: the model's own
            limit (about 15 s for Bark).
        allow_early_stop: False speaks on to that limit.
        max_coarse_history: flattened coarse tokens that the coarse model looks back on, 60 to 630.
        sliding_window_len: flattened coarse tokens made before its window moves.
        speed: 0.5 to 2, at the same pitch; 2 is twice as fast. Nano's phones get other durations,
            Bark's finished audio is stretched (which needs ffmpeg).
        seed: of the random stream through all three stages, 0 to 2**63 - 1; None draws one, which
            the take then names.
    """

    semantic: SamplingOptions = dataclasses.field(default_factory=SamplingOptions)
    coarse: SamplingOptions = dataclasses.field(default_factory=SamplingOptions)
    fine_temperature: float | None = None
    min_eos_p: float | None = 0.2
    max_duration_s: float | None = None
    allow_early_stop: bool = True
    max_coarse_history: int = 630
    sliding_window_len: int = 60
    speed: float = 1.0
    seed: int | None = None

    def __post_init__(self) -> None:
        make_plain(self, real=("fine_temperature", "min_eos_p", "max_duration_s", "speed"))
        make_plain(self, whole=("max_coarse_history", "sliding_window_len", "seed"))
        for name in ("semantic", "coarse"):
            if not isinstance(getattr(self, name), SamplingOptions):
                given = shown(getattr(self, name))
                raise InvalidInputError(f"{name} is {given}; it must be SamplingOptions.")
        if self.allow_early_stop not in (True, False):
            given = shown(self.allow_early_stop)
            raise InvalidInputError(f"allow_early_stop is {given}; it must be True or False.")
        for name in ("max_coarse_history", "sliding_window_len"):
            if getattr(self, name) is None:
                raise InvalidInputError(f"{name} is None; it must be a whole number.")
        if self.fine_temperature is not None:
            SamplingOptions(self.fine_temperature)  # raises where it is no temperature
        if self.min_eos_p is not None and not 0 < self.min_eos_p <= 1:
            raise InvalidInputError(
                f"min_eos_p is {self.min_eos_p}; it must lie in (0, 1], or be None."
            )
        if self.max_duration_s is not None and not (
            math.isfinite(self.max_duration_s) and self.max_duration_s > 0
        ):
            raise InvalidInputError(
                f"The longest duration is {self.max_duration_s} s; it must be more than 0, or None."
            )
        if self.speed is None or not MIN_SPEED <= self.speed <= MAX_SPEED:
            raise InvalidInputError(
                f"The speed is {self.speed}; it must lie in {MIN_SPEED} to {MAX_SPEED}."
            )
        if self.seed is not None and not 0 <= self.seed <= MAX_SEED:
            raise InvalidInputError(f"The seed is {self.seed}; it must lie in 0 to {MAX_SEED}.")

    @classmethod
    def chosen(
        cls, base: GenerationOptions | None = None, changes: Mapping[str, object] | None = None
    ) -> GenerationOptions:
        """Options with some of them changed.

        Args:
            base: None starts from the defaults.
            changes: fields by name, and for the two temperatures that people turn the names
                text_temperature and waveform_temperature.

        Raises:
            InvalidInputError: an unknown name, or a value that its field does not take.
        """
        options = base or cls()
        chosen: dict[str, Any] = dict(changes or {})
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = [name for name in chosen if name not in _SHORT and name not in known]
        if unknown:
            names = ", ".join(sorted(known | set(_SHORT)))
            raise InvalidInputError(f"Unknown option {unknown[0]!r}; known are {names}.")
        for name, stage in _SHORT.items():
            if name in chosen:
                sampling = chosen.get(stage, getattr(options, stage))
                temperature = chosen.pop(name)
                chosen[stage] = dataclasses.replace(sampling, temperature=temperature)
        return dataclasses.replace(options, **chosen)

    def seeded(self) -> GenerationOptions:
        """These options with a seed: their own, or a drawn one."""
        return self if self.seed is not None else dataclasses.replace(self, seed=draw_seed())

    def with_seed_after(self, n: int) -> GenerationOptions:
        """These options with the n-th seed after their own."""
        return dataclasses.replace(self, seed=seed_after(self.seed or 0, n))

    def seeds(self, n: int, given: Sequence[int] | None = None) -> list[int]:
        """Seeds of n takes: the given ones, or counted up from its own or a drawn one.

        Raises:
            InvalidInputError: another number of seeds is given.
        """
        if given is None:
            first = draw_seed() if self.seed is None else self.seed
            return [seed_after(first, i) for i in range(n)]
        if len(given) != n:
            raise InvalidInputError(f"There are {len(given)} seeds for {n} texts; give one each.")
        return list(given)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a take's record keeps them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GenerationOptions:
        """Reads what `to_dict` gave; unknown keys, from a later version, are ignored.

        Raises:
            InvalidInputError: a value is not what its field takes.
        """
        if not isinstance(values, Mapping):
            raise InvalidInputError(f"The settings are {shown(values)}; they must be an object.")
        known = {field.name for field in dataclasses.fields(cls)}
        chosen = {key: value for key, value in values.items() if key in known}
        try:
            for stage in ("semantic", "coarse"):
                if isinstance(chosen.get(stage), Mapping):
                    chosen[stage] = SamplingOptions(**chosen[stage])
            return cls(**chosen)
        except TypeError as error:
            reason = str(error)[:_MAX_REASON_CHARS]
            raise InvalidInputError(f"These settings cannot be read: {reason}.") from error
