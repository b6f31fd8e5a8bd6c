"""The loops of the coarse stage: token by token, by drafts, and in steps on a device."""

from __future__ import annotations

import functools
import threading
from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor

from ..decoding.sampling import SamplingOptions, draw_each, token_probabilities
from ..decoding.speculative import NoiseTape, Speculation
from ..decoding.static import NewRunner, borrow_decoder, decode_windows
from ..models.gpt import GPT
from ..models.kv_cache import KVCache
from ..spec import ModelSpec
from .coarse_task import CoarseItem, CoarseWindows, StaticCoarse


def _rows(spec: ModelSpec, step: int) -> slice:
    """Which rows of the output layer are the codebook of a step."""
    start = spec.coarse_offset + step % spec.n_coarse_codebooks * spec.codebook_size
    return slice(start, start + spec.codebook_size)


class CoarseDecoder:
    """Decodes a group of items in lock step, window by window."""

    def __init__(
        self,
        model: GPT,
        spec: ModelSpec,
        windows: CoarseWindows,
        sampling: SamplingOptions,
        use_cache: bool,
    ) -> None:
        self.model, self.spec, self.windows, self.sampling = model, spec, windows, sampling
        self.use_cache = use_cache
        self.cache: KVCache | None = None
        self.cached: Tensor | None = None  # (B, T) ids of the last window, which the cache holds

    def run(
        self,
        items: list[CoarseItem],
        generators: list[torch.Generator | None],
        stop: threading.Event | None,
    ) -> Generator[int, None, None]:
        """Appends tokens to the items; yields the number of steps after each."""
        live = [i for i, item in enumerate(items) if item.n_steps > 0]
        step = 0
        while live and not (stop is not None and stop.is_set()):
            window_end = step + self.windows.window_len
            ids = torch.stack([self.prefix(items[i], step) for i in live]).to(self.model.device)
            self.open_window(ids)
            first = ids.shape[1]
            try:
                while step < window_end and live:
                    if stop is not None and stop.is_set():
                        return
                    probabilities = self.probabilities(self.model, self.hidden(ids), step)
                    drawn = draw_each(probabilities, self.sampling, [generators[i] for i in live])
                    ids = torch.cat([ids, drawn[:, None] + _rows(self.spec, step).start], dim=1)
                    step += 1
                    keep = [row for row, i in enumerate(live) if step < items[i].n_steps]
                    if step == window_end or len(keep) < len(live):
                        first = self.write(items, live, ids, first)
                        live, ids = [live[row] for row in keep], self.select(ids, keep)
                    yield step
            finally:
                self.write(items, live, ids, first)
            self.cached = ids

    def write(self, items: list[CoarseItem], live: list[int], ids: Tensor, first: int) -> int:
        """Gives the items their tokens from index `first` of the ids on; returns the next index.

        Not for every token: on another device than the CPU it waits for the result.
        """
        for i, tokens in zip(live, ids[:, first:].tolist(), strict=True):
            items[i].tokens.extend(tokens)
        return ids.shape[1]

    def run_by_drafts(
        self, item: CoarseItem, generator: torch.Generator | None, stop: threading.Event | None
    ) -> Generator[int, None, None]:
        """The same for one item, a few tokens at a time."""
        noise = NoiseTape(self.sampling, generator)
        speculation = Speculation(
            self.model,
            noise=noise,
            embed=self.embed_tokens,
            probabilities=self.probabilities_of_steps,
            first_token=lambda step: _rows(self.spec, step).start,
        )
        step = 0
        while step < item.n_steps and not (stop is not None and stop.is_set()):
            window_end = min(step + self.windows.window_len, item.n_steps)
            ids = self.prefix(item, step)[None]
            speculation.start(self.model.embed(ids), self.n_shared(ids, speculation.n_read))
            n_before = len(item.tokens)
            while step < window_end and not (stop is not None and stop.is_set()):
                drawn, _ = speculation.next(step, window_end - step)
                for token in drawn:
                    item.tokens.append(token)
                    step += 1
                    yield step
            self.cached = torch.cat([ids, torch.tensor([item.tokens[n_before:]])], dim=1)
        noise.close()

    @torch.inference_mode()
    def run_static(
        self,
        items: list[CoarseItem],
        generators: list[torch.Generator | None],
        stop: threading.Event | None,
        new_runner: NewRunner | None,
    ) -> Generator[int, None, None]:
        """The same in steps that do not ask the device, yielding after every look at it."""
        make = functools.partial(
            _StaticWindows, self.model, self.spec, self.sampling, len(items), new_runner
        )
        before: dict[int, Tensor] = {}  # row -> ids that its last window began with

        def open_window(live: list[int], step: int) -> int:
            prefixes = {row: self.prefix(items[row], step) for row in live}
            # Where a window is the last one and what came of it, the decoder has read it all.
            n_new = self.windows.window_len
            if not before or not all(
                torch.equal(ids[:-n_new], before[row]) for row, ids in prefixes.items()
            ):
                ids = torch.stack(list(prefixes.values())).to(self.model.device)
                decoder.read(self.model.embed(ids), live, range(len(live)))
            before.update(prefixes)
            return n_new

        key = self.spec, self.sampling, len(items)
        with borrow_decoder(self.model, new_runner, key, make) as decoder:
            yield from decode_windows(decoder, items, generators, open_window, stop)

    def prefix(self, item: CoarseItem, step: int) -> Tensor:
        """(T,) ids of one window: semantic slice, infer token, the last coarse tokens."""
        spec = self.spec
        at = item.n_semantic_history + round(step / spec.coarse_per_semantic)
        start = max(0, at - spec.max_semantic_history(self.windows.max_history_len))
        semantic = item.semantic[start : start + spec.semantic_window_len]
        pad = np.full(spec.semantic_window_len - len(semantic), spec.coarse_semantic_pad_token)
        past = np.array(item.tokens[-self.windows.max_history_len :], dtype=np.int64)
        return torch.from_numpy(np.concatenate([semantic, pad, [spec.coarse_infer_token], past]))

    def hidden(self, ids: Tensor) -> Tensor:
        """(B, C) behind the last of the ids."""
        if self.cache is None:
            return self.model.trunk(self.model.embed(ids))[:, -1]
        start = self.cache.length
        positions = torch.arange(start, ids.shape[1], device=ids.device)
        return self.model.trunk(self.model.embed(ids[:, start:], positions), self.cache)[:, -1]

    def probabilities(self, model: GPT, hidden: Tensor, step: int) -> Tensor:
        """(B, codebook_size) float32 of the token of one step."""
        return token_probabilities(
            model.head(hidden, _rows(self.spec, step)).float(), self.sampling
        )

    def probabilities_of_steps(self, model: GPT, hidden: Tensor, step: int) -> Tensor:
        """(n, codebook_size) float32 of the tokens of n steps in a row, of one item."""
        n = self.spec.n_coarse_codebooks
        odds = hidden.new_empty(len(hidden), self.spec.codebook_size)
        for offset in range(min(n, len(hidden))):
            odds[offset::n] = self.probabilities(model, hidden[offset::n], step + offset)
        return odds

    def embed_tokens(self, tokens: list[int], start: int) -> Tensor:
        """(1, n, C) of tokens from a position on."""
        positions = torch.arange(start, start + len(tokens))
        return self.model.embed(torch.tensor([tokens]), positions)

    def open_window(self, ids: Tensor) -> None:
        """Keeps the cache where the new window begins with all that it holds, else empties it.

        It does as long as the semantic slice starts at 0 and no coarse token has left the
        window; keeping it there leaves the mathematics as it is.
        """
        if not self.use_cache:
            return
        if self.cache is None:
            self.cache = self.model.new_cache(len(ids))
        self.cache.rewind(self.n_shared(ids, self.cache.length))

    def n_shared(self, ids: Tensor, n_read: int) -> int:
        """How many positions that were read stand at the beginning of a new window: all or none."""
        if self.cached is None or not n_read < ids.shape[1]:
            return 0
        return n_read if torch.equal(self.cached[:, :n_read], ids[:, :n_read]) else 0

    def select(self, ids: Tensor, keep: list[int]) -> Tensor:
        """Drops the finished rows."""
        if len(keep) == len(ids):
            return ids
        index = torch.tensor(keep, dtype=torch.int64, device=ids.device)
        if self.cache is not None and keep:
            self.cache.select(index)
        return ids[index]


class _StaticWindows(StaticCoarse):
    """Positions are counted from the beginning of the window."""

    def choose(self, hidden: Tensor, phase: int) -> tuple[Tensor, Tensor]:
        """Tokens of the codebook whose turn it is, and the next inputs."""
        tokens = self.pick(hidden, _rows(self.spec, phase))
        return tokens, self.model.embed(tokens[:, None], self.next_position())
