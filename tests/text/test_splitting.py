"""Sentences; no character but white space is ever lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bark.text.splitting import normalize_whitespace, split_sentences, typed_places, valid_text

WORDS = (
    "Hello Mr. Smith e.g. pizza. pizza! really? uh — no, yes; “so” (he) A. 3.5 [laughs] 今日は。"
    " 元気？はい！ ¿Qué? Ça … ♪ www.example.org/aVeryLongWord".split()
)
prose = st.lists(st.sampled_from([*WORDS, "\n", "\n\n", "\t"]), max_size=40).map(" ".join)


def without_space(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_white_space_becomes_single_spaces() -> None:
    assert normalize_whitespace("  a\t\nb\u00a0 \u3000c ") == "a b c"


@given(st.text(st.characters(codec="utf-8"), max_size=20) | prose)
def test_each_character_is_found_where_it_was_typed(text: str) -> None:
    plain, places = normalize_whitespace(text), typed_places(text)
    assert len(places) == len(plain) + 1
    for char, place in zip(plain, places, strict=False):
        assert text[place] == char or (char == " " and text[place].isspace())
    assert places[-1] == len(text.rstrip()) * bool(plain)


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_valid_text_stays_as_it_is(text: str) -> None:
    assert valid_text(text) is text


@given(st.text(st.characters(categories=["Cs", "L", "Zs"]), max_size=20))
def test_any_text_becomes_one_that_can_be_written(text: str) -> None:
    assert valid_text(text).encode("utf-8").decode("utf-8") == valid_text(text)
    normalize_whitespace(text).encode("utf-8")  # raises where it is not


def test_half_a_pair_is_marked_and_two_halves_meet() -> None:
    assert valid_text("a\ud83cb\udfb5") == "a\ufffdb\ufffd"
    assert valid_text("\ud83c\udfb5") == "\N{MUSICAL NOTE}"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" \n ", []),
        ("Hello", ["Hello"]),
        ("Hello there. How are you? Fine!", ["Hello there.", "How are you?", "Fine!"]),
        ("I paid $3.50 to Dr. No. He left.", ["I paid $3.50 to Dr. No.", "He left."]),
        ("See No. 5 on p. 3. But no. 7 is odd.", ["See No. 5 on p. 3.", "But no. 7 is odd."]),
        (
            "J. R. R. Tolkien wrote. So did I. You?",
            ["J. R. R. Tolkien wrote.", "So did I.", "You?"],
        ),
        ("Wait... what? Yes.", ["Wait... what?", "Yes."]),
        ("“Really?” she said. “Yes.” He went.", ["“Really?” she said.", "“Yes.”", "He went."]),
        (
            "It costs e.g. ten. (Or more.) Or less.",
            ["It costs e.g. ten.", "(Or more.)", "Or less."],
        ),
        ("I like it. [laughs] But no. [MAN] Oh.", ["I like it. [laughs]", "But no.", "[MAN] Oh."]),
        ("One line\nof two. Another", ["One line of two.", "Another"]),
        ("A title\n\nA text", ["A title", "A text"]),
        (
            "今日は。元気ですか？「はい。」行こう",
            ["今日は。", "元気ですか？", "「はい。」", "行こう"],
        ),
        ("यह है। वह था।", ["यह है।", "वह था।"]),
        ("¿Qué tal? ¡Bien! Sí.", ["¿Qué tal?", "¡Bien!", "Sí."]),
        ("No way?! Way.", ["No way?!", "Way."]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(prose | st.text())
@example("。。 a")
def test_sentences_lose_no_character(text: str) -> None:
    sentences = split_sentences(text)
    assert without_space("".join(sentences)) == without_space(text)
    for sentence in sentences:
        assert sentence
        assert sentence == normalize_whitespace(sentence)
