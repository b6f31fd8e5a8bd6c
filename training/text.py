"""Trains nano's text model: from text tokens to the teacher's semantic tokens.

The sequence is [text][infer][semantic][end], without padding; every token carries its word, its
place in the word and its frame (`bark.positions`). A share of the words is given in letters, so
that the model also learns to read what the lexicon does not know.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bark import phones
from bark.lexicon import Lexicon
from bark.model import GPT, GPTConfig
from bark.positions import POSITION_SIZES, infer_position, semantic_positions, text_positions
from bark.spec import NANO
from bark.tokenizer_nano import NanoTokenizer

from .corpus import is_held_out
from .optim import Optimizer, schedule
from .text_data import TextItem, read_items

log = logging.getLogger(__name__)

CONFIG = GPTConfig(
    block_size=NANO.text_len + 1 + NANO.max_semantic_len,
    input_vocab_size=NANO.semantic_infer_token + 1,
    output_vocab_size=NANO.semantic_pad_token + 1,
    n_layer=5,
    n_head=4,
    n_embd=256,
    position_sizes=POSITION_SIZES,
)
_IGNORED = -100
_END_PHONE = phones.N_PHONES  # the auxiliary target where no phone follows


@dataclass(frozen=True)
class TextTraining:
    """Settings of a text training.

    Attributes:
        minutes: of training; learning rates fall towards its end.
        batch_tokens: tokens in a step, padding included.
        auxiliary: weight of the loss on the next phone.
        spelled: mean share of the words given in letters.
        seed: of weights, order and spelling.
        device: where to train.
        save_every_s: seconds between checkpoints, and between measurements.
    """

    minutes: float = 100.0
    batch_tokens: int = 4_096
    auxiliary: float = 0.3
    spelled: float = 0.25
    seed: int = 0
    device: str = "cpu"
    save_every_s: float = 180.0


class TextTrainee(nn.Module):
    """The text model and an auxiliary head that says which phone comes next."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.gpt = GPT(config)
        self.phone_lm_head = nn.Linear(config.n_embd, phones.N_PHONES + 1, bias=False)

    def forward(self, batch: TextBatch) -> tuple[Tensor, Tensor]:
        """Return the logits (N, V) of the semantic tokens and (N, P + 1) of the next phones."""
        hidden = self.gpt.trunk(self.gpt.embed(batch.ids, batch.positions))
        hidden = hidden[batch.targets != _IGNORED]
        return self.gpt.head(hidden), self.phone_lm_head(hidden)


@dataclass(frozen=True, eq=False)
class TextBatch:
    """A step's sequences, padded on the right.

    Attributes:
        ids: (B, T) int64.
        positions: (B, T, 3) int64.
        targets: (B, T) int64 semantic token that follows, -100 where none is to be learned.
        next_phone: (B, T) int64 the phone at the next onset.
    """

    ids: Tensor
    positions: Tensor
    targets: Tensor
    next_phone: Tensor

    def to(self, device: str) -> TextBatch:
        """Move all to a device."""
        parts = (self.ids, self.positions, self.targets, self.next_phone)
        return TextBatch(*(part.to(device) for part in parts))


def new_trainee(config: GPTConfig, seed: int) -> TextTrainee:
    """Initialise a model so that it can align text and speech from the first step on.

    Word numbers and places start as sinusoids in separate halves of the width; a phone in the
    text starts with the embedding of the same phone in speech.
    """
    torch.manual_seed(seed)
    trainee = TextTrainee(config)
    for name, p in trainee.named_parameters():
        if p.dim() > 1:
            depth = (2 * config.n_layer) ** 0.5 if name.endswith("c_proj.weight") else 1.0
            nn.init.normal_(p, 0.0, 0.02 / depth)
    half = config.n_embd // 2
    tables, tokens = trainee.gpt.transformer["wpes"], trainee.gpt.transformer["wte"].weight
    with torch.no_grad():
        tables[0].weight[:, :half] = _sinusoids(POSITION_SIZES[0], half)
        tables[1].weight[:, half:] = _sinusoids(POSITION_SIZES[1], half)
        for phone in range(phones.N_PAUSES, phones.N_PHONES):
            for begins in (False, True):
                spoken = phones.N_KINDS * phone + (phones.WORD_ONSET if begins else phones.ONSET)
                written = NANO.text_offset + phones.text_phone_id(phone, begins)
                tokens[written] = tokens[spoken]
    return trainee


