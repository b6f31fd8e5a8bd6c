"""Numbers said in English words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bark.text.english import number_words as n


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0", "zero"),
        ("7", "seven"),
        ("13", "thirteen"),
        ("40", "forty"),
        ("99", "ninety nine"),
        ("100", "one hundred"),
        ("115", "one hundred fifteen"),
        ("1,000", "one thousand"),
        ("20001", "twenty thousand one"),
        ("1234567", "one million two hundred thirty four thousand five hundred sixty seven"),
        ("5,000,000,000", "five billion"),
        ("007", "zero zero seven"),
    ],
)
def test_cardinals(text: str, said: str) -> None:
    assert " ".join(n.cardinal(text)) == said


def test_numbers_beyond_the_names_are_said_digit_by_digit() -> None:
    assert n.cardinal("1" * 22) == ["one"] * 22
    assert n.cardinal("1" * 21)[1:4] == ["hundred", "eleven", "quintillion"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1", "first"),
        ("9", "ninth"),
        ("11", "eleventh"),
        ("12", "twelfth"),
        ("20", "twentieth"),
        ("23", "twenty third"),
        ("100", "one hundredth"),
        ("1000", "one thousandth"),
    ],
)
def test_ordinals(text: str, said: str) -> None:
    assert " ".join(n.ordinal(text)) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1905", "nineteen oh five"),
        ("1984", "nineteen eighty four"),
        ("1900", "nineteen hundred"),
        ("2000", "two thousand"),
        ("2007", "two thousand seven"),
        ("2024", "twenty twenty four"),
        ("1066", "ten sixty six"),
        ("476", "four hundred seventy six"),
    ],
)
def test_years(text: str, said: str) -> None:
    assert " ".join(n.year(text)) == said


def test_decimals_say_every_digit_behind_the_point() -> None:
    assert " ".join(n.decimal("3", "140")) == "three point one four zero"
    assert " ".join(n.decimal("", "5")) == "zero point five"


def test_letters_are_named_and_other_characters_skipped() -> None:
    assert " ".join(n.letters("B.W.")) == "bee double you"


def test_plurals_of_decades() -> None:
    assert n.plural(n.year("1990")) == ["nineteen", "nineties"]
    assert n.plural(["six"]) == ["sixes"]


def said_by_num2words(value: int, kind: str) -> list[str]:
    num2words = pytest.importorskip("num2words").num2words
    words = re.sub("[,-]", " ", num2words(value, to=kind)).split()
    return [word for word in words if word != "and"]


@given(st.one_of(st.integers(0, 2_000), st.integers(0, 10**21 - 1)))
def test_cardinals_and_ordinals_are_those_of_num2words(value: int) -> None:
    assert n.cardinal(str(value)) == said_by_num2words(value, "cardinal")
    assert n.ordinal(str(value)) == said_by_num2words(value, "ordinal")


def test_years_of_four_digits_are_those_of_num2words() -> None:
    for value in range(1_000, 3_000):
        assert n.year(str(value)) == said_by_num2words(value, "year"), value
