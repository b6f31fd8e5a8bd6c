"""Positions by word, for whole sequences and one token at a time."""

import dataclasses

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from bark import phones
from bark.phones import Phone
from bark.positions import MAX_PHONE_FRAMES, PositionTracker, semantic_positions, text_positions
from bark.spec import NANO


def _text() -> np.ndarray:
    ids = [phones.text_phone_id(9, True), phones.text_phone_id(40, False)]
    ids += [phones.text_mark_id(","), phones.text_letter_id("o", True)]
    return np.array([*ids, phones.text_letter_id("n", False), phones.text_mark_id("?")])


def test_text_counts_words_and_marks_stand_behind_the_last_symbol() -> None:
    expected = [[1, 0, 0], [1, 1, 0], [1, 2, 0], [2, 0, 0], [2, 1, 0], [2, 2, 0]]
    assert text_positions(_text()).tolist() == expected


def test_a_pause_stands_where_the_mark_stands_in_the_text() -> None:
    said = [Phone(0, 2), Phone(9, 2, True), Phone(40, 1), Phone(0, 1), Phone(9, 1, True)]
    expected = [[0, 0, 2], [0, 0, 3], [1, 0, 2], [1, 0, 3], [1, 1, 2], [1, 2, 2], [2, 0, 2]]
    assert semantic_positions(phones.phones_to_semantic(said)).tolist() == expected


_token = st.integers(0, phones.END_TOKEN - 1)


@given(st.lists(st.lists(_token, min_size=90, max_size=90), min_size=1, max_size=3))
def test_token_by_token_agrees_with_the_whole_sequence(batch: list[list[int]]) -> None:
    ids = np.concatenate([_text() + NANO.text_offset, [NANO.semantic_infer_token]])
    row = torch.from_numpy(ids)[None]
    tracker = PositionTracker.stack([PositionTracker.after_text(row, NANO) for _ in batch])
    tokens = torch.tensor(batch)
    tokens[:, 0] = phones.ONSET  # an utterance begins with an onset
    steps = [tracker.advance(tokens[:, i]) for i in range(tokens.shape[1])]
    whole = np.stack([semantic_positions(row.numpy()) for row in tokens])
    assert torch.cat(steps, dim=1).tolist() == whole.tolist()
    assert tracker.prefix.shape == (len(batch), len(ids), 3)


def test_selected_rows_go_on_where_they_were() -> None:
    row = torch.tensor([[NANO.text_offset + 1, NANO.semantic_infer_token]])
    tracker = PositionTracker.stack([PositionTracker.after_text(row, NANO) for _ in range(3)])
    tracker.advance(torch.tensor([phones.ONSET, phones.WORD_ONSET, phones.ONSET]))
    tracker.select(torch.tensor([1]))
    assert tracker.advance(torch.tensor([phones.WORD_ONSET])).tolist() == [[[2, 0, 2]]]


def test_index_positions_count_on_behind_the_prefix() -> None:
    tracker = PositionTracker.stack([PositionTracker.by_index(257) for _ in range(2)])
    assert tracker.prefix.tolist() == list(range(257))
    assert tracker.advance(torch.zeros(2, dtype=torch.int64)).tolist() == [257]
    tracker.select(torch.tensor([0]))
    assert tracker.advance(torch.zeros(1, dtype=torch.int64)).tolist() == [258]


def test_spec_has_room_for_all_text_ids() -> None:
    assert NANO.semantic_infer_token >= NANO.text_offset + phones.N_TEXT
    assert dataclasses.asdict(NANO)["semantic_vocab_size"] == phones.END_TOKEN


def _tracker(n_words: int) -> PositionTracker:
    ids = [phones.text_phone_id(9, True) + NANO.text_offset] * n_words
    return PositionTracker.after_text(torch.tensor([[*ids, NANO.semantic_infer_token]]), NANO)


def test_the_end_is_forbidden_before_the_last_word_and_more_words_behind_it() -> None:
    tracker = _tracker(2)
    word = torch.tensor([3 * 9 + phones.WORD_ONSET])
    n = phones.END_TOKEN + 1
    for _ in range(2):
        forbidden = tracker.forbidden(n)
        assert forbidden is not None
        assert forbidden[0].nonzero().flatten().tolist() == [phones.END_TOKEN]
        tracker.advance(word)
    forbidden = tracker.forbidden(n)
    assert forbidden is not None
    kinds = {i % 3 for i in forbidden[0].nonzero().flatten().tolist()}
    assert kinds == {phones.WORD_ONSET}
    assert forbidden[0].sum() == phones.N_PHONES
    shorter = tracker.forbidden(phones.END_TOKEN)
    assert shorter is not None
    assert shorter.shape == (1, phones.END_TOKEN)


def test_a_phone_is_held_no_longer_than_the_teacher_holds_it() -> None:
    tracker = _tracker(1)
    tracker.advance(torch.tensor([3 * 9 + phones.WORD_ONSET]))
    for _ in range(MAX_PHONE_FRAMES - 1):
        forbidden = tracker.forbidden(phones.END_TOKEN)
        assert forbidden is not None
        assert not forbidden[0, 3 * 9 + phones.CONTINUATION]
        tracker.advance(torch.tensor([3 * 9 + phones.CONTINUATION]))
    forbidden = tracker.forbidden(phones.END_TOKEN)
    assert forbidden is not None
    assert forbidden[0, 3 * 9 + phones.CONTINUATION]
    assert not forbidden[0, 3 * 9 + phones.ONSET]


def test_bark_forbids_nothing() -> None:
    assert PositionTracker.by_index(5).forbidden(10) is None
