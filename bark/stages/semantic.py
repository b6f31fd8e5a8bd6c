"""Text tokens to semantic tokens: the first of the three stages."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..decoding.engines import decode
from ..decoding.sampling import SamplingOptions
from ..decoding.stage import Engine, Item, Stage, Window, groups_of
from ..models.file_memory import MappedPages
from ..models.gpt import GPT
from ..spec import ModelSpec
from .semantic_prefix import SemanticPrefix, semantic_prefixes


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
    """The semantic tokens, and behind them the end where it is allowed."""

    spec: ModelSpec
    sampling: SamplingOptions
    limits: SemanticLimits
    n_phases = 1

    @property
    def n_candidates(self) -> int:
        """V, tokens that a step chooses from."""
        return self.spec.semantic_pad_token + int(self.limits.allow_early_stop)

    def first_token(self, phase: int) -> int:
        """Tokens are counted from 0."""
        return 0

    def logits(self, model: GPT, hidden: Tensor, phase: int) -> Tensor:
        """(B, C) -> (B, V)."""
        return model.head(hidden, slice(0, self.n_candidates))

    def ended(self, tokens: Tensor, probabilities: Tensor) -> Tensor | None:
        """(B,) and (B, V) -> (B,) bool: whether a row ends with this token."""
        if not self.limits.allow_early_stop:
            return None
        ended = tokens == self.spec.semantic_pad_token
        if self.limits.min_eos_p is not None:
            ended = ended | (probabilities[:, -1] >= self.limits.min_eos_p)
        return ended


@dataclasses.dataclass(frozen=True, eq=False)
class SemanticStage(Stage):
    """Items with equally long prefixes, each in one window.

    Attributes:
        prefixes: per item, as `model` embeds what stands before its tokens.
        embed: makes the same by another model.
    """

    prefixes: list[SemanticPrefix]
    embed: Callable[[GPT], list[SemanticPrefix]]

    def read_by(self, model: GPT) -> SemanticStage:
        """With the other model's embeddings."""
        return dataclasses.replace(self, model=model, prefixes=self.embed(model))

    def open_window(self, rows: list[int], step: int) -> tuple[Window, int]:
        """The prefixes, equal ones once, and all steps there are."""
        unique = list({id(prefix): prefix for prefix in self.prefixes}.values())
        embeddings = torch.cat([prefix.embedding for prefix in unique])  # (U, T, C)
        if len(unique) > 1:  # whose texts have read many rows of the table
            MappedPages.of_tables(self.model).give_back()
        inputs = SemanticPrefix.inputs_of(self.prefixes)
        source = [unique.index(prefix) for prefix in self.prefixes]
        return Window(embeddings, inputs, source), self.items[0].n_steps


def generate_semantic(
    model: GPT,
    spec: ModelSpec,
    text_ids: Sequence[np.ndarray],
    *,
    histories: Sequence[np.ndarray | None],
    sampling: SamplingOptions,
    limits: SemanticLimits,
    generators: Sequence[torch.Generator | None],
    kept: Sequence[np.ndarray] | None = None,
    stop: threading.Event | None = None,
    engine: Engine = decode,
) -> Generator[int, None, list[SemanticTokens]]:
    """Semantic tokens of a batch of texts, each with its own history and generator.

    Items whose prefixes are equally long (Bark pads them, so all; nano's takes of one prompt)
    are decoded together, a group after the other.

    Args:
        text_ids: per item (n,) int, without offset, at most `spec.text_len` long.
        histories: per item (T_s,) int semantic tokens of a voice, or None.
        generators: per item; None follows `torch.manual_seed`.
        kept: per item (T_k,) int semantic tokens of the same text that are there already, fewer
            than the limits allow; the model goes on behind them.
        stop: looked at before every token, or before every few on other devices than a CPU.
        engine: that decodes.

    Yields:
        how many tokens the longest item has so far, after every look at them.

    Returns:
        per item its new tokens, in the order given.
    """
    own = [np.zeros(0, np.int64)] * len(text_ids) if kept is None else kept

    def embedded(by: GPT) -> list[SemanticPrefix]:
        prefixes = semantic_prefixes(by, spec, text_ids, histories)
        return [
            prefix.behind(np.asarray(tokens, dtype=np.int64), by) if len(tokens) else prefix
            for prefix, tokens in zip(prefixes, own, strict=True)
        ]

    prefixes = embedded(model)
    n_all = limits.max_tokens(spec)
    items = [
        Item(generator=generator, n_steps=n_all - len(tokens))
        for generator, tokens in zip(generators, own, strict=True)
    ]

    def length_and_steps(i: int) -> tuple[int, int]:
        return prefixes[i].embedding.shape[1], items[i].n_steps

    for group in groups_of(range(len(items)), length_and_steps):
        n_prefix, n_steps = length_and_steps(group[0])
        stage = SemanticStage(
            model=model,
            rules=SemanticRules(spec, sampling, limits),
            items=[items[i] for i in group],
            prefixes=[prefixes[i] for i in group],
            embed=lambda by, group=group: [embedded(by)[i] for i in group],  # type: ignore[misc]
            max_len=n_prefix + n_steps - 1,  # the last token is never read
            stop=stop,
        )
        yield from engine(stage)
    return [SemanticTokens(np.array(i.tokens, dtype=np.int64), i.stop_reason) for i in items]
