"""Nano's tokenizer: lexicon, letters, spans and cutting."""

from pathlib import Path

import numpy as np
import pytest

from bark.text.english.letters import MAX_LETTERS, LetterReader
from bark.text.english.lexicon import phone_names
from bark.text.english.normalize import Word
from bark.text.english.phones import (
    N_TEXT,
    text_begins_word,
    text_letter_id,
    text_mark_id,
    text_phone_id,
)
from bark.text.english.phones import PHONE_INDEX as P
from bark.text.nano import NanoTokenizer

TOKENIZER = NanoTokenizer.from_file()


def test_the_lexicon_knows_the_common_words() -> None:
    lexicon = TOKENIZER.lexicon
    assert len(lexicon) > 100_000
    assert phone_names(lexicon.phones("hello") or ()) == ["hh", "ax0", "l", "ow1"]
    assert phone_names(lexicon.phones("don't") or ()) == ["d", "ow1", "n", "t"]
    assert lexicon.phones("skibidi") is None


@pytest.mark.parametrize(
    ("word", "ending"),
    [("zebra's", ["z"]), ("cat's", ["t", "s"]), ("boss's", ["ax0", "z"]), ("vees", ["iy1", "z"])],
)
def test_possessives_and_plurals_follow_by_rule(word: str, ending: list[str]) -> None:
    phones = TOKENIZER.lexicon.phones(word)
    assert phones is not None
    assert phone_names(phones)[-len(ending) :] == ending


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("blimping", "b l ih1 m p ih0 ng"),
        ("blimpness", "b l ih1 m p n ax0 s"),
        ("tranquilly", "t r ae1 ng k w ax0 l iy0"),
        ("applehouse", "ae1 p ax0 l hh aw1 s"),
    ],
)
def test_endings_and_compounds_follow_by_rule(word: str, said: str) -> None:
    assert " ".join(phone_names(TOKENIZER.lexicon.phones(word) or ())) == said


def test_a_missing_lexicon_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="reinstall the package"):
        NanoTokenizer.from_file(tmp_path / "none.json")


def test_words_become_the_lexicons_phones_or_those_read_from_letters() -> None:
    encoded = TOKENIZER.encode("Hello, zqip!")
    expected = [text_phone_id(P["hh"], True), text_phone_id(P["ax0"], False)]
    expected += [text_phone_id(P["l"], False), text_phone_id(P["ow1"], False), text_mark_id(",")]
    read = LetterReader.from_file().phones("zqip") or ()
    expected += [text_phone_id(p, i == 0) for i, p in enumerate(read)] + [text_mark_id("!")]
    assert encoded.ids.tolist() == expected
    assert encoded.spans == ((0, 5),) * 5 + ((7, 11),) * (len(read) + 1)


def test_a_word_that_nothing_reads_stays_in_letters() -> None:
    long = "zq" * (MAX_LETTERS // 2 + 1)
    ids = TOKENIZER.encode_word(Word(long, 0, len(long)))
    assert ids == [text_letter_id(c, i == 0) for i, c in enumerate(long)]


def test_ids_and_spans_are_valid_and_words_are_counted() -> None:
    encoded = TOKENIZER.encode("  On March 3, 2021\nDr. Who paid $1,234,567.89 to  NASA?! ")
    assert encoded.text == "On March 3, 2021 Dr. Who paid $1,234,567.89 to NASA?!"
    assert encoded.ids.dtype == np.int64
    assert len(encoded.ids) == len(encoded.spans)
    assert encoded.ids.min() >= 0
    assert encoded.ids.max() < N_TEXT
    assert text_begins_word(encoded.ids).sum() == 27


def test_nothing_to_say_gives_no_ids() -> None:
    assert len(TOKENIZER.encode("😀 ... ♪")) == 0


def test_a_word_can_be_spelled_though_it_is_known() -> None:
    word = Word("cat", 0, 3, "?")
    assert TOKENIZER.encode_word(word, spelled=True)[0] == text_letter_id("c", True)
    assert len(TOKENIZER.encode_words([word, word], [True, False])) == 8


def test_cutting_keeps_whole_words_and_names_the_rest() -> None:
    encoded = TOKENIZER.encode("Hello there, 1,234,567 friends")
    kept, rest = TOKENIZER.cut(encoded, 15)
    assert rest == "1,234,567 friends"
    assert kept.spans[-1] == (6, 11)
    kept, rest = TOKENIZER.cut(TOKENIZER.encode("so H2O is"), 6)
    assert (rest, kept.spans[-1]) == ("H2O is", (0, 2))
    whole, rest = TOKENIZER.cut(encoded, 1_000)
    assert len(whole) == len(encoded)
    assert rest == ""


def test_one_number_that_is_longer_than_the_model_hears_is_cut_between_its_words() -> None:
    encoded = TOKENIZER.encode("7" * 100)
    kept, rest = TOKENIZER.cut(encoded, 32)
    seven = TOKENIZER.encode("7").ids.tolist()
    assert kept.ids.tolist() == seven * (32 // len(seven))
    assert rest == "7" * 100
    assert len(TOKENIZER.cut(encoded, 3)[0]) == 3


def test_only_what_is_spoken_otherwise_than_written_is_told() -> None:
    tokenizer = NanoTokenizer.from_file()
    text = "Dr. 5 didn’t pay $7.50 — OK?"
    found = [(text[start:end], said) for start, end, said in tokenizer.readings(text)]
    assert found[0] == ("Dr. 5", "doctor five")
    assert ("$7.50", "seven dollars and fifty cents") in found or "fifty" in found[1][1]
    assert all("didn" not in typed for typed, _ in found)
    assert tokenizer.readings("Well, it's a well-known thing (really)!") == []
    assert tokenizer.readings("") == []
