"""Trains the fine model: codebooks 2 to 7 from the coarse ones, whole windows at once.

What is left after codebooks 0 and 1 is a few numbers a codebook, of which only a part can be
predicted. The most probable of 1,024 codes is then a poor guess (it made the envelope worse), the
code nearest to the expected numbers a good one. So the model learns the expected numbers r, and
its output layers are written such that the code c nearest to r has the largest logit,
2 c r - c c. Each of these codebooks has a silent code, the nearest where nothing is expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bark.codecs.banded import BandDecoder
from bark.models.fine import FineGPT, FineGPTConfig
from bark.spec import NANO

from .coarse import sinusoids, token_features
from .loop import Budget, autocast, train
from .streams import Stream

FINE_CONFIG = FineGPTConfig(
    block_size=NANO.fine_window_len,
    input_vocab_size=NANO.codebook_size + 1,
    output_vocab_size=NANO.codebook_size + 1,
    n_layer=3,
    n_head=4,
    n_embd=192,
    n_codes_total=NANO.n_codebooks,
    n_codes_given=NANO.n_coarse_codebooks,
)
MAX_CORRUPTION = 0.15
"""Largest share of wrong coarse codes, drawn per crop."""

_VALIDATION_SHARE = 0.03
_INIT_STD = 0.02
_POSITION_SCALE, _TOKEN_SCALE = 0.05, 0.3
_HEAD_SCALE = 0.05


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
        self, n: int, *, validation: bool = False, corruption: float = MAX_CORRUPTION
    ) -> tuple[Tensor, Tensor]:
        """Coarse codes (n, T, 2), some of them wrong, and fine codes (n, T, 6), int64."""
        rows = [self._window(validation, corruption) for _ in range(n)]
        inputs, targets = (np.stack(column) for column in zip(*rows, strict=True))
        return torch.from_numpy(inputs), torch.from_numpy(targets)

    def _window(self, validation: bool, corruption: float) -> tuple[np.ndarray, np.ndarray]:
        rng, length = self._rng, self._length
        codes = self._codes[int(rng.integers(len(self._codes)))]
        border = _border(codes)
        low, high = (border, codes.shape[1]) if validation else (0, border)
        begin = int(rng.integers(low, high - length + 1))
        window = codes[:, begin : begin + length].T.astype(np.int64)  # (T, 8)
        given, wanted = window[:, : NANO.n_coarse_codebooks], window[:, NANO.n_coarse_codebooks :]
        wrong = rng.random(given.shape) < rng.random() * corruption
        drawn = rng.integers(0, NANO.codebook_size, given.shape)
        return np.where(wrong, drawn, given), wanted


def _border(codes: np.ndarray) -> int:
    """Where the validation part of a stream's codes (8, n) begins."""
    return int(codes.shape[1] * (1 - _VALIDATION_SHARE))


