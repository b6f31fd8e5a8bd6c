"""What stands before the first semantic token: text, history and the infer token."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..models.gpt import GPT
from ..spec import ModelSpec
from .positions import PositionTracker


@dataclasses.dataclass(frozen=True, eq=False)
class SemanticPrefix:
    """One text's.

    Attributes:
        embedding: (1, T, C).
        tracker: of the tokens behind it.
    """

    embedding: Tensor
    tracker: PositionTracker


def semantic_prefixes(
    model: GPT,
    spec: ModelSpec,
    text_ids: Sequence[np.ndarray],
    histories: Sequence[np.ndarray | None],
) -> list[SemanticPrefix]:
    """One for each item; items of equal text and history have the same."""
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
    """
    text = np.asarray(text_ids[: spec.text_len], dtype=np.int64) + spec.text_offset
    infer = np.array([spec.semantic_infer_token])
    if not spec.pads_text:
        ids = torch.from_numpy(np.concatenate([text, infer]))[None].to(model.device)
        tracker = PositionTracker.after_text(ids, spec)
        return SemanticPrefix(model.embed(ids, tracker.prefix), tracker)
    text = _pad_right(text, spec.text_len, spec.text_pad_token)
    history = np.zeros(0, np.int64) if history is None else np.asarray(history, dtype=np.int64)
    history = history[max(0, len(history) - spec.semantic_history_len) :]
    history = _pad_right(history, spec.semantic_history_len, spec.semantic_pad_token)
    ids = torch.from_numpy(np.concatenate([text, history, infer]))[None].to(model.device)
    tokens = model.embed_tokens(ids)  # (1, 513, C)
    n = spec.text_len
    merged = torch.cat([tokens[:, :n] + tokens[:, n : 2 * n], tokens[:, 2 * n :]], dim=1)
    tracker = PositionTracker.by_index(merged.shape[1], device=model.device)
    return SemanticPrefix(merged + model.embed_positions(tracker.prefix), tracker)


def _pad_right(ids: np.ndarray, length: int, pad: int) -> np.ndarray:
    return np.pad(ids, (0, length - len(ids)), constant_values=pad)
