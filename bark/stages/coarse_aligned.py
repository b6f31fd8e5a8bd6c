"""Nano's coarse stage: semantic tokens are added to the coarse positions instead of prefixed.

Bark's coarse model reads its semantic tokens as a prefix and has to find out which of them it is
speaking. Nano is told: what a small convolutional encoder makes of the semantic tokens is added
to the input that predicts the coarse tokens of the same moment. So the window holds coarse tokens
only, and it moves seldom.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..decoding.sampling import SamplingOptions, draw, token_probabilities
from ..decoding.static import NewRunner, borrow_decoder, decode_windows, decodes_statically
from ..models.conditioned import ConditionedGPT
from ..models.gpt import GPT
from ..spec import ModelSpec
from .coarse import coarse_len, flatten_codes
from .coarse_task import CoarseItem, CoarseWindows, StaticCoarse


def generate_coarse_aligned(
    model: ConditionedGPT,
    spec: ModelSpec,
    semantic: Sequence[np.ndarray],
    *,
    histories: Sequence[tuple[np.ndarray, np.ndarray] | None],
    sampling: SamplingOptions,
    windows: CoarseWindows,
    generators: Sequence[torch.Generator | None],
    stop: threading.Event | None = None,
    use_cache: bool = True,
    on_window: Callable[[list[np.ndarray]], None] | None = None,
    new_runner: NewRunner | None = None,
) -> Generator[int, None, list[np.ndarray]]:
    """Codes of the coarse codebooks for a batch of utterances, as `generate_coarse` gives them.

    Arguments, yields and result are those of `bark.stages.coarse.generate_coarse`; of `windows`
    only the history's length counts, up to the half of the model's window.
    """
    half = model.config.block_size // 2
    max_history = min(windows.max_history_len, spec.max_coarse_history_len, half)
    items = [
        CoarseItem.behind(
            _history(spec, history, max_history), tokens, coarse_len(spec, len(tokens))
        )
        for tokens, history in zip(semantic, histories, strict=True)
    ]
    done = 0
    for length in dict.fromkeys(len(item.tokens) for item in items):
        rows = [i for i, item in enumerate(items) if item.n_history == length]
        group = [items[i] for i in rows]
        own = [generators[i] for i in rows]
        if use_cache and decodes_statically(model, new_runner):
            decoder = _Decoder(model, spec, group, use_cache=False)  # its windows need none
            steps = decoder.run_static(sampling, own, stop, new_runner)
        else:
            steps = _Decoder(model, spec, group, use_cache).run(sampling, own, stop)
        n_shown = 0
        for step in steps:
            if on_window is not None and step // windows.window_len > n_shown:
                n_shown = step // windows.window_len
                on_window([item.codes(spec) for item in items])
            yield done + step
        done += max(item.n_steps for item in group)
    return [item.codes(spec) for item in items]


def _history(
    spec: ModelSpec, history: tuple[np.ndarray, np.ndarray] | None, max_history: int
) -> tuple[np.ndarray, np.ndarray]:
    if history is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    ratio = round(spec.coarse_per_semantic)
    semantic = np.asarray(history[0], dtype=np.int64)
    flat = flatten_codes(spec, history[1])
    n = min(max_history // ratio, len(semantic), len(flat) // ratio)
    # Both end at the same moment, so both are counted from the end of the shorter one.
    end = min(len(semantic), len(flat) // ratio)
    return semantic[end - n : end], flat[(end - n) * ratio : end * ratio]


class _Decoder:
    """Decodes a group of items in lock step, window by window.

    Input position i of a window that begins at stream index `begin` holds token `begin + i - 1`
    (the start token stands before the stream) and predicts token `begin + i`.
    """

    def __init__(
        self, model: ConditionedGPT, spec: ModelSpec, items: list[CoarseItem], use_cache: bool
    ) -> None:
        self.model, self.spec, self.items, self.use_cache = model, spec, items, use_cache
        self.n_history = items[0].n_history
        self.conditions = [
            model.condition(torch.from_numpy(item.semantic)[None].to(model.device))[0]
            for item in items
        ]  # each (4 T_s, C)

    def run(
        self,
        sampling: SamplingOptions,
        generators: list[torch.Generator | None],
        stop: threading.Event | None,
    ) -> Generator[int, None, None]:
        """Appends tokens to the items; yields the number of steps after each."""
        live = [i for i, item in enumerate(self.items) if item.n_steps > 0]
        begin = 1 if self.n_history else 0
        step, size = 0, self.model.config.block_size
        while live:
            at = self.n_history + step  # stream index of the next token
            if at - begin >= size:
                begin = at - size // 2
            window = _Window(self, live, begin)
            for inner in range(at, begin + size):
                if stop is not None and stop.is_set():
                    return
                codebook = step % self.spec.n_coarse_codebooks
                first = codebook * self.spec.codebook_size
                logits = self.model.head(
                    window.hidden(inner), slice(first, first + self.spec.codebook_size)
                )
                probabilities = token_probabilities(logits, sampling)
                drawn = [
                    draw(probabilities[row : row + 1], sampling, generators[i])
                    for row, i in enumerate(live)
                ]
                tokens = torch.cat(drawn) + first  # (B,)
                for i, token in zip(live, tokens.tolist(), strict=True):
                    self.items[i].tokens.append(token)
                window.append(tokens)
                step += 1
                yield step
                keep = [row for row, i in enumerate(live) if step < self.items[i].n_steps]
                if not keep:
                    return
                if len(keep) < len(live):
                    live = [live[row] for row in keep]
                    window.select(keep)

    @torch.inference_mode()
    def run_static(
        self,
        sampling: SamplingOptions,
        generators: list[torch.Generator | None],
        stop: threading.Event | None,
        new_runner: NewRunner | None,
    ) -> Generator[int, None, None]:
        """The same in steps that do not ask the device, yielding after every look at it."""
        size = self.model.config.block_size
        make = functools.partial(
            _StaticAligned, self.model, self.spec, sampling, len(self.items), new_runner
        )

        def open_window(live: list[int], step: int) -> int:
            at = self.n_history + step  # stream index of the next token
            begin = at - size // 2 if step else min(1, self.n_history)
            window = _Window(self, live, begin)
            decoder.condition(window.added, live)
            decoder.read(window.inputs(0, window.ids.shape[1]), live, range(len(live)))
            return begin + size - at

        key = self.spec, sampling, len(self.items)
        with borrow_decoder(self.model, new_runner, key, make) as decoder:
            yield from decode_windows(decoder, self.items, generators, open_window, stop)


class _StaticAligned(StaticCoarse):
    """What is added to the inputs lies beside them."""

    def __init__(self, model: GPT, *args: Any) -> None:
        super().__init__(model, *args)
        places = model.transformer["wte"].weight
        shape = len(self._tokens), model.config.block_size, places.shape[1]
        self._added = places.new_zeros(shape)

    def condition(self, added: Tensor, rows: list[int]) -> None:
        """Takes what a window adds to the inputs (K, T, C) of these rows."""
        self._added[torch.tensor(rows, device=added.device)] = added

    def choose(self, hidden: Tensor, phase: int) -> tuple[Tensor, Tensor]:
        """Tokens of the codebook whose turn it is, and the next inputs."""
        first = phase * self.spec.codebook_size
        tokens = self.pick(hidden, slice(first, first + self.spec.codebook_size))
        added = self._added[:, self.next_position()]
        return tokens, self.model.embed_tokens(tokens[:, None]) + added


class _Window:
    """The inputs of one window: tokens so far, and what is added to them, known beforehand."""

    def __init__(self, decoder: _Decoder, live: list[int], begin: int) -> None:
        model, spec = decoder.model, decoder.spec
        self.model, self.begin = model, begin
        items = [decoder.items[i] for i in live]
        past = [item.tokens[max(0, begin - 1) :] for item in items]
        if begin == 0:
            past = [[spec.coarse_infer_token, *tokens] for tokens in past]
        self.ids = torch.tensor(past, device=model.device)  # (B, T)
        end = begin + model.config.block_size
        index = torch.arange(begin, end, device=model.device)
        phase = index % round(spec.coarse_per_semantic)
        places = model.embed_positions(torch.stack([index - begin, phase], dim=-1))  # (T, C)
        conditions = torch.zeros(len(live), *places.shape, device=model.device)
        for row, i in enumerate(live):
            known = decoder.conditions[i][begin:end]
            conditions[row, : len(known)] = known
        self.added = (conditions + places).to(places.dtype)  # (B, T, C)
        self.cache = model.new_cache(len(live)) if decoder.use_cache else None

    def hidden(self, index: int) -> Tensor:
        """(B, C): what the model knows before token `index` of the stream."""
        end = index - self.begin + 1
        start = 0 if self.cache is None else self.cache.length
        return self.model.trunk(self.inputs(start, end), self.cache)[:, -1]

    def inputs(self, start: int, end: int) -> Tensor:
        """(B, end - start, C) embeddings of inputs of the window."""
        return self.model.embed_tokens(self.ids[:, start:end]) + self.added[:, start:end]

    def append(self, tokens: Tensor) -> None:
        """Adds one token a row."""
        self.ids = torch.cat([self.ids, tokens[:, None]], dim=1)

    def select(self, keep: list[int]) -> None:
        """Drops the finished rows."""
        rows = torch.tensor(keep, device=self.ids.device)
        self.ids, self.added = self.ids[rows], self.added[rows]
        if self.cache is not None:
            self.cache.select(rows)
