"""Keys and values of the positions already read, in memory taken once."""

from __future__ import annotations

import torch
from torch import Tensor


class KVCache:
    """Preallocated keys and values of all layers for a batch of equal prefixes.

    `length` positions are filled; the model writes the next ones behind them and the caller
    moves `length` on through `advance`, or back through `rewind`.
    """

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
    ) -> None:
        shape = (n_layer, batch_size, n_head, max_len, head_size)
        self.keys = torch.empty(shape, dtype=dtype, device=device)  # (L, B, H, T, D)
        self.values = torch.empty(shape, dtype=dtype, device=device)
        self.length = 0

    @property
    def max_len(self) -> int:
        """Positions that fit."""
        return self.keys.shape[3]

    @property
    def batch_size(self) -> int:
        """Items that fit."""
        return self.keys.shape[1]

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Writes the keys and values of new positions and returns all so far.

        Args:
            layer: which transformer block.
            key, value: (B, H, T_new, D).

        Returns:
            keys and values, (B, H, length + T_new, D), views of the cache.
        """
        end = self.length + key.shape[2]
        assert end <= self.max_len, f"cache of {self.max_len} positions, {end} needed"
        self.keys[layer, :, :, self.length : end] = key
        self.values[layer, :, :, self.length : end] = value
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def advance(self, n_positions: int) -> None:
        """Counts new positions, once all layers have written them."""
        self.length += n_positions

    def rewind(self, length: int) -> None:
        """Forgets all but the first `length` positions."""
        assert 0 <= length <= self.length
        self.length = length

    def select(self, rows: Tensor) -> None:
        """Keeps these rows of the batch, in this order."""
        self.keys = self.keys[:, rows]
        self.values = self.values[:, rows]
