"""Reading a text takes time that grows with its length and no faster, whatever is in it."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable

import pytest

from bark.text.nano import NanoTokenizer
from bark.text.splitting import clause_ends, normalize_whitespace, sentence_ends, split_sentences

TOKENIZER = NanoTokenizer.from_file()

PIECES = [
    *("e.g. ", "Dr. ", "St. ", "J. R. ", "Sept. ", "Ph.D. ", "a.m. ", "I ", "IV ", "A.B.", "vs. "),
    *("hello. ", "don't ", "a", "A", "aA", "a-", "a_b", "a1", "1a", "1", "1,", "1,111,", "1 234 "),
    *("1.", "1-", "1/", "1:", "1x", "$1", "$1-", "1'", '1"', "1%-", "12:30 ", "5pm-", "1990s-"),
    *("(123) ", "+1 ", "1+1=", "x^", "10⁶", "½", "1st ", "Jan ", "Jan-", "Mon ", "1 Elm ", "CA "),
    *("km", "/km", "a@", "a.b", "http://", "www.", "/a", "\\a", "#", "@", "*", "**", "_", "`"),
    *("```", "~", "==", "<b", "<b>", "<!--", "<script", "</", "[", "[a](", "&amp;", "&", "(", '"'),
    *("\n", "\n\n", "\n- ", "\n1. ", "\n# ", "\n|-|", "> ", "\t", "[laughs] ", "[pause]"),
    *("...", "!?", ",", "é", "你", "😀", "\x00", ". [", ". [a ", "”", "。", "—"),
]


def seconds(work: Callable[[str], object], text: str) -> float:
    best = float("inf")
    for _ in range(2):
        started = time.process_time()
        work(text)
        best = min(best, time.process_time() - started)
    return best


def grows_linearly(work: Callable[[str], object], piece: str) -> bool:
    """Whether eight times the text takes about eight times the time, and not sixty-four times."""
    n = max(1, 800 // len(piece))
    long = seconds(work, piece * (8 * n))
    return long < 0.05 or long < 24 * seconds(work, piece * n)


@pytest.mark.parametrize("piece", PIECES)
def test_reading_is_linear_in_anything_repeated(piece: str) -> None:
    assert grows_linearly(TOKENIZER.encode, piece)


def test_reading_is_linear_in_any_two_things_in_turn() -> None:
    pairs = list(itertools.permutations(PIECES, 2))
    for first, second in random.Random(5).sample(pairs, 12):
        assert grows_linearly(TOKENIZER.encode, first + second), (first, second)


@pytest.mark.parametrize("piece", PIECES)
def test_splitting_is_linear_in_anything_repeated(piece: str) -> None:
    def split(text: str) -> None:
        split_sentences(text)
        words = normalize_whitespace(text)
        sentence_ends(words)
        clause_ends(words)

    n = 4_000 // len(piece)
    long = seconds(split, piece * (8 * n))
    assert long < 0.1 or long < 24 * seconds(split, piece * n)


def test_a_long_text_of_abbreviations_is_read_in_seconds() -> None:
    started = time.process_time()
    TOKENIZER.encode("Dr. Smith, e.g. " * 3_000)  # 48,000 characters
    assert time.process_time() - started < 20  # 0.2 s where nobody else computes
