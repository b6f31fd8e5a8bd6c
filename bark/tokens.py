"""The one check of token arrays that come from outside: voices, takes, programs' codes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from .errors import BarkError, InvalidInputError
from .spec import BARK, ModelSpec

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

MAX_VOICE_S = 600
"""Longer tokens are taken for a mistake; the models hear at most the last seconds of a voice."""

MAX_TOKENS = BARK.n_codebooks * int(BARK.codec_rate_hz) * MAX_VOICE_S
"""Of the largest array of the longest voice."""


@dataclasses.dataclass(frozen=True)
class TokenRule:
    """What an array of tokens must be.

    Attributes:
        name: of the array, for an error's sentence.
        n_values: the tokens lie in 0 to n_values - 1.
        n_rows: how many codebooks there may be, (n, T); None for one row of tokens, (T,).
    """

    name: str
    n_values: int
    n_rows: range | None = None

    @classmethod
    def semantic(cls, spec: ModelSpec, name: str = "semantic_prompt") -> TokenRule:
        """Semantic tokens, (T_s,)."""
        return cls(name, spec.semantic_vocab_size)

    @classmethod
    def coarse(cls, spec: ModelSpec, name: str = "coarse_prompt") -> TokenRule:
        """The codes of the coarse stage, (2, T)."""
        n = spec.n_coarse_codebooks
        return cls(name, spec.codebook_size, range(n, n + 1))

    @classmethod
    def fine(
        cls, spec: ModelSpec, name: str = "fine_prompt", *, n_rows: range | None = None
    ) -> TokenRule:
        """Codes of all codebooks, (8, T), or of as many as `n_rows` allows."""
        n = spec.n_codebooks
        return cls(name, spec.codebook_size, n_rows or range(n, n + 1))

    @property
    def shape(self) -> str:
        """The shape in words."""
        if self.n_rows is None:
            return "(T,)"
        first, last = self.n_rows[0], self.n_rows[-1]
        return f"({first}, T)" if first == last else f"({first} to {last}, T)"


def check_tokens(
    values: ArrayLike,
    rule: TokenRule,
    *,
    owner: str = "",
    error: type[BarkError] = InvalidInputError,
    may_be_empty: bool = False,
) -> np.ndarray:
    """Tokens as int64, held against what a model knows.

    Args:
        values: whole numbers of any dtype: programs for suno-ai/bark hand over floats (np.zeros,
            torch's defaults), which are taken where every one of them is whole.
        rule: what they must be.
        owner: whose they are, for an error's sentence: "the voice 'x'".
        error: the kind of error that is raised.
        may_be_empty: whether there may be no token.

    Returns:
        (T,) or (n, T) int64.

    Raises:
        error: the array is empty, longer than `MAX_TOKENS`, of another shape, or holds other
            values.
    """
    subject = f"The {rule.name} of {owner}" if owner else f"The {rule.name}"
    try:
        array = np.asarray(values)
    except ValueError as fault:  # of lists of different lengths
        raise error(f"{subject} is no array of numbers; give rows of one length.") from fault
    tokens = _whole_numbers(array)
    if tokens is None:
        raise error(f"{subject} is of dtype {array.dtype}; tokens must be whole numbers.")
    if tokens.size > MAX_TOKENS:
        raise error(f"{subject} has {tokens.size} tokens; at most {MAX_VOICE_S} seconds are taken.")
    rows = rule.n_rows
    fits = tokens.ndim == 1 if rows is None else tokens.ndim == 2 and len(tokens) in rows
    if tokens.size == 0 and not (fits and may_be_empty):
        raise error(f"{subject} is empty; it needs at least one token.")
    low, high = (int(tokens.min()), int(tokens.max())) if tokens.size else (0, 0)
    if low < 0 or high >= rule.n_values:
        raise error(
            f"{subject} has values from {low} to {high}; they must lie in 0 to {rule.n_values - 1}."
        )
    if not fits:
        raise error(f"{subject} is of shape {tokens.shape}; it must have the shape {rule.shape}.")
    return tokens


def _whole_numbers(array: np.ndarray) -> np.ndarray | None:
    """An array's whole numbers as int64; None where it holds others."""
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind != "f" or not np.isfinite(array).all() or (np.abs(array) > 2**31).any():
        return None
    whole = np.rint(array)
    return whole.astype(np.int64) if np.array_equal(whole, array) else None
