"""British words in American phones."""

from __future__ import annotations

import pytest

from training.kokoro.british import BritishSpelling, share_out
from training.kokoro.packages import british_words

SPELL = BritishSpelling(
    {"car": "kˈɑː", "water": "wˈɔːtə", "carry": "kˈaɹi", "stop": "stˈɒp", "hope": "hˈQp",
     "tax": "tˈaks", "for": "fˈɔː", "start": "stˈɑːt"}
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "phones", "pieces"),
    [
        ("kˈɑː", "k aa1 r", ["k", "ˈɑ", "ː"]),
        ("wˈɔːtə", "w ao1 t er0", ["w", "ˈɔː", "t", "ə"]),
        ("njˈuːz", "n uw1 z", ["nj", "ˈuː", "z"]),
        ("bˈɑːθ", "b ae1 th", ["b", "ˈɑː", "θ"]),
        ("stˈɑːt", "s t aa1 r t", ["s", "t", "ˈɑ", "ː", "t"]),
        ("ʃˈɛʤuːl", "s k eh1 jh uh0 l", ["ʃ", "", "ˈɛ", "ʤ", "uː", "l"]),
        ("sɛkɹətɹi", "s eh1 k r ax0 t eh1 r iy0", ["s", "ɛ", "k", "ɹ", "ə", "t", "", "ɹ", "i"]),
    ],
)
def test_each_sound_goes_to_the_phone_it_stands_for(
    said: str, phones: str, pieces: list[str]
) -> None:
    assert share_out(said, phones.split()) == pieces


def test_endings_are_added_to_words_that_are_listed() -> None:
    def said(word: str, phones: str) -> str:
        return "".join(SPELL(word, phones.split()))

    assert said("cars", "k aa1 r z") == "kˈɑːz"
    assert said("taxes", "t ae1 k s ax0 z") == "tˈaksɪz"
    assert said("carried", "k ae1 r iy0 d") == "kˈaɹid"
    assert said("stopped", "s t aa1 p t") == "stˈɒpt"
    assert said("hoping", "hh ow1 p ih0 ng") == "hˈQpɪŋ"
    assert said("started", "s t aa1 r t ax0 d") == "stˈɑːtɪd"


def test_an_r_is_said_before_a_vowel_only() -> None:
    phones = "w ao1 t er0".split()
    assert "".join(SPELL("water", phones)) == "wˈɔːtə"
    assert "".join(SPELL("water", phones, vowel_follows=True)) == "wˈɔːtəɹ"


def test_small_words_are_weak() -> None:
    assert SPELL("for", ["f", "ao1", "r"]) == ["f", "ɔ", "ː"]
    assert SPELL("the", ["dh", "ax0"], vowel_follows=True) == ["ð", "i"]
    assert SPELL("to", ["t", "uw1"]) == ["t", "ə"]


def test_a_word_that_nobody_wrote_down_is_no_data() -> None:
    with pytest.raises(ValueError, match="qzxv"):
        SPELL("qzxv", ["k"])


def test_a_word_in_small_letters_counts_before_its_name() -> None:
    listed = {
        "Reading": "ɹˈɛdɪŋ",
        "reading": "ɹˈiːdɪŋ",
        "Emma": "ˈɛmə",
        "use": {"DEFAULT": "jˈuːz"},
    }
    words = british_words({**listed, "ad": {"DEFAULT": None}})
    assert words == {"reading": "ɹˈiːdɪŋ", "emma": "ˈɛmə", "use": "jˈuːz"}
