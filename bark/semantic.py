"""Text tokens to semantic tokens: the first of the three stages."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from .kv_cache import KVCache
from .model import GPT
from .positions import PositionTracker
from .sampling import SamplingOptions, draw_each, token_probabilities
from .spec import ModelSpec
from .speculation import NoiseTape, Speculation


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
    prefixes = _prefixes(model, spec, text_ids, histories)
    results: list[SemanticTokens | None] = [None] * len(prefixes)
    for length in dict.fromkeys(prefix.embedding.shape[1] for prefix in prefixes):
        group = [i for i, p in enumerate(prefixes) if p.embedding.shape[1] == length]
        decode = _decode_by_drafts if use_cache and _can_speculate(model, group) else _decode
        task = _Task(
            model=model,
            spec=spec,
            prefixes=[prefixes[i] for i in group],
            sampling=sampling,
            limits=limits,
            generators=[generators[i] for i in group],
            stop=stop,
            use_cache=use_cache,
        )
        made = yield from decode(task)
        for i, tokens in zip(group, made, strict=True):
            results[i] = tokens
    return [result for result in results if result is not None]


def _prefixes(
    model: GPT,
    spec: ModelSpec,
    text_ids: Sequence[np.ndarray],
    histories: Sequence[np.ndarray | None],
) -> list[_Prefix]:
    """One for each item; items of equal text and history have the same."""
    made: dict[tuple[bytes, bytes | None], _Prefix] = {}
    prefixes = []
    for ids, history in zip(text_ids, histories, strict=True):
        past = None if history is None else np.asarray(history, np.int64).tobytes()
        key = np.asarray(ids, np.int64).tobytes(), past
        if key not in made:
            made[key] = semantic_prefix(model, spec, ids, history)
        prefixes.append(made[key])
    return prefixes


def _can_speculate(model: GPT, group: list[int]) -> bool:
    return model.draft is not None and len(group) == 1


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


@dataclasses.dataclass(frozen=True, eq=False)
class _Task:
    """A group of items with equally long prefixes, and how to decode them."""

    model: GPT
    spec: ModelSpec
    prefixes: list[_Prefix]
    sampling: SamplingOptions
    limits: SemanticLimits
    generators: list[torch.Generator | None]
    stop: threading.Event | None
    use_cache: bool

    @property
    def n_candidates(self) -> int:
        """The semantic tokens, and behind them the end where it is allowed."""
        return self.spec.semantic_pad_token + int(self.limits.allow_early_stop)

    @property
    def max_tokens(self) -> int:
        return self.limits.max_tokens(self.spec)

    def is_stopped(self) -> bool:
        return self.stop is not None and self.stop.is_set()

    def probabilities(self, model: GPT, hidden: Tensor, forbidden: Tensor | None = None) -> Tensor:
        """(B, C) -> (B, n_candidates) float32, 0 where `forbidden` (B, n_candidates) is true."""
        logits = model.head(hidden, slice(0, self.n_candidates)).float()
        if forbidden is not None:
            logits = logits.masked_fill(forbidden, -math.inf)
        return token_probabilities(logits, self.sampling)


class _Batch:
    """The live items of one task: positions and cache, rows dropped as they end."""

    def __init__(self, task: _Task) -> None:
        self.model, self.use_cache = task.model, task.use_cache
        self.tracker = PositionTracker.stack([prefix.tracker for prefix in task.prefixes])
        self.rows = list(range(len(task.prefixes)))  # which item each row is
        self.unread = torch.cat([prefix.embedding for prefix in task.prefixes])  # (B, T, C)
        self.cache: KVCache | None = None
        if self.use_cache:
            self._read_prefixes(task)

    def _read_prefixes(self, task: _Task) -> None:
        """Fills the cache with all prefixes but their last position, equal ones only once."""
        unique = list({id(prefix): prefix for prefix in task.prefixes}.values())
        size = self.unread.shape[1] + task.max_tokens
        self.cache = self.model.new_cache(len(unique), size)
        self.model.trunk(torch.cat([prefix.embedding[:, :-1] for prefix in unique]), self.cache)
        if len(unique) < len(task.prefixes):
            index = [unique.index(prefix) for prefix in task.prefixes]
            self.cache.select(torch.tensor(index, device=self.model.device))
        self.unread = self.unread[:, -1:]

    def hidden(self) -> Tensor:
        """(B, C) behind each item's last token."""
        return self.model.trunk(self.unread, self.cache)[:, -1]

    def append(self, tokens: Tensor, keep: list[int]) -> None:
        """Adds one token (B,) to the rows in `keep` and drops the others."""
        if len(keep) < len(self.rows):
            index = torch.tensor(keep, device=tokens.device)
            tokens, self.unread = tokens[index], self.unread[index]
            self.tracker.select(index)
            if self.cache is not None:
                self.cache.select(index)
            self.rows = [self.rows[i] for i in keep]
        new = self.model.embed(tokens[:, None], self.tracker.advance(tokens))  # (B, 1, C)
        self.unread = new if self.use_cache else torch.cat([self.unread, new], dim=1)


