"""Trains the fine model: codebooks 2 to 7 from those below them, whole windows at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bark.model_fine import FineGPT, FineGPTConfig
from bark.spec import NANO
from bark.vocoder import Codebooks

from .coarse import Stream, projected, sinusoids, token_features
from .loop import Budget, autocast, train

FINE_CONFIG = FineGPTConfig(
    block_size=NANO.fine_window_len,
    input_vocab_size=NANO.codebook_size + 1,
    output_vocab_size=NANO.codebook_size + 1,
    n_layer=4,
    n_head=4,
    n_embd=224,
    n_codes_total=NANO.n_codebooks,
    n_codes_given=NANO.n_coarse_codebooks,
)
MAX_CORRUPTION = 0.3
"""Largest share of wrong codes below the predicted codebook, drawn per crop."""

SHARE_WITH_HISTORY = 0.5
"""Crops whose first part is known in all codebooks, as behind a voice."""

_IGNORED = -100
_VALIDATION_SHARE = 0.03
_INIT_STD = 0.02
_POSITION_SCALE = 0.05
_TIED_SCALE = 0.1


class Windows:
    """Draws windows of codes from the speakers' streams.

    Args:
        streams: one a speaker, with all codebooks; the last part of each is for validation.
        seed: of the draws.
        length: frames in a window.
    """

    def __init__(self, streams: Sequence[Stream], seed: int, length: int) -> None:
        self._codes = [stream.codes for stream in streams]
        self._length = length
        self._rng = np.random.default_rng(seed)

    def draw(
        self, n: int, codebook: int, *, validation: bool = False, corruption: float = MAX_CORRUPTION
    ) -> tuple[Tensor, Tensor]:
        """Inputs (n, T, 8) and targets (n, T), int64, for one codebook."""
        rows = [self._window(codebook, validation, corruption) for _ in range(n)]
        inputs, targets = (np.stack(column) for column in zip(*rows, strict=True))
        return torch.from_numpy(inputs), torch.from_numpy(targets)

    def _window(
        self, codebook: int, validation: bool, corruption: float
    ) -> tuple[np.ndarray, np.ndarray]:
        rng, length = self._rng, self._length
        codes = self._codes[int(rng.integers(len(self._codes)))]
        border = int(codes.shape[1] * (1 - _VALIDATION_SHARE))
        low, high = (border, codes.shape[1]) if validation else (0, border)
        begin = int(rng.integers(low, high - length))
        window = codes[:, begin : begin + length].T.astype(np.int64)  # (T, 8)
        target = window[:, codebook].copy()
        with_history = rng.random() < SHARE_WITH_HISTORY
        known = int(rng.integers(length // 2)) if with_history else 0
        window[known:, codebook:] = NANO.fine_pad_token
        target[:known] = _IGNORED
        below = window[:, :codebook]
        wrong = rng.random(below.shape) < rng.random() * corruption
        below[wrong] = rng.integers(0, NANO.codebook_size, int(wrong.sum()))
        return window, target


def initialise_fine(model: FineGPT, books: Codebooks) -> None:
    """Small normal weights, sinusoids for positions, codes that sound alike begin alike."""
    depth = 2 * model.config.n_layer
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            std = _INIT_STD / depth**0.5 if name.endswith("c_proj.weight") else _INIT_STD
            torch.nn.init.normal_(weight, 0, std)
    positions, tables = model.transformer["wpe"].weight, model.transformer["wtes"]
    size, width = NANO.codebook_size, model.config.n_embd
    with torch.no_grad():
        positions.copy_(sinusoids(*positions.shape) * _POSITION_SCALE)
        given = token_features(books, width).split(size)
        for table, rows in zip(tables[: len(given)], given, strict=True):
            table.weight[:size] = rows
        for table, book in zip(tables[len(given) :], books.fine, strict=True):
            # Output layers as well, so a code's neighbours are probable with it.
            table.weight[:size] = _TIED_SCALE * projected(book, width)


def train_fine(
    streams: Sequence[Stream],
    books: Codebooks,
    out: Path,
    budget: Budget,
    *,
    config: FineGPTConfig = FINE_CONFIG,
    batch_size: int = 16,
    seed: int = 0,
    device: str = "cpu",
) -> list[dict[str, float]]:
    """Trains the fine model; checkpoints and a log go to `out`."""
    torch.manual_seed(seed)
    model = FineGPT(config)
    initialise_fine(model, books)
    model.to(device)
    codebooks = range(config.n_codes_given, config.n_codes_total)
    length = min(NANO.fine_window_len, config.block_size)
    windows = Windows(streams, seed, length)
    unseen = Windows(streams, seed + 1, length)
    kept = {k: unseen.draw(batch_size, k, validation=True) for k in codebooks}

    def loss(codebook: int, inputs: Tensor, targets: Tensor) -> Tensor:
        with autocast(torch.device(device)):
            logits = model(codebook, inputs.to(device))
        flat = logits.float().flatten(0, 1)
        return F.cross_entropy(flat, targets.to(device).flatten(), ignore_index=_IGNORED)

    def step_loss(step: int) -> Tensor:
        codebook = codebooks[step % len(codebooks)]
        return loss(codebook, *windows.draw(batch_size, codebook))

    def validate() -> dict[str, float]:
        return {f"codebook {k}": float(loss(k, *kept[k])) for k in codebooks}

    return train(model, step_loss, validate, out=out, budget=budget)
