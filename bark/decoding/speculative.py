"""Speculative decoding: float32 tokens at little more than the price of eight-bit ones.

A decode step takes its time for reading the weights, and a few positions at once take hardly
longer than one. So an eight-bit copy of the model, or a smaller model of its family, the draft,
proposes token by token what comes next, and then the model itself reads all of it at once and says
what really comes next. Unlike
the rejection sampling of https://arxiv.org/abs/2211.17192, both draw with the same random
numbers, so they seldom differ; where they do, the model's token stands and the rest of the draft's
is dropped. The tokens are the model's in every case; where rounding could decide between two of
them, referee.py does.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from ..models.gpt import GPT
from ..models.kv_cache import KVCache
from .referee import follows_reference, hidden_as_reference, is_near_tie, without_aids
from .sampling import SamplingOptions, pick
from .stage import Inputs, Stage, Steps, Window

_FIRST_LEN, _MIN_LEN, _MAX_LEN = 6, 2, 14
"""How many tokens the draft proposes at first, at least and at most."""


def decode_speculative(stage: Stage) -> Steps:
    """A few tokens of one item at a time, the same as `decode_plain` makes."""
    (item,) = stage.items
    noise = NoiseAhead(stage.rules.sampling, item.generator)
    rounds = _Rounds(stage, noise)
    step = window_end = 0
    try:
        while step < item.n_steps and item.stop_reason == "length" and not stage.stopped([0]):
            if step == window_end:
                window_end += rounds.open_window(step)
            tokens, ended = rounds.next(step, min(window_end, item.n_steps) - step)
            if ended:
                tokens, item.stop_reason = tokens[:-1], "end"
            for token in tokens:
                item.tokens.append(token)
                step += 1
                yield step
    finally:
        noise.close()


class NoiseAhead:
    """One generator's random numbers for the coming steps, which can be looked at beforehand.

    `close` gives back what was drawn for steps that never came, so that whoever draws next gets
    what it would have got without looking ahead.
    """

    def __init__(self, options: SamplingOptions, generator: torch.Generator | None) -> None:
        self.is_silent = options.temperature == 0
        self._generator = torch.default_generator if generator is None else generator
        self._ahead: collections.deque[tuple[Tensor, Tensor]] = collections.deque()

    def draw(self, probabilities: Tensor, ahead: int) -> int:
        """The token that the noise of the step that is `ahead` of the next decides on.

        Args:
            probabilities: (1, V) float32.
        """
        if self.is_silent:
            return int(probabilities.argmax())
        return int(pick(probabilities, self._noise(probabilities, ahead)))

    def is_near_tie(self, probabilities: Tensor, ahead: int) -> bool:
        """Whether that draw is within what rounding changes.

        Args:
            probabilities: as for `draw`, but of a silent one those of temperature 1: at 0 all of
                them are on one token, and nothing tells how near another is.
        """
        silent = self.is_silent
        noise = torch.ones_like(probabilities) if silent else self._noise(probabilities, ahead)
        return is_near_tie(probabilities, noise)

    def _noise(self, probabilities: Tensor, ahead: int) -> Tensor:
        while len(self._ahead) <= ahead:
            state = self._generator.get_state()
            noise = torch.empty_like(probabilities).exponential_(generator=self._generator)
            self._ahead.append((state, noise))
        return self._ahead[ahead][1]

    def advance(self, n_steps: int) -> None:
        """Lets go of the noise of the next steps, which are done."""
        for _ in range(0 if self.is_silent else n_steps):
            self._ahead.popleft()

    def close(self) -> None:
        """Puts the generator where the steps that were done left it."""
        if self._ahead:
            self._generator.set_state(self._ahead[0][0])
            self._ahead.clear()


class _Reader:
    """A model, and what of a stage it has read."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.model = stage, stage.model
        self.cache: KVCache = stage.model.new_cache()
        self._first: Tensor | None = None  # (1, C) behind the prefix, where that is read at once

    def begin(self, window: Window) -> None:
        """Begins anew with a window of one row."""
        self.prefix, self.inputs = window.embedded, window.inputs  # (1, T, C)
        self.made: list[Tensor] = []  # (1, 1, C) each, of the tokens behind the prefix
        self.cache.rewind(0)

    def read_prefix(self, *, with_last: bool) -> None:
        """Reads what stands before the tokens, as the plain driver would."""
        n = self.prefix.shape[1] - (not with_last)
        hidden = self.model.trunk(self.prefix[:, :n], self.cache, n_last=int(with_last))[0]
        self._first = hidden if with_last else None

    @property
    def n_read(self) -> int:
        """Positions of the window so far, those of the last token included."""
        return self.prefix.shape[1] + len(self.made)

    def embed(self, inputs: Inputs, token: int, ahead: int) -> Tensor:
        """(1, 1, C), of a token that `ahead` others stand before."""
        # Behind the last position is none; what is embedded there is never read.
        index = min(self.n_read + ahead, self.stage.last_position)
        return inputs.embed(self.model, torch.tensor([token]), torch.tensor([index]))

    def read(self, ahead: list[Tensor], n_last: int) -> Tensor:
        """Hidden states (n_last, C) of the last positions; all that are unread are read."""
        first, self._first = self._first, None
        if first is not None and not self.made:
            return first if not ahead else torch.cat([first, self.read(ahead, n_last - 1)])
        n, start = self.cache.length, self.prefix.shape[1]
        parts = [self.prefix[:, n:]] if n < start else []
        parts += [*self.made, *ahead][max(0, n - start) :]
        return self.model.trunk(torch.cat(parts, dim=1), self.cache, n_last)[0]

    def keep(self, made: list[int]) -> None:
        """Takes over tokens."""
        for token in made:
            self.made.append(self.embed(self.inputs, token, 0))

    def forget(self) -> None:
        """All but the tokens that were kept; the last one is read with the next ones."""
        self.cache.rewind(min(self.cache.length, self.n_read - 1))


