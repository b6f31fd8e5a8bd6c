"""Text as people type it becomes words that can be spoken."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bark.text.english.folding import fold
from bark.text.english.lexicon import Lexicon
from bark.text.english.normalize import normalize, without_falling_questions
from bark.text.english.phones import MARKS
from bark.text.splitting import normalize_whitespace

from .spoken import spoken_text

LEXICON = Lexicon.load()


def said(text: str) -> str:
    return spoken_text(normalize(normalize_whitespace(text), LEXICON.__contains__))


CASES = {
    "numbers": [
        ("1,234,567 x", "one million two hundred thirty four thousand five hundred sixty seven ex"),
        ("5,000,000,000 stars", "five billion stars"),
        ("There were 2000 people", "there were two thousand people"),
        ("agent 007", "agent zero zero seven"),
        ("Pi is 3.14159.", "pi is three point one four one five nine."),
        (".5 and -3", "zero point five and minus three"),
        ("version 1.2.3", "version one point two point three"),
        ("ages 10-20", "ages ten to twenty"),
        ("a 3:1 win, ran 45:30", "a three to one win, ran forty five thirty"),
        ("dial 911 now", "dial nine one one now"),
        ("3 x 4", "three by four"),
        ("#1", "number one"),
        ("No. 5. No.", "number five. no."),
        ("12 5", "twelve five"),
    ],
    "ordinals and fractions": [
        ("the 1st, 22nd and 100th", "the first, twenty second and one hundredth"),
        ("1/2 a cup", "one half a cup"),
        ("3/4 of 2 1/2", "three quarters of two and a half"),
        ("1½ hours", "one and a half hours"),
        ("24/7", "twenty four seven"),
        ("1/37", "one over thirty seven"),
    ],
    "years and dates": [
        ("in 1984", "in nineteen eighty four"),
        ("In 2007 and 2024.", "in two thousand seven and twenty twenty four."),
        ("since 1905", "since nineteen oh five"),
        ("the 1990s and '80s", "the nineteen nineties and eighties"),
        ("March 3, 2021", "march third, twenty twenty one"),
        ("25 December 1999", "the twenty fifth of december, nineteen ninety nine"),
        ("the 3rd of May", "the third of may"),
        ("by Jan. 5th", "by january fifth"),
        ("2024-01-15", "january fifteenth, twenty twenty four"),
        ("12/25/1999", "december twenty fifth, nineteen ninety nine"),
        ("25/12/1999", "december twenty fifth, nineteen ninety nine"),
        ("1914-1918", "nineteen fourteen to nineteen eighteen"),
    ],
    "times": [
        ("at 4:05 p.m. sharp", "at four oh five pee em sharp"),
        ("at 5 p.m. The end", "at five pee em. the end"),
        ("10:30 AM", "ten thirty ay em"),
        ("7am", "seven ay em"),
        ("3:00", "three o'clock"),
        ("15:30", "fifteen thirty"),
    ],
    "money": [
        ("$3.50", "three dollars and fifty cents"),
        ("$1, $1.01", "one dollar, one dollar and one cent"),
        ("$0.99", "ninety nine cents"),
        ("$5 million", "five million dollars"),
        ("£2.5bn", "two point five billion pounds"),
        ("€3 or ¥500", "three euros or five hundred yen"),
        ("€1,50 and 20$", "one euro and fifty cents and twenty dollars"),
        ("$1,000.00", "one thousand dollars"),
    ],
    "units": [
        ("5 km and 1 kg", "five kilometers and one kilogram"),
        ("100 km/h", "one hundred kilometers per hour"),
        ("37.5°C", "thirty seven point five degrees celsius"),
        ("-40 °F", "minus forty degrees fahrenheit"),
        ("20% of 6 ft", "twenty percent of six feet"),
        ("12 GB at 5 kHz", "twelve gigabytes at five kilohertz"),
        ("3 m2", "three square meters"),
        ("5 people", "five people"),
        ("15-20 mph winds", "fifteen to twenty miles per hour winds"),
        ("1 tsp. of salt", "one teaspoon of salt"),
        ("5'11\" tall", "five foot eleven tall"),
    ],
    "abbreviations": [
        ("Dr. Lee met Mrs. Hall", "doctor lee met missus hall"),
        ("Dr Who vs St Paul", "doctor who versus saint paul"),
        ("on Mon., Jan. 1", "on monday, january first"),
        ("In the Sun. He", "in the sun. he"),
        ("Mr Brown vs. Prof. Smith, Jr.", "mister brown versus professor smith, junior."),
        ("924 Young St. near St. Mary", "nine twenty four young street near saint mary"),
        ("cats, e.g. lions, etc.", "cats, for example lions, et cetera."),
        ("p. 33, pp. 3-4", "page thirty three, pages three to four"),
        ("J. R. R. Tolkien", "jay are are tolkien"),
        ("So do I. He said so.", "so do i. he said so."),
    ],
    "acronyms and letters": [
        ("The FBI met NASA", "the eff bee eye met nasa"),
        ("the U.S. and the UK", "the you ess and the you kay"),
        ("The US told us", "the you ess told us"),
        ("two CDs", "two see dee's"),
        ("the U.K.'s tea", "the you kay's tea"),
        ("C# and .NET, main.py", "see sharp and dot net, main dot pie"),
        ("rock 'n' roll", "rock and roll"),
        ("MP3 and H2O", "em pee three and aitch two oh"),
        ("COVID-19", "covid nineteen"),
        ("R&B, vitamin A, a B", "are and bee, vitamin ay, a bee"),
        ("It is NOT so", "it is not so"),
        ("THIS IS NOT A DRILL", "this is not a drill"),
        ("Henry VIII and World War II", "henry the eighth and world war two"),
        ("Chapter IV", "chapter four"),
        ("YouTube on an iPhone", "youtube on an iphone"),
        ("Hmm, psst", "hmm, psst"),
    ],
    "punctuation and symbols": [
        ("What?! No... yes -- maybe", "what? no. yes, maybe"),
        ("a (small) thing", "a, small, thing"),
        ("“Well,” she said—‘fine’", "well, she said, fine"),
        ("well-known", "well known"),
        ("salt & pepper, 2+2=4", "salt and pepper, two plus two equals four"),
        ("and/or", "and or"),
        ("it's o'clock, don't", "it's o'clock, don't"),
        ("sooooo good", "so good"),
        ("naïve café in Zürich", "naive cafe in zurich"),
        ("the angle α", "the angle alpha"),
    ],
    "left out": [
        ("Hi 😀 there 👋🏽!", "hi there!"),
        ("[laughs] Hello ♪ la ♪", "hello la"),
        ("WOMAN: Hello", "hello"),
        ("Привет 你好", ""),
        ("...!?", ""),
        ("See https://www.example.com/a/b?c=1.", "see example dot com."),
        ("mail bob@example.org now", "mail bob at example dot org now"),
    ],
}


@pytest.mark.parametrize(
    ("text", "words"), [case for cases in CASES.values() for case in cases]
)  # fmt: skip
def test_reads_aloud(text: str, words: str) -> None:
    assert said(text) == words


def test_words_keep_the_span_they_came_from() -> None:
    text = "Pay $3.50, naïve Bob… ok"
    spans = [(w.text, text[w.start : w.end]) for w in normalize(text, LEXICON.__contains__)]
    assert spans == [
        ("pay", "Pay"),
        ("three", "$3.50"),
        ("dollars", "$3.50"),
        ("and", "$3.50"),
        ("fifty", "$3.50"),
        ("cents", "$3.50"),
        ("naive", "naïve"),
        ("bob", "Bob"),
        ("okay", "ok"),
    ]


def test_questions_with_a_question_word_fall() -> None:
    text = "Is it? And what is that? No. But who's there, do you know? Do you know who?"
    words = without_falling_questions(normalize(text, LEXICON.__contains__))
    assert spoken_text(words) == (
        "is it? and what is that. no. but who's there, do you know. do you know who?"
    )


def test_folding_maps_every_character_to_its_origin() -> None:
    text = "“æ½…” ﬁ"
    folded = fold(text)
    assert folded.text.isascii()
    assert len(folded.origin) == len(folded.text)
    assert folded.origin == sorted(folded.origin)
    assert max(folded.origin) < len(text)


@given(st.text(max_size=80))
def test_any_text_gives_plain_words_with_growing_spans(text: str) -> None:
    text = normalize_whitespace(text)
    words = normalize(text, LEXICON.__contains__)
    starts = [word.start for word in words]
    assert starts == sorted(starts)
    for word in words:
        assert re.fullmatch(r"[a-z']+", word.text)
        assert 0 <= word.start < word.end <= len(text)
        assert word.mark in ("", *MARKS)


_TYPED = "0123456789 .,:;/-'$£%°#&@()ABCabcstndrhmkgIVXpma\""


@given(st.text(alphabet=_TYPED, max_size=60))
def test_any_mix_of_digits_and_symbols_is_read(text: str) -> None:
    for word in normalize(normalize_whitespace(text), LEXICON.__contains__):
        assert re.fullmatch(r"[a-z']+", word.text)
