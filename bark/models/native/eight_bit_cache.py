"""Keys and values in eight bits, as the compiled layers keep them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from ..kv_cache import TOGETHER, KeyValue, KVCache
from .library import KV_BF16, KV_FLOAT32, KV_INT8, CacheStruct, Library

_SCALE_SIZE = 4
_KINDS = {torch.float32: KV_FLOAT32, torch.bfloat16: KV_BF16, torch.int8: KV_INT8}


def cache_struct(
    layers: Sequence[Tensor], n_items: int, n_new: int, n_past: int
) -> tuple[CacheStruct, object]:
    """The structure that names these layers' memory, and what must live as long as it does."""
    pointers = (ctypes.c_void_p * len(layers))(*(stored.data_ptr() for stored in layers))
    first = layers[0]
    struct = CacheStruct(
        n_items, n_new, n_past, first.shape[3], _KINDS[first.dtype], ctypes.addressof(pointers)
    )
    return struct, pointers


class EightBitCache(KVCache):
    """A cache whose keys and values have a scale for each position and head.

    They are rounded once, when a position is written. A layer is (B, H, 2, max_len, D + 4) int8,
    codes and scales of each 16 positions in the library's own order (eight_bits.h); only the
    library reads and writes it.

    Args:
        library: that computes with it.
        n_layer: layers.
        batch_size: items.
        n_head: heads of a layer.
        max_len: positions, filled up to a multiple of 16.
        head_size: numbers of a head.
        n_most: as `KVCache` takes it.
    """

    _batch_dim = 0

    def __init__(
        self,
        library: Library,
        *,
        n_layer: int,
        batch_size: int,
        n_head: int,
        max_len: int,
        head_size: int,
        n_most: int = 0,
    ) -> None:
        self._library, self._n_head, self._head_size = library, n_head, head_size
        max_len = -(-max_len // TOGETHER) * TOGETHER
        shape = [batch_size, n_head, 2, max_len, head_size + _SCALE_SIZE]
        self._allocate(n_layer, shape, n_most, torch.int8, "cpu")

    def update(self, layer: int, key_value: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Writes new positions and returns all so far, as they are kept, in float32."""
        n_new = key_value.shape[3]
        assert self.length + n_new <= self.max_len
        struct, _alive = cache_struct(self.layers, self.batch_size, n_new, self.length)
        self._library.write_cache(struct, layer, key_value.float().contiguous())
        key, value = self._read(layer, self.length + n_new)
        return key, value, self._mask(n_new, key.device)

    def load_past(self, past: Sequence[KeyValue]) -> None:
        """Takes over what `as_past` gave; () is nothing."""
        for layer, (key, value) in enumerate(past):
            struct, _alive = cache_struct(self.layers, self.batch_size, key.shape[2], 0)
            self._library.write_cache(struct, layer, torch.stack((key, value)).float())
            self.length = key.shape[2]

    def copy_from(self, other: KVCache) -> None:
        """Holds what another cache of as many items and layers holds, rounded to eight bits."""
        self.length = 0
        self.load_past(other.as_past() if other.length else ())

    def as_past(self) -> tuple[KeyValue, ...]:
        """Each layer's keys and values so far, (B, H, T, D) float32."""
        return tuple(self._read(layer, self.length) for layer in range(len(self.layers)))

    def _read(self, layer: int, length: int) -> KeyValue:
        found = torch.empty(2, self.batch_size, self._n_head, length, self._head_size)
        struct, _alive = cache_struct(self.layers, self.batch_size, 0, length)
        self._library.read_cache(struct, layer, found)
        return found[0], found[1]
