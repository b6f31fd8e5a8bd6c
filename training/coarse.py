"""Trains the coarse model: semantic tokens to codebooks 0 and 1.

First without its blocks: the encoder of the semantic tokens learns, many times faster than a GPT
would, what the teacher's voice is like at every moment, by regression on the codec's latent and
by the codes themselves. Then with them: the blocks learn what that leaves open, whose voice it is
above all. Past tokens are corrupted there, because a model trained on clean ones leans on the
previous frame and babbles as soon as it runs on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bark.codecs.banded import N_CORRECTIONS, BandDecoder
from bark.models.conditioned import COARSE_PER_SEMANTIC, ConditionedGPT, ConditionedGPTConfig
from bark.spec import NANO
from bark.text.english.phones import N_SEMANTIC

from .loop import AVERAGING, Budget, autocast, load_weights, train
from .streams import Stream

CONFIG = ConditionedGPTConfig(
    n_layer=3, condition_width=192, condition_dilations=(1, 2, 4, 8, 4, 1)
)

ENCODER_CROP_LEN = 1_200
"""Coarse tokens in a crop of the first part."""

MAX_CORRUPTION = 0.8
SHARE_AT_START = 0.4
"""Crops that begin with an utterance, behind the start token, where a speaker is drawn."""

SHARE_OF_ENDS = 0.6
"""Crops whose encoder sees nothing beyond the utterance that they end in, as when it is spoken."""

_SHARE_OF_BLIND_ENDS = 0.1
_SHARE_OF_HEADS = 0.3  # positions whose codes count in the first part
_SPEAKER_WEIGHT = 0.2
_REGRESSION_WEIGHT = 0.3  # in the second part
_PITCH_WEIGHT, _VOICING_WEIGHT = 8.0, 4.0  # beside one number of the latent
_PITCH_CENTRE, _PITCH_SPREAD = 15.0, 5.0
_VALIDATION_SHARE = 0.03
_INIT_STD = 0.02
_POSITION_SCALE, _TOKEN_SCALE, _HEAD_SCALE = 0.05, 0.3, 0.05
_SOFTER_TOKENS = 0.6  # so that the blocks begin with what the encoder says


@dataclass(frozen=True)
class Batch:
    """Tensors of one training step.

    Attributes:
        inputs: (B, L) int64 coarse tokens or the start token, some of them corrupted.
        targets: (B, L) int64 the token that each position predicts.
        semantic: (B, L / 4 + 1 + 2 R) int64 with the encoder's context each way.
        begins: (B,) int64 how far into the encoder's output each crop begins: 0 or 1.
        speakers: (B,) int64 which stream each crop is from.
        latent: (B, L / 2 + 2, d) float32 of the crop's frames.
        pitch: (B, L / 2 + 2) float32 their pitches, 0 to 31.
    """

    inputs: Tensor
    targets: Tensor
    semantic: Tensor
    begins: Tensor
    speakers: Tensor
    latent: Tensor
    pitch: Tensor

    def to(self, device: torch.device) -> Batch:
        """Moves all to a device."""
        return Batch(*(tensor.to(device) for tensor in vars(self).values()))


class Crops:
    """Draws batches of crops from the speakers' streams.

    Args:
        streams: one a speaker; the last part of each is kept for validation.
        reach: semantic tokens that the encoder sees each way.
        seed: of the draws.
        length: coarse tokens in a crop.
    """

    def __init__(self, streams: Sequence[Stream], reach: int, seed: int, *, length: int) -> None:
        self._streams = streams
        self._flat = [stream.flat for stream in streams]
        self._reach = reach
        self._length = length
        self._rng = np.random.default_rng(seed)

    def draw(
        self,
        n: int,
        *,
        validation: bool = False,
        corruption: float = MAX_CORRUPTION,
        speaker: int | None = None,
    ) -> Batch:
        """A batch of `n` crops, of one speaker or of all."""
        rows = [self._crop(validation, corruption, speaker) for _ in range(n)]
        columns = (np.stack(column) for column in zip(*rows, strict=True))
        return Batch(*(torch.from_numpy(column) for column in columns))

    def _crop(
        self, validation: bool, corruption: float, speaker: int | None
    ) -> tuple[np.ndarray, ...]:
        rng, length = self._rng, self._length
        which = int(rng.integers(len(self._streams))) if speaker is None else speaker
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
        frames = slice(2 * first, 2 * (first + n_semantic))
        pitch = (stream.codes[1, frames] // N_CORRECTIONS).astype(np.float32)
        places = np.int64(not at_start), np.int64(which)
        return inputs, targets, semantic, *places, stream.latent[frames], pitch

    def _corrupted(self, past: np.ndarray, corruption: float) -> np.ndarray:
        rng, size = self._rng, NANO.codebook_size
        wrong = rng.random(len(past)) < rng.random() * corruption
        wrong &= past != NANO.coarse_infer_token
        drawn = rng.integers(0, size, len(past)) + past // size * size
        return np.where(wrong, drawn, past)

    def _context(self, stream: Stream, first: int, n: int, at_start: bool) -> np.ndarray:
        """(n + 2 reach,) semantic tokens; nothing is heard before an utterance."""
        reach, total = self._reach, len(stream.semantic)
        padded = np.full(n + 2 * reach, N_SEMANTIC, np.int64)
        left = 0 if at_start else min(reach, first)
        right = min(reach, total - first - n)
        if self._rng.random() < SHARE_OF_ENDS:
            following = np.searchsorted(stream.starts, first + n)
            end = stream.starts[following] if following < len(stream.starts) else total
            right = min(right, int(end) - first - n)
        if self._rng.random() < _SHARE_OF_BLIND_ENDS:
            right = 0
        padded[reach - left : reach + n + right] = stream.semantic[first - left : first + n + right]
        return padded


class CoarseTrainee(nn.Module):
    """The coarse model, and what is only there to train it.

    `speakers` is added to what the encoder of the semantic tokens says while there are no blocks:
    so it need not say whose voice it is. The auxiliary head makes the lower blocks collect the
    speaker from the past tokens. The regression's head reads the codec's latent off the encoder.
    """

    def __init__(
        self, config: ConditionedGPTConfig, n_speakers: int, latent: tuple[np.ndarray, np.ndarray]
    ) -> None:
        super().__init__()
        self.gpt = ConditionedGPT(config)
        self.speakers = nn.Embedding(n_speakers, config.n_embd)
        self.speaker_lm_head = nn.Linear(config.n_embd, n_speakers)
        mean, deviation = (torch.from_numpy(values) for values in latent)
        self.register_buffer("latent_mean", mean)
        self.register_buffer("latent_deviation", deviation)
        self.latent_lm_head = nn.Linear(config.n_embd, len(mean) + 2)

    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states (B, T, C), and logits (B, T, n_speakers) from the layers' middle."""
        blocks = self.gpt.transformer["h"]
        for layer, block in enumerate(blocks):
            x = block(x)
            if layer == (len(blocks) - 1) // 2:
                speakers = self.speaker_lm_head(x)
        return self.gpt.transformer["ln_f"](x), speakers

    @torch.no_grad()
    def begin_blocks(self) -> None:
        """Goes over to the second part: silent blocks, soft tokens, the first speaker's voice."""
        for block in self.gpt.transformer["h"]:
            for layer in (block.attn.c_proj, block.mlp.c_proj):
                nn.init.normal_(layer.weight, 0, _INIT_STD / 10)
        self.gpt.transformer["wpes"][1].weight += self.speakers.weight[0]
        self.gpt.transformer["wte"].weight *= _SOFTER_TOKENS


