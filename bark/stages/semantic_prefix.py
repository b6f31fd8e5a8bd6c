"""What stands before the first semantic token: text, history and the infer token."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..decoding.stage import IndexInputs, Inputs
from ..models.gpt import GPT
from ..spec import ModelSpec
from .positions import WordInputs, infer_position, text_positions


@dataclasses.dataclass(frozen=True, eq=False)
class SemanticPrefix:
    """One text's.

    Attributes:
        embedding: (1, T, C).
        words: nano's counters behind it; None where positions are counted by index.
    """

    embedding: Tensor
    words: WordInputs | None = None

    def behind(self, tokens: np.ndarray, model: GPT) -> SemanticPrefix:
        """The prefix with semantic tokens (T,) int64 behind it, as if the model had made them."""
        inputs: Inputs = IndexInputs() if self.words is None else self.words.copy()
        parts, length = [self.embedding], self.embedding.shape[1]
        for i, token in enumerate(torch.as_tensor(tokens, device=model.device).split(1)):
            position = torch.tensor([length + i], device=model.device)
            parts.append(inputs.embed(model, token, position))  # (1, 1, C)
        words = inputs if isinstance(inputs, WordInputs) else None
        return SemanticPrefix(torch.cat(parts, dim=1), words)

    @staticmethod
    def inputs_of(prefixes: Sequence[SemanticPrefix]) -> Inputs:
        """What follows these prefixes, as one batch."""
        words = [prefix.words for prefix in prefixes if prefix.words is not None]
        return WordInputs.stack(words) if words else IndexInputs()


def semantic_prefixes(
    model: GPT,
    spec: ModelSpec,
    text_ids: Sequence[np.ndarray],
    histories: Sequence[np.ndarray | None],
) -> list[SemanticPrefix]:
    """What stands before the semantic tokens of a batch.

    Args:
        text_ids: per item (n,) int64 text tokens without the spec's offset.
        histories: per item a voice's semantic tokens (T_h,) int64, or None.

    Returns:
        One for each item; items of equal text and history have the same.
    """
    made: dict[tuple[bytes, bytes | None], SemanticPrefix] = {}
    prefixes = []
    for ids, history in zip(text_ids, histories, strict=True):
        past = None if history is None else np.asarray(history, np.int64).tobytes()
        key = np.asarray(ids, np.int64).tobytes(), past
        if key not in made:
            made[key] = semantic_prefix(model, spec, ids, history)
        prefixes.append(made[key])
    return prefixes


def semantic_prefix(
    model: GPT, spec: ModelSpec, text_ids: np.ndarray, history: np.ndarray | None
) -> SemanticPrefix:
    """Embeds what stands before the first semantic token.

    Bark pads text and history to 256 tokens each and *sums* their embeddings position by
    position, then comes the infer token: 257 positions. Nano's text stands as it is.

    Args:
        text_ids: (n,) int64 without the spec's offset; the first `text_len` are read.
        history: a voice's semantic tokens (T_h,) int64, of which Bark reads the last 256; None
            for no voice.

    Returns:
        Of embedding (1, 257, C), or for nano (1, n + 1, C).
    """
    text = np.asarray(text_ids[: spec.text_len], dtype=np.int64)
    infer = np.array([spec.semantic_infer_token])
    if not spec.pads_text:
        ids = np.concatenate([text + spec.text_offset, infer])
        positions = np.concatenate([text_positions(text), infer_position()])  # (T, 3)
        embedding = model.embed(_batch(ids, model), _batch(positions, model))
        return SemanticPrefix(embedding, WordInputs.after_text(text, device=model.device))
    text = _pad_right(text + spec.text_offset, spec.text_len, spec.text_pad_token)
    history = np.zeros(0, np.int64) if history is None else np.asarray(history, dtype=np.int64)
    history = history[max(0, len(history) - spec.semantic_history_len) :]
    history = _pad_right(history, spec.semantic_history_len, spec.semantic_pad_token)
    tokens = model.embed_tokens(_batch(np.concatenate([text, history, infer]), model))
    n = spec.text_len
    merged = torch.cat([tokens[:, :n] + tokens[:, n : 2 * n], tokens[:, 2 * n :]], dim=1)
    index = torch.arange(merged.shape[1], device=model.device)
    return SemanticPrefix(merged + model.embed_positions(index))  # (1, 257, C)


def _batch(values: np.ndarray, model: GPT) -> Tensor:
    return torch.from_numpy(values)[None].to(model.device)


def _pad_right(ids: np.ndarray, length: int, pad: int) -> np.ndarray:
    return np.pad(ids, (0, length - len(ids)), constant_values=pad)
