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
from torch.nn import functional as F

from ..decoding.stage import Inputs
from ..models.gpt import GPT
from ..text.english.phones import (
    CONTINUATION,
    END_TOKEN,
    N_KINDS,
    N_PAUSES,
    ONSET,
    PHONE_INDEX,
    QUESTION_PAUSE,
    WORD_ONSET,
    text_begins_word,
    text_is_phone,
    text_mark_id,
)

POSITION_SIZES = (256, 32, 32)
"""Rows of nano's tables: word number, place in the word, frame in the phone."""

_LAST_ROWS = torch.tensor(POSITION_SIZES) - 1
# Rows of the frame table also tell what a token is: text, infer, or a semantic token.
_TEXT_FRAME, _INFER_FRAME, _FIRST_FRAME = 0, 1, 2

_UNKNOWN, _NONE = -1, -2  # instead of a word's number of phones: in letters; no such word

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


def text_word_lengths(ids: np.ndarray) -> list[int]:
    """Count the phones of each word of a text, -1 where it is given in letters.

    Args:
        ids: (n,) int64 text ids without offset.
    """
    words = np.split(ids, np.flatnonzero(text_begins_word(ids)))[1:]
    return [int(text_is_phone(w).sum()) if text_is_phone(w[:1]).all() else _UNKNOWN for w in words]


def text_questions(ids: np.ndarray) -> list[int]:
    """Say of each word of a text whether a question mark stands behind it, 1 or 0.

    Args:
        ids: (n,) int64 text ids without offset.
    """
    words = np.split(ids, np.flatnonzero(text_begins_word(ids)))[1:]
    return [int(text_mark_id("?") in word) for word in words]


def _places(begins: np.ndarray) -> np.ndarray:
    index = np.arange(len(begins))
    return index - np.maximum.accumulate(np.where(begins, index, 0))


def _stack(*columns: np.ndarray) -> np.ndarray:
    table = np.stack(columns, axis=-1)
    found: np.ndarray = np.clip(table, 0, _LAST_ROWS.numpy())
    return found


