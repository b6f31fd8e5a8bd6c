"""From logits to a token: top-p, then top-k, then temperature, in the reference's order.

Top-p is nucleus sampling (Holtzman et al., 2019, https://arxiv.org/abs/1904.09751), top-k that of
Fan et al. (2018, https://arxiv.org/abs/1805.04833).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..errors import InvalidInputError, shown

_TOO_LARGE = 1e40  # no option is near it; past 1e308 even comparing with a float fails


@dataclasses.dataclass(frozen=True)
class SamplingOptions:
    """How a stage draws its tokens.

    Attributes:
        temperature: 0 takes the most probable token; 1 samples as the model says; more is wilder.
        top_k: keep the k most probable tokens; None keeps all.
        top_p: keep the smallest set of tokens whose probability passes p; None keeps all.
    """

    temperature: float = 0.7
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        make_plain(self, real=("temperature", "top_p"), whole=("top_k",))
        if self.temperature is None or not (
            math.isfinite(self.temperature) and self.temperature >= 0
        ):
            raise InvalidInputError(
                f"The temperature is {self.temperature}; it must be a number of 0 or more."
            )
        if self.top_k is not None and self.top_k < 1:
            raise InvalidInputError(f"top_k is {self.top_k}; it must be 1 or more, or None.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise InvalidInputError(f"top_p is {self.top_p}; it must lie in (0, 1], or be None.")


def make_plain(options: object, *, real: Sequence[str] = (), whole: Sequence[str] = ()) -> None:
    """Turns numpy's and torch's numbers in a frozen dataclass into Python's, which JSON knows.

    Args:
        options: changed in place, while it is being made.
        real, whole: names of its fields that are numbers, or None.

    Raises:
        InvalidInputError: a value is no number, or no whole one.
    """
    for name in (*real, *whole):
        given = getattr(options, name)
        value = given.item() if getattr(given, "ndim", None) == 0 else given
        is_number = isinstance(value, int if name in whole else (int, float))
        if value is not None and (not is_number or isinstance(value, bool)):
            kind = "a whole number" if name in whole else "a number"
            raise InvalidInputError(f"{name} is {shown(given)}; it must be {kind}, or None.")
        if isinstance(value, int) and abs(value) >= _TOO_LARGE:
            raise InvalidInputError(f"{name} has very many digits; it must be a smaller number.")
        object.__setattr__(options, name, value)


def filter_logits(logits: Tensor, options: SamplingOptions) -> Tensor:
    """Sets what top-p and top-k leave out to -inf; at least one token stays.

    Top-p works on the untempered logits and keeps the first token past the threshold,
    as suno-ai/bark does (transformers tempers first).

    Args:
        logits: (..., V) float of any dtype.

    Returns:
        (..., V) of the same dtype, a new tensor where something was filtered.
    """
    if options.top_p is not None:
        drop = _past_top_p_numpy if logits.device.type == "cpu" else _past_top_p
        logits = logits.masked_fill(drop(logits, options.top_p), -math.inf)
    if options.top_k is not None:
        kth = torch.topk(logits, min(options.top_k, logits.shape[-1]), dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < kth, -math.inf)
    return logits


def _past_top_p(logits: Tensor, top_p: float) -> Tensor:
    ordered, index = torch.sort(logits, dim=-1, descending=True)
    drop = torch.cumsum(torch.softmax(ordered, dim=-1), dim=-1) > top_p
    drop = torch.cat([torch.zeros_like(drop[..., :1]), drop[..., :-1]], dim=-1)
    return drop.scatter(-1, index, drop)


def _past_top_p_numpy(logits: Tensor, top_p: float) -> Tensor:
    """The same by numpy and scipy, whose rounding and order of ties the reference follows."""
    import scipy.special  # slow to import, and seldom needed

    values = logits.detach().numpy()
    index = np.argsort(values, axis=-1)[..., ::-1]
    ordered = np.take_along_axis(values, index, axis=-1)
    drop = np.cumsum(scipy.special.softmax(ordered, axis=-1), axis=-1) > top_p
    drop[..., 1:] = drop[..., :-1].copy()
    drop[..., 0] = False
    result = np.empty_like(drop)
    np.put_along_axis(result, index, drop, axis=-1)
    return torch.from_numpy(result)


def token_probabilities(logits: Tensor, options: SamplingOptions) -> Tensor:
    """Probabilities after filtering and temperature; at temperature 0 all on the best token.

    Args:
        logits: (..., V) float.

    Returns:
        (..., V) float32, each row summing to 1.
    """
    logits = filter_logits(logits.float(), options)
    if options.temperature == 0:
        best = logits.argmax(dim=-1, keepdim=True)
        return torch.zeros_like(logits).scatter_(-1, best, 1.0)
    return torch.softmax(logits / options.temperature, dim=-1)


def draw(
    probabilities: Tensor, options: SamplingOptions, generator: torch.Generator | None
) -> Tensor:
    """Draws one token a row.

    Draws what `torch.multinomial(p, 1)` draws from the same generator (measured: argmax of
    p / exponential noise is how it works on the CPU), without its checks of the distribution.

    Args:
        probabilities: (N, V) float32.
        generator: None follows `torch.manual_seed`.

    Returns:
        (N,) int64.
    """
    if options.temperature == 0:  # the random stream is not touched
        return probabilities.argmax(dim=-1)
    return pick(probabilities, noise_for(probabilities, generator))


def noise_for(probabilities: Tensor, generator: torch.Generator | None) -> Tensor:
    """The random numbers (N, V) that a draw from probabilities (N, V) takes from a generator."""
    return torch.empty_like(probabilities).exponential_(generator=generator)


def draw_each(
    probabilities: Tensor,
    options: SamplingOptions,
    generators: Sequence[torch.Generator | None],
) -> Tensor:
    """Draws one token a row, each row with the generator of its own.

    Args:
        probabilities: (N, V) float32.
        generators: N of the probabilities' device; None follows `torch.manual_seed`.

    Returns:
        (N,) int64, in each row what `draw` gives for it alone.
    """
    if options.temperature == 0:
        return probabilities.argmax(dim=-1)
    noise = torch.empty_like(probabilities)
    for row, generator in zip(noise, generators, strict=True):
        row.exponential_(generator=generator)
    return pick(probabilities, noise)


def pick(probabilities: Tensor, noise: Tensor) -> Tensor:
    """The token of each row that exponential noise decides on: two (N, V) -> (N,) int64."""
    return (probabilities / noise).argmax(dim=-1)


class RowNoise:
    """Random numbers for a batch in one place, each row's from a generator of its own.

    Drawing needs no look at the device. What a row drew after its end can be taken back, so that
    whoever draws next from its generator gets what it would have got without it.
    """

    def __init__(
        self,
        batch_size: int,
        n_candidates: int,
        options: SamplingOptions,
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        self._is_silent = options.temperature == 0  # the random streams are not touched
        self._values = torch.ones(batch_size, n_candidates, device=device)
        self._rows = self._values.unbind(0)
        self._generators: list[torch.Generator] = []
        self._states: list[Tensor] = []

    def start(self, generators: Sequence[torch.Generator | None]) -> None:
        """Takes the rows' generators, of the noise's device; None follows `torch.manual_seed`."""
        default = _default_generator(self._values.device)
        self._generators = [default if g is None else g for g in generators]
        self.mark()

    @property
    def is_shared(self) -> bool:
        """Whether rows draw from one generator in turn, so that none can take back its own."""
        return len({id(generator) for generator in self._generators}) < len(self._generators)

    def mark(self) -> None:
        """Remembers where the generators are."""
        if not self._is_silent:
            self._states = [generator.get_state() for generator in self._generators]

    def draw(self, rows: Sequence[int]) -> None:
        """Draws the next step's numbers of these rows, as `draw_each` would."""
        if not self._is_silent:
            for row in rows:
                self._rows[row].exponential_(generator=self._generators[row])

    def rewind(self, row: int, n_steps: int) -> None:
        """Leaves a row's generator where it is this many draws after the mark."""
        if self._is_silent:
            return
        self._generators[row].set_state(self._states[row])
        for _ in range(n_steps):
            self.draw([row])

    def pick(self, probabilities: Tensor) -> Tensor:
        """The tokens that the drawn numbers decide on: (B, V) float32 -> (B,) int64."""
        if self._is_silent:
            return probabilities.argmax(dim=-1)
        return pick(probabilities, self._values)


def _default_generator(device: torch.device) -> torch.Generator:
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        return torch.cuda.default_generators[index]
    if device.type == "mps":
        return torch.mps._get_default_mps_generator()
    return torch.default_generator