def initialise(trainee: CoarseTrainee, decoder: BandDecoder) -> None:
    """Small normal weights, sinusoids for positions, tokens that sound alike begin alike."""
    model = trainee.gpt
    depth = 2 * model.config.n_layer
    for name, weight in trainee.named_parameters():
        if weight.dim() > 1:
            std = _INIT_STD / depth**0.5 if name.endswith("c_proj.weight") else _INIT_STD
            nn.init.normal_(weight, 0, std)
    nn.init.constant_(model.conditioner.ln_out.weight, _TOKEN_SCALE)
    positions, tokens = model.transformer["wpes"][0].weight, model.transformer["wte"].weight
    with torch.no_grad():
        positions.copy_(sinusoids(*positions.shape) * _POSITION_SCALE)
        features = token_features(decoder, tokens.shape[1])
        tokens[: NANO.coarse_infer_token] = _TOKEN_SCALE * features
        model.lm_head.weight.copy_(_HEAD_SCALE * features)


def token_features(decoder: BandDecoder, width: int) -> Tensor:
    """(2048, width) random projections of what the codes of codebooks 0 and 1 mean."""
    index = np.arange(NANO.codebook_size)
    pitch, correction = index // N_CORRECTIONS, index % N_CORRECTIONS
    first, second = (book.detach().numpy() for book in (decoder.books[0], decoder.books[1]))
    level = _standard(np.where(pitch > 0, pitch, 12.0)[:, None])
    # The pitch counts for as much as the whole correction.
    meaning = np.concatenate(
        [0.5 * _standard(second)[correction], 3 * level, 3.0 * (pitch == 0)[:, None]], 1
    )
    return torch.cat([_projected(_standard(first), width), _projected(meaning, width)])