class WordInputs:
    """Nano's tokens by word: positions of a batch's next tokens, without a loop over the batch.

    All that `advance` changes is changed in place, and no number comes from the host: a device
    can repeat it without Python.

    Args:
        counters: (B, 3) int64: word, place, frame of the last token, before clamping.
        lengths: (B, W + 1) int64: phones per word, `_UNKNOWN` in letters, then `_NONE`.
        asks: (B, W + 1) int64: 1 where a question mark stands behind the word, else 0.
    """

    def __init__(self, counters: Tensor, lengths: Tensor, asks: Tensor) -> None:
        self._last_rows = _LAST_ROWS.to(counters.device)
        self._counters, self._lengths, self._asks = counters, lengths, asks

    @classmethod
    def after_text(cls, text: np.ndarray, *, device: torch.device | str = "cpu") -> WordInputs:
        """Counts behind a text, in a batch of one.

        Args:
            text: (n,) int64 text ids without offset.
        """
        # The first onset makes the place 0.
        counters = [0, -1, _FIRST_FRAME - 1]
        rows = counters, [0, *text_word_lengths(text)], [0, *text_questions(text)]
        return cls(*(torch.tensor([row], device=device) for row in rows))

    @classmethod
    def stack(cls, parts: list[WordInputs]) -> WordInputs:
        """Joins the rows of several into one batch."""
        width = max(part._lengths.shape[1] for part in parts)

        def padded(row: Tensor, value: int) -> Tensor:
            return F.pad(row, (0, width - row.shape[1]), value=value)

        return cls(
            torch.cat([part._counters for part in parts]),
            torch.cat([padded(part._lengths, _NONE) for part in parts]),
            torch.cat([padded(part._asks, 0) for part in parts]),
        )

    @property
    def shapes(self) -> tuple[torch.Size, ...]:
        """Of its tensors; inputs of equal shapes can take each other's place."""
        return self._counters.shape, self._lengths.shape, self._asks.shape

    def copy(self) -> WordInputs:
        """The same again, for looking ahead."""
        return WordInputs(self._counters.clone(), self._lengths, self._asks)

    def assign(self, other: Inputs, rows: Tensor) -> None:
        """Takes over another batch as these rows (K,) int64, in the tensors that are here."""
        assert isinstance(other, WordInputs)
        self._counters[rows] = other._counters
        self._lengths[rows] = other._lengths
        self._asks[rows] = other._asks

    def select(self, rows: Tensor) -> None:
        """Keeps the given rows (K,) int64 of the batch, in that order."""
        self._counters, self._lengths = self._counters[rows], self._lengths[rows]
        self._asks = self._asks[rows]

    def embed(self, model: GPT, tokens: Tensor, position: Tensor) -> Tensor:
        """(B,) int64 semantic tokens -> (B, 1, C); counts them."""
        return model.embed(tokens[:, None], self.advance(tokens))

    def advance(self, tokens: Tensor) -> Tensor:
        """Counts one more token of each row.

        Args:
            tokens: (B,) int64, semantic tokens.

        Returns:
            their positions, (B, 1, 3).
        """
        word, place, frame = self._counters.unbind(1)
        kind = tokens % N_KINDS
        begins, goes_on = kind == WORD_ONSET, kind == CONTINUATION
        word = word + begins
        place = torch.where(begins, 0, place + ~goes_on)
        frame = torch.where(goes_on, frame + 1, _FIRST_FRAME)
        self._counters.copy_(torch.stack([word, place, frame], dim=1))
        return torch.minimum(self._counters.clamp(min=0), self._last_rows)[:, None]

    def forbidden(self, n_candidates: int) -> Tensor:
        """Tells which tokens cannot come next: every word is said, in full and once.

        A word given in phones gets as many onsets as it has phones (in all but 7 of 10,000 words
        the teacher does so, too), then perhaps one pause; a word in letters any number. The end
        comes behind the last word only, and no phone is held longer than any of the teacher's.
        Behind a question mark the pause is the questioning one, and only there.

        Args:
            n_candidates: semantic tokens, and the end token where it may come.

        Returns:
            (B, n_candidates) bool.
        """
        word, place, frame = self._counters.unbind(1)
        length = self._following(word)
        n_said, known = place + 1, length != _UNKNOWN
        partly = known & (n_said < length)
        is_last = self._following(word + 1) == _NONE
        tokens = torch.arange(n_candidates, device=word.device)
        kind, is_end, is_pause = tokens % N_KINDS, tokens == END_TOKEN, tokens < N_KINDS * N_PAUSES
        asks = self._asks.gather(1, word.clamp(max=self._asks.shape[1] - 1)[:, None])[:, 0] == 1
        is_asking = tokens // N_KINDS == PHONE_INDEX[QUESTION_PAUSE]
        rules = (
            (partly | ~is_last, is_end),
            (partly | is_last, (kind == WORD_ONSET) & ~is_end),
            (known & (n_said >= length), (kind == ONSET) & ~is_pause),
            (partly | (known & (n_said > length)), (kind == ONSET) & is_pause),
            (asks, (kind == ONSET) & is_pause & ~is_asking),
            (~asks, (kind == ONSET) & is_asking),
            (frame >= _FIRST_FRAME + MAX_PHONE_FRAMES - 1, (kind == CONTINUATION) & ~is_end),
        )
        return torch.stack([rows[:, None] & tokens for rows, tokens in rules]).any(0)

    def _following(self, word: Tensor) -> Tensor:
        """(B,) word numbers -> their lengths, `_NONE` behind the last."""
        lengths = F.pad(self._lengths, (0, 2), value=_NONE)
        return lengths.gather(1, word.clamp(max=lengths.shape[1] - 1)[:, None])[:, 0]
