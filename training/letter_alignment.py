"""Which letter of a word is said as which of its phones.

Found by hard expectation maximisation: align all words as best the counts of the last round say,
count again.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

Chunk = tuple[int, ...]
"""The phones of one letter: none, one or two."""

Word = tuple[str, Sequence[int]]
"""Letters and phones."""

_N_COUNTED = 20_000
_COST_OF_UNSEEN = 12.0
_COST_OF_SILENCE = 3.0


def align(
    letters: str, phones: Sequence[int], costs: dict[tuple[str, Chunk], float]
) -> list[Chunk]:
    """The cheapest way to say every letter as no, one or two of the phones, in order.

    Args:
        letters: n of them.
        phones: m, at most 2 n.
        costs: of a letter said as a chunk; what is not in it costs 12.

    Returns:
        n chunks that make up the phones; none where there are too many phones.
    """
    m = len(phones)
    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for i, letter in enumerate(letters):
        left = len(letters) - i - 1
        reached: dict[int, tuple[float, int]] = {}
        for done, (cost, _) in best[-1].items():
            for end in range(max(done, m - 2 * left), min(done + 2, m) + 1):
                total = cost + costs.get((letter, tuple(phones[done:end])), _COST_OF_UNSEEN)
                if end not in reached or total < reached[end][0]:
                    reached[end] = (total, done)
        best.append(reached)
    if m not in best[-1]:
        return []
    chunks, end = [], m
    for reached in reversed(best[1:]):
        begin = reached[end][1]
        chunks.append(tuple(phones[begin:end]))
        end = begin
    return chunks[::-1]


def letter_costs(words: Sequence[Word], *, rounds: int = 6) -> dict[tuple[str, Chunk], float]:
    """What it costs to say a letter as a chunk, in nats, as `words` say them."""
    costs = _first_costs(words)
    sample = random.Random(0).sample(list(words), min(_N_COUNTED, len(words)))
    for _ in range(rounds):
        costs = _costs(zip(sample, (align(*word, costs) for word in sample), strict=True))
    return costs


def _first_costs(words: Sequence[Word]) -> dict[tuple[str, Chunk], float]:
    """From how often a letter and a phone stand at the same place of a word."""
    together: defaultdict[tuple[str, Chunk], float] = defaultdict(float)
    for letters, phones in words:
        for i, letter in enumerate(letters):
            at = i * len(phones) / len(letters)
            for j, phone in enumerate(phones):
                together[letter, (phone,)] += math.exp(-((at - j) ** 2))
    phone_total: defaultdict[Chunk, float] = defaultdict(float)
    letter_total: defaultdict[str, float] = defaultdict(float)
    for (letter, chunk), n in together.items():
        phone_total[chunk] += n
        letter_total[letter] += n
    everything = sum(letter_total.values())
    costs = {
        (letter, chunk): _COST_OF_SILENCE
        - math.log(n * everything / letter_total[letter] / phone_total[chunk])
        for (letter, chunk), n in together.items()
    }
    return {**costs, **{(letter, ()): _COST_OF_SILENCE for letter in letter_total}}


def _costs(aligned: Iterable[tuple[Word, list[Chunk]]]) -> dict[tuple[str, Chunk], float]:
    counts: Counter[tuple[str, Chunk]] = Counter()
    totals: Counter[str] = Counter()
    for (letters, _), chunks in aligned:
        for letter, chunk in zip(letters, chunks, strict=False):
            counts[letter, chunk] += 1
            totals[letter] += 1
    return {pair: -math.log(n / totals[pair[0]]) for pair, n in counts.items()}
