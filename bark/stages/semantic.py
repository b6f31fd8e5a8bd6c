"""Text tokens to semantic tokens: the first of the three stages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..decoding.sampling import SamplingOptions, draw_each
from ..decoding.speculative import NoiseTape, Speculation
from ..decoding.static import NewRunner, decodes_statically
from ..models.gpt import GPT
from ..models.kv_cache import KVCache
from ..spec import ModelSpec
from .positions import PositionTracker
from .semantic_prefix import semantic_prefixes
from .semantic_static import decode_static
from .semantic_task import (
    SemanticLimits,
    SemanticRules,
    SemanticTask,
    SemanticTokens,
    semantic_results,
)


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
    new_runner: NewRunner | None = None,
) -> Generator[int, None, list[SemanticTokens]]:
    """Semantic tokens of a batch of texts, each with its own history and generator.

    Items whose prefixes are equally long (Bark pads them, so all; nano's takes of one prompt)
    are decoded together, a group after the other.

    Args:
        text_ids: per item (n,) int, without offset, at most `spec.text_len` long.
        histories: per item (T_s,) int semantic tokens of a voice, or None.
        generators: per item; None follows `torch.manual_seed`.
        stop: looked at before every token, or before every few on other devices than a CPU.
        use_cache: False reads the whole sequence for every token; the oracle of the fast path.
        new_runner: of the steps on other devices than a CPU, see static_decode.py; with one they
            are taken on a CPU too.

    Yields:
        how many tokens the longest item has so far, after every look at them.

    Returns:
        per item its tokens, in the order given.
    """
    prefixes = semantic_prefixes(model, spec, text_ids, histories)
    results: list[SemanticTokens | None] = [None] * len(prefixes)
    for length in dict.fromkeys(prefix.embedding.shape[1] for prefix in prefixes):
        group = [i for i, p in enumerate(prefixes) if p.embedding.shape[1] == length]
        task = SemanticTask(
            model=model,
            rules=SemanticRules(spec, sampling, limits),
            prefixes=[prefixes[i] for i in group],
            generators=[generators[i] for i in group],
            stop=stop,
            use_cache=use_cache,
            new_runner=new_runner,
        )
        made = yield from _loop_for(task)(task)
        for i, tokens in zip(group, made, strict=True):
            results[i] = tokens
    return [result for result in results if result is not None]


_Loop = Callable[[SemanticTask], Generator[int, None, list[SemanticTokens]]]


def _loop_for(task: SemanticTask) -> _Loop:
    if task.use_cache and decodes_statically(task.model, task.new_runner):
        return decode_static
    if task.use_cache and task.model.draft is not None and len(task.prefixes) == 1:
        return _decode_by_drafts
    return _decode


class _Batch:
    """The live items of one task: positions and cache, rows dropped as they end."""

    def __init__(self, task: SemanticTask) -> None:
        self.model, self.use_cache = task.model, task.use_cache
        self.tracker = PositionTracker.stack([prefix.tracker for prefix in task.prefixes])
        self.rows = list(range(len(task.prefixes)))  # which item each row is
        self.unread = torch.cat([prefix.embedding for prefix in task.prefixes])  # (B, T, C)
        self.cache: KVCache | None = None
        if self.use_cache:
            self._read_prefixes(task)

    def _read_prefixes(self, task: SemanticTask) -> None:
        """Fills the cache with all prefixes but their last position, equal ones only once."""
        unique, index = task.unique_prefixes()
        size = self.unread.shape[1] + task.rules.max_tokens
        self.cache = self.model.new_cache(len(unique), size)
        self.model.trunk(torch.cat([prefix.embedding[:, :-1] for prefix in unique]), self.cache)
        if len(unique) < len(task.prefixes):
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


def _decode(task: SemanticTask) -> Generator[int, None, list[SemanticTokens]]:
    """One token of every item at a time."""
    rules, batch = task.rules, _Batch(task)
    made: list[list[int]] = [[] for _ in batch.rows]
    reasons = ["length"] * len(batch.rows)
    max_tokens = rules.max_tokens
    for step in range(max_tokens):
        if task.is_stopped():
            for item in batch.rows:
                reasons[item] = "stopped"
            break
        forbidden = batch.tracker.forbidden(rules.n_candidates)
        probabilities = rules.probabilities(task.model, batch.hidden(), forbidden)
        generators = [task.generators[item] for item in batch.rows]
        tokens = draw_each(probabilities, rules.sampling, generators)
        ended = rules.ended(tokens, probabilities).tolist()
        for item, token, end in zip(batch.rows, tokens.tolist(), ended, strict=True):
            if end:
                reasons[item] = "end"
            else:
                made[item].append(token)
        yield step + 1
        keep = [row for row, end in enumerate(ended) if not end]
        if not keep or step + 1 == max_tokens:  # the last token is never read
            break
        batch.append(tokens, keep)
    return semantic_results(made, reasons)


def _decode_by_drafts(task: SemanticTask) -> Generator[int, None, list[SemanticTokens]]:
    """A few tokens of one item at a time, the same as `_decode` makes."""
    rules = task.rules

    def ends(token: int, probabilities: Tensor) -> bool:
        return bool(rules.ended(torch.tensor([token]), probabilities))

    def embed(tokens: list[int], start: int) -> Tensor:
        positions = torch.arange(start, start + len(tokens))
        return task.model.embed(torch.tensor([tokens]), positions)

    made: list[int] = []
    noise = NoiseTape(rules.sampling, task.generators[0])
    speculation = Speculation(
        task.model,
        noise=noise,
        embed=embed,
        probabilities=lambda model, hidden, step: rules.probabilities(model, hidden),
        ends=ends,
    )
    speculation.start(task.prefixes[0].embedding, n_kept=0)
    reason, max_tokens = "length", rules.max_tokens
    while reason == "length" and len(made) < max_tokens:
        if task.is_stopped():
            reason = "stopped"
            break
        tokens, ended = speculation.next(len(made), max_tokens - len(made))
        if ended:
            tokens, reason = tokens[:-1], "end"
        for token in tokens:
            made.append(token)
            yield len(made)
    noise.close()
    return semantic_results([made], [reason])
