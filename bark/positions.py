"""Where each token of the text model stands: by index for Bark, by word for nano.

Nano's text model is told the number of the word, the place in the word, and how long the phone has
lasted, in text and semantic tokens alike. All three follow from the tokens, because onsets say
where words begin; so the model always knows which letter it is speaking, which a plain index
leaves it to find out (it learns several times slower and skips words).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .phones import CONTINUATION, END_TOKEN, N_KINDS, WORD_ONSET, text_begins_word
from .spec import ModelSpec

POSITION_SIZES = (256, 32, 32)
"""Rows of nano's tables: word number, place in the word, frame in the phone."""

_LAST_ROWS = torch.tensor(POSITION_SIZES) - 1
# Rows of the frame table also tell what a token is: text, infer, or a semantic token.
_TEXT_FRAME, _INFER_FRAME, _FIRST_FRAME = 0, 1, 2

MAX_PHONE_FRAMES = 18
"""The teacher holds no phone and no pause longer than this."""


def text_positions(ids: np.ndarray) -> np.ndarray:
    """Return the positions of text tokens.

    Args:
        ids: (n,) int64 text ids without offset.

    Returns:
        (n, 3) int64: word number from 1 on, place in the word, 0.
    """
    begins = text_begins_word(ids)
    return _stack(np.cumsum(begins), _places(begins), np.full(len(ids), _TEXT_FRAME))


def infer_position() -> np.ndarray:
    """Return the position of the infer token, (1, 3) int64."""
    return np.array([[0, 0, _INFER_FRAME]])


def semantic_positions(tokens: np.ndarray) -> np.ndarray:
    """Return the positions of semantic tokens.

    Args:
        tokens: (T,) int64 in [0, END_TOKEN).

    Returns:
        (T, 3) int64: word number (0 before the first), onsets since the word's first, frames
        since the phone's first plus two.
    """
    kind = tokens % N_KINDS
    onset, begins = kind != CONTINUATION, kind == WORD_ONSET
    n_onsets = np.cumsum(onset)
    at_word = np.maximum.accumulate(np.where(begins, n_onsets, 1))
    index = np.arange(len(tokens))
    frame = index - np.maximum.accumulate(np.where(onset, index, 0))
    return _stack(np.cumsum(begins), n_onsets - at_word, frame + _FIRST_FRAME)


def _places(begins: np.ndarray) -> np.ndarray:
    index = np.arange(len(begins))
    return index - np.maximum.accumulate(np.where(begins, index, 0))


def _stack(*columns: np.ndarray) -> np.ndarray:
    table = np.stack(columns, axis=-1)
    return np.clip(table, 0, _LAST_ROWS.numpy())


class PositionTracker:
    """Positions of a batch's prefixes, then of each next token, without a loop over the batch.

    Attributes:
        prefix: positions of the prefix: (T,) int64 by index, or (1, T, 3) by word.
    """

    def __init__(
        self,
        prefix: Tensor,
        n_tokens: int,
        counters: Tensor | None = None,
        n_words: Tensor | None = None,
    ) -> None:
        self.prefix = prefix
        self._n_tokens = n_tokens
        self._counters = counters  # (B, 3): word, place, frame, before clamping; None by index
        self._n_words = n_words  # (B,) words of the text; None by index

    @classmethod
    def by_index(cls, length: int, *, device: torch.device | str = "cpu") -> PositionTracker:
        """Track Bark's positions: the index in the sequence, behind a prefix of `length`."""
        return cls(torch.arange(length, device=device), length)

    @classmethod
    def after_text(cls, ids: Tensor, spec: ModelSpec) -> PositionTracker:
        """Track nano's positions behind a text.

        Args:
            ids: (1, n + 1) int64, n text ids with offset, then the infer token.
            spec: whose `text_offset` the ids carry.
        """
        text = ids[0, :-1].cpu().numpy() - spec.text_offset
        prefix = np.concatenate([text_positions(text), infer_position()])
        # The first onset makes the place 0.
        counters = torch.tensor([[0, -1, _FIRST_FRAME - 1]], device=ids.device)
        n_words = torch.tensor([int(text_begins_word(text).sum())], device=ids.device)
        return cls(torch.from_numpy(prefix)[None].to(ids.device), ids.shape[1], counters, n_words)

    @classmethod
    def stack(cls, trackers: list[PositionTracker]) -> PositionTracker:
        """Join the trackers of equally long prefixes into one of the whole batch."""
        first = trackers[0]
        if first._counters is None:
            return first
        counters = torch.cat([t._counters for t in trackers if t._counters is not None])
        n_words = torch.cat([t._n_words for t in trackers if t._n_words is not None])
        return cls(torch.cat([t.prefix for t in trackers]), first._n_tokens, counters, n_words)

    def select(self, rows: Tensor) -> None:
        """Keep the given rows (K,) int64 of the batch, in that order."""
        if self._counters is not None and self._n_words is not None:
            self._counters = self._counters[rows]
            self._n_words = self._n_words[rows]
            self.prefix = self.prefix[rows]

    def advance(self, tokens: Tensor) -> Tensor:
        """Count one more token of each row.

        Args:
            tokens: (B,) int64, semantic tokens.

        Returns:
            their positions: (1,) int64 by index, or (B, 1, 3) by word.
        """
        self._n_tokens += 1
        if self._counters is None:
            return torch.tensor([self._n_tokens - 1], device=tokens.device)
        word, place, frame = self._counters.unbind(1)
        kind = tokens % N_KINDS
        begins, goes_on = kind == WORD_ONSET, kind == CONTINUATION
        word = word + begins
        place = torch.where(begins, 0, place + ~goes_on)
        frame = torch.where(goes_on, frame + 1, _FIRST_FRAME)
        self._counters = torch.stack([word, place, frame], dim=1)
        last = _LAST_ROWS.to(tokens.device)
        return torch.minimum(self._counters.clamp(min=0), last)[:, None]

    def forbidden(self, n_candidates: int) -> Tensor | None:
        """Tell which tokens cannot come next: the words of the text are said, all, and once.

        The end is forbidden before the last word has begun, another word behind it, and going
        on with a phone that is already longer than any of the teacher's.

        Args:
            n_candidates: semantic tokens, and the end token where it may come.

        Returns:
            (B, n_candidates) bool, or None by index.
        """
        if self._counters is None or self._n_words is None:
            return None
        word, _, frame = self._counters.unbind(1)
        candidates = torch.arange(n_candidates, device=word.device)
        kind, is_end = candidates % N_KINDS, candidates == END_TOKEN
        too_early = (word < self._n_words)[:, None] & is_end
        too_many = (word >= self._n_words)[:, None] & (kind == WORD_ONSET) & ~is_end
        too_long = (frame >= _FIRST_FRAME + MAX_PHONE_FRAMES - 1)[:, None] & (kind == CONTINUATION)
        return too_early | too_many | (too_long & ~is_end)
