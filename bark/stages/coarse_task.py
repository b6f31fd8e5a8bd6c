"""What the loops of the coarse stages share: windows, utterances, steps on a device."""

from __future__ import annotations

import dataclasses

import numpy as np
from torch import Tensor

from ..decoding.sampling import SamplingOptions, token_probabilities
from ..decoding.static import NewRunner, StaticDecoder
from ..errors import InvalidInputError
from ..models.gpt import GPT
from ..spec import ModelSpec


@dataclasses.dataclass(frozen=True)
class CoarseWindows:
    """How far the coarse model looks back and how often its window moves.

    Attributes:
        max_history_len: flattened coarse tokens that it sees at most, 60 to 630.
        window_len: flattened coarse tokens made before the window moves.
    """

    max_history_len: int = 630
    window_len: int = 60

    def check(self, model: GPT, spec: ModelSpec) -> None:
        """Raises InvalidInputError where these lengths do not fit the model."""
        limit = spec.max_coarse_history_len
        if not 60 <= self.max_history_len <= limit:
            raise InvalidInputError(
                f"max_coarse_history is {self.max_history_len}; it must lie in 60 to {limit}."
            )
        room = model.config.block_size - spec.semantic_window_len - 1 - self.max_history_len
        if not 1 <= self.window_len <= room:
            raise InvalidInputError(
                f"sliding_window_len is {self.window_len}; "
                f"with a history of {self.max_history_len} it must lie in 1 to {room}."
            )


@dataclasses.dataclass(eq=False)
class CoarseItem:
    """One utterance on its way.

    Attributes:
        semantic: (T,) int64, the history's tokens in front.
        n_semantic_history: how many those are.
        tokens: flattened coarse tokens of the history and so far.
        n_history: how many are the history's.
        n_steps: how many are to come.
    """

    semantic: np.ndarray
    n_semantic_history: int
    tokens: list[int]
    n_history: int
    n_steps: int

    @classmethod
    def behind(
        cls, history: tuple[np.ndarray, np.ndarray], semantic: np.ndarray, n_steps: int
    ) -> CoarseItem:
        """An utterance that begins behind (semantic (T_h,), flattened coarse (n,)) tokens."""
        past, flat = history
        both = np.concatenate([past, np.asarray(semantic, dtype=np.int64)])
        return cls(both, len(past), flat.tolist(), len(flat), n_steps)

    def codes(self, spec: ModelSpec) -> np.ndarray:
        """(2, T) int64, the whole frames made so far."""
        n = spec.n_coarse_codebooks
        made = np.array(self.tokens[self.n_history :], dtype=np.int64)
        frames = made[: len(made) - len(made) % n].reshape(-1, n).T - spec.coarse_offset
        return frames - spec.codebook_size * np.arange(n)[:, None]


class StaticCoarse(StaticDecoder):
    """A batch of the coarse stage on a device that is not to be asked."""

    def __init__(
        self,
        model: GPT,
        spec: ModelSpec,
        sampling: SamplingOptions,
        batch_size: int,
        new_runner: NewRunner | None,
    ) -> None:
        super().__init__(
            model,
            batch_size=batch_size,
            max_len=model.config.block_size,
            n_candidates=spec.codebook_size,
            sampling=sampling,
            n_phases=spec.n_coarse_codebooks,
            new_runner=new_runner,
        )
        self.spec, self.sampling = spec, sampling

    def pick(self, hidden: Tensor, rows: slice) -> Tensor:
        """(B, C) -> (B,) int64 tokens among these rows of the output layer."""
        logits = self.model.head(hidden, rows).float()
        return self.noise.pick(token_probabilities(logits, self.sampling)) + rows.start

    def next_position(self) -> Tensor:
        """(1,) int64, behind the one that was read; the last one has none and keeps its own."""
        return (self.cache.position + 1).clamp(max=self.cache.max_len - 1)
