"""Text tokens to semantic tokens: the first of the three stages."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from .kv_cache import KVCache
from .model import GPT
from .positions import PositionTracker
from .sampling import SamplingOptions, draw, token_probabilities
from .spec import ModelSpec


@dataclasses.dataclass(frozen=True, eq=False)
class SemanticTokens:
    """What the semantic stage made of one text.

    Attributes:
        tokens: (T_s,) int64 in [0, semantic_vocab_size), `semantic_rate_hz`.
        stop_reason: "end" (the model ended it), "length" (a limit did) or "stopped".
    """

    tokens: np.ndarray
    stop_reason: str


@dataclasses.dataclass(frozen=True)
class SemanticLimits:
    """When the semantic stage ends.

    Attributes:
        min_eos_p: ends as soon as the end is at least that probable; None waits for its sample.
        max_duration_s: ends once the speech is longer; None leaves the model's own limit.
        allow_early_stop: False goes on to the limit.
    """

    min_eos_p: float | None = 0.2
    max_duration_s: float | None = None
    allow_early_stop: bool = True

    def max_tokens(self, spec: ModelSpec) -> int:
        """The most tokens that these limits let one call make, as the reference counts them."""
        if self.max_duration_s is None:
            return spec.max_semantic_len
        duration = 0.0  # summed token by token: the reference's rounding decides ties
        for n in range(1, spec.max_semantic_len + 1):
            duration += 1 / spec.semantic_rate_hz
            if duration > self.max_duration_s:
                return n
        return spec.max_semantic_len


def generate_semantic(
    model: GPT,
    spec: ModelSpec,
    text_ids: Sequence[np.ndarray],
    *,
    histories: Sequence[np.ndarray | None],
    sampling: SamplingOptions,
    limits: SemanticLimits,
    generators: Sequence[torch.Generator | None],
    stop: threading.Event | None = None,
    use_cache: bool = True,
) -> Generator[int, None, list[SemanticTokens]]:
    """Semantic tokens of a batch of texts, each with its own history and generator.

    Items whose prefixes are equally long (Bark pads them, so all; nano's takes of one prompt)
    are decoded together, a group after the other.

    Args:
        text_ids: per item (n,) int, without offset, at most `spec.text_len` long.
        histories: per item (T_s,) int semantic tokens of a voice, or None.
        generators: per item; None follows `torch.manual_seed`.
        stop: looked at before every token.
        use_cache: False reads the whole sequence for every token; the oracle of the fast path.

    Yields:
        how many tokens the longest item has so far, after every token.

    Returns:
        per item its tokens, in the order given.
    """
    pairs = zip(text_ids, histories, strict=True)
    prefixes = [semantic_prefix(model, spec, *pair) for pair in pairs]
    results: list[SemanticTokens | None] = [None] * len(prefixes)
    for length in dict.fromkeys(prefix.embedding.shape[1] for prefix in prefixes):
        group = [i for i, p in enumerate(prefixes) if p.embedding.shape[1] == length]
        batch = _Batch(model, spec, [prefixes[i] for i in group], limits.max_tokens(spec))
        group_generators = [generators[i] for i in group]
        made = yield from _decode(batch, sampling, limits, group_generators, stop, use_cache)
        for i, tokens in zip(group, made, strict=True):
            results[i] = tokens
    return [result for result in results if result is not None]


@dataclasses.dataclass(frozen=True, eq=False)
class _Prefix:
    embedding: Tensor  # (1, T, C)
    tracker: PositionTracker


def semantic_prefix(
    model: GPT, spec: ModelSpec, text_ids: np.ndarray, history: np.ndarray | None
) -> _Prefix:
    """Embeds what stands before the first semantic token.

    Bark pads text and history to 256 tokens each and *sums* their embeddings position by
    position, then comes the infer token: 257 positions. Nano's text stands as it is.
    """
    text = np.asarray(text_ids[: spec.text_len], dtype=np.int64) + spec.text_offset
    infer = np.array([spec.semantic_infer_token])
    if not spec.pads_text:
        ids = torch.from_numpy(np.concatenate([text, infer]))[None].to(model.device)
        tracker = PositionTracker.after_text(ids, spec)
        return _Prefix(model.embed(ids, tracker.prefix), tracker)
    text = _pad_right(text, spec.text_len, spec.text_pad_token)
    history = np.zeros(0, np.int64) if history is None else np.asarray(history, dtype=np.int64)
    history = history[max(0, len(history) - spec.semantic_history_len) :]
    history = _pad_right(history, spec.semantic_history_len, spec.semantic_pad_token)
    ids = torch.from_numpy(np.concatenate([text, history, infer]))[None].to(model.device)
    tokens = model.embed_tokens(ids)  # (1, 513, C)
    n = spec.text_len
    merged = torch.cat([tokens[:, :n] + tokens[:, n : 2 * n], tokens[:, 2 * n :]], dim=1)
    tracker = PositionTracker.by_index(merged.shape[1], device=model.device)
    return _Prefix(merged + model.embed_positions(tracker.prefix), tracker)


def _pad_right(ids: np.ndarray, length: int, pad: int) -> np.ndarray:
    return np.pad(ids, (0, length - len(ids)), constant_values=pad)


class _Batch:
    """The live items of one group: embeddings, positions and cache, rows dropped as they end."""

    def __init__(
        self, model: GPT, spec: ModelSpec, prefixes: list[_Prefix], max_tokens: int
    ) -> None:
        self.model, self.spec, self.max_tokens = model, spec, max_tokens
        self.embedding = torch.cat([p.embedding for p in prefixes])  # (B, T, C)
        self.tracker = PositionTracker.stack([p.tracker for p in prefixes])
        self.rows = list(range(len(prefixes)))  # which item each row is
        self.cache: KVCache | None = None

    def logits(self, use_cache: bool, n_candidates: int) -> Tensor:
        """(B, n_candidates) float32 of the next token."""
        if not use_cache:
            hidden = self.model.trunk(self.embedding)
        else:
            if self.cache is None:
                size = self.embedding.shape[1] + self.max_tokens
                self.cache = self.model.new_cache(len(self.rows), size)
            hidden = self.model.trunk(self.embedding[:, self.cache.length :], self.cache)
        return self.model.head(hidden[:, -1], slice(0, n_candidates)).float()

    def append(self, tokens: Tensor, keep: list[int]) -> None:
        """Adds one token (B,) to the rows in `keep` and drops the others."""
        if len(keep) < len(self.rows):
            index = torch.tensor(keep, device=tokens.device)
            tokens, self.embedding = tokens[index], self.embedding[index]
            self.tracker.select(index)
            if self.cache is not None:
                self.cache.select(index)
            self.rows = [self.rows[i] for i in keep]
        positions = self.tracker.advance(tokens)
        new = self.model.embed(tokens[:, None], positions)  # (B, 1, C)
        self.embedding = torch.cat([self.embedding, new], dim=1)


def _decode(
    batch: _Batch,
    sampling: SamplingOptions,
    limits: SemanticLimits,
    generators: list[torch.Generator | None],
    stop: threading.Event | None,
    use_cache: bool,
) -> Generator[int, None, list[SemanticTokens]]:
    end_token = batch.spec.semantic_pad_token
    n_candidates = end_token + int(limits.allow_early_stop)
    made: list[list[int]] = [[] for _ in batch.rows]
    reasons = ["length"] * len(batch.rows)
    for step in range(batch.max_tokens):
        if stop is not None and stop.is_set():
            for item in batch.rows:
                reasons[item] = "stopped"
            break
        logits = batch.logits(use_cache, n_candidates)
        probabilities = token_probabilities(logits, sampling)
        tokens = torch.cat(
            [
                draw(probabilities[row : row + 1], sampling, generators[item])
                for row, item in enumerate(batch.rows)
            ]
        )
        ended = _ended(tokens, probabilities, end_token, limits)
        keep = [row for row, end in enumerate(ended) if not end]
        drawn = tokens.tolist()
        for row, item in enumerate(batch.rows):
            if ended[row]:
                reasons[item] = "end"
            else:
                made[item].append(drawn[row])
        yield step + 1
        if not keep or step + 1 == batch.max_tokens:  # the last token is never read
            break
        batch.append(tokens, keep)
    return [
        SemanticTokens(np.array(tokens, dtype=np.int64), reason)
        for tokens, reason in zip(made, reasons, strict=True)
    ]


def _ended(
    tokens: Tensor, probabilities: Tensor, end_token: int, limits: SemanticLimits
) -> list[bool]:
    if not limits.allow_early_stop:
        return [False] * len(tokens)
    ended = tokens == end_token
    if limits.min_eos_p is not None:
        ended = ended | (probabilities[:, -1] >= limits.min_eos_p)
    return ended.tolist()