class FineTrainee(nn.Module):
    """The trunk of a fine model that reads the coarse codebooks, and a head for the numbers.

    The hidden state's first entry is always 1, so that output layers can hold a constant.
    """

    def __init__(self, config: FineGPTConfig, decoder: BandDecoder) -> None:
        super().__init__()
        self.gpt = FineGPT(config)
        books = fine_books(decoder)
        n_books, _, self.n_numbers = books.shape
        self.numbers_lm_head = nn.Linear(config.n_embd, n_books * self.n_numbers, bias=False)
        self._initialise(decoder)

    def forward(self, coarse: Tensor) -> Tensor:
        """Expected numbers of each fine codebook: (B, T, 2) int64 -> (B, T, 6, d)."""
        parts = self.gpt.transformer
        positions = torch.arange(coarse.shape[1], device=coarse.device)
        x = parts["wtes"][0](coarse[..., 0]) + parts["wtes"][1](coarse[..., 1])
        x = x + parts["wpe"](positions)  # (B, T, C)
        for block in parts["h"]:
            x = block(x)
        hidden = parts["ln_f"](x)
        hidden = torch.cat([torch.ones_like(hidden[..., :1]), hidden[..., 1:]], dim=-1)
        return self.numbers_lm_head(hidden).unflatten(-1, (-1, self.n_numbers))

    @torch.no_grad()
    def fine_model(self, decoder: BandDecoder) -> FineGPT:
        """The trained trunk with output layers that choose the code nearest to the numbers.

        A fine model's output layers are also the embeddings of its codes. Scaling them changes no
        choice, so they are made small beside those of the coarse codes, which alone were read in
        training.
        """
        model, width = self.gpt, self.gpt.config.n_embd
        norm = model.transformer["ln_f"]
        norm.weight[0], norm.bias[0] = 0.0, 1.0
        maps = self.numbers_lm_head.weight.unflatten(0, (-1, self.n_numbers))  # (6, d, C)
        for head, book, to_numbers in zip(model.lm_heads, fine_books(decoder), maps, strict=True):
            code = book.to(to_numbers.device)  # (1024, d)
            rows = 2 * code @ to_numbers
            rows[:, 0] -= (code * code).sum(1)
            rows *= _HEAD_SCALE
            # The last row stands for "no code here": never chosen, and as an embedding silent.
            head.weight.copy_(torch.cat([rows, torch.zeros(1, width)]))
        return model

    def _initialise(self, decoder: BandDecoder) -> None:
        """Small normal weights, sinusoids for positions, codes that sound alike begin alike."""
        depth = 2 * self.gpt.config.n_layer
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                std = _INIT_STD / depth**0.5 if name.endswith("c_proj.weight") else _INIT_STD
                torch.nn.init.normal_(weight, 0, std)
        parts, width = self.gpt.transformer, self.gpt.config.n_embd
        with torch.no_grad():
            positions = parts["wpe"].weight
            positions.copy_(sinusoids(*positions.shape) * _POSITION_SCALE)
            features = _TOKEN_SCALE * token_features(decoder, width)
            given = features.split(NANO.codebook_size)
            for table, rows in zip(parts["wtes"], given, strict=False):
                table.weight[: NANO.codebook_size] = rows
            self.numbers_lm_head.weight.zero_()


def fine_books(decoder: BandDecoder) -> Tensor:
    """Codebooks 2 to 7: (6, 1024, d)."""
    return torch.stack([book.detach() for book in list(decoder.books)[2:]])


def train_fine(
    streams: Sequence[Stream],
    decoder: BandDecoder,
    out: Path,
    budget: Budget,
    *,
    config: FineGPTConfig = FINE_CONFIG,
    batch_size: int = 16,
    seed: int = 0,
    device: str = "cpu",
) -> list[dict[str, float]]:
    """Trains the fine model; checkpoints and a log go to `out`.

    The log's values are squared errors over the numbers' own squares: 1 is nothing learned.
    """
    torch.manual_seed(seed)
    trainee = FineTrainee(config, decoder).to(device)
    place = torch.device(device)
    kept_lens = (stream.codes.shape[1] - _border(stream.codes) for stream in streams)
    length = min(NANO.fine_window_len, config.block_size, *kept_lens)
    windows = Windows(streams, seed, length)
    kept = Windows(streams, seed + 1, length).draw(batch_size, validation=True)
    fine = fine_books(decoder).to(place)

    def numbers_of(codes: Tensor) -> Tensor:
        moved = codes.to(place)
        return torch.stack([book[moved[..., i]] for i, book in enumerate(fine)], dim=2)

    power = (numbers_of(kept[1]) ** 2).sum(-1).mean((0, 1))  # (6,)

    def errors(coarse: Tensor, codes: Tensor) -> Tensor:
        with autocast(place):
            numbers = trainee(coarse.to(place))
        squares = ((numbers.float() - numbers_of(codes)) ** 2).sum(-1)  # (B, T, 6)
        return squares.mean((0, 1)) / power

    def step_loss(_: int) -> Tensor:
        return errors(*windows.draw(batch_size)).mean()

    def validate() -> dict[str, float]:
        found = errors(*kept).tolist()
        return {f"codebook {i + config.n_codes_given}": e for i, e in enumerate(found)}

    return train(trainee, step_loss, validate, out=out, budget=budget)
