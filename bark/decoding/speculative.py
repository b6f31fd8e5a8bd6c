"""Float32 tokens at little more than the price of eight-bit ones.

A decode step takes its time for reading the weights, and a few positions at once take hardly
longer than one. So an eight-bit copy of the model, the draft, proposes token by token what comes
next, and then the model itself reads all of it at once and says what really comes next. Both draw
with the same random numbers, so they seldom differ; where they do, the model's token stands and
the rest of the draft's is dropped. The tokens are the model's in every case (up to the last bit of
float32, which the number of positions read at once decides, as it does between a cached and an
uncached pass).
"""

from __future__ import annotations

import collections
from collections.abc import Callable

import torch
from torch import Tensor

from ..models.gpt import GPT
from ..models.kv_cache import KVCache
from .sampling import SamplingOptions, pick

_FIRST_LEN, _MIN_LEN, _MAX_LEN = 6, 2, 14
"""How many tokens the draft proposes at first, at least and at most."""


class NoiseTape:
    """One generator's random numbers for the coming steps, which can be looked at beforehand.

    `close` gives back what was drawn for steps that never came, so that whoever draws next gets
    what it would have got without looking ahead.
    """

    def __init__(self, options: SamplingOptions, generator: torch.Generator | None) -> None:
        self._silent = options.temperature == 0
        self._generator = torch.default_generator if generator is None else generator
        self._ahead: collections.deque[tuple[Tensor, Tensor]] = collections.deque()

    def draw(self, probabilities: Tensor, ahead: int) -> int:
        """The token that the noise of the step that is `ahead` of the next decides on.

        Args:
            probabilities: (1, V) float32.
        """
        if self._silent:
            return int(probabilities.argmax())
        while len(self._ahead) <= ahead:
            state = self._generator.get_state()
            noise = torch.empty_like(probabilities).exponential_(generator=self._generator)
            self._ahead.append((state, noise))
        return int(pick(probabilities, self._ahead[ahead][1]))

    def advance(self, n_steps: int) -> None:
        """Lets go of the noise of the next steps, which are done."""
        for _ in range(0 if self._silent else n_steps):
            self._ahead.popleft()

    def close(self) -> None:
        """Puts the generator where the steps that were done left it."""
        if self._ahead:
            self._generator.set_state(self._ahead[0][0])
            self._ahead.clear()


class Speculation:
    """Decodes one item by drafts of a few tokens.

    Args:
        model: whose tokens come out.
        noise: the item's random numbers.
        embed: (tokens, index of the first in the sequence) -> (1, n, C).
        probabilities: (model, hidden (n, C), step of the first row) -> (n, V) float32.
        first_token: step -> the token that its first probability belongs to.
        ends: whether a token with its probabilities (1, V) ends the item; it is then the last
            of a round.
    """

    def __init__(
        self,
        model: GPT,
        *,
        noise: NoiseTape,
        embed: Callable[[list[int], int], Tensor],
        probabilities: Callable[[GPT, Tensor, int], Tensor],
        first_token: Callable[[int], int] = lambda step: 0,
        ends: Callable[[int, Tensor], bool] = lambda token, probabilities: False,
    ) -> None:
        assert model.draft is not None
        self._readers = _Reader(model), _Reader(model.draft.model)
        self._noise, self._embed, self._probabilities = noise, embed, probabilities
        self._first_token, self._ends = first_token, ends
        self._n_proposed = _FIRST_LEN

    def start(self, prefix: Tensor, n_kept: int) -> None:
        """Begins behind a prefix.

        Args:
            prefix: (1, T, C) embeddings.
            n_kept: how many positions of what was read before are its beginning.
        """
        for reader in self._readers:
            reader.cache.rewind(min(n_kept, reader.cache.length))
        self._prefix = prefix
        self._tokens: list[int] = []

    @property
    def n_read(self) -> int:
        """Positions that the model has read."""
        return self._readers[0].cache.length

    def next(self, step: int, n_max: int) -> tuple[list[int], bool]:
        """The next tokens, one at least, and whether the last one ends the item.

        Args:
            step: the first one's number, for `probabilities`.
            n_max: how many at most.
        """
        model, draft = self._readers
        proposed: list[int] = []
        while len(proposed) < min(self._n_proposed, n_max - 1):
            hidden = self._read(draft, proposed)[-1:]
            odds = self._probabilities(draft.model, hidden, step + len(proposed))
            token = self._draw(odds, step, len(proposed))
            if self._ends(token, odds):
                break
            proposed.append(token)
        hidden = self._read(model, proposed)[-1 - len(proposed) :]
        odds = self._probabilities(model.model, hidden, step)
        made: list[int] = []
        ended = False
        for ahead, row in enumerate(odds.split(1)):
            made.append(self._draw(row, step, ahead))
            ended = self._ends(made[-1], row)
            if ended or made[-1:] != proposed[ahead : ahead + 1]:
                break
        self._keep(made, len(proposed))
        return made, ended

    def _draw(self, odds: Tensor, step: int, ahead: int) -> int:
        return self._noise.draw(odds, ahead) + self._first_token(step + ahead)

    def _read(self, reader: _Reader, proposed: list[int]) -> Tensor:
        """Hidden states (n, C) of all positions that the reader has not read yet."""
        n, start = reader.cache.length, self._prefix.shape[1]
        tokens = [*self._tokens, *proposed][max(0, n - start) :]
        parts = [self._prefix[:, n:]] if n < start else []
        if tokens:
            parts.append(self._embed(tokens, max(n, start)))
        return reader.model.trunk(torch.cat(parts, dim=1), reader.cache)[0]

    def _keep(self, made: list[int], n_proposed: int) -> None:
        self._tokens.extend(made)
        self._noise.advance(len(made))
        # The last token is read with the next ones, the dropped ones are forgotten.
        n_right = self._prefix.shape[1] + len(self._tokens) - 1
        for reader in self._readers:
            reader.cache.rewind(min(reader.cache.length, n_right))
        # Long drafts while they come true, short ones while they do not.
        change = 2 if len(made) > n_proposed else -1
        self._n_proposed = min(_MAX_LEN, max(_MIN_LEN, self._n_proposed + change))


class _Reader:
    """A model and what it has read."""

    def __init__(self, model: GPT) -> None:
        self.model = model
        self.cache: KVCache = model.new_cache()
