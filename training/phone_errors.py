"""How well the text model speaks: its phones and lengths against the teacher's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bark.decoding.sampling import SamplingOptions
from bark.models.gpt import GPT
from bark.spec import NANO
from bark.stages.semantic import SemanticLimits, generate_semantic
from bark.text.english import phones
from bark.text.english.normalize import Word
from bark.text.nano import NanoTokenizer

from .text_data import TextItem

_LENGTH_TOLERANCE = 1 / 3


@dataclass(frozen=True)
class PhoneScores:
    """Averages over a set of sentences.

    Attributes:
        n: sentences.
        phone_error_rate: edits between the phones (without stress and pauses) per phone of the
            teacher's.
        exact: share of the sentences without any such edit.
        length_ratio: total length over the teacher's.
        lost_or_cut: share of the sentences whose length differs by more than a third.
        pause_error: mean difference in the number of pauses per sentence.
    """

    n: int
    phone_error_rate: float
    exact: float
    length_ratio: float
    lost_or_cut: float
    pause_error: float


def spoken_phones(semantic: np.ndarray) -> list[str]:
    """Name the phones in semantic tokens, without stress and pauses."""
    said = [p.index for p in phones.semantic_to_phones(semantic) if p.index >= phones.N_PAUSES]
    return [phones.PHONES[index].rstrip("01") for index in said]


def edit_distance(said: Sequence[str], wanted: Sequence[str]) -> int:
    """Count the fewest insertions, deletions and substitutions (Levenshtein)."""
    row = list(range(len(wanted) + 1))
    for i, a in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(wanted, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


def score(said: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> PhoneScores:
    """Compare semantic tokens, sentence by sentence, with the teacher's."""
    pairs = [(spoken_phones(a), spoken_phones(b)) for a, b in zip(said, wanted, strict=True)]
    errors = [edit_distance(a, b) for a, b in pairs]
    ratios = np.array([len(a) / len(b) for a, b in zip(said, wanted, strict=True)])
    pauses = [abs(_n_pauses(a) - _n_pauses(b)) for a, b in zip(said, wanted, strict=True)]
    return PhoneScores(
        n=len(pairs),
        phone_error_rate=sum(errors) / sum(len(b) for _, b in pairs),
        exact=float(np.mean([error == 0 for error in errors])),
        length_ratio=sum(map(len, said)) / sum(map(len, wanted)),
        lost_or_cut=float(np.mean(np.abs(ratios - 1) > _LENGTH_TOLERANCE)),
        pause_error=float(np.mean(pauses)),
    )


def speak(
    model: GPT, texts: Sequence[np.ndarray], *, temperature: float, seed: int = 0
) -> list[np.ndarray]:
    """Let the text model speak, with Bark's defaults but for the temperature.

    Args:
        model: the text model.
        texts: text ids without offset, (n,) int64 each.
        temperature: of the samples.
        seed: of the first text; each has a generator of its own.
    """
    spoken = []
    for i, ids in enumerate(texts):
        steps = generate_semantic(
            model,
            NANO,
            [ids],
            histories=[None],
            sampling=SamplingOptions(temperature=temperature),
            limits=SemanticLimits(),
            generators=[torch.Generator().manual_seed(seed + i)],
        )
        while True:
            try:
                next(steps)
            except StopIteration as done:
                spoken.append(done.value[0].tokens)
                break
    return spoken


@torch.inference_mode()
def measure_text(
    model: GPT,
    items: Sequence[TextItem],
    tokenizer: NanoTokenizer,
    *,
    temperature: float,
    spelled: Callable[[Word], bool] = lambda word: False,
) -> PhoneScores:
    """Let the model say sentences and score it against the teacher.

    Args:
        model: the text model.
        items: held-out sentences as the teacher says them.
        tokenizer: nano's.
        temperature: of the samples.
        spelled: which words are given in letters, as if the lexicon did not know them.
    """
    texts = [
        tokenizer.encode_words(item.words, [spelled(word) for word in item.words]) for item in items
    ]
    said = speak(model.eval(), texts, temperature=temperature)
    return score(said, [item.semantic for item in items])


def _n_pauses(semantic: np.ndarray) -> int:
    return sum(p.index < phones.N_PAUSES for p in phones.semantic_to_phones(semantic))
