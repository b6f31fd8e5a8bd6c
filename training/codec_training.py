"""Trains the codec by regression on the teacher's bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bark.codecs.banded import PITCH_STEP, BandCodecConfig, BandDecoder, pitch_index
from bark.codecs.harmonics import N_BANDS, N_NOISE_BANDS

from .codec import CodecTrainee
from .corpus import is_held_out
from .features import Utterance, feature_files, load_utterances
from .loop import Budget, autocast, train
from .speakers import SPEAKERS, in_voice, speakers_of

CROP_LEN = 80
"""Frames in a training crop."""

N_UTTERANCES = 6_000
"""Of all voices that the codec learns from: some six hours, three gigabytes."""

_STRIDE = 17  # files from one that is read to the next
_UNQUANTISED_STEPS = 300  # before the codebooks are made
_N_BOOKS_SHARES = (0, 0.4, 0.06, 0.1, 0.04, 0.03, 0.02, 0.35)  # of crops that use 1 to 8
_LOUDEST_RANGE = 5.8  # log size, 50 dB
_QUIETEST_NOISE = -18.0  # log power
_STEEP = 1.5  # beyond this error the noise's likelihood goes on straight
_SLOWNESS, _COMMITMENT, _COARSE_COMMITMENT = 0.3, 0.25, 0.1
_N_START_CROPS = 400


@dataclass(frozen=True, eq=False)
class CodecBatch:
    """Crops: mel (B, T, 80), f0 (B, T), size and turn (B, T, 160), noise (B, T, 128)."""

    mel: Tensor
    f0: Tensor
    size: Tensor
    turn: Tensor
    noise: Tensor


class CodecCrops:
    """Draws crops from utterances, longer ones more often.

    Args:
        utterances: those shorter than a crop are left out.
        seed: of the draws.

    Attributes:
        utterances: those that crops are cut from.
    """

    def __init__(self, utterances: Sequence[Utterance], seed: int) -> None:
        self.utterances = [u for u in utterances if len(u.mel) > CROP_LEN]
        if not self.utterances:
            raise ValueError(f"no utterance is longer than {CROP_LEN} frames; make more data")
        lengths = np.array([len(u.mel) for u in self.utterances], np.float64)
        self._shares = lengths / lengths.sum()
        self._rng = np.random.default_rng(seed)

    def draw(self, n: int) -> CodecBatch:
        """A batch of `n` crops."""
        return self.cut(self.places(n))

    def places(self, n: int) -> list[tuple[int, slice]]:
        """Which of `utterances`, and which of its frames, `n` crops are."""
        found = []
        for i in self._rng.choice(len(self.utterances), n, p=self._shares):
            first = int(self._rng.integers(len(self.utterances[i].mel) - CROP_LEN))
            found.append((int(i), slice(first, first + CROP_LEN)))
        return found

    def cut(self, places: Sequence[tuple[int, slice]]) -> CodecBatch:
        """The crops at these places."""
        rows = []
        for i, part in places:
            item = self.utterances[i]
            bands = item.bands
            noise = bands.noise[part].flatten(1)
            rows.append((torch.from_numpy(item.mel[part]), bands.f0[part], bands.size[part],
                         bands.turn[part], noise))  # fmt: skip
        return CodecBatch(*(torch.stack(column) for column in zip(*rows, strict=True)))


def codec_losses(decoder: BandDecoder, batch: CodecBatch, latent: Tensor) -> dict[str, Tensor]:
    """How far the decoded bands are from the teacher's: size, turn, noise and pitch."""
    decoded = decoder(latent, pitch_index(batch.f0))
    size, cosine, sine, noise, log_f0 = decoded
    voiced = (batch.f0 > 0).float()[..., None]
    weight = voiced * _audible(batch)
    total = weight.sum() + 1e-6
    length = torch.hypot(cosine, sine) + 1e-4
    agreement = (cosine * batch.turn.cos() + sine * batch.turn.sin()) / length
    error = batch.noise.clamp(min=_QUIETEST_NOISE) - noise
    straight = np.exp(_STEEP) * (error - _STEEP + 1)
    likelihood = torch.where(error > _STEEP, straight, error.clamp(max=_STEEP).exp()) - error - 1
    levels = (log_f0 - batch.f0.clamp(min=1).log()).abs() / PITCH_STEP
    return {
        "size": (weight * (size - batch.size).abs()).sum() / total,
        "turn": (weight * (1 - agreement)).sum() / total + 0.01 * (length.log() ** 2).mean(),
        "noise": (likelihood * (0.2 + 0.8 * _loud(batch.noise))).mean(),
        "pitch": (voiced[..., 0] * levels).sum() / (voiced.sum() + 1e-6),
    }


def weighed(parts: dict[str, Tensor]) -> Tensor:
    """One loss of `codec_losses`' four."""
    return 2 * parts["size"] + parts["turn"] + parts["noise"] + 0.3 * parts["pitch"]


def training_loss(decoder: BandDecoder, batch: CodecBatch, latent: Tensor) -> Tensor:
    """The weighed losses, their matrix products in bfloat16: with AVX-512 2.5 times as fast."""
    with autocast(latent.device):
        return weighed(codec_losses(decoder, batch, latent))


def _audible(batch: CodecBatch) -> Tensor:
    """What is louder than the noise and near the frame's loudest band counts most."""
    noise = batch.noise.unflatten(-1, (2, N_NOISE_BANDS)).mean(-2)
    noise = F.interpolate(noise, N_BANDS, mode="linear", align_corners=True)
    over_noise = torch.sigmoid(batch.size - 0.5 * noise)
    near_top = torch.sigmoid(batch.size - batch.size.amax(-1, keepdim=True) + _LOUDEST_RANGE)
    return 0.15 + 0.85 * over_noise * near_top


