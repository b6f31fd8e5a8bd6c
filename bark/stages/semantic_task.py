"""What the loops of the semantic stage share: limits, rules and results."""

from __future__ import annotations

import dataclasses
import math
import threading

import numpy as np
import torch
from torch import Tensor

from ..decoding.sampling import SamplingOptions, token_probabilities
from ..decoding.static import NewRunner
from ..models.gpt import GPT
from ..spec import ModelSpec
from .semantic_prefix import SemanticPrefix


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


@dataclasses.dataclass(frozen=True)
class SemanticRules:
    """What the odds of a token follow from, and what ends an item."""

    spec: ModelSpec
    sampling: SamplingOptions
    limits: SemanticLimits

    @property
    def n_candidates(self) -> int:
        """The semantic tokens, and behind them the end where it is allowed."""
        return self.spec.semantic_pad_token + int(self.limits.allow_early_stop)

    @property
    def max_tokens(self) -> int:
        """The most that one item can get."""
        return self.limits.max_tokens(self.spec)

    def probabilities(self, model: GPT, hidden: Tensor, forbidden: Tensor | None = None) -> Tensor:
        """(B, C) -> (B, n_candidates) float32, 0 where `forbidden` (B, n_candidates) is true."""
        logits = model.head(hidden, slice(0, self.n_candidates)).float()
        if forbidden is not None:
            logits = logits.masked_fill(forbidden, -math.inf)
        return token_probabilities(logits, self.sampling)

    def ended(self, tokens: Tensor, probabilities: Tensor) -> Tensor:
        """(B,) and (B, n_candidates) -> (B,) bool: whether a row ends with this token."""
        if not self.limits.allow_early_stop:
            return torch.zeros_like(tokens, dtype=torch.bool)
        ended = tokens == self.spec.semantic_pad_token
        if self.limits.min_eos_p is not None:
            ended = ended | (probabilities[:, -1] >= self.limits.min_eos_p)
        return ended


@dataclasses.dataclass(frozen=True, eq=False)
class SemanticTask:
    """A group of items with equally long prefixes, and how to decode them."""

    model: GPT
    rules: SemanticRules
    prefixes: list[SemanticPrefix]
    generators: list[torch.Generator | None]
    stop: threading.Event | None
    use_cache: bool
    new_runner: NewRunner | None

    def is_stopped(self) -> bool:
        """Whether somebody has asked for an end."""
        return self.stop is not None and self.stop.is_set()

    def unique_prefixes(self) -> tuple[list[SemanticPrefix], list[int]]:
        """The different prefixes, and which of them each item has."""
        unique = list({id(prefix): prefix for prefix in self.prefixes}.values())
        return unique, [unique.index(prefix) for prefix in self.prefixes]


def semantic_results(made: list[list[int]], reasons: list[str]) -> list[SemanticTokens]:
    """Per item its tokens and why they end there."""
    return [
        SemanticTokens(np.array(tokens, dtype=np.int64), reason)
        for tokens, reason in zip(made, reasons, strict=True)
    ]
