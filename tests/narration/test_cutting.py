"""Pieces fit, are even, and give back the text they were cut from, whatever it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bark.narration.cutting import Piece, Size, cut, cut_text
from bark.text.speaking_time import speaking_time_s
from bark.text.splitting import normalize_whitespace

WORDS = (
    "Hello Mr. Smith e.g. pizza. pizza! really? uh — no, yes; “so” (he) A. 3.5 [laughs] 今日は。"
    " 元気？はい！ ¿Qué? Ça … ♪ www.example.org/aVeryLongWord मैं हूँ। مرحبا، كيف؟ 👩‍👩‍👧 é [clears"
    " throat]".split()
)
prose = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)


def letters(text: str) -> Size:
    return Size(len(text), len(text) / 10)


def without_space(text: str) -> str:
    return re.sub(r"\s", "", text)


def texts(pieces: list[Piece]) -> list[str]:
    return [piece.text for piece in pieces]


@given(prose | st.text(), st.integers(2, 90), st.sampled_from([None, 1.0, 3.0]))
@example("aaaa", 2, None)
@example("a. b. c", 4, None)
@example("♪ la la ♪ la", 5, 1.0)
def test_the_pieces_joined_give_back_the_text(text: str, limit: int, first_s: float | None) -> None:
    whole = normalize_whitespace(text)
    pieces = cut(whole, letters, Size(limit, limit / 10), first_s=first_s)
    joined, place = "", 0
    for piece in pieces:
        gap = whole[place : piece.start]
        assert gap in ("", " ")
        joined += gap + piece.text
        place = piece.end
        assert piece.text
        assert piece.text == piece.text.strip() == whole[piece.start : piece.end]
    assert joined == whole


@given(prose, st.integers(12, 90))
def test_pieces_fit(text: str, limit: int) -> None:
    for piece in cut(normalize_whitespace(text), letters, Size(limit, 99)):
        assert len(piece.text) <= limit


@given(prose, st.integers(15, 60))
def test_pieces_fit_even_where_sizes_do_not_add_up(text: str, limit: int) -> None:
    def measure(part: str) -> Size:
        return Size(len(part) + (7 if " " in part else 0), 0.0)

    for piece in cut(normalize_whitespace(text), measure, Size(limit, 1)):
        assert measure(piece.text).n_tokens <= limit or " " not in piece.text


@given(st.lists(st.integers(5, 30), min_size=1, max_size=20))
def test_there_are_no_more_pieces_than_filling_each_would_give(lengths: list[int]) -> None:
    sentences = ["A" * (n - 1) + "." for n in lengths]
    n_filled, room = 0, -1
    for sentence in sentences:
        if room < len(sentence):
            n_filled, room = n_filled + 1, 60
        room -= len(sentence) + 1
    pieces = cut(" ".join(sentences), lambda part: Size(len(part) + 1, 0.0), Size(61, 1))
    assert len(pieces) <= n_filled


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("One. Two. Three. Four.", 11, ["One. Two.", "Three.", "Four."]),
        ("One. Two three, four five. Six.", 12, ["One.", "Two three,", "four five.", "Six."]),
        ("alpha beta gamma", 11, ["alpha", "beta gamma"]),
        ("abcdefgh ij", 4, ["abcd", "efgh", "ij"]),
        ("犬が走る。猫、寝る。", 5, ["犬が走る。", "猫、寝る。"]),
        ("यह है। वह था।", 8, ["यह है।", "वह था।"]),
        ("كيف حالك؟ مرحبا، نعم.", 10, ["كيف حالك؟", "مرحبا،", "نعم."]),
        ("Go on. [clears throat] Well, yes.", 23, ["Go on. [clears throat]", "Well, yes."]),
        ("One two [clears throat] three", 15, ["One two", "[clears throat]", "three"]),
        ("See him, ♪ in the sky, la ♪ now", 20, ["See him,", "♪ in the sky, la ♪", "now"]),
        ("Pay $3.50 to Dr. No. He left.", 20, ["Pay $3.50 to Dr. No.", "He left."]),
        ("It is all that fits.", 99, ["It is all that fits."]),
        ("", 5, []),
    ],
)
def test_pieces_end_with_sentences_then_clauses_then_words(
    text: str, limit: int, pieces: list[str]
) -> None:
    assert texts(cut(text, letters, Size(limit, 99))) == pieces


def test_pieces_are_even() -> None:
    text = " ".join(["The quick brown fox jumps over it."] * 7)
    lengths = [len(piece.text) for piece in cut(text, letters, Size(3 * 35, 99))]
    assert sorted(lengths) == [69, 69, 104]


def test_the_first_piece_is_short() -> None:
    text = "It rained, as it had for days, and nobody minded any more. " + "So we went out. " * 8
    pieces = cut(text.strip(), letters, Size(200, 99), first_s=2.0)
    assert pieces[0].text == "It rained,"
    assert cut("Go. " + text, letters, Size(200, 99), first_s=2.0)[0].text == "Go."


def test_a_piece_never_goes_on_past_a_sentence_where_that_is_asked_for() -> None:
    text = "One, two. Three. Four, five."
    limit = Size(99, 99)
    assert texts(cut(text, letters, limit, always_at="sentence")) == [
        "One, two.",
        "Three.",
        "Four, five.",
    ]
    assert texts(cut(text, letters, limit, always_at="clause")) == [
        "One,",
        "two.",
        "Three.",
        "Four,",
        "five.",
    ]


def test_a_span_that_is_to_be_kept_is_not_parted() -> None:
    assert texts(cut("aa bb cc dd", letters, Size(7, 9), kept=[(3, 8)])) == ["aa", "bb cc", "dd"]


def test_each_piece_says_what_it_ends_with() -> None:
    pieces = cut("One two three, four five six. Six seven eight.", letters, Size(15, 99))
    assert [piece.ends for piece in pieces] == ["clause", "sentence", "word", "sentence"]


def test_a_limit_that_nothing_fits_still_ends() -> None:
    assert texts(cut("ab c", letters, Size(0, 0))) == ["a", "b", "c"]


def test_a_letter_keeps_its_marks() -> None:
    assert texts(cut("e\u0301e\u0301", letters, Size(2, 9))) == ["e\u0301", "e\u0301"]


def test_a_book_is_cut_in_a_number_of_looks_that_follows_its_length() -> None:
    looks = 0

    def measure(part: str) -> Size:
        nonlocal looks
        looks += 1
        return letters(part)

    cut_text(("The quick brown fox jumps. " * 50 + "\n\n") * 20, measure, Size(200, 99))
    assert looks < 2 * 50 * 20


def test_a_million_letters_without_an_end_are_cut() -> None:
    pieces = cut("x" * 100_000, letters, Size(200, 99))
    assert without_space("".join(texts(pieces))) == "x" * 100_000
    assert max(len(piece.text) for piece in pieces) <= 200


def test_scripts_that_write_syllables_take_longer_a_character() -> None:
    assert speaking_time_s("今日は元気") == pytest.approx(1.0)
    assert speaking_time_s("a" * 14) == pytest.approx(1.0)
