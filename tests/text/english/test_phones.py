"""Nano's phone list and the semantic tokens built from it."""

import numpy as np
import pytest

from bark.text.english import phones
from bark.text.english.phones import Phone


def test_phones_are_distinct_and_pauses_come_first() -> None:
    assert len(set(phones.PHONES)) == phones.N_PHONES == 57
    assert phones.PHONES[: phones.N_PAUSES] == ("pau", "pau?")
    assert "ax1" not in phones.PHONES


def test_phone_name_adds_stress_to_vowels_only() -> None:
    assert phones.phone_name("iy", 1) == "iy1"
    assert phones.phone_name("ax", 1) == "ax0"
    assert phones.phone_name("k", 1) == "k"
    with pytest.raises(KeyError, match="unknown phone 'qq'"):
        phones.phone_name("qq", 0)


def test_semantic_tokens_round_trip() -> None:
    said = [Phone(0, 3), Phone(20, 1, True), Phone(20, 4), Phone(7, 2, True), Phone(1, 2)]
    tokens = phones.phones_to_semantic(said)
    assert tokens.dtype == np.int64
    assert len(tokens) == 12
    assert phones.semantic_to_phones(tokens) == said


def test_a_stray_continuation_counts_as_an_onset_and_end_stops() -> None:
    tokens = np.array([3 * 9, 3 * 9, 3 * 5 + phones.CONTINUATION, phones.END_TOKEN, 3 * 4 + 1])
    assert phones.semantic_to_phones(tokens) == [Phone(9, 2), Phone(5, 1)]


def test_every_phone_gets_a_frame_and_the_total_is_kept() -> None:
    frames = phones.ends_to_frames([0.001, 0.002, 0.2, 0.5])
    assert min(frames) == 1
    assert sum(frames) == round(0.5 * phones.RATE_HZ)
