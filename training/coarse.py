"""Trains the coarse model: semantic tokens to codebooks 0 and 1.

Decisive is that past tokens are corrupted: trained on clean ones the model leans on the previous
frame, hardly listens to the phones, and babbles as soon as it runs on its own tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bark.model_nano import COARSE_PER_SEMANTIC, ConditionedGPT, ConditionedGPTConfig
from bark.phones import N_SEMANTIC
from bark.spec import NANO
from bark.vocoder import Codebooks

from .codec import encode
from .features import SPEAKERS, load_features
from .loop import Budget, autocast, train

CROP_LEN = 384
"""Coarse tokens in a training crop, the model's whole window."""

SHARE_AT_START = 0.4
"""Crops that begin with an utterance, behind the start token, where a speaker is drawn."""

MAX_CORRUPTION = 0.8
SHARE_OF_BLIND_ENDS = 0.3
"""Crops whose encoder sees nothing beyond them, as at the end of an utterance."""

_VALIDATION_SHARE = 0.03
_INIT_STD = 0.02
_POSITION_SCALE = 0.05


@dataclass(frozen=True, eq=False)
class Stream:
    """All utterances of one speaker as tokens.

    Attributes:
        semantic: (n,) int64.
        codes: (2 to 8, 2 n) int64.
        starts: (n_utterances,) int64, where each begins in `semantic`.
    """

    semantic: np.ndarray
    codes: np.ndarray
    starts: np.ndarray

    @property
    def flat(self) -> np.ndarray:
        """(4 n,) int64 coarse tokens, codebook 0 in [0, 1024) and 1 in [1024, 2048) in turn."""
        offsets = NANO.codebook_size * np.arange(2)[:, None]
        return (self.codes[:2] + offsets).T.reshape(-1)


def load_streams(features: Path, books: Codebooks, n_codebooks: int = 2) -> list[Stream]:
    """Encodes the features of all speakers in `n_codebooks` codebooks."""
    streams = []
    for speaker in SPEAKERS:
        found = load_features(features, speaker.name)
        codes = encode(found, books, n_codebooks)
        streams.append(Stream(found.semantic, codes, found.starts[:-1]))
    return streams


@dataclass(frozen=True)
class Batch:
    """Tensors of one training step; all (B, CROP_LEN) int64 but `semantic`.

    Attributes:
        inputs: coarse tokens or the start token, some of them corrupted.
        phases: index modulo 4 of the token that each position predicts.
        targets: that token.
        semantic: (B, T) int64 with the encoder's context each way.
        begins: (B,) how far into the encoder's output each crop begins: 0 or 1.
    """

    inputs: Tensor
    phases: Tensor
    targets: Tensor
    semantic: Tensor
    begins: Tensor


