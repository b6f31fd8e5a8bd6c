"""Trains the model that reads words outside the lexicon, on the words inside it."""

from __future__ import annotations

import logging
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from bark.text.english.letters import MAX_LETTERS, N_BEFORE, N_HEADS, NO_PHONE, LetterReader
from bark.text.english.lexicon import Lexicon
from bark.text.english.phones import LETTERS

from .corpus import held_out_part, training_part
from .letter_alignment import Chunk, align, letter_costs
from .loop import Budget, autocast, load_weights, train

_MIN_COUNT = 12
_BATCH_LETTERS = 2_048
_N_VALIDATED = 400

log = logging.getLogger(__name__)


class Norm(nn.Module):
    """Root mean square 1 along the last axis, times a weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> the same shape."""
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.weight


class Block(nn.Module):
    """Attention without a mask, then an MLP with squared rectifiers."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = Norm(width), Norm(width)
        self.c_attn = nn.Linear(width, 3 * width, bias=False)
        self.c_out = nn.Linear(width, width, bias=False)
        self.c_fc = nn.Linear(width, 3 * width, bias=False)
        self.c_proj = nn.Linear(3 * width, width, bias=False)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) -> the same shape."""
        batch, n, width = x.shape
        heads = self.c_attn(self.ln_1(x)).view(batch, n, 3, N_HEADS, -1)
        mixed = F.scaled_dot_product_attention(*heads.permute(2, 0, 3, 1, 4))
        x = x + self._drop(self.c_out(mixed.transpose(1, 2).reshape(batch, n, width)))
        return x + self._drop(self.c_proj(F.relu(self.c_fc(self.ln_2(x))).square()))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


