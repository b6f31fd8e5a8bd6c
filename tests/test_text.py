"""Sentences, chunks that fit and speakers' turns; no character but white space is ever lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bark.text import (
    TAGS,
    Turn,
    normalize_whitespace,
    parse_turns,
    split_chunks,
    split_sentences,
    valid_text,
)

WORDS = (
    "Hello Mr. Smith e.g. pizza. pizza! really? uh — no, yes; “so” (he) A. 3.5 [laughs] 今日は。"
    " 元気？はい！ ¿Qué? Ça … ♪ www.example.org/aVeryLongWord".split()
)
prose = st.lists(st.sampled_from([*WORDS, "\n", "\n\n", "\t"]), max_size=40).map(" ".join)


def without_space(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_white_space_becomes_single_spaces() -> None:
    assert normalize_whitespace("  a\t\nb\u00a0 \u3000c ") == "a b c"


@given(st.text(st.characters(), max_size=20))
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


@given(prose | st.text(), st.integers(1, 60))
@example("aaaa", 1)
@example("a. b. c", 4)
def test_chunks_fit_and_lose_no_character(text: str, limit: int) -> None:
    chunks = split_chunks(text, lambda chunk: len(chunk) <= limit)
    assert without_space("".join(chunks)) == without_space(text)
    for chunk in chunks:
        assert 0 < len(chunk) <= limit
        assert chunk == normalize_whitespace(chunk)


@given(prose, st.integers(20, 90))
def test_chunks_are_as_long_as_they_can_be(text: str, limit: int) -> None:
    whole = normalize_whitespace(text)
    sentences = [sentence for sentence in split_sentences(text) if len(sentence) <= limit]
    assume(sentences == split_sentences(text))
    expected: list[str] = []
    place = start = 0
    for sentence in sentences:
        place = whole.index(sentence, place) + len(sentence)
        if expected and len(whole[start:place].strip()) <= limit:
            expected[-1] = whole[start:place].strip()
        else:
            start = place - len(sentence)
            expected.append(sentence)
    assert split_chunks(text, lambda chunk: len(chunk) <= limit) == expected


@pytest.mark.parametrize(
    ("text", "limit", "chunks"),
    [
        ("One. Two. Three. Four.", 10, ["One. Two.", "Three.", "Four."]),
        ("One. Two three, four five. Six.", 12, ["One.", "Two three,", "four five.", "Six."]),
        ("alpha beta gamma", 11, ["alpha beta", "gamma"]),
        ("abcdefgh ij", 3, ["abc", "def", "gh", "ij"]),
        ("犬が走る。猫、寝る。", 5, ["犬が走る。", "猫、寝る。"]),
        ("Short. Well, this one is long, yes.", 24, ["Short.", "Well, this one is long,", "yes."]),
        ("It is all that fits.", 99, ["It is all that fits."]),
        ("", 5, []),
    ],
)
def test_chunks_end_with_sentences_then_clauses_then_words(
    text: str, limit: int, chunks: list[str]
) -> None:
    assert split_chunks(text, lambda chunk: len(chunk) <= limit) == chunks


def test_a_limit_that_nothing_fits_still_ends() -> None:
    assert split_chunks("ab c", lambda _: False) == ["a", "b", "c"]


def test_a_long_text_is_split_in_few_looks() -> None:
    looks = 0

    def fits(chunk: str) -> bool:
        nonlocal looks
        looks += 1
        return len(chunk) <= 200

    chunks = split_chunks("The quick brown fox jumps over the lazy dog. " * 500, fits)
    assert len(chunks) == 125
    assert looks < 8 * len(chunks)


def test_turns_follow_names_at_the_start_of_lines() -> None:
    text = """Prologue.
    [Alice] Hello, Bob. [laughs]
      I missed you.
    [Bob]
    [sighs] Me too.
    [MAN] Who's there?

    [小明] 你好。"""
    assert parse_turns(text) == [
        Turn(None, "Prologue."),
        Turn("Alice", "Hello, Bob. [laughs] I missed you."),
        Turn("Bob", "[sighs] Me too. [MAN] Who's there?"),
        Turn("小明", "你好。"),
    ]


@pytest.mark.parametrize("tag", [*TAGS, "[whispers]", "[Music]", "[ ]", "[-]"])
def test_tags_are_no_names(tag: str) -> None:
    assert parse_turns(f"{tag} la la") == [Turn(None, normalize_whitespace(f"{tag} la la"))]


@pytest.mark.parametrize("text", ["", "\n\n", "[Alice]", "[Alice]\n[Bob] \n"])
def test_turns_without_words_are_left_out(text: str) -> None:
    assert parse_turns(text) == []


@given(
    st.lists(st.tuples(st.sampled_from(["Ann", "Bob 2", "李"]), st.sampled_from(["a", "b c", "d"])))
)
def test_turns_round_trip(turns: list[tuple[str, str]]) -> None:
    text = "\n".join(f"[{name}] {words}" for name, words in turns)
    assert parse_turns(text) == [Turn(name, words) for name, words in turns]
