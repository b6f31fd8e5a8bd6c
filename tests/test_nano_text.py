"""Nano's text model as it is shipped, on sentences that no training saw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import bark
from bark.checkpoints.nano import read_stage, read_tokenizer
from bark.models.gpt import GPT
from bark.stages.positions import POSITION_SIZES
from bark.text.nano import NanoTokenizer
from training.phone_errors import PhoneScores, score, speak, spoken_phones

NANO = Path(bark.__file__).parent / "assets" / "nano"
HELD_OUT = Path(__file__).parent / "data" / "nano_held_out.jsonl"
"""Held-out sentences, the last six with numbers, and the teacher's semantic tokens of them."""


@pytest.fixture(scope="module")
def model() -> GPT:
    loaded = read_stage(NANO, "text")
    assert isinstance(loaded, GPT)
    return loaded


@pytest.fixture(scope="module")
def tokenizer() -> NanoTokenizer:
    loaded = read_tokenizer(NANO)
    assert isinstance(loaded, NanoTokenizer)
    return loaded


def said(
    model: GPT, tokenizer: NanoTokenizer, sentences: list[str], seed: int = 0
) -> list[np.ndarray]:
    with torch.inference_mode():
        texts = [tokenizer.encode(sentence).ids for sentence in sentences]
        return speak(model, texts, temperature=0.7, seed=seed)


@pytest.fixture(scope="module")
def scores(model: GPT, tokenizer: NanoTokenizer) -> PhoneScores:
    rows = [json.loads(line) for line in HELD_OUT.read_text(encoding="utf8").splitlines()]
    wanted = [np.array(row["semantic"]) for row in rows]
    return score(said(model, tokenizer, [row["sentence"] for row in rows]), wanted)


def test_unseen_sentences_and_numbers_are_said_in_the_teachers_phones(scores: PhoneScores) -> None:
    assert scores.phone_error_rate <= 0.08


def test_no_sentence_is_lost_cut_or_drawn_out(scores: PhoneScores) -> None:
    assert scores.lost_or_cut <= 1 / 15
    assert 0.8 <= scores.length_ratio <= 1.2


def test_an_unknown_word_is_said_as_its_letters_are_read(
    model: GPT, tokenizer: NanoTokenizer
) -> None:
    assert tokenizer.lexicon.phones("blimtop") is None
    (tokens,) = said(model, tokenizer, ["The word is blimtop."])
    phones = " ".join(spoken_phones(tokens))
    assert phones.endswith("b l ih m t aa p")


def test_a_question_is_heard_in_its_pause(model: GPT, tokenizer: NanoTokenizer) -> None:
    pauses = []
    for sentence in ("Is it raining today?", "It is raining today.", "What is that?"):
        (tokens,) = said(model, tokenizer, [sentence])
        pauses.append(tokens[-1] // 3)
    assert pauses == [1, 0, 0]  # pau?, pau, and pau where the voice does not rise


def test_the_same_seed_says_the_same(model: GPT, tokenizer: NanoTokenizer) -> None:
    first, again, other = (said(model, tokenizer, ["Good morning."], seed)[0] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_the_longest_text_fits_the_model(model: GPT) -> None:
    assert model.config.block_size >= bark.spec.NANO.text_len + 1 + bark.spec.NANO.max_semantic_len
    assert model.config.position_sizes == POSITION_SIZES
