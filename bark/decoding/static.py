"""Decode steps without host-device synchronisation, for devices on which it takes the time.

A GPU is done with a step before Python has started the next one's kernels, and every look at a
token makes it wait. So here a step, from one input's embedding to the next one's, keeps all that
it reads and writes in one place, and does the same for every position: attention reads a fixed
number of positions, 256 or a multiple of it, and a mask hides those not yet written. CUDA records
such a step once for each of these lengths and replays it as one graph. The host looks at the
tokens every few steps only; what a row drew behind its end is cut off, and its random stream is
put back to where the end left it.
"""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..models.gpt import GPT
from ..models.kv_cache import StaticKVCache
from .cuda_graphs import NewRunner, new_runner
from .fused import step_for
from .sampling import RowNoise
from .stage import Inputs, Rules, Stage, Steps, Window, probabilities_of

STEPS_PER_LOOK = 16
"""Steps between two looks at the tokens. It decides no token."""

SPAN = 256
"""Attention reads a multiple of so many positions."""

_ENDED = -1  # shown in place of the token that ends a row


@torch.inference_mode()
def decode_static(stage: Stage, *, runner: NewRunner | None = None) -> Steps:
    """One token of every row a step, looked at every few steps; the same as `decode_plain`'s.

    Args:
        runner: of the steps; None records them on CUDA and just calls them elsewhere.
    """
    items, live = stage.items, list(range(len(stage.items)))
    if stage.stopped(live):
        return
    window, window_end = stage.open_window(live, 0)
    assert window is not None
    # Few lengths, so that what was recorded for one call fits the next one.
    max_len = min(-(-stage.max_len // SPAN) * SPAN, stage.model.config.block_size)
    make = functools.partial(
        StaticDecoder, stage.model, stage.rules, window.inputs, len(live), max_len, runner
    )
    key = stage.rules, window.inputs.shapes, len(live), max_len
    with borrow_decoder(stage.model, runner, key, make) as decoder:
        decoder.noise.start([item.generator for item in items])
        # Rows of one generator draw in turn, and a row that has ended must not take its turn.
        n_at_most = 1 if decoder.noise.is_shared else STEPS_PER_LOOK
        step = 0
        while live and not stage.stopped(live):
            # 1. The window moves, or goes on.
            if step == window_end:
                window, n_steps = stage.open_window(live, step)
                window_end += n_steps
            if window is not None:
                decoder.begin(window, live)
                window = None
            # 2. Steps up to the next look: no row is done before.
            n_left = min(items[row].n_steps for row in live) - step
            n = min(n_at_most, window_end - step, n_left)
            decoder.noise.mark()
            decoder.launch(n, live, step)
            # 3. The one host-device synchronisation; what rows drew behind their end goes back.
            n_drawn = _append(stage, decoder, decoder.look(n), live)
            yield step + n_drawn
            step += n
            live = [
                row for row in live if items[row].stop_reason != "end" and step < items[row].n_steps
            ]


def _append(
    stage: Stage, decoder: StaticDecoder, shown: list[list[int]], live: Sequence[int]
) -> int:
    """Gives the items their tokens; returns how many the longest has got, its end counted."""
    n_longest = 0
    for row in live:
        tokens, n_drawn = shown[row], len(shown[row])
        if _ENDED in tokens:
            stage.items[row].stop_reason = "end"
            tokens = tokens[: tokens.index(_ENDED)]
            n_drawn = len(tokens) + 1
            if n_drawn < len(shown[row]):
                decoder.noise.rewind(row, n_drawn)
        stage.items[row].tokens.extend(tokens)
        n_longest = max(n_longest, n_drawn)
    return n_longest


class StaticDecoder:
    """A batch that decodes one token a step, every tensor of it in one place.

    A row of the batch keeps its number to the end; ended rows go on and are not looked at.

    Args:
        inputs: of all rows; their tensors are used from here on.
        max_len: positions that fit.
        runner: as `decode_static` takes it.
    """

    def __init__(
        self,
        model: GPT,
        rules: Rules,
        inputs: Inputs,
        batch_size: int,
        max_len: int,
        runner: NewRunner | None = None,
    ) -> None:
        # The model may keep its decoder, and two that hold each other stay in memory for long.
        self._model = weakref.ref(model)
        self.rules, self.inputs = rules, inputs
        self.cache = StaticKVCache(model.new_cache(batch_size, max_len, of_floats=True))
        self.noise = RowNoise(batch_size, rules.n_candidates, rules.sampling, device=model.device)
        self._run = (runner or new_runner)(model.device)
        self._step = step_for(StaticDecoder._decode_step, model.device)
        table = model.transformer["wte"].weight
        self._input = table.new_zeros(batch_size, 1, table.shape[1])
        self._tokens = torch.zeros(batch_size, max_len, dtype=torch.int64, device=model.device)
        self._last_position = min(max_len, model.config.block_size) - 1
        self._length = 0  # what `cache.position` holds, known without asking

    @property
    def model(self) -> GPT:
        """The one that decodes; whoever lets the decoder work holds it."""
        model = self._model()
        assert model is not None
        return model

    @property
    def length(self) -> int:
        """Positions read; the next step's input is not among them."""
        return self._length

    def begin(self, window: Window, rows: Sequence[int]) -> None:
        """Begins anew with a window of these rows; the others mean nothing from here on."""
        if window.inputs is not self.inputs:  # as the first ones are
            self.inputs.assign(window.inputs, self._index(rows))
        self.read(window.embedded, rows, window.source or range(len(rows)))

    def read(self, prefixes: Tensor, rows: Sequence[int], source: Sequence[int]) -> None:
        """Prefills; the last position of each prefix is the next step's input.

        Args:
            prefixes: (U, T, C) embeddings.
            source: for each of the rows, which prefix it begins with.
        """
        n_read = prefixes.shape[1] - 1
        into, of = self._index(rows), self._index(source)
        if n_read:
            cache = self.model.new_cache(len(prefixes), n_read, of_floats=True)
            self.model.trunk(prefixes[:, :-1], cache, n_last=0)
            self.cache.load(cache, into, of)
        self._input[into] = prefixes[of, -1:]
        self.cache.position.fill_(n_read)
        self._length = n_read

    def launch(self, n_steps: int, rows: Sequence[int], first_step: int = 0) -> None:
        """Starts steps without waiting for them.

        Args:
            rows: that draw; the others' tokens mean nothing.
            first_step: number of the first of them, which says its phase.
        """
        for n in range(n_steps):
            span = min(self._length // SPAN * SPAN + SPAN, self.cache.max_len)
            key = span, (first_step + n) % self.rules.n_phases
            self.noise.draw(rows)
            self._run(key, functools.partial(self._step, self, *key))
            self._length += 1

    def look(self, n_steps: int) -> list[list[int]]:
        """What each row chose in the last steps, the one thing that waits for the device."""
        return self._tokens[:, self._length - n_steps : self._length].tolist()

    def _decode_step(self, span: int, phase: int) -> None:
        """One decode step, from tensors and into tensors alone: it can be recorded."""
        rules, model = self.rules, self.model
        self.cache.attend_to(span)
        hidden = model.trunk(self._input, self.cache)[:, -1]  # (B, C); the position moves on
        forbidden = self.inputs.forbidden(rules.n_candidates)
        odds = probabilities_of(rules, rules.logits(model, hidden, phase), forbidden)  # (B, V)
        drawn = self.noise.pick(odds)
        tokens = drawn + rules.first_token(phase)  # (B,)
        ended = rules.ended(drawn, odds)
        shown = tokens if ended is None else tokens.masked_fill(ended, _ENDED)
        self._tokens[:, self.cache.position - 1] = shown[:, None]
        # Behind the last position there is none; what is embedded there is never read.
        position = self.cache.position.clamp(max=self._last_position)
        self._input.copy_(self.inputs.embed(model, tokens, position))

    def _index(self, rows: Sequence[int]) -> Tensor:
        return torch.tensor(list(rows), dtype=torch.int64, device=self.model.device)


_KEPT = "kept_static_decoder"  # in the model's own dict, beside its modules
_D = TypeVar("_D")


@contextlib.contextmanager
def borrow_decoder(
    model: GPT, runner: NewRunner | None, key: Hashable, make: Callable[[], _D]
) -> Iterator[_D]:
    """A decoder for one call; on CUDA the last call's, whose graphs are there, if it fits.

    While it is lent it belongs to nobody else: a second call at the same time makes its own.

    Args:
        runner: as the caller was given it; with one nothing is kept.
        key: of all that the decoder was made for. Where the weights lie is looked at as well, as
            graphs read them there.
    """
    if runner is not None or model.device.type != "cuda":
        yield make()
        return
    key = (key, tuple(weight.data_ptr() for weight in model.parameters()))
    kept = vars(model).pop(_KEPT, None)
    if kept is None or kept[0] != key:
        kept = None  # frees its memory first
        kept = key, make()
    try:
        yield kept[1]
    finally:
        vars(model)[_KEPT] = kept


def drop_decoder(model: nn.Module) -> None:
    """Frees what `borrow_decoder` keeps for a model's next call, if it does."""
    vars(model).pop(_KEPT, None)
