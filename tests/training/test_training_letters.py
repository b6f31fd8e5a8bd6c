"""The letter model's alignment and training."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from bark.text.english.letters import LetterReader
from bark.text.english.lexicon import Lexicon
from training.corpus import is_held_out
from training.letter_alignment import align, letter_costs
from training.letters import LetterModel, train_letters
from training.loop import Budget

LEXICON = Lexicon.load()


def words(n: int) -> list[tuple[str, tuple[int, ...]]]:
    known = [w for w in LEXICON.words() if w.isalpha()]
    chosen = random.Random(3).sample(known, n)
    return [(word, LEXICON.phones(word) or ()) for word in chosen]


def test_silent_letters_and_double_sounds_find_their_phones() -> None:
    known = words(1_500)
    costs = letter_costs(known)
    for word, chunks in (("box", ("b", "aa1", "k s")), ("make", ("m", "ey1", "k", ""))):
        phones = LEXICON.phones(word) or ()
        found = align(word, phones, costs)
        assert [phone for chunk in found for phone in chunk] == list(phones)
        assert [len(chunk) for chunk in found] == [len(chunk.split()) for chunk in chunks]


def test_more_than_two_phones_a_letter_are_not_aligned() -> None:
    assert align("b", (5, 6, 7), {}) == []


def test_numpy_reads_as_torch_learned(tmp_path: Path) -> None:
    """The reader's scores, step by step, are the model's given the same past."""
    torch.manual_seed(0)
    model = LetterModel(9, width=16, n_blocks=2).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.3 * torch.randn_like(weight)
    arrays = {name: w.detach().numpy() for name, w in model.named_parameters()}
    table = np.stack([np.arange(2, 11), np.zeros(9)], 1).astype(np.int16)
    reader = LetterReader({**arrays, "chunks": table})
    letters = torch.tensor([[2, 0, 19, 4, 7]])
    said = torch.tensor([[phone - 2 for phone in reader.phones("cateh") or ()]])
    with torch.no_grad():
        chosen = model(letters, said).log_softmax(-1).gather(2, said[..., None]).sum()
        greedy: list[int] = []
        for i in range(5):
            past = torch.tensor([[*greedy, *[0] * (5 - i)]])
            greedy.append(int(model(letters, past)[0, i].argmax()))
        path = torch.tensor([greedy])
        alone = model(letters, path).log_softmax(-1).gather(2, path[..., None]).sum()
    assert chosen >= alone - 1e-4


def test_it_learns_the_words_it_is_shown(tmp_path: Path) -> None:
    every = 300
    reader = train_letters(LEXICON, tmp_path, Budget(steps=250), width=48, n_blocks=1, every=every)
    shown = [w for w in LEXICON.words() if not is_held_out(w) and len(w) <= 24][::every]
    right = [reader.phones(w) == LEXICON.phones(w) for w in shown]
    assert np.mean(right) > 0.35
