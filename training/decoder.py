"""The codec's decoder settles on what it will be given: nano's voices through two codebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bark.codecs.banded import BandDecoder

from .codec import CodecTrainee
from .codec_training import CodecBatch, CodecCrops, codec_losses, spread, training_loss
from .corpus import is_held_out
from .features import Utterance, feature_files, load_utterances
from .loop import AVERAGING, Budget, train
from .speakers import SPEAKERS, in_voice

N_UTTERANCES = 5_000
"""Of all voices: five hours, some 2.5 gigabytes."""

_N_BOOKS_SHARES = (0, 0.7, 0.08, 0, 0.07, 0, 0, 0.15)  # of crops that use 1 to 8
_LR, _MATRIX_LR = 1e-3, 0.008  # smaller than at first


def utterances_in_turn(folder: Path, at_most: int = N_UTTERANCES) -> list[Utterance]:
    """Utterances of the features, the first one in the first voice, the next in the next."""
    found: list[Utterance] = []
    for path in spread(feature_files(folder)):
        for utterance in load_utterances(path):
            found.append(in_voice(utterance, SPEAKERS[len(found) % len(SPEAKERS)]))
        if len(found) >= at_most:
            break
    return found


def parted(
    utterances: Sequence[Utterance], n_measured: int
) -> tuple[list[Utterance], Sequence[Utterance]]:
    """Those to train on and those to measure on, which are held out.

    Args:
        n_measured: where none is held out, so many of all are measured on.
    """
    seen = [u for u in utterances if not is_held_out(u.sentence)]
    return seen, [u for u in utterances if is_held_out(u.sentence)] or utterances[:n_measured]


@dataclass(frozen=True, eq=False)
class Coded:
    """Utterances, and the codec whose encoder gives their codes.

    Attributes:
        utterances: in voices that are to be heard as often as each other.
        codec: trained; it need not be the one whose decoder speaks the codes.
    """

    utterances: Sequence[Utterance]
    codec: CodecTrainee


def settle_decoder(
    spoken: Sequence[Coded],
    codec: CodecTrainee,
    out: Path,
    budget: Budget,
    *,
    batch_size: int = 20,
    seed: int = 0,
) -> list[dict[str, float]]:
    """Trains the decoder alone on the codes that encoder and codebooks give.

    The codec learns them all together, on codes that change from step to step and are the nearest;
    nano speaks with two codebooks most of the time, on paths of few changes. Codes mean what they
    meant, so models that were trained on them before go with the decoder as it was and as it is.

    Args:
        spoken: nano's voices; each group fills the same share of a batch. Held-out sentences are
            only measured on.
        codec: trained, with the codebooks of all codes; its decoder is changed in place.
        out: folder of the checkpoint and the log.
        budget: of the training.
        batch_size: crops to a step.
        seed: of the draws.

    Returns:
        The log, with the losses of two codebooks, all groups together.
    """
    torch.manual_seed(seed)
    decoder, seen, kept = codec.decoder, [], []
    for group in spoken:
        taught, measured = parted(group.utterances, len(SPEAKERS))
        seen.append(CodedCrops(taught, group.codec, seed))
        held_out = CodedCrops(measured, group.codec, seed + 1)
        kept.append(held_out.draw(decoder, 2 * batch_size // len(spoken), n_books=2))

    def loss(_: int) -> Tensor:
        drawn = [crops.draw(decoder, batch_size // len(seen)) for crops in seen]
        losses = [training_loss(decoder, *one) for one in drawn]
        return torch.stack(losses).mean()

    def validate() -> dict[str, float]:
        losses = [codec_losses(decoder, *one) for one in kept]
        return {
            name: float(sum(parts[name] for parts in losses)) / len(losses) for name in losses[0]
        }

    rates = {"lr": _LR, "matrix_lr": _MATRIX_LR, "averaging": AVERAGING}
    log = train(decoder, loss, validate, out=out, budget=budget, **rates)
    codec.eval()
    return log


class CodedCrops:
    """Crops of utterances and what their codes stand for.

    Args:
        utterances: of nano's voices.
        codec: whose codes.
        seed: of the draws.
    """

    def __init__(self, utterances: Sequence[Utterance], codec: CodecTrainee, seed: int) -> None:
        self._crops = CodecCrops(utterances, seed)
        self._codes = [
            torch.from_numpy(codec.encode(u.mel, u.bands.f0.numpy())[0])
            for u in self._crops.utterances
        ]
        self._rng = np.random.default_rng(seed)

    def draw(
        self, decoder: BandDecoder, n: int, *, n_books: int | None = None
    ) -> tuple[CodecBatch, Tensor]:
        """`n` crops, and (n, T, latent_width) the sums of their first codes, drawn how many."""
        places = self._crops.places(n)
        drawn = 1 + self._rng.choice(8, n, p=_N_BOOKS_SHARES)
        latents = [
            decoder.latent(self._codes[i][: n_books or int(drawn[row]), part])
            for row, (i, part) in enumerate(places)
        ]
        return self._crops.cut(places), torch.stack(latents).detach()
