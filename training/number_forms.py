"""More sentences with numbers, for training only: digits one by one, times, scores, letters.

Numbers are what the coarse model slurs first: short words in any order, that no context helps to
guess. The sentences that measure them are of other forms (`corpus.held_out_numbers`).
"""

from __future__ import annotations

import random
from collections.abc import Callable

_DIGITS = "zero one two three four five six seven eight nine".split()
_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_NAMES = (
    "Smith Johnson Garcia Miller Taylor Lee Brown Wilson Clark Lewis Young King Baker Hill Green "
    "Adams Nelson Carter Turner Parker"
).split()
_THINGS = (
    "apples people houses books letters tickets cars votes boxes trees birds pages students horses "
    "ships soldiers chairs stones miles days weeks years children dollars cups coins steps"
).split()
_PLACES = "Boston London Paris Denver Chicago Berlin Madrid Dublin Austin Rome".split()
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Form = Callable[[random.Random], str]

_FORMS: tuple[Form, ...] = (
    lambda r: f"The train to {r.choice(_PLACES)} leaves at {_time(r)} from platform {_up(r, 24)}.",
    lambda r: f"Flight {_up(r, 4000)} to {r.choice(_PLACES)} is late by {_up(r, 90)} minutes.",
    lambda r: f"My address is {_up(r, 9999)} {r.choice(_NAMES)} Street.",
    lambda r: f"The code is {_letters(r, 3)} {_digits(r, 3)}.",
    lambda r: f"Spell it {_letters(r, r.randint(3, 6))}, please.",
    lambda r: f"Her name is {(name := r.choice(_NAMES))}, that is {' '.join(name.upper())}.",
    lambda r: f"The score was {r.randint(0, 120)} to {r.randint(0, 120)}.",
    lambda r: f"He was born in {r.randint(1700, 2024)} and died in {r.randint(1700, 2040)}.",
    lambda r: (
        f"Between {_year(r)} and {_year(r)}, {_up(r, 9999)} {r.choice(_THINGS)} were counted."
    ),
    lambda r: f"It was {_up(r, 110)} degrees on {r.choice(_DAYS)}.",
    lambda r: f"The price rose from {_dollars(r)} to {_dollars(r)}.",
    lambda r: f"We need {_up(r, 20)} {r.choice(_THINGS)} and {_up(r, 99)} {r.choice(_THINGS)}.",
    lambda r: f"{r.choice(_DAYS)}, {r.choice(_MONTHS)} {_up(r, 31)}, {_year(r)}.",
    lambda r: f"{_up(r, 99)} plus {_up(r, 99)} is {_up(r, 198)}.",
    lambda r: f"{_up(r, 99)} times {_up(r, 99)} makes {_up(r, 9800)}.",
    lambda r: f"The population is about {r.randint(1000, 9_999_999):,}.",
    lambda r: f"It weighs {_up(r, 900)} pounds and {_up(r, 15)} ounces.",
    lambda r: f"In {_up(r, 12)} months they made ${_up(r, 900)} million.",
    lambda r: f"Version {_up(r, 12)}.{_up(r, 20)} came out in {r.choice(_MONTHS)} {_year(r)}.",
    lambda r: f"The zip code is {_digits(r, 5)}.",
    lambda r: " ".join(r.choice(_DIGITS) for _ in range(r.randint(3, 8))).capitalize() + ".",
    lambda r: f"{_up(r, 10 ** r.randint(1, 7)):,}.",
    lambda r: f"Count: {_counted(r)}.",
)


def more_number_sentences(n: int, seed: int = 0) -> list[str]:
    """Draws `n` sentences with numbers or spelled letters."""
    rng = random.Random(seed)
    return [rng.choice(_FORMS)(rng) for _ in range(n)]


def _up(rng: random.Random, most: int) -> int:
    return rng.randint(1, most)


def _year(rng: random.Random) -> int:
    return rng.randint(1400, 2040)


def _time(rng: random.Random) -> str:
    return f"{rng.randint(1, 12)}:{rng.randint(0, 59):02d}"


def _dollars(rng: random.Random) -> str:
    return f"${rng.randint(1, 999)}.{rng.randint(1, 99):02d}"


def _counted(rng: random.Random) -> str:
    first = _up(rng, 90)
    return ", ".join(str(number) for number in range(first, first + 6))


def _digits(rng: random.Random, n: int) -> str:
    return " ".join(rng.choice("0123456789") for _ in range(n))


def _letters(rng: random.Random, n: int) -> str:
    return " ".join(rng.choice(_ALPHABET) for _ in range(n))