def _projected(meaning: np.ndarray, width: int) -> Tensor:
    """(n, width) random projection of (n, d) numbers, with noise that tells equal rows apart."""
    features = torch.from_numpy(meaning).float()
    projection = torch.randn(features.shape[1], width) / features.shape[1] ** 0.5
    return features @ projection + 0.3 * torch.randn(len(features), width)


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(0)) / (values.std(0) + 1e-6)


def sinusoids(n: int, width: int) -> Tensor:
    """(n, width) sines and cosines of falling frequency."""
    angle = torch.arange(n)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


@dataclass(frozen=True)
class CoarseLosses:
    """Cross entropies in nats of codebooks 0 and 1 and of the speaker, and the regression's error.

    The last is a mean square over that of standardised numbers: 1 is nothing learned.
    """

    first: Tensor
    second: Tensor
    speaker: Tensor
    regression: Tensor


def coarse_losses(trainee: CoarseTrainee, batch: Batch, *, with_blocks: bool) -> CoarseLosses:
    """Computes the losses of a batch, without the blocks or with them."""
    model = trainee.gpt
    length = batch.inputs.shape[1]
    index = torch.arange(length, device=batch.inputs.device)
    phases = (index + batch.begins[:, None]) % COARSE_PER_SEMANTIC
    condition = model.conditioner(batch.semantic)  # (B, L + 4, C)
    voices = trainee.speakers(batch.speakers)[:, None]
    regression = _regression(trainee, condition + voices, batch)
    moments = (index + batch.begins[:, None])[..., None].expand(-1, -1, condition.shape[2])
    added = condition.gather(1, moments)
    if with_blocks:
        positions = torch.stack([index.expand_as(phases), phases], dim=-1)
        hidden, speakers = trainee.trunk(model.embed(batch.inputs, positions) + added)
        who = batch.speakers[:, None].expand(-1, length).flatten()
        speaker = F.cross_entropy(speakers.float().flatten(0, 1), who)
        kept = torch.ones_like(phases, dtype=torch.bool)
    else:
        hidden, speaker = model.transformer["ln_f"](added + voices), torch.zeros(())
        kept = torch.rand(phases.shape, device=phases.device) < _SHARE_OF_HEADS
    size = NANO.codebook_size
    losses = []
    for codebook in range(2):
        mask = kept & (phases % 2 == codebook)
        logits = model.head(hidden[mask], slice(codebook * size, (codebook + 1) * size))
        losses.append(F.cross_entropy(logits.float(), batch.targets[mask] - codebook * size))
    return CoarseLosses(losses[0], losses[1], speaker, regression)


