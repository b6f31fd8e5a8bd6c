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
from torch import Tensor, nn
from torch.nn import functional as F

from bark.codecs.vocoder import N_CORRECTIONS, Codebooks
from bark.models.conditioned import COARSE_PER_SEMANTIC, ConditionedGPT, ConditionedGPTConfig
from bark.spec import NANO
from bark.text.english.phones import N_SEMANTIC

from .codec import encode
from .features import SPEAKERS, load_features
from .loop import Budget, autocast, train

CROP_LEN = 384
"""Coarse tokens in a training crop, the model's whole window."""

SHARE_AT_START = 0.4
"""Crops that begin with an utterance, behind the start token, where a speaker is drawn."""

MAX_CORRUPTION = 0.8
SPEAKER_WEIGHT = 0.2
"""Of the auxiliary loss."""

SHARE_OF_BLIND_ENDS = 0.3
"""Crops whose encoder sees nothing beyond them, as at the end of an utterance."""

_VALIDATION_SHARE = 0.03
_INIT_STD = 0.02
_POSITION_SCALE = 0.05
_TOKEN_SCALE = 0.3


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
        speakers: (B,) which stream each crop is from.
    """

    inputs: Tensor
    phases: Tensor
    targets: Tensor
    semantic: Tensor
    begins: Tensor
    speakers: Tensor


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
        columns = (np.stack(column) for column in zip(*rows, strict=True))
        inputs, targets, semantic, begins, speakers = columns
        phases = (np.arange(self._length) + begins[:, None]) % COARSE_PER_SEMANTIC
        arrays = (inputs, phases, targets, semantic, begins, speakers)
        return Batch(*(torch.from_numpy(array.astype(np.int64)) for array in arrays))

    def _crop(
        self, validation: bool, corruption: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int]:
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
        semantic = self._context(stream, first, n_semantic, at_start)
        return inputs, targets, semantic, int(not at_start), which

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


def initialise(model: ConditionedGPT, books: Codebooks) -> None:
    """Small normal weights, sinusoids for positions, tokens that sound alike begin alike.

    Tokens, phones and positions must enter at like sizes: when what the encoder adds was left to
    grow fifty times larger than the tokens, the model never found out whom it continued.
    """
    depth = 2 * model.config.n_layer
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            std = _INIT_STD / depth**0.5 if name.endswith("c_proj.weight") else _INIT_STD
            torch.nn.init.normal_(weight, 0, std)
    torch.nn.init.constant_(model.conditioner.ln_out.weight, _TOKEN_SCALE)
    positions, tokens = model.transformer["wpes"][0].weight, model.transformer["wte"].weight
    with torch.no_grad():
        positions.copy_(sinusoids(*positions.shape) * _POSITION_SCALE)
        tokens[: NANO.coarse_infer_token] = token_features(books, tokens.shape[1])


def token_features(books: Codebooks, width: int) -> Tensor:
    """(2048, width) random projections of what the codes of codebooks 0 and 1 mean."""
    index = np.arange(NANO.codebook_size)
    pitch = np.log(np.maximum(books.pitches, books.pitches[1]))[index // N_CORRECTIONS]
    correction = books.corrections[index % N_CORRECTIONS]
    unvoiced = index < N_CORRECTIONS
    # The pitch counts for as much as the whole correction.
    second = np.concatenate([correction, 3 * _standard(pitch[:, None]), unvoiced[:, None]], 1)
    meanings = (books.envelopes, second)
    return torch.cat([_TOKEN_SCALE * projected(meaning, width) for meaning in meanings])


def projected(meaning: np.ndarray, width: int) -> Tensor:
    """(n, width) random projection of (n, d) numbers, with noise that tells equal rows apart."""
    features = torch.from_numpy(_standard(meaning)).float()
    projection = torch.randn(features.shape[1], width) / features.shape[1] ** 0.5
    return features @ projection + 0.5 * torch.randn(len(features), width)


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(0)) / (values.std(0) + 1e-6)


def sinusoids(n: int, width: int) -> Tensor:
    """(n, width) sines and cosines of falling frequency."""
    angle = torch.arange(n)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class CoarseTrainee(nn.Module):
    """The coarse model and an auxiliary head that says, half-way up, who is speaking.

    The head makes the lower half collect the speaker from the past tokens, so that the upper half
    can go on in that voice. Without it the model took long to care whom it continues.
    """

    def __init__(self, config: ConditionedGPTConfig, n_speakers: int) -> None:
        super().__init__()
        self.gpt = ConditionedGPT(config)
        self.speaker_lm_head = nn.Linear(config.n_embd, n_speakers)

    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states (B, T, C), and logits (B, T, n_speakers) from the layers' middle."""
        blocks = self.gpt.transformer["h"]
        for layer, block in enumerate(blocks):
            x = block(x)
            if layer == (len(blocks) - 1) // 2:
                speakers = self.speaker_lm_head(x)
        return self.gpt.transformer["ln_f"](x), speakers


def coarse_losses(trainee: CoarseTrainee, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Cross entropy in nats of codebook 0, of codebook 1 and of the speaker."""
    model = trainee.gpt
    length = batch.inputs.shape[1]
    index = torch.arange(length, device=batch.inputs.device)
    positions = torch.stack([index.expand_as(batch.phases), batch.phases], dim=-1)
    condition = model.conditioner(batch.semantic)  # (B, 4 T, C)
    moments = (index + batch.begins[:, None])[..., None].expand(-1, -1, condition.shape[2])
    x = model.embed(batch.inputs, positions) + condition.gather(1, moments)
    hidden, speakers = trainee.trunk(x)
    size = NANO.codebook_size
    second = batch.phases % 2 == 1
    losses = []
    for codebook, mask in enumerate((~second, second)):
        logits = model.head(hidden[mask], slice(codebook * size, (codebook + 1) * size))
        losses.append(F.cross_entropy(logits.float(), batch.targets[mask] - codebook * size))
    who = batch.speakers[:, None].expand(-1, length)
    speaker = F.cross_entropy(speakers.float().flatten(0, 1), who.flatten())
    return losses[0], losses[1], speaker


def train_coarse(
    streams: Sequence[Stream],
    books: Codebooks,
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
    model = CoarseTrainee(config, len(streams))
    initialise(model.gpt, books)
    model.to(device)
    length = min(CROP_LEN, config.block_size)
    crops = Crops(streams, config.condition_reach, seed, length=length)
    unseen = Crops(streams, config.condition_reach, seed + 1, length=length)
    kept = [unseen.draw(batch_size, validation=True) for _ in range(4)]
    losses = _losses_on(torch.device(device))

    def step_loss(_: int) -> Tensor:
        first, second, speaker = losses(model, crops.draw(batch_size))
        return (first + second) / 2 + SPEAKER_WEIGHT * speaker

    def validate() -> dict[str, float]:
        found = [losses(model, batch) for batch in kept]
        means = [sum(map(float, column)) / len(kept) for column in zip(*found, strict=True)]
        return dict(zip(("codebook 0", "codebook 1", "speaker"), means, strict=True))

    return train(model, step_loss, validate, out=out, budget=budget)


def _losses_on(
    device: torch.device,
) -> Callable[[CoarseTrainee, Batch], tuple[Tensor, Tensor, Tensor]]:
    def losses(model: CoarseTrainee, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        moved = Batch(*(tensor.to(device) for tensor in vars(batch).values()))
        with autocast(device):
            return coarse_losses(model, moved)

    return losses
