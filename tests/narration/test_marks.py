"""Pauses, the SSML subset and pronunciations; Bark's own tags stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bark import Bark
from bark.errors import InvalidInputError
from bark.narration.cast import Cast
from bark.narration.marks import Break, Swap, Words, normalized, read_marks, spoken
from bark.narration.pronunciations import parse_pronunciations, saying
from bark.text.english.phones import PHONE_INDEX

from ..fake_bark import FakeBark
from .narrating import Hummer, begun, run


def said(text: str) -> list[str | float | None]:
    """Words as they are spoken, and breaks in seconds."""
    parts: list[str | float | None] = []
    for part in read_marks(text):
        if isinstance(part, Break):
            parts.append(part.seconds)
        else:
            words = normalized(part)
            parts.append(spoken(words.text, words.swaps))
    return parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hello. [pause 0.5s] You.", ["Hello.", 0.5, "You."]),
        ("a [pause 300ms] b [pause] c [Pause: 2] d", ["a", 0.3, "b", 0.5, "c", 2.0, "d"]),
        ('a <break time="500ms"/> b', ["a", 0.5, "b"]),
        ("a <break time='1.5s' /> b <break strength=\"weak\"/> c", ["a", 1.5, "b", 0.25, "c"]),
        ("<speak>One &amp; two.</speak>", ["One & two."]),
        ('The <sub alias="World Wide Web">WWW</sub> here', ["The World Wide Web here"]),
        ('<say-as interpret-as="characters">IBM 5</say-as>!', ["I, B, M, 5!"]),
        ('on <say-as interpret-as="date">May 5</say-as>', ["on May 5"]),
        ("<p><s>One.</s><s>Two.</s></p>", ["One.", None, "Two.", None, None]),
        ("[laughs] ♪ la ♪ [MAN] no marks", ["[laughs] ♪ la ♪ [MAN] no marks"]),
        ("1 < 2 and 3 > 2, I <3 you & me", ["1 < 2 and 3 > 2, I <3 you & me"]),
    ],
)
def test_marks(text: str, parts: list[str | float | None]) -> None:
    assert said(text) == parts


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a <emphasis>b</emphasis>", "<emphasis>"),
        ("<prosody rate='slow'>b</prosody>", "prosody"),
        ("[pause 99s]", "is no pause"),
        ('<break time="soon"/>', "no duration"),
        ('<break strength="huge"/>', "no strength"),
        ("<p>never closed", "never closed"),
        ("closed</sub>", "closes nothing"),
    ],
)
def test_a_mark_that_is_not_known_is_named(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=sentence):
        read_marks(text)


def test_tags_are_words_where_markup_was_read_already() -> None:
    assert read_marks("a <b> c [pause]", tags=False) == [Words("a <b> c "), Break(0.5)]


@given(st.text())
def test_a_text_without_marks_is_left_alone(text: str) -> None:
    plain = text.replace("<", "").replace("[", "")
    words = "".join(part.text for part in read_marks(plain) if isinstance(part, Words))
    assert words.strip() == plain.strip() or not plain.strip()


def test_white_space_becomes_single_and_swaps_move_with_it() -> None:
    words = normalized(Words("  a \n b  c ", (Swap(6, 10, "see"),)))
    assert words.text == "a b c"
    assert [words.text[s.start : s.end] for s in words.swaps] == ["b c"]
    assert spoken(words.text, words.swaps) == "a see"


def test_a_part_of_a_text_is_spoken_with_its_own_swaps() -> None:
    swaps = (Swap(0, 1, "one"), Swap(4, 5, "two"))
    assert spoken("b B", swaps, start=2) == "b two"


def test_listed_words_are_said_otherwise() -> None:
    listed = parse_pronunciations("# names\nNguyen = win\nlead = led  # the metal\n\nSQL = sequel")
    words = listed.applied(Words("Nguyen, Lead the leader of SQL; sql nguyen."))
    assert spoken(words.text, words.swaps) == "win, led the leader of sequel; sql nguyen."


def test_a_mark_wins_over_the_list() -> None:
    listed = parse_pronunciations("WWW = web")
    words = listed.applied(Words("WWW and WWW", (Swap(0, 3, "the net"),)))
    assert spoken(words.text, words.swaps) == "the net and web"


def test_a_line_that_is_no_pronunciation_is_named() -> None:
    with pytest.raises(InvalidInputError, match="line 2: 'b'"):
        parse_pronunciations("a = x\nb")


def test_phones_are_given_for_single_words() -> None:
    listed = parse_pronunciations("Nguyen = /n w ih1 n/\ntomato = /t ax m aa1 t ow/")
    assert listed.phones == {
        "nguyen": ("n", "w", "ih1", "n"),
        "tomato": ("t", "ax0", "m", "aa1", "t", "ow0"),
    }
    assert listed.respellings == {}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("a b = /t ow0/", "single word"),
        ("a = /t q/", "'t q' holds no phones"),
        ("a = / /", "holds"),
    ],
)
def test_phones_that_are_none_are_named(line: str, sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=sentence):
        parse_pronunciations(line)


def test_a_listed_word_is_encoded_in_its_phones_and_the_model_itself_is_left_alone() -> None:
    bark = Bark.from_pretrained("nano", lazy=True)
    twin = saying(bark, {"nguyen": ("n", "w", "ih1", "n")})
    said = twin.tokenizer.lexicon.phones("nguyen")
    assert said == tuple(PHONE_INDEX[name] for name in ("n", "w", "ih1", "n"))
    assert bark.tokenizer.lexicon.phones("nguyen") != said
    assert twin.lock is bark.lock
    assert twin.tokenizer._letters is bark.tokenizer._letters is not None


def test_phones_are_refused_where_a_model_has_none() -> None:
    class Wordless(FakeBark):
        tokenizer = object()  # type: ignore[assignment]

    with pytest.raises(InvalidInputError, match="nano only"):
        saying(Wordless(), {"a": ("ah1",)})


def test_new_phones_remake_only_the_chunks_with_the_word(tmp_path: Path) -> None:
    class Twins(Hummer):
        def with_tokenizer(self, tokenizer: object) -> Twins:
            return self

    def job(listed: str) -> Twins:
        bark = Twins()
        narration = begun(tmp_path, bark=bark, cast=Cast("alder"),
                          pronunciations=parse_pronunciations(listed))  # fmt: skip
        run(narration)
        return bark

    job("")
    [spoken] = job("burning = /b er1 n ih0 ng/").spoken
    assert "burning" in spoken
