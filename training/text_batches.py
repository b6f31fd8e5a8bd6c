"""The text model's sequences: [text][infer][semantic][end] with positions and targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bark.spec import NANO
from bark.stages.positions import POSITION_SIZES, infer_position, semantic_positions, text_positions
from bark.text.english import phones
from bark.text.nano import NanoTokenizer

from .corpus import is_held_out
from .text_data import TextItem, read_items

IGNORED = -100
END_PHONE = phones.N_PHONES
"""The auxiliary target where no phone follows."""

_JOINED_SHARE = 0.35  # items that others are joined to, so that long texts are learned
_JOINED_LENS = (200, 900)
_SHIFTED_SHARE = 0.25  # items whose word numbers are shifted, so that high ones are learned
_POOL_LEN = 8_000  # items laid out and sorted by length at a time
_FIRST_LONGEST, _LONGER_PER_STEP = 80, 2  # short items first: frames at step 0, more per step


@dataclass(frozen=True, eq=False)
class TextBatch:
    """A step's sequences, padded on the right.

    Attributes:
        ids: (B, T) int64.
        positions: (B, T, 3) int64.
        targets: (B, T) int64 semantic token that follows, -100 where none is to be learned.
        next_phone: (B, T) int64 the phone at the next onset, -100 likewise.
    """

    ids: Tensor
    positions: Tensor
    targets: Tensor
    next_phone: Tensor

    def to(self, device: torch.device) -> TextBatch:
        """Move all to a device."""
        return TextBatch(*(part.to(device) for part in vars(self).values()))


def spelled_words(item: TextItem, share: float, rng: np.random.Generator) -> list[bool]:
    """Choose the words given in letters, `share` of all on average; held-out words never are.

    Some sentences are all in letters, many have none, the rest a random share.
    """
    kind = rng.random()
    chosen = 1.0 if kind < share / 3 else 0.0 if kind > 0.6 else rng.random() * share * 8 / 3
    return [rng.random() < chosen and not is_held_out(word.text) for word in item.words]


def join(first: TextItem, second: TextItem) -> TextItem:
    """Say one item after the other: one pause between them, behind a full stop at least."""
    *words, last = first.words
    stopped = last if last.mark in tuple(".?!") else replace(last, mark=".")
    begins = np.flatnonzero(second.semantic % phones.N_KINDS == phones.WORD_ONSET)[0]
    return TextItem(
        f"{first.sentence} {second.sentence}",
        (*words, stopped, *second.words),
        np.concatenate([first.semantic, second.semantic[begins:]]),
    )


def join_some(items: list[TextItem], rng: np.random.Generator) -> list[TextItem]:
    """Join runs of items, each up to a length of its own."""
    joined: list[TextItem] = []
    room = 0
    for item in items:
        if joined and len(joined[-1].semantic) + len(item.semantic) <= room:
            joined[-1] = join(joined[-1], item)
        else:
            joined.append(item)
            room = int(rng.integers(*_JOINED_LENS)) if rng.random() < _JOINED_SHARE else 0
    return joined


def sequence(
    item: TextItem, text_ids: np.ndarray, *, first_word: int = 1
) -> tuple[np.ndarray, ...]:
    """Lay one item out.

    Args:
        item: of which the semantic tokens are used.
        text_ids: (n,) int64 without offset.
        first_word: the number of the first word.

    Returns:
        ids (T,), positions (T, 3), targets (T,) and next phones (T,), all int64.
    """
    n, semantic = len(text_ids), item.semantic
    ids = np.concatenate([text_ids + NANO.text_offset, [NANO.semantic_infer_token], semantic])
    shift = np.array([first_word - 1, 0, 0])
    positions = [text_positions(text_ids) + shift, infer_position()]
    positions.append(semantic_positions(semantic) + shift)
    targets = np.full(len(ids), IGNORED)
    targets[n:-1], targets[-1] = semantic, NANO.semantic_pad_token
    onset = np.append(semantic % phones.N_KINDS != phones.CONTINUATION, True)
    following = np.append(semantic // phones.N_KINDS, END_PHONE)
    index = np.where(onset, np.arange(len(onset)), len(onset))
    at_next_onset = np.minimum.accumulate(index[::-1])[::-1]
    next_phone = np.full(len(ids), IGNORED)
    next_phone[n:] = following[at_next_onset]
    return ids, np.concatenate(positions), targets, next_phone


def collate(rows: Sequence[tuple[np.ndarray, ...]]) -> TextBatch:
    """Pad laid-out items to the longest."""
    length = max(len(row[0]) for row in rows)
    fills = (NANO.text_pad_token, 0, IGNORED, IGNORED)
    parts = []
    for column, fill in zip(zip(*rows, strict=True), fills, strict=True):
        padded = np.full((len(rows), length, *column[0].shape[1:]), fill, dtype=np.int64)
        for row, values in enumerate(column):
            padded[row, : len(values)] = values
        parts.append(torch.from_numpy(padded))
    return TextBatch(*parts)


class TextBatches:
    """An endless stream of batches from the files in a folder, files that come later included.

    Args:
        folder: of `training.text_data`.
        tokenizer: nano's.
        batch_tokens: tokens in a batch, padding included.
        spelled: mean share of the words given in letters.
        seed: of order and spelling.
    """

    def __init__(
        self,
        folder: Path,
        tokenizer: NanoTokenizer,
        *,
        batch_tokens: int = 3_072,
        spelled: float = 0.1,
        seed: int = 0,
    ) -> None:
        self._folder, self._tokenizer = folder, tokenizer
        self._batch_tokens, self._spelled, self._seed = batch_tokens, spelled, seed
        self._items: dict[str, list[TextItem]] = {}
        self._pending: Iterator[TextBatch] = iter(())

    def next(self, step: int) -> TextBatch:
        """Return the batch for a step; early steps get short items only.

        Raises:
            FileNotFoundError: the folder holds no items.
        """
        batch = next(self._pending, None)
        if batch is None:
            self._pending = self._round(step)
            batch = next(self._pending)
        return batch

    def _round(self, step: int) -> Iterator[TextBatch]:
        for path in sorted(self._folder.glob("text_*.jsonl")):
            if path.name not in self._items:
                self._items[path.name] = list(read_items(path))
        items = [item for part in self._items.values() for item in part]
        if not items:
            raise FileNotFoundError(f"no text items in {self._folder}; make the data first")
        longest = max(_FIRST_LONGEST + _LONGER_PER_STEP * step, min(len(i.semantic) for i in items))
        fitting = [item for item in items if len(item.semantic) <= longest]
        rng = np.random.default_rng([self._seed, step])
        chosen = [fitting[i] for i in rng.permutation(len(fitting))[:_POOL_LEN]]
        if longest >= _JOINED_LENS[1]:
            chosen = join_some(chosen, rng)
        groups = self._groups([row for item in chosen for row in self._rows(item, rng)])
        return (collate(groups[i]) for i in rng.permutation(len(groups)))

    def _rows(self, item: TextItem, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, ...]]:
        spelled = spelled_words(item, self._spelled, rng)
        text_ids = self._tokenizer.encode_words(item.words, spelled)
        if len(text_ids) > NANO.text_len:
            return
        first_word = 1
        if rng.random() < _SHIFTED_SHARE:
            first_word = int(rng.integers(1, max(2, POSITION_SIZES[0] - len(item.words))))
        yield sequence(item, text_ids, first_word=first_word)

    def _groups(self, rows: list[tuple[np.ndarray, ...]]) -> list[list[tuple[np.ndarray, ...]]]:
        """Put rows of similar length together, up to `batch_tokens`."""
        rows = sorted(rows, key=lambda row: len(row[0]))
        groups: list[list[tuple[np.ndarray, ...]]] = [[]]
        for row in rows:
            if groups[-1] and (len(groups[-1]) + 1) * len(row[0]) > self._batch_tokens:
                groups.append([])
            groups[-1].append(row)
        return groups
