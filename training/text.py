"""Trains nano's text model: from text tokens to the teacher's semantic tokens.

Every token carries its word, its place in the word and its frame (`bark.stages.positions`), which
lets the model align text and speech within minutes. A share of the words is given in letters, so
that it also learns to read what the lexicon does not know.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bark.models.blocks import GPTConfig
from bark.models.gpt import GPT
from bark.spec import NANO
from bark.stages.positions import POSITION_SIZES
from bark.text.english import phones
from bark.text.nano import NanoTokenizer

from .coarse import sinusoids
from .export import write_config, write_weights
from .loop import Budget, autocast, load_weights, train
from .text_batches import IGNORED, TextBatch, TextBatches, collate, sequence
from .text_data import TextItem

CONFIG = GPTConfig(
    block_size=NANO.text_len + 1 + NANO.max_semantic_len,
    input_vocab_size=NANO.semantic_infer_token + 1,
    output_vocab_size=NANO.semantic_pad_token + 1,
    n_layer=5,
    n_head=4,
    n_embd=256,
    position_sizes=POSITION_SIZES,
)

_INIT_STD = 0.02
_POSITION_SCALE = 0.05
_AUXILIARY_WEIGHT = 0.3
_AVERAGE_DECAY = 0.998


class TextTrainee(nn.Module):
    """The text model, a head that says which phone comes next, and the weights' running mean.

    The mean is what is measured and exported: it speaks better than the weights of any one step
    and needs no fallen learning rate, so that a training can be exported at any time.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.gpt = GPT(config)
        # "lm_head" in the name keeps it from Muon, as an output layer
        self.phone_lm_head = nn.Linear(config.n_embd, phones.N_PHONES + 1, bias=False)
        self.averaged = copy.deepcopy(self.gpt).requires_grad_(False)

    def initialise(self) -> None:
        """Let the model align text and speech from the first step on.

        Word numbers and places start as sinusoids in separate halves of the width; a phone in the
        text starts with the embedding of the same phone in speech.
        """
        config = self.gpt.config
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                depth = (2 * config.n_layer) ** 0.5 if name.endswith("c_proj.weight") else 1.0
                nn.init.normal_(weight, 0.0, _INIT_STD / depth)
        half = config.n_embd // 2
        tables = [table.weight for table in self.gpt.transformer["wpes"]]
        tokens = self.gpt.transformer["wte"].weight
        with torch.no_grad():
            tables[0][:, :half] = sinusoids(len(tables[0]), half) * _POSITION_SCALE
            tables[1][:, half:] = sinusoids(len(tables[1]), half) * _POSITION_SCALE
            for phone in range(phones.N_PAUSES, phones.N_PHONES):
                for begins, kind in ((False, phones.ONSET), (True, phones.WORD_ONSET)):
                    written = NANO.text_offset + phones.text_phone_id(phone, begins)
                    tokens[written] = tokens[phones.N_KINDS * phone + kind]
        self.averaged.load_state_dict(self.gpt.state_dict())

    @torch.no_grad()
    def average(self, step: int) -> None:
        """Move the mean towards the weights, faster in the first steps."""
        share = max(1 - _AVERAGE_DECAY, 10 / (step + 10))
        for mean, now in zip(self.averaged.parameters(), self.gpt.parameters(), strict=True):
            mean.lerp_(now, share)


@dataclass(frozen=True, eq=False)
class TextLosses:
    """Of a batch, in nats.

    Attributes:
        tokens: cross entropy of the semantic tokens.
        next_phone: cross entropy of the phone at the next onset.
        accuracy: share of the onsets whose phone was the most probable.
    """

    tokens: Tensor
    next_phone: Tensor
    accuracy: Tensor


def text_losses(model: GPT, phone_head: nn.Linear, batch: TextBatch) -> TextLosses:
    """Compute the losses of a batch."""
    hidden = model.trunk(model.embed(batch.ids, batch.positions))
    kept = batch.targets != IGNORED
    targets, following = batch.targets[kept], batch.next_phone[kept]
    logits, next_phone = model.head(hidden[kept]).float(), phone_head(hidden[kept]).float()
    right = (next_phone.argmax(-1) == following)[targets % phones.N_KINDS != phones.CONTINUATION]
    return TextLosses(
        F.cross_entropy(logits, targets),
        F.cross_entropy(next_phone, following),
        right.float().mean(),
    )


def train_text(
    batches: TextBatches,
    held_out: Sequence[TextItem],
    tokenizer: NanoTokenizer,
    out: Path,
    budget: Budget,
    *,
    config: GPTConfig = CONFIG,
    seed: int = 0,
    device: str = "cpu",
) -> list[dict[str, float]]:
    """Train the text model; checkpoints and a log go to `out`.

    Args:
        batches: what to learn from.
        held_out: what to measure on, all words in phones and all words in letters.
        tokenizer: nano's.
        out: folder; a training in it goes on.
        budget: limits and intervals.
        config: sizes of the model.
        seed: of the first weights.
        device: where to train.
    """
    torch.manual_seed(seed)
    trainee = TextTrainee(config)
    trainee.initialise()
    trainee.to(device)
    place = torch.device(device)
    unseen = {
        name: [_measured(item, tokenizer, spelled) for item in held_out]
        for name, spelled in (("phones", False), ("letters", True))
    }

    def loss(step: int) -> Tensor:
        trainee.average(step)
        with autocast(place):
            losses = text_losses(trainee.gpt, trainee.phone_lm_head, batches.next(step).to(place))
        return losses.tokens + _AUXILIARY_WEIGHT * losses.next_phone

    def validate() -> dict[str, float]:
        found = {}
        for name, rows in unseen.items():
            with autocast(place):
                losses = text_losses(
                    trainee.averaged, trainee.phone_lm_head, collate(rows).to(place)
                )
            found[name] = losses.tokens.item()
            found[f"accuracy {name}"] = losses.accuracy.item()
        return found

    return train(trainee, loss, validate, out=out, budget=budget)


def _measured(item: TextItem, tokenizer: NanoTokenizer, spelled: bool) -> tuple[np.ndarray, ...]:
    return sequence(item, tokenizer.encode_words(item.words, [spelled] * len(item.words)))


def load_text_model(out: Path, config: GPTConfig = CONFIG) -> GPT:
    """Load the averaged model of a training.

    Raises:
        FileNotFoundError: there is no checkpoint in `out`.
    """
    model = GPT(config)
    weights = load_weights(out / "checkpoint.pt")
    prefix = "averaged."
    model.load_state_dict(
        {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
    )
    return model.requires_grad_(False).eval()


def export_text(
    out: Path, folder: Path, *, best_temperature: float, config: GPTConfig = CONFIG
) -> None:
    """Write the averaged model of a training as nano's text stage.

    Args:
        out: folder of the training.
        folder: of nano's files.
        best_temperature: at which the model as trained speaks best; see `write_weights`.
        config: sizes of the model.
    """
    weights = load_text_model(out, config).state_dict()
    write_weights(weights, folder / "text.safetensors", best_temperature=best_temperature)
    write_config(folder, "text", config)
