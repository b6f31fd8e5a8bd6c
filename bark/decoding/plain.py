"""The plain loop, one token of every row at a time; and its oracle, which keeps no cache."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.kv_cache import KVCache
from .sampling import draw_each
from .stage import Inputs, Stage, Steps, Window


def decode_plain(stage: Stage) -> Steps:
    """Reads the KV cache: one new position a row and step."""
    return _decode(stage, use_cache=True)


def decode_uncached(stage: Stage) -> Steps:
    """Reads the whole window for every token: the slow way that the others are tested against."""
    return _decode(stage, use_cache=False)


def _decode(stage: Stage, *, use_cache: bool) -> Steps:
    rules, items = stage.rules, stage.items
    batch = _Batch(stage, use_cache=use_cache)
    live = list(range(len(items)))
    step = window_end = 0
    while live and not stage.stopped(live):
        # 1. The window moves, or goes on.
        if step == window_end:
            window, n_steps = stage.open_window(live, step)
            window_end += n_steps
            if window is not None:
                batch.prefill(window)
                window = None  # its embeddings are let go before those of the next are made
        # 2. What can come next, and the draw of each row's generator.
        forbidden = batch.inputs.forbidden(rules.n_candidates)
        odds = stage.probabilities(stage.model, batch.hidden(), step, forbidden)  # (B, V)
        drawn = draw_each(odds, rules.sampling, [items[row].generator for row in live])
        first = rules.first_token(step % rules.n_phases)
        tokens = drawn + first if first else drawn  # (B,)
        # 3. Rows get their token, or end with it.
        ended = rules.ended(drawn, odds)
        has_ended = [False] * len(live) if ended is None else ended.tolist()
        for row, token, end in zip(live, tokens.tolist(), has_ended, strict=True):
            if end:
                items[row].stop_reason = "end"
            else:
                items[row].tokens.append(token)
        step += 1
        yield step
        # 4. The others drop out; the tokens become the next inputs.
        keep = [i for i, row in enumerate(live) if not has_ended[i] and step < items[row].n_steps]
        if len(keep) < len(live):
            live = [live[i] for i in keep]
            index = torch.tensor(keep, dtype=torch.int64, device=tokens.device)
            tokens = tokens[index]
            batch.select(index)
        if live:  # the last token is never read
            batch.append(tokens)


class _Batch:
    """What the live rows have read, and what they have not."""

    inputs: Inputs

    def __init__(self, stage: Stage, *, use_cache: bool) -> None:
        self._model, self._max_len, self._use_cache = stage.model, stage.max_len, use_cache
        self._cache: KVCache | None = None
        self._length = 0  # positions of the window and behind it, read or not
        # Behind the last one is none; what is embedded there is never read.
        last = stage.last_position
        self._positions = torch.arange(last + 2, device=self._model.device).clamp(max=last)
        self._unread: Tensor  # (B, T, C)

    def prefill(self, window: Window) -> None:
        """Begins anew; what rows share is read here, once, the rest with the first step."""
        self.inputs, self._unread = window.inputs, window.embeddings
        self._length = window.embeddings.shape[1]
        if self._use_cache:
            if self._cache is None:
                n_items, n_rows = len(window.embeddings), len(window.source or ())
                self._cache = self._model.new_cache(n_items, self._max_len, n_most=n_rows)
            self._cache.rewind(0)
        if window.source is None:
            return
        index = torch.tensor(window.source, device=self._model.device)
        if self._cache is not None:
            self._model.trunk(window.embeddings[:, :-1], self._cache, n_last=0)
            if len(window.embeddings) < len(window.source):
                self._cache.select(index)
            self._unread = window.embeddings[:, -1:]
        self._unread = self._unread[index]

    def hidden(self) -> Tensor:
        """(B, C) behind each row's last token."""
        return self._model.trunk(self._unread, self._cache, n_last=1)[:, -1]

    def append(self, tokens: Tensor) -> None:
        """Adds one token (B,) a row."""
        position = self._positions[self._length : self._length + 1]
        new = self.inputs.embed(self._model, tokens, position)  # (B, 1, C)
        self._unread = new if self._use_cache else torch.cat([self._unread, new], dim=1)
        self._length += 1

    def select(self, rows: Tensor) -> None:
        """Keeps these rows (K,) int64 of the batch."""
        if not len(rows):
            return
        self.inputs.select(rows)
        self._unread = self._unread[rows]
        if self._cache is not None:
            self._cache.select(rows)