def _regression(trainee: CoarseTrainee, condition: Tensor, batch: Batch) -> Tensor:
    voiced = (batch.pitch > 0).float()
    latent = (batch.latent - trainee.latent_mean) / trainee.latent_deviation
    level = (batch.pitch - _PITCH_CENTRE) / _PITCH_SPREAD * voiced
    wanted = torch.cat([latent, level[..., None], voiced[..., None]], dim=-1)
    weight = torch.ones_like(wanted)
    weight[..., -2], weight[..., -1] = _PITCH_WEIGHT * voiced, _VOICING_WEIGHT
    found = trainee.latent_lm_head(condition).float().unflatten(1, (-1, 2))  # a frame, two tokens
    return ((found - wanted[:, :, None]) ** 2 * weight[:, :, None]).mean()


def train_coarse(
    streams: Sequence[Stream],
    decoder: BandDecoder,
    out: Path,
    encoder_budget: Budget,
    budget: Budget,
    *,
    config: ConditionedGPTConfig = CONFIG,
    batch_sizes: tuple[int, int] = (5, 8),
    seed: int = 0,
    device: str = "cpu",
) -> list[dict[str, float]]:
    """Trains the coarse model in its two parts; checkpoints and logs go to folders in `out`.

    Args:
        streams: one a speaker, the teacher's own first.
        decoder: of the codec, for what its codes mean.
        out: `encoder` and `blocks` in it are the two parts' folders.
        encoder_budget, budget: of the parts.
        config: sizes of the model.
        batch_sizes: crops to a step.
        seed: of weights and draws.
        device: where to train.
    """
    torch.manual_seed(seed)
    latent = streams[0].latent
    trainee = CoarseTrainee(config, len(streams), (latent.mean(0), latent.std(0) + 1e-3))
    initialise(trainee, decoder)
    trainee.to(device)
    length = min(ENCODER_CROP_LEN, *(len(s.semantic) // 50 * 4 for s in streams))
    _train_part(trainee, streams, out / "encoder", encoder_budget, batch_sizes[0], length, seed)
    trainee.load_state_dict(load_weights(out / "encoder" / "checkpoint.pt"))
    trainee.begin_blocks()
    window = config.block_size
    return _train_part(trainee, streams, out / "blocks", budget, batch_sizes[1], window, seed)


def _train_part(
    trainee: CoarseTrainee,
    streams: Sequence[Stream],
    out: Path,
    budget: Budget,
    batch_size: int,
    length: int,
    seed: int,
) -> list[dict[str, float]]:
    with_blocks = out.name == "blocks"
    device = trainee.latent_mean.device
    reach = trainee.gpt.config.condition_reach
    crops = Crops(streams, reach, seed, length=length)
    unseen = Crops(streams, reach, seed + 1, length=length)
    speaker = None if with_blocks else 0
    kept = [unseen.draw(batch_size, validation=True, speaker=speaker) for _ in range(4)]
    weight = _REGRESSION_WEIGHT if with_blocks else 1.0

    def losses(batch: Batch) -> CoarseLosses:
        with autocast(device):
            return coarse_losses(trainee, batch.to(device), with_blocks=with_blocks)

    def step_loss(_: int) -> Tensor:
        found = losses(crops.draw(batch_size, speaker=speaker))
        codes = (found.first + found.second) / 2
        return codes + _SPEAKER_WEIGHT * found.speaker + weight * found.regression

    def validate() -> dict[str, float]:
        found = [vars(losses(batch)) for batch in kept]
        named = {"first": "codebook 0", "second": "codebook 1", "regression": "regression"}
        if with_blocks:
            named["speaker"] = "speaker"
        return {b: sum(float(f[a]) for f in found) / len(found) for a, b in named.items()}

    averaging = AVERAGING if with_blocks else 0.0
    return train(trainee, step_loss, validate, out=out, budget=budget, averaging=averaging)
