"""Semantic tokens to the first two codebooks: the second stage."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable, Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from .errors import InvalidInputError
from .kv_cache import KVCache
from .model import GPT
from .sampling import SamplingOptions, draw_each, token_probabilities
from .spec import ModelSpec
from .speculation import NoiseTape, Speculation


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


class _Item:
    """One utterance on its way: its semantic tokens and the coarse ones so far, flattened."""

    def __init__(
        self,
        spec: ModelSpec,
        semantic: np.ndarray,
        history: tuple[np.ndarray, np.ndarray] | None,
        max_semantic_history: int,
    ) -> None:
        past_semantic, past_coarse = _history(spec, history, max_semantic_history)
        self.base = len(past_semantic)  # where the utterance's own semantic tokens begin
        self.semantic = np.concatenate([past_semantic, np.asarray(semantic, dtype=np.int64)])
        self.n_history = len(past_coarse)
        self.tokens: list[int] = past_coarse.tolist()
        self.n_steps = coarse_len(spec, len(semantic))

    def codes(self, spec: ModelSpec) -> np.ndarray:
        """(2, T) int64, the whole frames made so far."""
        n = spec.n_coarse_codebooks
        made = np.array(self.tokens[self.n_history :], dtype=np.int64)
        frames = made[: len(made) - len(made) % n].reshape(-1, n).T - spec.coarse_offset
        return frames - spec.codebook_size * np.arange(n)[:, None]


def coarse_len(spec: ModelSpec, n_semantic: int) -> int:
    """Flattened coarse tokens that belong to that many semantic tokens: whole frames."""
    n = spec.n_coarse_codebooks
    return round(math.floor(n_semantic * spec.coarse_per_semantic / n) * n)


def flatten_codes(spec: ModelSpec, codes: np.ndarray) -> np.ndarray:
    """(n, T) codes of the coarse codebooks -> (n T,) tokens of the coarse model, frame by frame."""
    offsets = spec.codebook_size * np.arange(spec.n_coarse_codebooks)[:, None]
    return (np.asarray(codes, dtype=np.int64) + offsets).T.reshape(-1) + spec.coarse_offset


def _history(
    spec: ModelSpec, history: tuple[np.ndarray, np.ndarray] | None, max_semantic_history: int
) -> tuple[np.ndarray, np.ndarray]:
    """The part of a voice that fits the window: semantic tokens and flattened coarse tokens."""
    if history is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    semantic = np.asarray(history[0], dtype=np.int64)
    flat = flatten_codes(spec, history[1])
    ratio = spec.coarse_per_semantic
    n_semantic = min(
        max_semantic_history, len(semantic) - len(semantic) % 2, math.floor(len(flat) / ratio)
    )
    n_coarse = round(n_semantic * ratio)
    semantic = semantic[len(semantic) - n_semantic :]
    flat = flat[len(flat) - n_coarse :]
    # As the reference: the last frame of the history is dropped.
    return semantic, flat[: max(0, len(flat) - 2)]


def generate_coarse(
    model: GPT,
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
) -> Generator[int, None, list[np.ndarray]]:
    """Codes of the coarse codebooks for a batch of utterances.

    Items with equally long histories are decoded together, a group after the other.

    Args:
        semantic: per item (T_s,) int in [0, semantic_vocab_size), at least one token.
        histories: per item a voice's (semantic (T_s,), coarse (2, T)), or None.
        generators: per item; None follows `torch.manual_seed`.
        stop: looked at before every token; what is there is returned.
        use_cache: False reads the whole window for every token; the oracle of the fast path.
        on_window: called after every window with the codes so far, per item (2, t).

    Yields:
        flattened tokens made so far by the longest item of each group, summed over the groups.

    Returns:
        per item (2, T) int64 in [0, codebook_size), `codec_rate_hz`.
    """
    windows.check(model, spec)
    max_semantic_history = spec.max_semantic_history(windows.max_history_len)
    items = [
        _Item(spec, tokens, history, max_semantic_history)
        for tokens, history in zip(semantic, histories, strict=True)
    ]
    done = 0
    for length in dict.fromkeys(item.n_history for item in items):
        rows = [i for i, item in enumerate(items) if item.n_history == length]
        group = [items[i] for i in rows]
        decoder = _Decoder(model, spec, windows, sampling, use_cache)
        if use_cache and model.draft is not None and len(group) == 1:
            steps = decoder.run_by_drafts(group[0], generators[rows[0]], stop)
        else:
            steps = decoder.run(group, [generators[i] for i in rows], stop)
        n_steps = max(item.n_steps for item in group)
        for step in steps:
            yield done + step
            if on_window is not None and step % windows.window_len == 0:
                on_window([item.codes(spec) for item in items])
        done += n_steps
    return [item.codes(spec) for item in items]


class _Decoder:
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
        items: list[_Item],
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
                    ids = torch.cat([ids, drawn[:, None] + self.rows(step).start], dim=1)
                    step += 1
                    keep = [row for row, i in enumerate(live) if step < items[i].n_steps]
                    if step == window_end or len(keep) < len(live):
                        first = self.write(items, live, ids, first)
                        live, ids = [live[row] for row in keep], self.select(ids, keep)
                    yield step
            finally:
                self.write(items, live, ids, first)
            self.cached = ids

    def write(self, items: list[_Item], live: list[int], ids: Tensor, first: int) -> int:
        """Gives the items their tokens from index `first` of the ids on; returns the next index.

        Not for every token: on another device than the CPU it waits for the result.
        """
        for i, tokens in zip(live, ids[:, first:].tolist(), strict=True):
            items[i].tokens.extend(tokens)
        return ids.shape[1]

    def run_by_drafts(
        self, item: _Item, generator: torch.Generator | None, stop: threading.Event | None
    ) -> Generator[int, None, None]:
        """The same for one item, a few tokens at a time."""
        noise = NoiseTape(self.sampling, generator)
        speculation = Speculation(
            self.model,
            noise=noise,
            embed=self.embed_tokens,
            probabilities=self.probabilities_of_steps,
            first_token=lambda step: self.rows(step).start,
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

    def prefix(self, item: _Item, step: int) -> Tensor:
        """(T,) ids of one window: semantic slice, infer token, the last coarse tokens."""
        spec = self.spec
        at = item.base + round(step / spec.coarse_per_semantic)
        start = max(0, at - spec.max_semantic_history(self.windows.max_history_len))
        semantic = item.semantic[start : start + spec.semantic_window_len]
        pad = np.full(spec.semantic_window_len - len(semantic), spec.coarse_semantic_pad_token)
        past = np.array(item.tokens[-self.windows.max_history_len :], dtype=np.int64)
        return torch.from_numpy(np.concatenate([semantic, pad, [spec.coarse_infer_token], past]))

    def rows(self, step: int) -> slice:
        """Which rows of the output layer are the codebook of this step."""
        codebook = step % self.spec.n_coarse_codebooks
        start = self.spec.coarse_offset + codebook * self.spec.codebook_size
        return slice(start, start + self.spec.codebook_size)

    def hidden(self, ids: Tensor) -> Tensor:
        """(B, C) behind the last of the ids."""
        if self.cache is None:
            return self.model.trunk(self.model.embed(ids))[:, -1]
        start = self.cache.length
        positions = torch.arange(start, ids.shape[1], device=ids.device)
        return self.model.trunk(self.model.embed(ids[:, start:], positions), self.cache)[:, -1]

    def probabilities(self, model: GPT, hidden: Tensor, step: int) -> Tensor:
        """(B, codebook_size) float32 of the token of one step."""
        return token_probabilities(model.head(hidden, self.rows(step)).float(), self.sampling)

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
