"""What a stage tells the drivers about itself, and all that they need to know of it.

A driver (plain, speculative, static) turns a `Stage` into tokens; none knows which stage it is.
"""

from __future__ import annotations

import abc
import dataclasses
import math
import threading
from collections.abc import Callable, Generator, Hashable, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from ..models.gpt import GPT
from ..models.unread import UnreadTokens
from .sampling import SamplingOptions, token_probabilities


class Rules(Protocol):
    """How a token is chosen: frozen and hashable, because recorded steps are kept by it."""

    @property
    def sampling(self) -> SamplingOptions:
        """Temperature and filters."""

    @property
    def n_candidates(self) -> int:
        """V, the tokens that a step chooses from."""

    @property
    def n_phases(self) -> int:
        """Kinds of steps that take turns, one for each codebook for example."""

    def first_token(self, phase: int) -> int:
        """The token that the first of a phase's candidates is."""

    def logits(self, model: GPT, hidden: Tensor, phase: int) -> Tensor:
        """(B, C) -> (B, V) of a phase's candidates."""

    def ended(self, tokens: Tensor, probabilities: Tensor) -> Tensor | None:
        """(B,) int64, (B, V) -> (B,) bool: rows that end with this token; None if none can."""


class Inputs(Protocol):
    """What turns the tokens of B rows into their next inputs, and what it remembers for it."""

    @property
    def shapes(self) -> Hashable:
        """Of its tensors; inputs of equal shapes can take each other's place."""

    def forbidden(self, n_candidates: int) -> Tensor | None:
        """(B, V) bool: what cannot come next; None where everything can."""

    def embed(self, model: GPT, tokens: Tensor, position: Tensor) -> Tensor:
        """(B,) int64 tokens that come to stand at position (1,) int64 -> (B, 1, C)."""

    def select(self, rows: Tensor) -> None:
        """Keeps these rows (K,) int64."""

    def copy(self) -> Inputs:
        """The same again, for looking ahead."""

    def assign(self, other: Inputs, rows: Tensor) -> None:
        """Takes over another one as these rows (K,) int64, in the tensors that are here."""


class IndexInputs:
    """Bark's: a token and its index in the sequence, with nothing to remember."""

    shapes: Hashable = ()

    def forbidden(self, n_candidates: int) -> None:
        """Everything can come next."""

    def embed(self, model: GPT, tokens: Tensor, position: Tensor) -> Tensor:
        """(B,), (1,) -> (B, 1, C)."""
        return model.embed(tokens[:, None], position)

    def select(self, rows: Tensor) -> None:
        """All rows are alike."""

    def copy(self) -> IndexInputs:
        """Itself."""
        return self

    def assign(self, other: Inputs, rows: Tensor) -> None:
        """There is nothing to take over."""


@dataclasses.dataclass(frozen=True, eq=False)
class Window:
    """What the model reads before the next token.

    Attributes:
        embeddings: (U, T, C), the last position of which predicts the next token. Of several rows
            without `source` they may be tokens that are yet to be embedded.
        inputs: of the B live rows, for the tokens behind it.
        source: for each row which of the U it begins with, where rows share them: shared ones
            are read once. None: each row has its own, in order, so U = B.
    """

    embeddings: Tensor | UnreadTokens
    inputs: Inputs
    source: list[int] | None = None

    @property
    def embedded(self) -> Tensor:
        """All of the embeddings at once."""
        return self.embeddings if isinstance(self.embeddings, Tensor) else self.embeddings[:]


@dataclasses.dataclass(eq=False, kw_only=True)
class Item:
    """One row on its way.

    Attributes:
        generator: its random stream; None follows `torch.manual_seed`.
        n_steps: how many tokens it gets at most.
        tokens: those it has; new ones are appended.
        stop_reason: "length" until it is "end" (the model's) or "stopped" (somebody's).
    """

    generator: torch.Generator | None
    n_steps: int
    tokens: list[int] = dataclasses.field(default_factory=list)
    stop_reason: str = "length"


@dataclasses.dataclass(frozen=True, eq=False)
class Stage(abc.ABC):
    """A group of items that are decoded in step.

    Attributes:
        items: with one step to do at least.
        max_len: positions that the longest window reads.
        stop: set by whoever wants an end.
    """

    model: GPT
    rules: Rules
    items: Sequence[Item]
    max_len: int
    stop: threading.Event | None

    @abc.abstractmethod
    def open_window(self, rows: list[int], step: int) -> tuple[Window | None, int]:
        """What these rows read before their next token.

        Args:
            rows: numbers of the live items; at step 0 all of them.
            step: how many tokens each of them has got.

        Returns:
            the window, None where the one before goes on, and the number of its steps.
        """

    def read_by(self, model: GPT) -> Stage:
        """The same items, the same lists of tokens, as another model of the family reads them."""
        return dataclasses.replace(self, model=model)

    @property
    def last_position(self) -> int:
        """The last one that an input can have."""
        return min(self.max_len, self.model.config.block_size) - 1

    def stopped(self, rows: list[int]) -> bool:
        """Whether somebody has asked for an end; these rows then remember it."""
        if self.stop is None or not self.stop.is_set():
            return False
        for row in rows:
            self.items[row].stop_reason = "stopped"
        return True

    def probabilities(
        self,
        model: GPT,
        hidden: Tensor,
        step: int,
        forbidden: Tensor | None,
        temperature: float | None = None,
    ) -> Tensor:
        """(B, C) -> (B, V) float32 of one step's candidates, 0 where `forbidden` (B, V).

        `temperature` None is that of the rules.
        """
        logits = self.rules.logits(model, hidden, step % self.rules.n_phases).float()
        return probabilities_of(self.rules, logits, forbidden, temperature)


def probabilities_of(
    rules: Rules, logits: Tensor, forbidden: Tensor | None, temperature: float | None = None
) -> Tensor:
    """(B, V) logits -> (B, V) float32, 0 where `forbidden` (B, V) is true."""
    if forbidden is not None:
        logits = logits.masked_fill(forbidden, -math.inf)
    sampling = rules.sampling
    if temperature is not None:
        sampling = dataclasses.replace(sampling, temperature=temperature)
    return token_probabilities(logits, sampling)


Steps = Generator[int, None, None]
"""Yields how many tokens the longest row has, after every look at them."""

Engine = Callable[[Stage], Steps]
"""Appends tokens to a stage's items until all have ended."""

_I = TypeVar("_I")


def groups_of(items: Sequence[_I], key: Callable[[_I], Hashable]) -> list[list[_I]]:
    """Items of equal keys together, in the order in which the keys come first."""
    groups: dict[Hashable, list[_I]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())