def _decode(task: _Task) -> Generator[int, None, list[SemanticTokens]]:
    """One token of every item at a time."""
    batch = _Batch(task)
    made: list[list[int]] = [[] for _ in batch.rows]
    reasons = ["length"] * len(batch.rows)
    for step in range(task.max_tokens):
        if task.is_stopped():
            for item in batch.rows:
                reasons[item] = "stopped"
            break
        forbidden = batch.tracker.forbidden(task.n_candidates)
        probabilities = task.probabilities(task.model, batch.hidden(), forbidden)
        generators = [task.generators[item] for item in batch.rows]
        tokens = draw_each(probabilities, task.sampling, generators)
        ended = _ended(tokens, probabilities, task.spec.semantic_pad_token, task.limits)
        for item, token, end in zip(batch.rows, tokens.tolist(), ended, strict=True):
            if end:
                reasons[item] = "end"
            else:
                made[item].append(token)
        yield step + 1
        keep = [row for row, end in enumerate(ended) if not end]
        if not keep or step + 1 == task.max_tokens:  # the last token is never read
            break
        batch.append(tokens, keep)
    return [
        SemanticTokens(np.array(tokens, dtype=np.int64), reason)
        for tokens, reason in zip(made, reasons, strict=True)
    ]


def _decode_by_drafts(task: _Task) -> Generator[int, None, list[SemanticTokens]]:
    """A few tokens of one item at a time, the same as `_decode` makes."""
    end_token = task.spec.semantic_pad_token

    def ends(token: int, probabilities: Tensor) -> bool:
        return _ended(torch.tensor([token]), probabilities, end_token, task.limits)[0]

    def embed(tokens: list[int], start: int) -> Tensor:
        positions = torch.arange(start, start + len(tokens))
        return task.model.embed(torch.tensor([tokens]), positions)

    made: list[int] = []
    noise = NoiseTape(task.sampling, task.generators[0])
    speculation = Speculation(
        task.model,
        noise=noise,
        embed=embed,
        probabilities=lambda model, hidden, step: task.probabilities(model, hidden),
        ends=ends,
    )
    speculation.start(task.prefixes[0].embedding, n_kept=0)
    reason = "length"
    while reason == "length" and len(made) < task.max_tokens:
        if task.is_stopped():
            reason = "stopped"
            break
        tokens, ended = speculation.next(len(made), task.max_tokens - len(made))
        if ended:
            tokens, reason = tokens[:-1], "end"
        for token in tokens:
            made.append(token)
            yield len(made)
    noise.close()
    return [SemanticTokens(np.array(made, dtype=np.int64), reason)]


def _ended(
    tokens: Tensor, probabilities: Tensor, end_token: int, limits: SemanticLimits
) -> list[bool]:
    if not limits.allow_early_stop:
        return [False] * len(tokens)
    ended = tokens == end_token
    if limits.min_eos_p is not None:
        ended = ended | (probabilities[:, -1] >= limits.min_eos_p)
    return ended.tolist()
