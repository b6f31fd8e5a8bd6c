"""Words written alike and said in two ways, by the words beside them."""

from pathlib import Path

import pytest

from bark.text.english.heteronyms import is_heteronym, place, said_as
from bark.text.english.lexicon import phone_names
from bark.text.english.phones import text_is_phone
from bark.text.nano import NanoTokenizer

SENTENCES = Path(__file__).parents[2] / "data" / "heteronyms.tsv"
"""A made list: word, how it is said, sentence."""


def rows() -> list[list[str]]:
    return [line.split("\t") for line in SENTENCES.read_text(encoding="utf-8").splitlines()]


def said(word: str, sentence: str) -> str:
    words = sentence.lower().replace(",", "").rstrip(".?").split()
    marks = [""] * (len(words) - 1) + ["."]
    return said_as(place(words, marks, words.index(word)))


def test_nine_of_ten_heteronyms_are_said_as_their_sentence_wants() -> None:
    wrong = [row for row in rows() if said(row[0], row[2]) != row[1]]
    assert len(wrong) <= 0.1 * len(rows()), wrong


@pytest.mark.parametrize("word", sorted({row[0] for row in rows()}))
def test_both_ways_of_a_word_are_found(word: str) -> None:
    found = {said(word, sentence) for this, _, sentence in rows() if this == word}
    assert len(found) == 2


def test_other_words_are_the_lexicons() -> None:
    assert is_heteronym("live")
    assert not is_heteronym("cat")


def test_a_word_far_away_does_not_matter() -> None:
    near, far = (["yesterday", *["and"] * n, "they", "read"] for n in (3, 30))
    assert [said_as(place(w, [""] * len(w), len(w) - 1)) for w in (near, far)] == [
        "r eh1 d",
        "r iy1 d",
    ]


def test_a_mark_parts_what_stands_beside_each_other() -> None:
    words = "if you want to use it".split()
    assert place(words, ["", "", "", ",", "", ""], 4).before == ""
    assert place(words, [""] * 6, 4).before == "to"
    assert place(words, [""] * 6, 5).after == ""


def test_what_a_person_asks_for_is_said_everywhere() -> None:
    lexicon = NanoTokenizer.from_file().lexicon
    asked = NanoTokenizer(
        lexicon.with_words({word: ["l", "ay1", "v"] for word in ("live", "lyve")})
    )
    assert list(asked.encode("We live here.").ids) == list(asked.encode("We lyve here.").ids)


def test_the_tokenizer_says_them_so() -> None:
    tokenizer = NanoTokenizer.from_file()
    live, lead = (tokenizer.encode(text).ids for text in ("I live here.", "A live show."))
    assert text_is_phone(live[:-1]).all()
    phones = [phone_names(tuple(int(i) // 2 + 2 for i in ids[:-1])) for ids in (live, lead)]
    assert phones[0][1:4] == ["l", "ih1", "v"]
    assert phones[1][1:4] == ["l", "ay1", "v"]
