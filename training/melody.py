"""Gives the pitch that the coarse model draws a temperature of its own.

A code of codebook 1 is a pitch and a correction of the sound. The corrections must be drawn at a
low temperature to be clear. Drawn at the same one, the pitch stays near what is most probable, and
a speaker sounds less lively than the teacher. So the output layer of that codebook is fitted anew
to the distribution in which each part has its own temperature, and the rest of the model stays.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bark.codecs.banded import N_CORRECTIONS
from bark.models.conditioned import COARSE_PER_SEMANTIC, ConditionedGPTConfig
from bark.spec import NANO

from .coarse import Batch, CoarseTrainee, Crops
from .loop import load_weights
from .streams import Stream

FILE_NAME = "melody.safetensors"
CORRUPTION = 0.4
"""Of the past tokens, at most: a model that runs on its own sees some that are off."""

_LR = 3e-3
_BATCH_SIZE, _CROPS = 1_024, 8
_MEASURED_SHARE = 0.1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Temperatures:
    """Of the parts of a code of codebook 1; 1 is the distribution that was trained.

    Attributes:
        pitch: which pitch, where there is a voice.
        rest: whether there is a voice, and the correction.
    """

    pitch: float
    rest: float


def tempered(logits: Tensor, temperatures: Temperatures) -> Tensor:
    """Log probabilities of codebook 1's codes when each part has its own temperature.

    Args:
        logits: (N, 1024), code = 32 pitch + correction, pitch 0 for none.

    Returns:
        (N, 1024), each row a distribution.
    """
    joint = logits.float().log_softmax(-1).unflatten(-1, (-1, N_CORRECTIONS))  # (N, pitches, 32)
    pitches = joint.logsumexp(-1)
    corrections = (joint / temperatures.rest).log_softmax(-1)
    voice = torch.stack([pitches[:, 0], pitches[:, 1:].logsumexp(-1)], dim=-1)
    voice = (voice / temperatures.rest).log_softmax(-1)
    levels = (pitches[:, 1:] / temperatures.pitch).log_softmax(-1) + voice[:, 1:]
    levels = torch.cat([voice[:, :1], levels], dim=-1)
    return (levels[..., None] + corrections).flatten(1)


def fit_melody(
    streams: Sequence[Stream],
    training: Path,
    temperatures: Temperatures,
    config: ConditionedGPTConfig,
    *,
    n_states: int = 40_000,
    steps: int = 600,
    seed: int = 0,
) -> tuple[float, float]:
    """Fits the rows of codebook 1 of the output layer and writes them for `read_melody`.

    Args:
        streams: one a speaker, those that it was trained on.
        training: folder of `train_coarse`; what was trained there stays as it is.
        temperatures: that the drawn codes are to have when they are drawn at 1.
        config: sizes of the model.
        n_states: hidden states that it is fitted to, and a tenth more to measure it.
        steps: of Adam.
        seed: of the draws.

    Returns:
        the mean Kullback-Leibler divergence in nats from what is wanted, before and after.
    """
    torch.manual_seed(seed)
    latent = streams[0].latent
    trainee = CoarseTrainee(config, len(streams), (latent.mean(0), latent.std(0)))
    trainee.load_state_dict(load_weights(training / "blocks" / "checkpoint.pt"))
    crops = Crops(streams, config.condition_reach, seed, length=config.block_size)
    states = _collect(trainee, crops, round(n_states * (1 + _MEASURED_SHARE)))
    taught, measured = states[:n_states], states[n_states:]
    head = trainee.gpt.lm_head.weight.detach()[NANO.codebook_size : 2 * NANO.codebook_size]
    fitted = _begin(head, temperatures).requires_grad_()
    optimizer = torch.optim.Adam([fitted], lr=_LR)

    def divergence(chosen: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = tempered(chosen @ head.T, temperatures)
        found = (chosen @ fitted.T).log_softmax(-1)
        return (wanted.exp() * (wanted - found)).sum(-1).mean()

    with torch.no_grad():
        before = divergence(measured).item()
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = _LR * (1 - step / steps)
        divergence(taught[torch.randint(len(taught), (_BATCH_SIZE,))]).backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        after = divergence(measured).item()
    log.info("melody: divergence %.4f -> %.4f nats", before, after)
    save_file({"head": fitted.detach().contiguous()}, training / FILE_NAME)
    return before, after


def read_melody(training: Path) -> Tensor | None:
    """(1024, C) float32 rows that `fit_melody` wrote to a folder; None where it did not."""
    path = training / FILE_NAME
    return load_file(path)["head"] if path.exists() else None


def _begin(head: Tensor, temperatures: Temperatures) -> Tensor:
    """What a pitch's codes have in common at its temperature, how they differ at the rest's."""
    by_pitch = head.unflatten(0, (-1, N_CORRECTIONS))
    common = by_pitch.mean(1, keepdim=True)
    return ((by_pitch - common) / temperatures.rest + common / temperatures.pitch).flatten(0, 1)


@torch.no_grad()
def _collect(trainee: CoarseTrainee, crops: Crops, n: int) -> Tensor:
    """(n, C) hidden states that codebook 1 is predicted from."""
    found: list[Tensor] = []
    while sum(map(len, found)) < n:
        found.append(_states(trainee, crops.draw(_CROPS, corruption=CORRUPTION)))
    return torch.cat(found)[:n]


def _states(trainee: CoarseTrainee, batch: Batch) -> Tensor:
    model, length = trainee.gpt, batch.inputs.shape[1]
    moments = torch.arange(length) + batch.begins[:, None]
    phases = moments % COARSE_PER_SEMANTIC
    condition = model.conditioner(batch.semantic)  # (B, L + 4, C)
    added = condition.gather(1, moments[..., None].expand(-1, -1, condition.shape[2]))
    positions = torch.stack([torch.arange(length).expand_as(phases), phases], dim=-1)
    hidden, _ = trainee.trunk(model.embed(batch.inputs, positions) + added)
    return hidden[phases % 2 == 1]
