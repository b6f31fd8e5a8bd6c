"""The axes of a grid: which setting runs along it, and through which values.

Values are written as people say them: `0.5, 0.7, 1.0`, `0.5-1.1 (+0.2)`, `7-14`,
`1-100 [4]`, `alder, birch`, `all English`, `calm | angry`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from ..errors import InvalidInputError, OptionError
from ..options import GenerationOptions
from ..spec import LANGUAGES

if TYPE_CHECKING:
    from ..voices.library import VoiceInfo

Value = float | int | str

MAX_VALUES = 64
"""On one axis."""

NO_VOICE = "none"
"""How a voice axis names the takes without one."""

WHOLE = ("seed", "text_top_k", "waveform_top_k")
FRACTIONS = (
    "text_temperature",
    "waveform_temperature",
    "fine_temperature",
    "min_eos_p",
    "text_top_p",
    "waveform_top_p",
)
NAMES = ("voice", "words", "model")

LABELS: Mapping[str, str] = {
    "seed": "Seed",
    "text_temperature": "Text temperature",
    "waveform_temperature": "Waveform temperature",
    "voice": "Voice",
    "words": "Words",
    "min_eos_p": "min_eos_p",
    "text_top_k": "Text top-k",
    "waveform_top_k": "Waveform top-k",
    "text_top_p": "Text top-p",
    "waveform_top_p": "Waveform top-p",
    "fine_temperature": "Fine temperature",
    "model": "Model",
}
"""What can run along an axis, and how a heading calls it."""

_NUMBER = r"\d+(?:\.\d+)?"
_RANGE = re.compile(
    rf"(?P<first>{_NUMBER})\s*(?:-|–|to)\s*(?P<last>{_NUMBER})"
    rf"(?:\s*\(\s*(?P<step>[+-]?\s*{_NUMBER})\s*\)|\s*\[\s*(?P<count>\d+)\s*\])?"
)


@dataclasses.dataclass(frozen=True)
class Axis:
    """A setting and the values that it takes.

    Attributes:
        name: a key of `LABELS`.
        values: whole numbers, fractions or names, as the setting wants them, each once.

    Raises:
        OptionError: no such setting. InvalidInputError: no value, or too many.
    """

    name: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if self.name not in LABELS:
            raise OptionError(
                f"A grid has no axis {self.name!r}; it may be one of {', '.join(LABELS)}."
            )
        if not self.values:
            raise InvalidInputError(f"The axis {LABELS[self.name]} has no value; write some.")
        if len(self.values) > MAX_VALUES:
            raise InvalidInputError(
                f"The axis {LABELS[self.name]} has {len(self.values)} values; at most "
                f"{MAX_VALUES} fit on one."
            )

    @property
    def label(self) -> str:
        """What its heading says."""
        return LABELS[self.name]


def parse_axis(
    name: str, written: str | Sequence[Value], *, voices: Sequence[VoiceInfo] = ()
) -> Axis:
    """Reads an axis.

    Args:
        name: a key of `LABELS`; blanks and hyphens may stand for underscores.
        written: values as text (see the module), or a list of them.
        voices: those that `all` and `all English` choose from.

    Raises:
        OptionError: no such setting. InvalidInputError: a value is none of its kind.
    """
    name = name.strip().lower().replace(" ", "_").replace("-", "_")
    if name not in LABELS:
        raise OptionError(f"A grid has no axis {name!r}; it may be one of {', '.join(LABELS)}.")
    items = _split(name, written) if isinstance(written, str) else list(written)
    values: list[Value] = []
    for item in items:
        if isinstance(item, str):
            values += _read(name, item, voices)
        else:
            values.append(_checked(name, item))
        if len(values) > 4 * MAX_VALUES:
            break  # the axis will refuse them; nobody waits for a billion
    return Axis(name, tuple(dict.fromkeys(values)))


def with_value(options: GenerationOptions, name: str, value: Value) -> GenerationOptions:
    """Options with one setting of an axis changed; a top-k or a probability of 0 means none.

    Raises:
        InvalidInputError: the setting does not take the value.
    """
    if name in NAMES:
        return options
    stage, _, field = name.partition("_")
    if field in ("top_k", "top_p"):
        key = {"text": "semantic", "waveform": "coarse"}[stage]
        kept = None if value == 0 else value
        sampling = dataclasses.replace(getattr(options, key), **{field: kept})
        return GenerationOptions.chosen(options, {key: sampling})
    if name == "min_eos_p" and value == 0:
        return GenerationOptions.chosen(options, {name: None})
    return GenerationOptions.chosen(options, {name: value})


def shown(value: Value) -> str:
    """A value as a heading shows it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _split(name: str, written: str) -> list[str]:
    separator = "|" if name == "words" and "|" in written else ","
    items = [item.strip() for item in written.strip().strip("{}").split(separator)]
    return [item for item in items if item or (name == "words" and separator == "|")]


def _read(name: str, item: str, voices: Sequence[VoiceInfo]) -> list[Value]:
    if name == "voice":
        return list(_voices(item, voices))
    if name in NAMES:
        return [item]
    found = _RANGE.fullmatch(item)
    if found is not None:
        return [_checked(name, value) for value in _between(name, found)]
    try:
        return [_checked(name, Decimal(item))]
    except ArithmeticError as error:
        raise InvalidInputError(
            f"{item!r} is no value for {LABELS[name]}; write numbers like 0.5, 0.7 or a range "
            "like 0.5-1.1 (+0.2)."
        ) from error


def _between(name: str, found: re.Match[str]) -> list[Decimal]:
    first, last = Decimal(found["first"]), Decimal(found["last"])
    down = last < first
    if found["count"]:
        n = int(found["count"])
        if not 2 <= n <= MAX_VALUES:
            raise InvalidInputError(f"[{n}] asks for {n} values; between 2 and {MAX_VALUES} fit.")
        spaced = [first + (last - first) * i / (n - 1) for i in range(n)]
        places = Decimal(1) if name in WHOLE else Decimal("0.001")
        return [value.quantize(places) for value in spaced]
    if found["step"]:
        step = abs(Decimal(found["step"].replace(" ", "")))
    elif name in WHOLE:
        step = Decimal(1)
    else:
        raise InvalidInputError(
            f"The range {found.group()} needs a step, for example {found.group()} (+0.1)."
        )
    if step == 0:
        raise InvalidInputError(f"The range {found.group()} never ends: its step is 0.")
    n = int(abs(last - first) / step)
    if n >= MAX_VALUES:
        raise InvalidInputError(
            f"The range {found.group()} has {n + 1:,} values; at most {MAX_VALUES} fit."
        )
    return [first + (-step if down else step) * i for i in range(n + 1)]


def _checked(name: str, value: Value | Decimal) -> Value:
    if name in NAMES:
        return str(value)
    number = float(value) if name in FRACTIONS else int(value)
    if number != value and not (name in FRACTIONS and isinstance(value, Decimal)):
        raise InvalidInputError(f"{value} is no value for {LABELS[name]}; it takes whole numbers.")
    with_value(GenerationOptions(), name, number)  # raises where it is out of its range
    return number


def _voices(item: str, voices: Sequence[VoiceInfo]) -> list[str]:
    words = item.lower().split()
    if words[:1] != ["all"]:
        return [NO_VOICE if item.lower() in ("none", "no voice") else item]
    codes = {language.lower(): code for language, code in LANGUAGES}
    rest = " ".join(words[1:])
    code = codes.get(rest, rest)
    chosen = [info.name for info in voices if not code or info.language == code]
    if not chosen:
        raise InvalidInputError(f"There are no voices for {item!r}; name voices, or write all.")
    return chosen
