"""The text model's training: its sequences, its held-out words, and that it learns and resumes."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from bark.models.blocks import GPTConfig
from bark.spec import NANO
from bark.stages.positions import POSITION_SIZES
from bark.text.english import phones
from bark.text.english.normalize import Word
from bark.text.english.phones import PHONE_INDEX, Phone, phones_to_semantic
from bark.text.nano import NanoTokenizer
from training import corpus
from training.loop import Budget
from training.phone_errors import edit_distance, score
from training.text import CONFIG, TextTrainee, load_text_model, train_text
from training.text_batches import (
    END_PHONE,
    IGNORED,
    TextBatches,
    collate,
    join,
    join_some,
    sequence,
    spelled_words,
)
from training.text_data import TextItem, read_items, write_items

TOKENIZER = NanoTokenizer.from_file()
TINY = dataclasses.replace(CONFIG, n_layer=2, n_head=2, n_embd=32)


def item(*words: str) -> TextItem:
    """A sentence in which every phone lasts two frames."""
    said = [Phone(0, 2)]
    for word in words:
        found = TOKENIZER.lexicon.phones(word) or ()
        said += [Phone(phone, 2, i == 0) for i, phone in enumerate(found)]
    said.append(Phone(0, 2))
    return TextItem(" ".join(words), tuple(Word(w, 0, 0) for w in words), phones_to_semantic(said))


def test_a_sequence_predicts_each_token_from_the_one_before() -> None:
    one = item("cat")
    text = TOKENIZER.encode_words(one.words, [False])
    ids, positions, targets, next_phone = sequence(one, text)
    n = len(text)
    assert ids[n] == NANO.semantic_infer_token
    assert positions.shape == (len(ids), 3)
    assert (targets[:n] == IGNORED).all()
    assert targets[n:-1].tolist() == ids[n + 1 :].tolist() == one.semantic.tolist()
    assert targets[-1] == NANO.semantic_pad_token
    expected = [p for name in ("pau", "k", "ae1", "t", "pau") for p in [PHONE_INDEX[name]] * 2]
    # the last frame of a phone is followed by the next phone
    assert next_phone[n:].tolist() == [*expected[:1], *expected[2:], END_PHONE, END_PHONE]


def test_batches_are_padded_where_nothing_is_learned() -> None:
    rows = [sequence(i, TOKENIZER.encode_words(i.words, [True])) for i in (item("a"), item("cats"))]
    batch = collate(rows)
    short = len(rows[0][0])
    assert (batch.targets[0, short:] == IGNORED).all()
    assert (batch.ids[0, short:] == NANO.text_pad_token).all()
    assert batch.ids.max() < CONFIG.input_vocab_size


def test_held_out_words_are_never_spelled_and_others_often() -> None:
    words = [w for w in TOKENIZER.lexicon.words() if w.startswith("ca")]
    rng = np.random.default_rng(0)
    both = item(*words[:400])
    share = [spelled_words(both, 0.25, rng) for _ in range(300)]
    for word, spelled in zip(both.words, np.transpose(share), strict=True):
        assert not (corpus.is_held_out(word.text) and spelled.any())
    assert any(corpus.is_held_out(word.text) for word in both.words)
    assert 0.18 < np.mean(share) < 0.32


def test_joined_items_pause_once_and_count_on() -> None:
    both = join(item("a", "cat"), item("the", "dog"))
    assert [word.text + word.mark for word in both.words] == ["a", "cat.", "the", "dog"]
    said = phones.semantic_to_phones(both.semantic)
    assert sum(p.index == 0 for p in said) == 3
    ids, positions, *_ = sequence(both, TOKENIZER.encode_words(both.words, [False] * 4))
    assert positions[:, 0].max() == 4
    assert len(ids) == len(positions)


def test_shifted_words_keep_their_distance_in_text_and_speech() -> None:
    one = item("a", "cat")
    text = TOKENIZER.encode_words(one.words, [False, False])
    plain, shifted = (sequence(one, text, first_word=n)[1] for n in (1, 50))
    moved = (shifted - plain).tolist()
    n = len(text)
    assert moved[:n] + moved[n + 1 :] == [[49, 0, 0]] * (len(moved) - 1)
    assert moved[n] == [0, 0, 0]


def test_some_items_are_joined_and_none_is_lost() -> None:
    items = [item("cat")] * 400
    joined = join_some(items, np.random.default_rng(0))
    assert sum(len(i.words) for i in joined) == 400
    assert len(joined) < 300
    assert max(len(i.semantic) for i in joined) <= 900


def test_items_survive_their_file(tmp_path: Path) -> None:
    one = item("good", "day")
    assert write_items(tmp_path / "text_0.jsonl", [one, None]) == 1
    (back,) = read_items(tmp_path / "text_0.jsonl")
    assert back.sentence == one.sentence
    assert back.words == one.words
    assert back.semantic.tolist() == one.semantic.tolist()


def test_phones_in_text_start_as_the_same_phones_in_speech() -> None:
    trainee = TextTrainee(TINY)
    trainee.initialise()
    tokens = trainee.gpt.transformer["wte"].weight
    written = NANO.text_offset + phones.text_phone_id(9, True)
    assert torch.equal(tokens[written], tokens[3 * 9 + phones.WORD_ONSET])
    assert torch.equal(trainee.averaged.lm_head.weight, trainee.gpt.lm_head.weight)


def test_training_lowers_the_loss_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    items = [item("cat"), item("dog"), item("a", "cat"), item("the", "dog")]
    write_items(tmp_path / "text_0.jsonl", items)

    def run(steps: int) -> list[dict[str, float]]:
        batches = TextBatches(tmp_path, TOKENIZER, batch_tokens=256)
        budget = Budget(steps=steps, validate_every_s=1e9)
        return train_text(batches, items, TOKENIZER, tmp_path / "out", budget, config=TINY)

    log = run(60)
    assert log[-1]["phones"] < log[0]["phones"] - 0.5
    assert [entry["step"] for entry in run(62)] == [0, 60, 62]
    model = load_text_model(tmp_path / "out", TINY)
    assert model.config == TINY
    assert not model.lm_head.weight.requires_grad


def test_no_data_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make the data first"):
        TextBatches(tmp_path, TOKENIZER).next(0)


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [("abc", "abc", 0), ("abc", "ac", 1), ("", "ab", 2), ("kitten", "sitting", 3)],
)
def test_edit_distance(a: str, b: str, distance: int) -> None:
    assert edit_distance(a, b) == distance


def test_scores_count_lost_words_and_ignore_stress_and_pauses() -> None:
    cat, cats = item("cat").semantic, item("cats").semantic
    same = score([cat], [cat])
    assert (same.phone_error_rate, same.exact, same.lost_or_cut) == (0, 1, 0)
    longer = score([cats], [cat])
    assert longer.phone_error_rate == pytest.approx(1 / 3)
    assert score([cat[:4]], [cats]).lost_or_cut == 1


def test_the_model_has_room_for_every_token_and_position() -> None:
    assert isinstance(CONFIG, GPTConfig)
    assert CONFIG.position_sizes == POSITION_SIZES
    assert CONFIG.output_vocab_size == phones.END_TOKEN + 1
    assert CONFIG.block_size >= NANO.text_len + 1 + NANO.max_semantic_len


def test_no_held_out_sentence_enters_training() -> None:
    drawn = corpus.training_part(corpus.number_sentences(500))
    assert not any(corpus.is_held_out(s) for s in drawn)
    assert len(drawn) < 500
