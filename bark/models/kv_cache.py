"""Keys and values of the positions already read, in memory taken once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

KeyValue = tuple[Tensor, Tensor]
"""A layer's keys and values (B, H, T, D), as suno-ai/bark hands them from call to call."""


_POSITION_DIM = 3
TOGETHER = 16
"""Positions that lie together in a cache of eight bits."""


class KVCache:
    """Preallocated keys and values of all layers for a batch of equally long prefixes.

    `length` positions are filled; the model writes the next ones behind them and the caller
    moves `length` on through `advance`, or back through `rewind`.

    Args:
        n_layer: layers.
        batch_size: prefixes.
        n_head: heads of a layer.
        max_len: positions of a prefix.
        head_size: numbers of a head.
        dtype: of keys and values.
        device: where they are.
        n_most: prefixes that `select` makes of them at most, if more than there are.
    """

    _batch_dim = 1  # of a layer

    def __init__(
        self,
        *,
        n_layer: int,
        batch_size: int,
        n_head: int,
        max_len: int,
        head_size: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        n_most: int = 0,
    ) -> None:
        # Keys and values of a layer lie in one tensor, so that a step writes both at once; the
        # positions of one head lie in a row, as attention reads them.
        shape = [2, batch_size, n_head, max_len, head_size]
        self._allocate(n_layer, shape, n_most, dtype, device)

    def _allocate(
        self,
        n_layer: int,
        shape: list[int],
        n_most: int,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        """Makes layers of a shape; they lie together, so that they can have large pages."""
        room = list(shape)
        room[self._batch_dim] = max(n_most, shape[self._batch_dim])
        size = (n_layer, math.prod(room))
        self._room = list(torch.empty(size, dtype=dtype, device=device).unbind(0))
        self.layers = [room[: math.prod(shape)].view(shape) for room in self._room]
        self.length = 0

    @property
    def max_len(self) -> int:
        """Positions that fit."""
        return self.layers[0].shape[3]

    @property
    def batch_size(self) -> int:
        """Items that are in it."""
        return self.layers[0].shape[self._batch_dim]

    def update(self, layer: int, key_value: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Writes the keys and values of new positions and returns all so far.

        Args:
            layer: which transformer block.
            key_value: (2, B, H, T_new, D), keys first; of any float dtype.

        Returns:
            keys and values, (B, H, length + T_new, D), views of the cache in its dtype; and
            (T_new, length + T_new) bool, what each new position sees, or None where a causal
            mask of T_new positions, or none for a single one, says it.
        """
        n_new = key_value.shape[3]
        end = self.length + n_new
        assert end <= self.max_len, f"cache of {self.max_len} positions, {end} needed"
        stored = self.layers[layer]
        stored[:, :, :, self.length : end] = key_value
        key, value = stored[:, :, :, :end].unbind(0)
        return key, value, self._mask(n_new, stored.device)

    def _mask(self, n_new: int, device: torch.device) -> Tensor | None:
        if n_new == 1 or not self.length:
            return None
        # Several new positions behind a filled cache: each sees the cache and its own past.
        mask = torch.ones(n_new, self.length + n_new, dtype=torch.bool, device=device)
        return mask.tril(self.length)

    def advance(self, n_positions: int) -> None:
        """Counts new positions, once all layers have written them."""
        self.length += n_positions

    def rewind(self, length: int) -> None:
        """Forgets all but the first `length` positions."""
        assert 0 <= length <= self.length
        self.length = length

    @classmethod
    def of_past(
        cls, past: Sequence[KeyValue] | None, x: Tensor, *, n_layer: int, n_head: int
    ) -> KVCache:
        """A cache that holds a past and has room for the embeddings x (B, T, C)."""
        n_past = past[0][0].shape[2] if past else 0
        cache = cls(
            n_layer=n_layer,
            batch_size=len(x),
            n_head=n_head,
            max_len=n_past + x.shape[1],
            head_size=x.shape[2] // n_head,
            dtype=x.dtype,
            device=x.device,
        )
        cache.load_past(past or ())
        return cache

    def load_past(self, past: Sequence[KeyValue]) -> None:
        """Takes over what `as_past` gave; () is nothing."""
        for stored, (key, value) in zip(self.layers, past, strict=bool(past)):
            self.length = key.shape[2]
            stored[0, :, :, : self.length], stored[1, :, :, : self.length] = key, value

    def copy_from(self, other: KVCache) -> None:
        """Holds what another cache of the same sizes holds, in its own dtype."""
        self.length = n = other.length
        for stored, filled in zip(self.layers, other.layers, strict=True):
            stored[:, :, :, :n] = filled[:, :, :, :n]

    def as_past(self) -> tuple[KeyValue, ...]:
        """Each layer's keys and values so far, views of this cache."""
        filled = (stored[:, :, :, : self.length] for stored in self.layers)
        return tuple((both[0], both[1]) for both in filled)

    def select(self, rows: Tensor) -> None:
        """Keeps these rows (K,) int64 of the batch, in this order; a row may stand twice."""
        filled = min(-(-self.length // TOGETHER) * TOGETHER, self.max_len)
        for layer, (room, stored) in enumerate(zip(self._room, self.layers, strict=True)):
            kept = stored.narrow(_POSITION_DIM, 0, filled).index_select(self._batch_dim, rows)
            shape = list(stored.shape)
            shape[self._batch_dim] = len(rows)
            assert math.prod(shape) <= len(room), f"a cache too small for {len(rows)} items"
            self.layers[layer] = room[: math.prod(shape)].view(shape)
            self.layers[layer].narrow(_POSITION_DIM, 0, filled).copy_(kept)


class StaticKVCache:
    """Keys and values of a batch whose next position is a tensor on the device.

    Nothing in it asks the host, so what is done with it can be recorded once and repeated.

    Args:
        cache: whose memory it takes over.

    Attributes:
        position: (1,) int64, where the next keys and values go.
    """

    def __init__(self, cache: KVCache) -> None:
        self.layers = cache.layers
        for stored in self.layers:
            stored.zero_()  # hidden values are multiplied by 0, which makes no 0 of a NaN
        self._index = torch.arange(cache.max_len, device=self.layers[0].device)
        self.position = torch.zeros_like(self._index[:1])
        self._mask: Tensor | None = None  # of the step that is going on

    @property
    def max_len(self) -> int:
        """Positions that fit."""
        return len(self._index)

    def load(self, cache: KVCache, rows: Tensor, source: Tensor) -> None:
        """Takes over all that another cache holds.

        Args:
            rows: (K,) int64, which rows are to hold it.
            source: (K,) int64, which of the other's rows each of them takes.
        """
        n = cache.length
        for stored, filled in zip(self.layers, cache.layers, strict=True):
            stored[:, rows, :, :n] = filled[:, source, :, :n]

    def attend_to(self, span: int) -> None:
        """Has attention read the first `span` positions, those behind `position` hidden."""
        # Not a bool mask, which attention would turn into this anew in every layer.
        behind = self._index[:span] > self.position
        mask = torch.zeros(span, dtype=self.layers[0].dtype, device=behind.device)
        self._mask = mask.masked_fill_(behind, -math.inf)[None, None, None]  # (1, 1, 1, span)

    def update(self, layer: int, key_value: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Writes the keys and values of one position.

        Args:
            key_value: (2, B, H, 1, D), keys first; of any float dtype.

        Returns:
            keys and values, (B, H, span, D), views of the cache in its dtype; and the mask
            (1, 1, 1, span) to be added to the scores, both as `attend_to` was told.
        """
        assert self._mask is not None
        stored = self.layers[layer]
        stored[:, :, :, self.position] = key_value.to(stored.dtype)
        key, value = stored[:, :, :, : self._mask.shape[-1]].unbind(0)
        return key, value, self._mask

    def advance(self, n_positions: int) -> None:
        """Counts new positions, once all layers have written them."""
        self.position.add_(n_positions)
        self._mask = None  # a recorded step leaves no tensor of its own behind
