"""Arguments as programs of every language send them: read where they are clear, else a sentence."""

from __future__ import annotations

import math

from ..errors import InvalidInputError, shown
from ..options import MAX_SEED
from ..text.splitting import valid_text


def text_argument(name: str, value: object) -> str:
    """A text: a string, or a number that is to be read out.

    Raises:
        InvalidInputError: it is something else.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise InvalidInputError(f"The {name} is {shown(value)}; it must be a string.")
    return valid_text(value)


def name_argument(name: str, value: object) -> str | None:
    """A name, or None where nothing is named; OpenAI's voices may be objects with an id.

    Raises:
        InvalidInputError: it is something else.
    """
    if isinstance(value, dict):
        value = value.get("id", value)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InvalidInputError(f"The {name} is {shown(value)}; it must be a string.")
    return valid_text(value).strip() or None


def number_argument(name: str, value: object, default: float) -> float:
    """A number, also one that is written as a string; None and "" are the default.

    Raises:
        InvalidInputError: it is none, or not finite.
    """
    if value is None or value == "":
        return default
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        number = float(value)
        if not math.isfinite(number):
            raise ValueError
    except (ValueError, OverflowError):
        raise InvalidInputError(f"The {name} is {shown(value)}; it must be a number.") from None
    return number


def seed_argument(value: object) -> int | None:
    """A seed: a whole number, as a number with .0 or a string too; None draws one.

    Raises:
        InvalidInputError: it is none, or out of range.
    """
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        seed = int(value)
        if isinstance(value, float) and seed != value:
            raise ValueError
    except (ValueError, OverflowError):
        raise InvalidInputError(f"The seed is {shown(value)}; it must be a whole number.") from None
    if not 0 <= seed <= MAX_SEED:
        raise InvalidInputError(f"The seed is {shown(seed)}; it must lie in 0 to {MAX_SEED}.")
    return seed


def flag_argument(name: str, value: object) -> bool:
    """Yes or no; None is no.

    Raises:
        InvalidInputError: it is neither.
    """
    if value is None:
        return False
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise InvalidInputError(f"The {name} is {shown(value)}; it must be true or false.")
    return value