class Crops:
    """Draws batches of crops from the speakers' streams.

    Args:
        streams: one a speaker; the last part of each is kept for validation.
        reach: semantic tokens that the encoder sees each way.
        seed: of the draws.
        length: coarse tokens in a crop.
    """

    def __init__(
        self, streams: Sequence[Stream], reach: int, seed: int, *, length: int = CROP_LEN
    ) -> None:
        self._streams = streams
        self._flat = [stream.flat for stream in streams]
        self._reach = reach
        self._length = length
        self._rng = np.random.default_rng(seed)

    def draw(
        self, n: int, *, validation: bool = False, corruption: float = MAX_CORRUPTION
    ) -> Batch:
        """A batch of `n` crops."""
        rows = [self._crop(validation, corruption) for _ in range(n)]
        inputs, targets, semantic, begins = (np.stack(column) for column in zip(*rows, strict=True))
        phases = (np.arange(self._length) + begins[:, None]) % COARSE_PER_SEMANTIC
        arrays = (inputs, phases, targets, semantic, begins)
        return Batch(*(torch.from_numpy(array.astype(np.int64)) for array in arrays))

    def _crop(
        self, validation: bool, corruption: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        rng, length = self._rng, self._length
        which = int(rng.integers(len(self._streams)))
        stream, flat = self._streams[which], self._flat[which]
        n_semantic = length // COARSE_PER_SEMANTIC + 1
        total = len(stream.semantic)
        border = int(total * (1 - _VALIDATION_SHARE))
        low, high = (border, total) if validation else (0, border)
        high -= n_semantic
        at_start = rng.random() < SHARE_AT_START
        first = int(rng.choice(stream.starts)) if at_start else 0
        if not at_start or not low <= first < high:
            at_start, first = False, int(rng.integers(low, high))
        begin = first * COARSE_PER_SEMANTIC
        if at_start:
            targets = flat[begin : begin + length]
            past = np.concatenate([[NANO.coarse_infer_token], targets[:-1]])
        else:
            targets = flat[begin + 1 : begin + 1 + length]
            past = flat[begin : begin + length]
        inputs = self._corrupted(past, corruption)
        return (
            inputs,
            targets,
            self._context(stream, first, n_semantic, at_start),
            int(not at_start),
        )

    def _corrupted(self, past: np.ndarray, corruption: float) -> np.ndarray:
        rng, size = self._rng, NANO.codebook_size
        wrong = rng.random(len(past)) < rng.random() * corruption
        wrong &= past != NANO.coarse_infer_token
        drawn = rng.integers(0, size, len(past)) + past // size * size
        return np.where(wrong, drawn, past)

    def _context(self, stream: Stream, first: int, n: int, at_start: bool) -> np.ndarray:
        """(n + 2 reach,) semantic tokens; nothing is heard before an utterance."""
        reach = self._reach
        padded = np.full(n + 2 * reach, N_SEMANTIC, np.int64)
        left = 0 if at_start else min(reach, first)
        blind = self._rng.random() < SHARE_OF_BLIND_ENDS
        right = 0 if blind else min(reach, len(stream.semantic) - first - n)
        padded[reach - left : reach + n + right] = stream.semantic[first - left : first + n + right]
        return padded


def initialise(model: ConditionedGPT) -> None:
    """Small normal weights, smaller ones into the residual stream, sinusoids for positions."""
    depth = 2 * model.config.n_layer
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            std = _INIT_STD / depth**0.5 if name.endswith("c_proj.weight") else _INIT_STD
            torch.nn.init.normal_(weight, 0, std)
    table = model.transformer["wpes"][0].weight
    with torch.no_grad():
        table.copy_(sinusoids(*table.shape) * _POSITION_SCALE)


def sinusoids(n: int, width: int) -> Tensor:
    """(n, width) sines and cosines of falling frequency."""
    angle = torch.arange(n)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def coarse_losses(model: ConditionedGPT, batch: Batch) -> tuple[Tensor, Tensor]:
    """Cross entropy in nats of codebook 0 and of codebook 1."""
    length = batch.inputs.shape[1]
    index = torch.arange(length, device=batch.inputs.device)
    positions = torch.stack([index.expand_as(batch.phases), batch.phases], dim=-1)
    condition = model.conditioner(batch.semantic)  # (B, 4 T, C)
    moments = (index + batch.begins[:, None])[..., None].expand(-1, -1, condition.shape[2])
    x = model.embed(batch.inputs, positions) + condition.gather(1, moments)
    hidden = model.trunk(x)
    size = NANO.codebook_size
    second = batch.phases % 2 == 1
    losses = []
    for codebook, mask in enumerate((~second, second)):
        logits = model.head(hidden[mask], slice(codebook * size, (codebook + 1) * size))
        losses.append(F.cross_entropy(logits.float(), batch.targets[mask] - codebook * size))
    return losses[0], losses[1]


def train_coarse(
    streams: Sequence[Stream],
    out: Path,
    budget: Budget,
    *,
    config: ConditionedGPTConfig | None = None,
    batch_size: int = 16,
    seed: int = 0,
    device: str = "cpu",
) -> list[dict[str, float]]:
    """Trains the coarse model; checkpoints and a log go to `out`."""
    torch.manual_seed(seed)
    config = config or ConditionedGPTConfig()
    model = ConditionedGPT(config)
    initialise(model)
    model.to(device)
    length = min(CROP_LEN, config.block_size)
    crops = Crops(streams, config.condition_reach, seed, length=length)
    unseen = Crops(streams, config.condition_reach, seed + 1, length=length)
    kept = [unseen.draw(batch_size, validation=True) for _ in range(4)]
    losses = _losses_on(torch.device(device))

    def step_loss(_: int) -> Tensor:
        first, second = losses(model, crops.draw(batch_size))
        return (first + second) / 2

    def validate() -> dict[str, float]:
        pairs = [losses(model, batch) for batch in kept]
        means = [
            sum(float(value) for value in column) / len(kept) for column in zip(*pairs, strict=True)
        ]
        return {"codebook 0": means[0], "codebook 1": means[1]}

    return train(model, step_loss, validate, out=out, budget=budget)


def _losses_on(
    device: torch.device,
) -> Callable[[ConditionedGPT, Batch], tuple[Tensor, Tensor]]:
    def losses(model: ConditionedGPT, batch: Batch) -> tuple[Tensor, Tensor]:
        moved = Batch(*(tensor.to(device) for tensor in vars(batch).values()))
        with autocast(device):
            return coarse_losses(model, moved)

    return losses