def _loud(noise: Tensor) -> Tensor:
    top = noise.amax(-1, keepdim=True).clamp(min=-12)
    return torch.sigmoid(0.3 * (noise + 18 - top))


def train_codec(
    utterances: Sequence[Utterance],
    out: Path,
    budget: Budget,
    *,
    config: BandCodecConfig | None = None,
    batch_size: int = 20,
    seed: int = 0,
) -> list[dict[str, float]]:
    """Trains the codec; checkpoints, a log and at the end the codec's files go to `out`."""
    torch.manual_seed(seed)
    trainee = CodecTrainee(config)
    seen = [u for u in utterances if not is_held_out(u.sentence)]
    crops, unseen = CodecCrops(seen, seed), CodecCrops(utterances[: len(SPEAKERS)], seed + 1)
    rng = np.random.default_rng(seed)
    _set_scales(trainee, crops.draw(_N_START_CROPS))
    kept = unseen.draw(2 * batch_size)

    def loss(step: int) -> Tensor:
        batch = crops.draw(batch_size)
        latent = trainee.encoder(batch.mel, batch.f0)
        if step < _UNQUANTISED_STEPS:
            used = latent + 0.1 * torch.randn_like(latent)
            extra = 0.02 * latent.square().mean()
        else:
            if step == _UNQUANTISED_STEPS:
                start = crops.draw(_N_START_CROPS)
                trainee.quantiser.start(trainee.encoder(start.mel, start.f0).detach().flatten(0, 1))
            used, extra = quantised(trainee, latent, rng)
        return training_loss(trainee.decoder, batch, used) + extra

    def validate() -> dict[str, float]:
        latent = trainee.encoder(kept.mel, kept.f0)
        sums = trainee.quantiser.quantise(latent.flatten(0, 1))[1].view_as(latent)
        return {k: float(v) for k, v in codec_losses(trainee.decoder, kept, sums).items()}

    log = train(trainee, loss, validate, out=out, budget=budget, matrix_lr=0.01)
    with torch.no_grad():
        final = crops.draw(_N_START_CROPS)
        trainee.quantiser.silence(trainee.encoder(final.mel, final.f0).flatten(0, 1))
    trainee.save(out)
    return log


def quantised(
    trainee: CodecTrainee,
    latent: Tensor,
    rng: np.random.Generator,
    *,
    shares: Sequence[float] = _N_BOOKS_SHARES,
    learn: bool = True,
) -> tuple[Tensor, Tensor]:
    """Latents (B, T, latent_width) through a drawn number of codebooks, straight through.

    Args:
        trainee: whose codebooks.
        latent: of the encoder.
        rng: draws how many codebooks each crop uses.
        shares: of crops that use 1 to 8.
        learn: whether the codebooks move.

    Returns:
        The latents that are decoded, and what the way there costs.
    """
    batch, length, width = latent.shape
    sums = trainee.quantiser.quantise(latent.detach().flatten(0, 1), learn=learn)
    sums = sums.view(-1, batch, length, width)
    n_books = torch.from_numpy(rng.choice(8, batch, p=shares))
    chosen = sums[n_books, torch.arange(batch)]
    committed = (latent - chosen).square().sum(-1).mean() / 8
    coarsely = (latent - sums[0]).square().sum(-1).mean() / 8
    power = (latent - latent.mean((0, 1))).square().mean()
    movement = (latent[:, 1:] - latent[:, :-1]).square().mean() / power
    cost = _COMMITMENT * committed + _COARSE_COMMITMENT * coarsely + _SLOWNESS * movement
    return latent + (chosen - latent).detach(), cost


@torch.no_grad()
def _set_scales(trainee: CodecTrainee, batch: CodecBatch) -> None:
    """Means and deviations of what goes in and comes out."""
    encoder, decoder = trainee.encoder, trainee.decoder
    features = encoder.features(batch.mel, batch.f0).flatten(0, 1)
    encoder.mean.copy_(features.mean(0))
    encoder.deviation.copy_(features.std(0) + 1e-3)
    voiced = batch.size[batch.f0 > 0]
    decoder.size_mean.copy_(voiced.mean(0))
    decoder.size_deviation.copy_(voiced.std(0) + 1e-3)
    noise = batch.noise.clamp(min=_QUIETEST_NOISE).flatten(0, 1)
    decoder.noise_mean.copy_(noise.mean(0))
    decoder.noise_deviation.copy_(noise.std(0) + 0.1)


def utterances_of_all_voices(folder: Path, at_most: int = N_UTTERANCES) -> list[Utterance]:
    """Utterances of the features in the teacher's voice, and each in bent ones.

    Args:
        folder: of the features; files far apart are read, because a few hours teach a codec all,
            and more would not fit into the memory.
        at_most: utterances, but for what is over in the last file.
    """
    found: list[Utterance] = []
    number = 0
    for path in spread(feature_files(folder)):
        for utterance in load_utterances(path):
            found += [in_voice(utterance, speaker) for speaker in speakers_of(number)]
            number += 1
        if len(found) >= at_most:
            break
    return found


def spread(paths: Sequence[Path]) -> list[Path]:
    """All paths, in an order in which any beginning is from everywhere."""
    return [path for first in range(_STRIDE) for path in paths[first::_STRIDE]]
