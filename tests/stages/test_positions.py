"""Positions by word, for whole sequences and one token at a time."""

import dataclasses

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from bark.spec import NANO
from bark.stages.positions import (
    MAX_PHONE_FRAMES,
    WordInputs,
    semantic_positions,
    text_positions,
)
from bark.text.english import phones
from bark.text.english.phones import Phone


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
    tracker = WordInputs.stack([WordInputs.after_text(_text()) for _ in batch])
    tokens = torch.tensor(batch)
    tokens[:, 0] = phones.ONSET  # an utterance begins with an onset
    steps = [tracker.advance(tokens[:, i]) for i in range(tokens.shape[1])]
    whole = np.stack([semantic_positions(row.numpy()) for row in tokens])
    assert torch.cat(steps, dim=1).tolist() == whole.tolist()


def test_selected_rows_go_on_where_they_were() -> None:
    tracker = WordInputs.stack([WordInputs.after_text(np.array([1])) for _ in range(3)])
    tracker.advance(torch.tensor([phones.ONSET, phones.WORD_ONSET, phones.ONSET]))
    tracker.select(torch.tensor([1]))
    assert tracker.advance(torch.tensor([phones.WORD_ONSET])).tolist() == [[[2, 0, 2]]]


def test_a_copy_looks_ahead_and_an_assigned_row_goes_on_where_the_other_was() -> None:
    tracker = WordInputs.stack([WordInputs.after_text(np.array([1])) for _ in range(2)])
    ahead = tracker.copy()
    ahead.advance(torch.tensor([phones.WORD_ONSET, phones.WORD_ONSET]))
    again = tracker.advance(torch.tensor([phones.WORD_ONSET, phones.ONSET]))
    assert again.tolist() == [[[1, 0, 2]], [[0, 0, 2]]]
    ahead.select(torch.tensor([1]))
    tracker.assign(ahead, torch.tensor([1]))
    assert tracker.advance(torch.tensor([phones.WORD_ONSET] * 2)).tolist() == [[[2, 0, 2]]] * 2


def test_spec_has_room_for_all_text_ids() -> None:
    assert NANO.semantic_infer_token >= NANO.text_offset + phones.N_TEXT
    assert dataclasses.asdict(NANO)["semantic_vocab_size"] == phones.END_TOKEN


CAT = [phones.PHONE_INDEX[name] for name in ("k", "ae1", "t")]
PAUSE, K, T = 0, CAT[0], CAT[2]


def _tracker(*words: str) -> WordInputs:
    """Behind a text whose words are "cat" in phones, or given in letters."""
    ids: list[int] = []
    for word in words:
        if word == "cat":
            ids += [phones.text_phone_id(phone, i == 0) for i, phone in enumerate(CAT)]
        else:
            ids += [phones.text_letter_id(c, i == 0) for i, c in enumerate(word)]
    return WordInputs.after_text(np.array([*ids, phones.text_mark_id(".")]))


def _allows(tracker: WordInputs, token: int) -> bool:
    forbidden = tracker.forbidden(phones.END_TOKEN + 1)
    return not forbidden[0, token]


def _say(tracker: WordInputs, *tokens: int) -> None:
    for token in tokens:
        assert _allows(tracker, token)
        tracker.advance(torch.tensor([token]))


def _onset(phone: int) -> int:
    return phones.N_KINDS * phone + phones.ONSET


def _word(phone: int) -> int:
    return phones.N_KINDS * phone + phones.WORD_ONSET


def test_every_word_is_said_in_full_and_once() -> None:
    tracker = _tracker("cat", "cat")
    _say(tracker, _onset(PAUSE))
    assert not _allows(tracker, _onset(K))
    _say(tracker, _word(K), _onset(CAT[1]))
    for token in (_word(K), _onset(PAUSE), phones.END_TOKEN):
        assert not _allows(tracker, token)
    _say(tracker, _onset(T))
    assert not _allows(tracker, _onset(T))
    _say(tracker, _onset(PAUSE))
    for token in (_onset(PAUSE), phones.END_TOKEN):
        assert not _allows(tracker, token)
    _say(tracker, _word(K), _onset(CAT[1]), _onset(T), _onset(PAUSE))
    assert _allows(tracker, phones.END_TOKEN)
    assert not _allows(tracker, _word(K))


def test_a_word_in_letters_may_have_any_number_of_phones() -> None:
    tracker = _tracker("kat", "cat")
    _say(tracker, _word(K), *[_onset(T)] * 9, _onset(PAUSE), _word(K))
    assert not _allows(tracker, phones.END_TOKEN)


def test_behind_a_question_the_pause_asks_and_nowhere_else() -> None:
    ids = [phones.text_letter_id("a", True), phones.text_mark_id("?")]
    ids += [phones.text_letter_id("a", True), phones.text_mark_id(".")]
    tracker = WordInputs.after_text(np.array(ids))
    question = phones.PHONE_INDEX[phones.QUESTION_PAUSE]
    assert not _allows(tracker, _onset(question))
    _say(tracker, _onset(PAUSE), _word(K))
    assert not _allows(tracker, _onset(PAUSE))
    _say(tracker, _onset(question), _word(K))
    assert not _allows(tracker, _onset(question))
    _say(tracker, _onset(PAUSE), phones.END_TOKEN)


def test_rows_of_a_batch_keep_their_own_words() -> None:
    both = WordInputs.stack([_tracker("cat", "at"), _tracker("catat")])
    both.advance(torch.tensor([_word(K), _word(K)]))
    forbidden = both.forbidden(phones.END_TOKEN + 1)
    assert forbidden[:, phones.END_TOKEN].tolist() == [True, False]
    both.select(torch.tensor([1]))
    shorter = both.forbidden(phones.END_TOKEN)
    assert shorter.shape == (1, phones.END_TOKEN)
    assert not shorter[0, _onset(T)]


def test_a_phone_is_held_no_longer_than_the_teacher_holds_it() -> None:
    tracker = _tracker("kat")
    tracker.advance(torch.tensor([3 * 9 + phones.WORD_ONSET]))
    for _ in range(MAX_PHONE_FRAMES - 1):
        forbidden = tracker.forbidden(phones.END_TOKEN)
        assert not forbidden[0, 3 * 9 + phones.CONTINUATION]
        tracker.advance(torch.tensor([3 * 9 + phones.CONTINUATION]))
    forbidden = tracker.forbidden(phones.END_TOKEN)
    assert forbidden[0, 3 * 9 + phones.CONTINUATION]
    assert not forbidden[0, 3 * 9 + phones.ONSET]
