"""How amounts are written: patterns of numbers for the rules, and the numbers in words."""

from __future__ import annotations

import re

from .number_words import cardinal, decimal, ordinal, pair

INT = (
    r"(?:\d{1,3}(?:[,_']\d{3}){1,9}(?!\d)|\d{1,2}(?:,\d\d){1,4},\d{3}(?!\d)|"
    r"\d{1,3}(?: 000|(?: \d{3}){2,6})(?!\d|[ ,-]\d)|\d{1,30})"
)
"""Whole, its thousands together, behind commas, or (from a million on) behind spaces."""
NUMBER = rf"(?:{INT}(?:\.\d{{1,30}})?|\.\d{{1,30}})"
FRACTION = r"\d{1,4}/\d{1,4}(?![\d/])"
MIXED = rf"(?:{NUMBER} {FRACTION}|{FRACTION}|{NUMBER})"
"""A number, a fraction, or both: 4 1/2."""
MINUS = r"(?P<minus>(?<![^\s(\[{\"'=<>~≈±/*×+^,:;|])-(?=[\d.$£€¥₹]))?"
END = r"(?![\w])"

MAGNITUDE = r"(?:thousand|million|billion|trillion|quadrillion|lakh|crore)"

_NAMED_PARTS = frozenset((2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 32, 64, 100))
_HALVES = {2: "half", 3: "third", 4: "quarter"}


def number(text: str) -> list[str]:
    """Say a whole or decimal number as written, thousands separated or not."""
    whole, point, fraction = text.replace(" ", "").replace("_", "").replace("'", "").partition(".")
    return decimal(whole, fraction) if point else cardinal(whole)


def mixed(text: str) -> list[str]:
    """Say what `MIXED` matches: "4 1/2" gives "four and a half"."""
    if "/" not in text:
        return number(text)
    whole, _, part = text.rpartition(" ")
    above, below = part.split("/")
    said = fraction(above, below, with_whole=bool(whole))
    return [*number(whole), "and", *said] if whole else said


def fraction(above: str, below: str, *, with_whole: bool = False) -> list[str]:
    """Say a fraction: "3", "4" gives "three quarters", "1", "37" gives "one over thirty seven"."""
    value = int(below)
    if above == below and value > 1:
        return [*cardinal(above), "out", "of", *cardinal(below)]
    if value not in _NAMED_PARTS or int(above) > value:
        return [*cardinal(above), "over", *cardinal(below)]
    *lead, name = [_HALVES[value]] if value in _HALVES else ordinal(below)
    if int(above) != 1:
        name = "halves" if name == "half" else name + "s"
    count = ["a"] if with_whole and int(above) == 1 else cardinal(above)
    return [*count, *lead, name]


def is_one(text: str) -> bool:
    """Whether a noun behind this amount stands in the singular."""
    return text.replace(",", "") == "1" or bool(re.fullmatch(FRACTION, text))


def is_year(text: str) -> bool:
    """Whether four digits may be a year."""
    return len(text) == 4 and text.isdigit() and 1100 <= int(text) <= 2099


def by_pairs(text: str) -> list[str]:
    """Say the number of a house, a road, a flight: "1428" gives "fourteen twenty eight"."""
    text = text.lstrip("0") or "0"
    is_round = text.endswith("000") or (len(text) == 3 and text[1:] == "00")
    if not 3 <= len(text) <= 5 or is_round:
        return cardinal(text)
    if len(text) == 5:
        return [*cardinal(text[0]), *_two(text[1:3]), *_two(text[3:])]
    head, rest = text[:-2], text[-2:]
    return [*cardinal(head), *(["hundred"] if rest == "00" else pair(rest))]


def _two(text: str) -> list[str]:
    return ["oh", "oh"] if text == "00" else pair(text)
