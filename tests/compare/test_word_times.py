"""The same place in two takes of the same words."""

import pytest

from bark.compare.word_times import matching_time
from bark.families import NANO_FAMILY
from bark.text.english.lexicon import Lexicon
from bark.text.english.phones import PHONE_INDEX, Phone, phones_to_semantic
from bark.text.nano import NanoTokenizer
from bark.text.word_times import nano_word_times, spoken_spans


def phone(name: str, n_frames: int, begins: bool = False) -> Phone:
    return Phone(PHONE_INDEX[name], n_frames, begins)


def test_words_of_nano_are_where_their_tokens_say() -> None:
    tokens = phones_to_semantic(
        [phone("pau", 3), phone("d", 3, True), phone("uw1", 6), phone("pau", 15),
         phone("n", 3, True), phone("aw1", 3), phone("pau", 3)]
    )  # fmt: skip
    do, now = nano_word_times(tokens, [(0, 2), (4, 7)], rate_hz=37.5)
    assert (do.start_s, do.end_s) == pytest.approx((3 / 37.5, 12 / 37.5))
    assert (now.start, now.end) == (4, 7)
    assert (now.start_s, now.end_s) == pytest.approx((27 / 37.5, 33 / 37.5))


def test_a_number_is_one_written_word_however_it_is_read() -> None:
    tokenizer, text = NanoTokenizer(Lexicon.load()), "At 9:45 we go."
    spans = spoken_spans(tokenizer.encode(text))
    assert list(dict.fromkeys(spans)) == [(0, 2), (3, 7), (8, 10), (11, 13)]
    tokens = phones_to_semantic([phone("ae1", 4, True)] * len(spans))
    assert NANO_FAMILY.word_times is not None
    words = NANO_FAMILY.word_times(tokenizer, text, tokens)
    assert [(word.start, word.end) for word in words] == list(dict.fromkeys(spans))
    stopped = nano_word_times(phones_to_semantic([phone("ae1", 4, True)] * 2), spans, rate_hz=37.5)
    assert len(stopped) == 2


def test_the_same_place_in_the_sentence_is_found_by_its_words() -> None:
    one, other = [(0.0, 1.0), (2.0, 3.0)], [(0.5, 1.0), (1.0, 1.5)]
    assert matching_time(2.5, one, other, (3.0, 2.0)) == pytest.approx(1.25)
    assert matching_time(1.5, one, other, (3.0, 2.0)) == pytest.approx(1.0)
    assert matching_time(1.5, [], other, (3.0, 2.0)) == pytest.approx(1.0)  # by the share
    assert matching_time(9.0, one, other, (3.0, 2.0)) == pytest.approx(2.0)
