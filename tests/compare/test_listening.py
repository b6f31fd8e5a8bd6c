"""Loudness and words in time: what makes two takes comparable by ear."""

import numpy as np
import pytest

from bark.compare.loudness import SILENCE_LUFS, TARGET_LUFS, gain_to, loudness
from bark.compare.word_times import matching_time
from bark.families import NANO_FAMILY
from bark.text.english.lexicon import Lexicon
from bark.text.english.phones import PHONE_INDEX, Phone, phones_to_semantic
from bark.text.nano import NanoTokenizer
from bark.text.word_times import nano_word_times, spoken_spans

RATE = 24_000


def sine(hz: float, seconds: float = 3.0, peak: float = 1.0, rate: int = RATE) -> np.ndarray:
    return peak * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [24_000, 48_000])
def test_a_full_sine_has_the_standards_loudness(rate: int) -> None:
    assert loudness(sine(997, rate=rate), rate) == pytest.approx(-3.01, abs=0.05)
    assert loudness(sine(997, peak=0.1, rate=rate), rate) == pytest.approx(-23.01, abs=0.05)


def test_high_sounds_count_for_more_and_rumble_for_nothing() -> None:
    assert loudness(sine(4_000), RATE) > loudness(sine(500), RATE) + 2
    assert loudness(sine(20), RATE) < loudness(sine(500), RATE) - 10


def test_pauses_do_not_make_a_take_quieter() -> None:
    speech = sine(500, peak=0.2)
    paused = np.concatenate([speech, np.zeros(10 * RATE)])
    assert loudness(paused, RATE) == pytest.approx(loudness(speech, RATE), abs=0.5)


def test_the_gain_reaches_the_target_and_never_clips() -> None:
    quiet = sine(500, peak=0.05)
    assert loudness(gain_to(quiet, RATE) * quiet, RATE) == pytest.approx(TARGET_LUFS, abs=0.05)
    click = np.zeros(RATE)
    click[::2000] = 1.0
    assert gain_to(click, RATE) <= 1.0
    for nothing in (np.zeros(0), np.zeros(RATE)):
        assert loudness(nothing, RATE) == SILENCE_LUFS
        assert gain_to(nothing, RATE) == 1.0


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
