"""The codec learns more voices, while the codes that it has given keep their meaning.

A codec that was trained on one voice and on what is bent from it carries another through eight
codebooks, but not through the two that nano's coarse model writes. Its codebooks stay as they are:
the models that were trained on their codes go on. The encoder learns to describe the new voices in
them, the decoder to speak these, and both to do with the old voices what they did.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .codec import CodecTrainee
from .codec_training import CodecCrops, codec_losses, quantised, training_loss
from .decoder import CodedCrops, parted
from .features import Utterance
from .loop import Budget, train

_N_BOOKS_SHARES = (0, 0.6, 0.06, 0.06, 0.04, 0.02, 0.02, 0.2)  # of the new voices' crops
_N_MEASURED = 20
_LR, _MATRIX_LR = 4e-4, 0.004  # what is trained already moves on in small steps


def widen_codec(
    known: Sequence[Utterance],
    new: Sequence[Utterance],
    codec: CodecTrainee,
    out: Path,
    budget: Budget,
    *,
    batch_size: int = 20,
    seed: int = 0,
) -> list[dict[str, float]]:
    """Trains encoder and decoder on known and on new voices, each half of the time.

    Known voices are decoded from the codes that the encoder gave them before, and the encoder is
    held to the latents that it gave.

    Args:
        known: utterances of voices that the codec was trained on.
        new: of voices that it was not.
        codec: trained; changed in place, but for its codebooks.
        out: folder of the checkpoint and the log.
        budget: of the training.
        batch_size: crops to a step, of both kinds together.
        seed: of the draws.

    Returns:
        The log, with the losses of two codebooks: "known size", "new size" and so on.
    """
    torch.manual_seed(seed)
    before, decoder = copy.deepcopy(codec.encoder).eval(), codec.decoder
    rng, half = np.random.default_rng(seed), batch_size // 2
    seen_old, measured_old = parted(known, _N_MEASURED)
    seen_new, measured_new = parted(new, _N_MEASURED)
    old, fresh = CodedCrops(seen_old, codec, seed), CodecCrops(seen_new, seed)
    kept_old = CodedCrops(measured_old, codec, seed + 1).draw(decoder, _N_MEASURED, n_books=2)
    kept_new = CodecCrops(measured_new, seed + 1).draw(_N_MEASURED)

    def loss(_: int) -> Tensor:
        batch, latent = old.draw(decoder, half)
        with torch.no_grad():
            wanted = before(batch.mel, batch.f0)
        moved = (codec.encoder(batch.mel, batch.f0) - wanted).square().mean()
        said = training_loss(decoder, batch, latent)
        batch = fresh.draw(batch_size - half)
        latent, cost = quantised(
            codec, codec.encoder(batch.mel, batch.f0), rng, shares=_N_BOOKS_SHARES, learn=False
        )
        return said + moved + training_loss(decoder, batch, latent) + cost

    def validate() -> dict[str, float]:
        latent = codec.encoder(kept_new.mel, kept_new.f0)
        sums = codec.quantiser.quantise(latent.flatten(0, 1))[1].view_as(latent)
        losses = {
            "known": codec_losses(decoder, *kept_old),
            "new": codec_losses(decoder, kept_new, sums),
        }
        return {f"{who} {k}": float(v) for who, parts in losses.items() for k, v in parts.items()}

    log = train(codec, loss, validate, out=out, budget=budget, lr=_LR, matrix_lr=_MATRIX_LR)
    codec.eval()
    return log