def _sinusoids(n: int, width: int, scale: float = 0.05) -> Tensor:
    angles = torch.arange(n)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
    return torch.cat([angles.sin(), angles.cos()], dim=1) * scale


def spelled_words(item: TextItem, share: float, rng: np.random.Generator) -> list[bool]:
    """Choose the words given in letters; held-out words never are.

    Some sentences are all in letters, many have none, the rest a random share.
    """
    kind = rng.random()
    chosen = 1.0 if kind < share / 3 else 0.0 if kind > 0.6 else rng.random() * share * 8 / 3
    return [rng.random() < chosen and not is_held_out(word.text) for word in item.words]


def sequence(item: TextItem, text_ids: np.ndarray) -> tuple[np.ndarray, ...]:
    """Lay one item out: ids, positions, targets and next phones, all of one length."""
    n, semantic = len(text_ids), item.semantic
    ids = np.concatenate([text_ids + NANO.text_offset, [NANO.semantic_infer_token], semantic])
    positions = [text_positions(text_ids), infer_position(), semantic_positions(semantic)]
    targets = np.full(len(ids), _IGNORED)
    targets[n:-1], targets[-1] = semantic, NANO.semantic_pad_token
    onset = np.append(semantic % phones.N_KINDS != phones.CONTINUATION, True)
    following = np.append(semantic // phones.N_KINDS, _END_PHONE)
    index = np.where(onset, np.arange(len(onset)), len(onset))
    at_next = np.minimum.accumulate(index[::-1])[::-1]
    next_phone = np.full(len(ids), _IGNORED)
    next_phone[n:] = following[at_next]
    return ids, np.concatenate(positions), targets, next_phone


def collate(rows: list[tuple[np.ndarray, ...]]) -> TextBatch:
    """Pad laid-out items to the longest."""
    length = max(len(row[0]) for row in rows)
    fills = (NANO.text_pad_token, 0, _IGNORED, _IGNORED)
    parts = []
    for column, fill in zip(zip(*rows, strict=True), fills, strict=True):
        shape = (len(rows), length, *column[0].shape[1:])
        padded = np.full(shape, fill, dtype=np.int64)
        for row, values in enumerate(column):
            padded[row, : len(values)] = values
        parts.append(torch.from_numpy(padded))
    return TextBatch(*parts)


def batches(
    items: list[TextItem], tokenizer: NanoTokenizer, settings: TextTraining, longest: int,
    rng: np.random.Generator,
) -> Iterator[TextBatch]:  # fmt: skip
    """Go once through up to 8,000 of the items, those of similar length together."""
    fitting = [item for item in items if len(item.semantic) < longest]
    order = rng.permutation(len(fitting))[:8_000]
    rows = []
    for i in order:
        spelled = spelled_words(fitting[i], settings.spelled, rng)
        text_ids = tokenizer.encode_words(fitting[i].words, spelled)
        if len(text_ids) <= NANO.text_len:
            rows.append(sequence(fitting[i], text_ids))
    rows.sort(key=lambda row: len(row[0]))
    pools, start = [], 0
    for end in range(1, len(rows) + 1):
        if end == len(rows) or (end - start + 1) * len(rows[end][0]) > settings.batch_tokens:
            pools.append(rows[start:end])
            start = end
    for i in rng.permutation(len(pools)):
        yield collate(pools[i])


def losses(trainee: TextTrainee, batch: TextBatch, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the loss on the semantic tokens, on the next phones, and the phones' accuracy."""
    batch = batch.to(device)
    with torch.autocast(torch.device(device).type, torch.bfloat16):
        logits, next_phone = trainee(batch)
    kept = batch.targets != _IGNORED
    targets, following = batch.targets[kept], batch.next_phone[kept]
    right = (next_phone.argmax(-1) == following)[targets % phones.N_KINDS != phones.CONTINUATION]
    loss = F.cross_entropy(logits.float(), targets)
    return loss, F.cross_entropy(next_phone.float(), following), right.float().mean()


class TextTrainer:
    """A training that can stop at any checkpoint and go on.

    Args:
        data: folder of the items made by `training.text_data`; files that come are used.
        out: folder for checkpoint and log.
        held_out: items to measure on.
        settings: of the training.
        config: of the model.
    """

    def __init__(
        self, data: Path, out: Path, held_out: list[TextItem], settings: TextTraining,
        config: GPTConfig = CONFIG,
    ) -> None:  # fmt: skip
        out.mkdir(parents=True, exist_ok=True)
        self.data, self.out, self.settings = data, out, settings
        self.tokenizer = NanoTokenizer(Lexicon.load())
        self.trainee = new_trainee(config, settings.seed).to(settings.device)
        self.averaged = copy.deepcopy(self.trainee.gpt)
        self.optimizer = Optimizer(self.trainee)
        self.step, self.elapsed_s = 0, 0.0
        self.items: dict[str, list[TextItem]] = {}
        rng = np.random.default_rng(settings.seed)
        self.measured = [self._measure_batch(held_out, rng, spelled) for spelled in (0.0, 1.0)]
        self._resume()

    def _measure_batch(
        self, items: list[TextItem], rng: np.random.Generator, spelled: float
    ) -> TextBatch:
        rows = []
        for item in items:
            ids = self.tokenizer.encode_words(item.words, [spelled > 0] * len(item.words))
            rows.append(sequence(item, ids))
        return collate(rows)

    def run(self) -> None:
        """Train until the minutes are over."""
        total_s = self.settings.minutes * 60
        last_save, recent = time.time(), []
        while self.elapsed_s < total_s:
            self._read_new_items()
            progress = self.elapsed_s / total_s
            rng = np.random.default_rng([self.settings.seed, self.step])
            items = [item for shard in self.items.values() for item in shard]
            longest = int(80 + 4_000 * progress)  # short items first
            for batch in batches(items, self.tokenizer, self.settings, longest, rng):
                started = time.time()
                recent.append(self._train_step(batch, min(1.0, self.elapsed_s / total_s)))
                self.elapsed_s += time.time() - started
                if time.time() - last_save > self.settings.save_every_s:
                    self._save(recent)
                    last_save, recent = time.time(), []
                if self.elapsed_s >= total_s:
                    break
        self._save(recent)

    def _train_step(self, batch: TextBatch, progress: float) -> float:
        loss, auxiliary, _ = losses(self.trainee, batch, self.settings.device)
        (loss + self.settings.auxiliary * auxiliary).backward()
        self.optimizer.step(schedule(progress, self.step))
        self.step += 1
        decay = min(0.998, 1 - 10 / (self.step + 10))
        with torch.no_grad():
            pairs = zip(self.averaged.parameters(), self.trainee.gpt.parameters(), strict=True)
            for mean, now in pairs:
                mean.lerp_(now, 1 - decay)
        return float(loss.detach())

    def _read_new_items(self) -> None:
        for path in sorted(self.data.glob("text_*.jsonl")):
            if path.name not in self.items:
                self.items[path.name] = list(read_items(path))

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Measure the averaged model on the held-out items, words in phones and in letters."""
        trainee = TextTrainee(self.averaged.config).to(self.settings.device)
        trainee.gpt, trainee.phone_lm_head = self.averaged, self.trainee.phone_lm_head
        found = {}
        for name, batch in zip(("phones", "letters"), self.measured, strict=True):
            loss, _, right = losses(trainee, batch, self.settings.device)
            found[f"loss_{name}"] = round(loss.item(), 4)
            found[f"accuracy_{name}"] = round(right.item(), 4)
        return found

    def _save(self, recent: list[float]) -> None:
        row = {"step": self.step, "minutes": round(self.elapsed_s / 60, 2)}
        row["n_items"] = sum(map(len, self.items.values()))
        row["loss"] = round(float(np.mean(recent)), 4) if recent else None
        row.update(self.measure())
        log.info("%s", row)
        with (self.out / "log.jsonl").open("a", encoding="utf8") as file:
            file.write(json.dumps(row) + "\n")
        state = {
            "trainee": self.trainee.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "config": self.averaged.config,
            "step": self.step,
            "elapsed_s": self.elapsed_s,
        }
        torch.save(state, self.out / "checkpoint.part")
        os.replace(self.out / "checkpoint.part", self.out / "checkpoint.pt")

    def _resume(self) -> None:
        path = self.out / "checkpoint.pt"
        if not path.is_file():
            return
        # Written by ourselves a moment ago; configs are no tensors.
        state = torch.load(path, map_location=self.settings.device, weights_only=False)
        self.trainee.load_state_dict(state["trainee"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]
        log.info("going on from step %d, minute %.1f", self.step, self.elapsed_s / 60)