class _Rounds:
    """Proposes, verifies and keeps a few tokens at a time."""

    def __init__(self, stage: Stage, noise: NoiseAhead) -> None:
        draft = stage.model.draft
        assert draft is not None
        self._stage, self._rules, self._noise = stage, stage.rules, noise
        self._is_copy = draft.is_copy
        other = dataclasses.replace(stage, model=draft.model)
        self._model = _Reader(stage)
        self._draft = _Reader(other if draft.is_copy else stage.read_by(draft.model))
        self._referee = without_aids(stage.model) if follows_reference(stage.model) else None
        self._n_proposed = _FIRST_LEN

    def open_window(self, step: int) -> int:
        """Begins with the window of this step, or goes on with the one before.

        Returns:
            how many steps it has.
        """
        window, n_steps = self._stage.open_window([0], step)
        draft_window = window
        if not self._is_copy:
            draft_window, _ = self._draft.stage.open_window([0], step)
        if window is None or draft_window is None:
            # The reference would read all of it anew.
            self._n_at_once = self._model.n_read
            return n_steps
        self._model.begin(window)
        self._model.read_prefix(with_last=window.source is None)
        self._draft.begin(draft_window)
        if self._is_copy:  # it takes over what the model has read, but for the last position
            self._draft.made = self._model.made
            self._draft.cache.copy_from(self._model.cache)
            self._draft.cache.rewind(window.embeddings.shape[1] - 1)
        self._n_at_once = window.embeddings.shape[1]
        return n_steps

    def next(self, step: int, n_max: int) -> tuple[list[int], bool]:
        """The next tokens, one at least, and whether the last one ends the item.

        Args:
            step: the first one's number.
            n_max: how many at most.
        """
        # 1. The draft proposes tokens, one by one.
        inputs, draft_inputs = self._model.inputs.copy(), self._draft.inputs.copy()
        proposed: list[int] = []
        ahead: list[Tensor] = []  # (1, 1, C) embeddings of the proposed tokens
        draft_ahead = ahead if self._is_copy else []
        forbidden = [inputs.forbidden(self._rules.n_candidates)]
        while len(proposed) < min(self._n_proposed, n_max - 1):
            hidden = self._draft.read(draft_ahead, 1)
            odds = self._odds(self._draft.model, hidden, step + len(proposed), forbidden[-1:])
            token, ends = self._draw(odds, step, len(proposed))
            if ends:
                break
            ahead.append(self._model.embed(inputs, token, len(proposed)))
            if not self._is_copy:
                draft_ahead.append(self._draft.embed(draft_inputs, token, len(proposed)))
            proposed.append(token)
            forbidden.append(inputs.forbidden(self._rules.n_candidates))
        # 2. The model reads them all at once.
        hidden = self._model.read(ahead, 1 + len(proposed))  # (n + 1, C)
        # 3. Its own tokens stand, up to the first one that was not proposed.
        made: list[int] = []
        ended = False
        even = odds = self._odds(self._model.model, hidden, step, forbidden)
        if self._noise.is_silent and self._referee is not None:
            even = self._odds(self._model.model, hidden, step, forbidden, 1.0)
        for row, near, mask in zip(odds.split(1), even.split(1), forbidden, strict=True):
            if self._referee is not None and self._noise.is_near_tie(near, len(made)):
                row = self._judged(self._referee, ahead[: len(made)], step + len(made), mask)
            token, ended = self._draw(row, step, len(made))
            made.append(token)
            if ended or made[-1:] != proposed[len(made) - 1 : len(made)]:
                break
        self._keep(made, len(proposed))
        return made, ended

    def _judged(
        self, referee: GPT, ahead: list[Tensor], step: int, forbidden: Tensor | None
    ) -> Tensor:
        """The odds (1, V) of the step behind these tokens, as the reference computes them."""
        read = torch.cat([self._model.prefix, *self._model.made, *ahead], dim=1)
        hidden = hidden_as_reference(referee, read, self._n_at_once)
        return self._stage.probabilities(referee, hidden, step, forbidden)

    def _odds(
        self,
        model: GPT,
        hidden: Tensor,
        step: int,
        forbidden: Sequence[Tensor | None],
        temperature: float | None = None,
    ) -> Tensor:
        """(n, C) -> (n, V) float32 of n steps in a row."""
        n = self._rules.n_phases
        odds = hidden.new_empty(len(hidden), self._rules.n_candidates)
        for offset in range(min(n, len(hidden))):
            masks = [one for one in forbidden[offset::n] if one is not None]
            mask = torch.cat(masks) if masks else None
            odds[offset::n] = self._stage.probabilities(
                model, hidden[offset::n], step + offset, mask, temperature
            )
        return odds

    def _draw(self, odds: Tensor, step: int, ahead: int) -> tuple[int, bool]:
        drawn = self._noise.draw(odds, ahead)
        ended = self._rules.ended(torch.tensor([drawn]), odds)
        first = self._rules.first_token((step + ahead) % self._rules.n_phases)
        return drawn + first, ended is not None and bool(ended)

    def _keep(self, made: list[int], n_proposed: int) -> None:
        self._noise.advance(len(made))
        self._model.keep(made)
        if not self._is_copy:
            self._draft.keep(made)
        self._model.forget()
        self._draft.forget()
        # Long drafts while they come true, short ones while they do not.
        change = 2 if len(made) > n_proposed else -1
        self._n_proposed = min(_MAX_LEN, max(_MIN_LEN, self._n_proposed + change))
