"""Keys and values of the positions already read, in memory taken once."""

from __future__ import annotations

import torch
from torch import Tensor


class KVCache:
    """Preallocated keys and values of all layers for a batch of equally long prefixes.

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
        # Keys and values of a layer lie in one tensor, so that a step writes both at once; the
        # positions of one head lie in a row, as attention reads them.
        shape = (2, batch_size, n_head, max_len, head_size)
        self.layers = [torch.empty(shape, dtype=dtype, device=device) for _ in range(n_layer)]
        self.length = 0

    @property
    def max_len(self) -> int:
        """Positions that fit."""
        return self.layers[0].shape[3]

    @property
    def batch_size(self) -> int:
        """Items that fit."""
        return self.layers[0].shape[1]

    def update(self, layer: int, key_value: Tensor) -> tuple[Tensor, Tensor]:
        """Writes the keys and values of new positions and returns all so far.

        Args:
            layer: which transformer block.
            key_value: (2, B, H, T_new, D), keys first; of any float dtype.

        Returns:
            keys and values, (B, H, length + T_new, D), views of the cache in its dtype.
        """
        end = self.length + key_value.shape[3]
        assert end <= self.max_len, f"cache of {self.max_len} positions, {end} needed"
        stored = self.layers[layer]
        stored[:, :, :, self.length : end] = key_value
        key, value = stored[:, :, :, :end].unbind(0)
        return key, value

    def advance(self, n_positions: int) -> None:
        """Counts new positions, once all layers have written them."""
        self.length += n_positions

    def rewind(self, length: int) -> None:
        """Forgets all but the first `length` positions."""
        assert 0 <= length <= self.length
        self.length = length

    def select(self, rows: Tensor) -> None:
        """Keeps these rows (K,) int64 of the batch, in this order; a row may stand twice."""
        for layer, stored in enumerate(self.layers):
            kept = stored.new_empty((2, len(rows), *stored.shape[2:]))
            kept[:, :, :, : self.length] = stored[:, rows, :, : self.length]
            self.layers[layer] = kept