class LetterModel(nn.Module):
    """What `bark.text.english.letters.LetterReader` runs in numpy.

    Args:
        n_chunks: things a letter may be said as.
        width, n_blocks: of the network.
        dropout: while training.
    """

    def __init__(
        self, n_chunks: int, width: int = 128, n_blocks: int = 4, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.letter = nn.Embedding(len(LETTERS), width)
        self.first, self.last = nn.Embedding(MAX_LETTERS, width), nn.Embedding(MAX_LETTERS, width)
        self.blocks = nn.ModuleList(Block(width, dropout) for _ in range(n_blocks))
        self.before = nn.ModuleList(nn.Embedding(n_chunks + 1, width) for _ in range(N_BEFORE))
        self.ln_f = Norm(width)
        self.mix = nn.Linear(width, 2 * width, bias=False)
        self.head = nn.Linear(2 * width, n_chunks, bias=False)
        self.dropout = dropout
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                small = name.endswith(("c_proj.weight", "c_out.weight", "head.weight"))
                nn.init.normal_(weight, 0, 0.01 if small else 0.08)

    def forward(self, letters: Tensor, chunks: Tensor) -> Tensor:
        """Scores of every letter's chunk, given the true chunks before it.

        Args:
            letters: (B, n) int64.
            chunks: (B, n) int64.

        Returns:
            (B, n, n_chunks)
        """
        n = letters.shape[1]
        place = torch.arange(n)
        x = self.letter(letters) + self.first(place) + self.last(n - 1 - place)
        x = F.dropout(x, self.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        past = F.pad(chunks, (N_BEFORE, 0), value=self.head.out_features).unfold(1, N_BEFORE, 1)
        before = torch.stack([table(past[:, :n, i]) for i, table in enumerate(self.before)])
        x = x + F.dropout(before.sum(0), self.dropout, self.training)
        scores: Tensor = self.head(F.relu(self.mix(self.ln_f(x))).square())
        return scores


class LetterWords:
    """Aligned words as tensors, by length.

    Args:
        aligned: words and the chunk of each letter; those with none or a rare one are left out.
        seed: of the draw.
        chunks: what letters may be said as; by default those that are not rare in `aligned`.
    """

    def __init__(
        self,
        aligned: Sequence[tuple[str, list[Chunk]]],
        seed: int,
        chunks: Sequence[Chunk] | None = None,
    ) -> None:
        counts = Counter(chunk for _, chosen in aligned for chunk in chosen)
        self.chunks = chunks or sorted(c for c, n in counts.items() if n >= _MIN_COUNT)
        index = {chunk: i for i, chunk in enumerate(self.chunks)}
        rows: defaultdict[int, list[tuple[list[int], list[int]]]] = defaultdict(list)
        for letters, chosen in aligned:
            if chosen and all(chunk in index for chunk in chosen):
                numbers = [LETTERS.index(letter) for letter in letters]
                rows[len(letters)].append((numbers, [index[chunk] for chunk in chosen]))
        self._tables = [torch.tensor(rows[n]) for n in sorted(rows)]  # each (words, 2, n)
        sizes = np.array([table.numel() for table in self._tables], float)
        self._shares, self._rng = sizes / sizes.sum(), np.random.default_rng(seed)

    def draw(self) -> tuple[Tensor, Tensor]:
        """Letters and chunks, each (B, n) int64, of some words of one length."""
        table = self._tables[self._rng.choice(len(self._tables), p=self._shares)]
        size = max(1, _BATCH_LETTERS // table.shape[2])
        rows = table[torch.from_numpy(self._rng.integers(0, len(table), size))]
        return rows[:, 0], rows[:, 1]

    def all(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every word once, length by length."""
        for table in self._tables:
            yield table[:, 0], table[:, 1]


def train_letters(
    lexicon: Lexicon,
    out: Path,
    budget: Budget,
    *,
    width: int = 128,
    n_blocks: int = 4,
    every: int = 1,
    seed: int = 0,
) -> LetterReader:
    """Trains on all words of the lexicon but the held-out ones.

    Args:
        lexicon: whose words are learned.
        out: folder of the checkpoint, the log and `letters.safetensors`.
        budget: of the training.
        width, n_blocks: of the network.
        every: learns each so-manieth word only, for a quick trial.
        seed: of the weights and the draw.

    Returns:
        The reader of `letters.safetensors`.
    """
    torch.manual_seed(seed)
    words = [w for w in lexicon.words() if len(w) <= MAX_LETTERS and set(w) <= set(LETTERS)]
    known = [(word, lexicon.phones(word) or ()) for word in training_part(words)[::every]]
    costs = letter_costs(known)
    batches = LetterWords([(word, align(word, phones, costs)) for word, phones in known], seed)
    model = LetterModel(len(batches.chunks), width, n_blocks)
    held_out = random.Random(seed).sample(held_out_part(words), _N_VALIDATED)
    unseen = LetterWords(
        [(word, align(word, lexicon.phones(word) or (), costs)) for word in held_out],
        seed,
        batches.chunks,
    )

    def loss(step: int) -> Tensor:
        return _loss(model, *batches.draw())

    def validate() -> dict[str, float]:
        reader = LetterReader(_arrays(model, batches.chunks))
        right = [reader.phones(word) == lexicon.phones(word) for word in held_out]
        losses = [float(_loss(model, *rows)) for rows in unseen.all()]
        return {"loss": float(np.mean(losses)), "word_accuracy": float(np.mean(right))}

    train(model, loss, validate, out=out, budget=budget, lr=2e-3, matrix_lr=0.01)
    model.load_state_dict(load_weights(out / "checkpoint.pt"))
    save_file(_arrays(model, batches.chunks, np.float16), out / "letters.safetensors")
    return LetterReader.from_file(out / "letters.safetensors")


def _loss(model: LetterModel, letters: Tensor, chunks: Tensor) -> Tensor:
    with autocast(torch.device("cpu")):
        scores = model(letters, chunks)
    return F.cross_entropy(scores.float().flatten(0, 1), chunks.flatten())


def words_read_right(reader: LetterReader, lexicon: Lexicon) -> float:
    """Share of the lexicon's held-out words whose phones, stress included, are the lexicon's."""
    words = held_out_part(lexicon.words())
    return float(np.mean([reader.phones(word) == lexicon.phones(word) for word in words]))


def _arrays(
    model: LetterModel, chunks: Sequence[Chunk], dtype: type[np.floating] = np.float32
) -> dict[str, np.ndarray]:
    arrays = {name: w.detach().numpy().astype(dtype) for name, w in model.named_parameters()}
    table = [(*chunk, NO_PHONE, NO_PHONE)[:2] for chunk in chunks]
    return {**arrays, "chunks": np.array(table, np.int16)}
