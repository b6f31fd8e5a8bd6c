"""The codec in training: an encoder, a residual quantiser, and the decoder that nano ships.

The encoder hears a mel spectrum and a pitch, so any audio can be encoded; the decoder learns the
bands of which the teacher's sound is made. Nothing is learned from waveforms.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bark.codecs.banded import (
    N_CORRECTIONS,
    BandCodec,
    BandCodecConfig,
    BandDecoder,
    ConvNeXtBlock,
    pitch_index,
)

from .analysis import N_MELS

N_FEATURES = N_MELS + 2
"""Mel bands, log pitch, and whether voiced."""

CHANGE_COST = 1.5
"""What a change of code 0 costs in encoding, in mean squared distances: a path with fewer changes
is easier to predict, and hardly less exact."""

_ENCODER_WIDTH, _ENCODER_BLOCKS = 160, 3
_NO_PITCH = 5.0  # log Hz, where unvoiced
_DECAY = 0.98
_STARVED, _REVIVED = 0.03, 0.2  # of a code's fair share


class Encoder(nn.Module):
    """Mel and pitch to the latent; three frames are stacked at the door."""

    def __init__(self, latent_width: int) -> None:
        super().__init__()
        width = _ENCODER_WIDTH
        self.enc_in = nn.Linear(3 * N_FEATURES, width)
        self.enc = nn.Sequential(*(ConvNeXtBlock(width, 2, 2, 2) for _ in range(_ENCODER_BLOCKS)))
        self.enc_out = nn.Linear(width, latent_width)
        self.register_buffer("mean", torch.zeros(N_FEATURES))
        self.register_buffer("deviation", torch.ones(N_FEATURES))

    def features(self, mel: Tensor, f0: Tensor) -> Tensor:
        """(B, T, 80) and (B, T) Hz -> (B, T, 82), not yet normalised."""
        voiced = f0 > 0
        log_f0 = torch.where(voiced, f0.clamp(min=1).log(), _NO_PITCH)
        return torch.cat([mel, log_f0[..., None], voiced[..., None].float()], dim=-1)

    def forward(self, mel: Tensor, f0: Tensor) -> Tensor:
        """(B, T, 80) and (B, T) Hz -> (B, T, latent_width)."""
        x = (self.features(mel, f0) - self.mean) / self.deviation
        before, behind = F.pad(x, (0, 0, 1, 0))[:, :-1], F.pad(x, (0, 0, 0, 1))[:, 1:]
        return self.enc_out(self.enc(self.enc_in(torch.cat([before, x, behind], dim=-1))))


class Quantiser:
    """Codebooks that are moved by running means of what falls to their codes.

    Args:
        books: (n, latent_width) each; changed in place.
    """

    def __init__(self, books: Sequence[Tensor]) -> None:
        self.books = list(books)
        self.totals = [torch.zeros_like(book) for book in books]
        self.counts = [torch.ones(len(book)) for book in books]

    @torch.no_grad()
    def start(self, latent: Tensor, rounds: int = 8) -> None:
        """k-means of latents (n, latent_width), one codebook after the other."""
        left = latent.clone()
        for i, book in enumerate(self.books):
            book.copy_(left[torch.randint(len(left), (len(book),))])
            for _ in range(rounds):
                chosen = nearest(left, book)
                count = torch.bincount(chosen, minlength=len(book)).float()
                total = torch.zeros_like(book).index_add_(0, chosen, left)
                drawn = left[torch.randint(len(left), (len(book),))]
                mean = total / count[:, None].clamp(min=1)
                book.copy_(torch.where(count[:, None] > 0, mean, drawn))
            self.counts[i].fill_(len(left) / len(book) / 10)
            self.totals[i] = book * self.counts[i][:, None]
            left = left - book[nearest(left, book)]

    @torch.no_grad()
    def quantise(self, latent: Tensor, *, learn: bool = False) -> Tensor:
        """Sums of the first 1, 2, ... 8 codes: (n, latent_width) -> (8, n, latent_width)."""
        left, sums = latent, []
        total = torch.zeros_like(latent)
        for i, book in enumerate(self.books):
            chosen = nearest(left, book)
            if learn:
                self._learn(i, left, chosen)
            total = total + book[chosen]
            left = left - book[chosen]
            sums.append(total)
        return torch.stack(sums)

    def silence(self, latents: Tensor) -> None:
        """Makes the least used code of each fine codebook zero: one that adds nothing."""
        left = latents
        for i, book in enumerate(self.books):
            chosen = nearest(left, book)
            left = left - book[chosen]
            if i >= 2:
                book[torch.bincount(chosen, minlength=len(book)).argmin()] = 0.0

    def _learn(self, i: int, left: Tensor, chosen: Tensor) -> None:
        book, count, total = self.books[i], self.counts[i], self.totals[i]
        share = len(left) / len(book)
        found = torch.bincount(chosen, minlength=len(book)).float()
        count.mul_(_DECAY).add_(found, alpha=1 - _DECAY)
        sums = torch.zeros_like(total).index_add_(0, chosen, left)
        total.mul_(_DECAY).add_(sums, alpha=1 - _DECAY)
        starved = (count < _STARVED * share).nonzero()[:, 0]
        if len(starved):
            count[starved] = _REVIVED * share
            drawn = left[torch.randint(len(left), (len(starved),))]
            total[starved] = drawn * count[starved, None]
        book.copy_(total / count[:, None])


class CodecTrainee(nn.Module):
    """Encoder and decoder, which holds the codebooks."""

    def __init__(self, config: BandCodecConfig | None = None) -> None:
        super().__init__()
        config = config or BandCodecConfig()
        self.encoder = Encoder(config.latent_width)
        self.decoder = BandDecoder(config)
        self.quantiser = Quantiser([book.data for book in self.decoder.books])

    @torch.inference_mode()
    def encode(
        self, mel: np.ndarray, f0: np.ndarray, change_cost: float = CHANGE_COST
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes of an utterance.

        Args:
            mel: (T, 80).
            f0: (T,) Hz, 0 where unvoiced.
            change_cost: see `CHANGE_COST`; 0 takes the nearest codes.

        Returns:
            codes (8, T) int64 and the latent (T, latent_width) float32.
        """
        pitch = torch.from_numpy(np.ascontiguousarray(f0, np.float32))
        latent = self.encoder(torch.from_numpy(mel)[None], pitch[None])[0]
        left, codes = latent, []
        for i, book in enumerate(self.decoder.books):
            if i == 0 and change_cost:
                distances = torch.cdist(left, book).square()
                cost = change_cost * float(distances.min(1).values.mean())
                chosen = torch.from_numpy(cheapest_path(distances.numpy(), cost))
            else:
                chosen = nearest(left, book)
            left = left - book[chosen]
            codes.append(chosen)
        codes[1] = codes[1] + N_CORRECTIONS * pitch_index(pitch)
        return torch.stack(codes).numpy(), latent.numpy()

    def save(self, folder: Path) -> None:
        """Writes `encoder.pt` and the shipped `codec.safetensors`."""
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(self.encoder.state_dict(), folder / "encoder.pt")
        BandCodec(self.decoder).save(folder / "codec.safetensors")

    @classmethod
    def load(cls, folder: Path) -> CodecTrainee:
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: there is nothing in `folder`.
        """
        path = folder / "encoder.pt"
        if not path.exists():
            raise FileNotFoundError(f"no codec in {folder}; run `python -m training codec` first")
        decoder = BandCodec.from_file(folder / "codec.safetensors").decoder
        trainee = cls(decoder.config)
        trainee.decoder.load_state_dict(decoder.state_dict())
        trainee.encoder.load_state_dict(torch.load(path, weights_only=True))
        return trainee.eval()


def nearest(points: Tensor, book: Tensor) -> Tensor:
    """(n,) int64 the row of `book` (k, d) nearest to each of `points` (n, d)."""
    half_squares = -0.5 * book.square().sum(1)
    return torch.addmm(half_squares, points, book.T).argmax(1)


def cheapest_path(distances: np.ndarray, cost: float) -> np.ndarray:
    """The path through (T, K) distances on which every change of code costs `cost`: (T,) int64."""
    length, n_codes = distances.shape
    best, came_from = distances[0].copy(), np.zeros((length, n_codes), np.int32)
    stay = np.arange(n_codes)
    for t in range(1, length):
        cheapest = int(best.argmin())
        moved = best[cheapest] + cost
        came_from[t] = np.where(best <= moved, stay, cheapest)
        best = np.minimum(best, moved) + distances[t]
    path = [int(best.argmin())]
    for t in range(length - 1, 0, -1):
        path.append(int(came_from[t, path[-1]]))
    return np.array(path[::-1], np.int64)
