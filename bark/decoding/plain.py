"""The plain loop, one token of every row at a time; and its oracle, which keeps no cache."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.file_memory import MappedPages, give_back_freed_memory
from ..models.kv_cache import KVCache
from ..models.unread import UnreadTokens
from .sampling import draw_each
from .stage import Inputs, Stage, Steps, Window

_TOKENS_AT_ONCE = 256
"""After so many memory is given back: their rows of a mapped table may have brought 16 MiB."""


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
        self._unread: Tensor | UnreadTokens  # (B, T, C)
        self._tables = MappedPages.of_tables(stage.model)
        self._n_embedded = 0  # tokens since memory was given back

    def prefill(self, window: Window) -> None:
        """Begins anew; what rows share is read here, once, the rest with the first step."""
        self.inputs = window.inputs
        self._unread = window.embeddings if self._use_cache else window.embedded
        self._length = window.embeddings.shape[1]
        self._n_embedded += len(window.embeddings) * self._length
        if self._use_cache:
            if self._cache is None:
                n_items, n_rows = len(window.embeddings), len(window.source or ())
                self._cache = self._model.new_cache(n_items, self._max_len, n_most=n_rows)
            self._cache.rewind(0)
        if window.source is None:
            return
        index = torch.tensor(window.source, device=self._model.device)
        prefixes = window.embedded
        if self._cache is not None:
            self._model.trunk(prefixes[:, :-1], self._cache, n_last=0)
            if len(prefixes) < len(window.source):
                self._cache.select(index)
            prefixes = prefixes[:, -1:]
        self._unread = prefixes[index]

    def hidden(self) -> Tensor:
        """(B, C) behind each row's last token."""
        return self._model.trunk(self._unread, self._cache, n_last=1)[:, -1]

    def append(self, tokens: Tensor) -> None:
        """Adds one token (B,) a row."""
        position = self._positions[self._length : self._length + 1]
        new = self.inputs.embed(self._model, tokens, position)  # (B, 1, C)
        self._unread = new if self._use_cache else torch.cat([self._whole(), new], dim=1)
        self._length += 1
        self._n_embedded += len(tokens)
        if self._n_embedded >= _TOKENS_AT_ONCE:
            self._n_embedded = 0
            if self._tables.give_back():
                give_back_freed_memory()

    def select(self, rows: Tensor) -> None:
        """Keeps these rows (K,) int64 of the batch."""
        if not len(rows):
            return
        self.inputs.select(rows)
        if self._cache is None:
            self._unread = self._whole()[rows]
        else:  # it has read all
            self._cache.select(rows)

    def _whole(self) -> Tensor:
        assert isinstance(self._unread, Tensor)
        return self._unread
