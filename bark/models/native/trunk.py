"""All layers of a model in one call."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..kv_cache import KVCache
from ..unread import UnreadTokens
from .eight_bit_cache import EightBitCache, cache_struct
from .library import FLOAT32, LayerStruct, Library, LinearStruct, ModelStruct
from .linear import PackedLayer
from .memory import LANES, prefer_huge_pages

_HEAD_SIZES = (16, 32, 64)
_MAX_LEN = 4_096
_FEW = 16
"""Up to so many new positions of an item a product is shared out by its outputs."""

_ROWS_AT_ONCE = 1_024
"""Of items with many positions so many go together that they have this many at most."""


class _Block(Protocol):
    """What is read of a transformer block."""

    ln_1: nn.LayerNorm
    ln_2: nn.LayerNorm
    attn: Any
    mlp: Any


class NativeTrunk:
    """The blocks and the last norm of a model, as the library runs them.

    It reads the model's own float32 weights where they are, and the codes of its packed layers.

    Args:
        library: that computes.
        blocks: all with `nn.Linear` or all with packed layers.
        norm: behind the last block.
        n_head: heads of a block.
    """

    def __init__(
        self, library: Library, blocks: Sequence[_Block], norm: nn.LayerNorm, n_head: int
    ) -> None:
        self._library = library
        self._kept: list[Tensor] = []  # what the structures point at
        self._n_head, self._head_size = n_head, norm.normalized_shape[0] // n_head
        self._is_packed = isinstance(blocks[0].attn.c_attn, PackedLayer)
        self._layers = (LayerStruct * len(blocks))(*(self._layer(block) for block in blocks))
        self._model = ModelStruct(
            len(blocks),
            norm.normalized_shape[0],
            n_head,
            ctypes.addressof(self._layers),
            *self._norm(norm),
        )

    @staticmethod
    def fits(n_embd: int, n_head: int) -> bool:
        """Whether models of this width are made of whole vectors."""
        return n_embd % LANES == 0 and n_embd // n_head in _HEAD_SIZES

    @property
    def reads_many(self) -> bool:
        """Whether any number of positions can be read, not only a few."""
        return self._is_packed and self._head_size % (2 * self._library.panel_lanes) == 0

    def can_read(self, x: Tensor | UnreadTokens, cache: KVCache | None) -> bool:
        """Whether `read` takes these embeddings (B, T, C) behind this cache."""
        if cache is None or x.device.type != "cpu" or cache.max_len > _MAX_LEN:
            return False
        if x.shape[1] > _FEW and not self.reads_many:
            return False
        return cache.layers[0].dtype in (torch.int8, torch.bfloat16, torch.float32)

    def read(self, x: Tensor | UnreadTokens, cache: KVCache, n_last: int | None = None) -> Tensor:
        """(B, T, C) float32 embeddings -> (B, n, C) hidden states; the cache takes the positions.

        The caller moves the cache on.

        Args:
            x: embeddings, or what becomes them, item by item.
            cache: of as many items.
            n_last: how many of the last positions are returned; None is all.

        Raises:
            NativeMemoryError: memory is short; the blocks themselves may do the same.
        """
        assert cache.length + x.shape[1] <= cache.max_len
        assert len(x) == cache.batch_size
        batch, length, width = x.shape
        y = torch.empty(batch, length if n_last is None else n_last, width)
        n_together = batch
        if length > _FEW and isinstance(cache, EightBitCache):
            n_together = max(1, _ROWS_AT_ONCE // length)  # to work in little memory
        for first in range(0, batch, n_together):
            items = slice(first, first + n_together)
            some = x[items]  # used up: of a tensor that is another's it has to be a copy
            if isinstance(x, Tensor):
                some = some.clone(memory_format=torch.contiguous_format)
            self._read_items(some, cache, items, y[items])
        return y

    def _read_items(self, x: Tensor, cache: KVCache, items: slice, y: Tensor) -> None:
        whole = y if y.shape == x.shape else torch.empty_like(x)
        layers = cache.layers
        if len(x) < cache.batch_size:
            layers = [stored[items] for stored in layers]
        struct, _alive = cache_struct(layers, len(x), x.shape[1], cache.length)
        if x.shape[1] > _FEW:
            self._library.run_layers_of_many(
                self._model, struct, x, whole, causal=True, n_last=y.shape[1]
            )
        else:
            self._library.run_layers(self._model, struct, x, whole)
        if whole is not y:
            y.copy_(whole[:, x.shape[1] - y.shape[1] :])

    def takes(self, x: Tensor) -> bool:
        """Whether `multiply` is the quickest for these inputs (..., K)."""
        return x.device.type == "cpu" and x.numel() <= _FEW * x.shape[-1]

    def multiply(self, x: Tensor, weight: Tensor) -> Tensor:
        """(..., K) float32 with a float32 weight (N, K) -> (..., N); for a few rows of x."""
        rows = x.reshape(-1, x.shape[-1]).contiguous()
        y = rows.new_empty(len(rows), len(weight))
        struct = LinearStruct(FLOAT32, *weight.shape, weight.data_ptr(), None, None, None)
        self._library.run_linear(struct, rows, y)
        return y.view(*x.shape[:-1], len(weight))

    def read_all(self, x: Tensor, n_last: int) -> Tensor:
        """The last n_last hidden states where every position sees every other.

        It needs `reads_many`.

        Raises:
            NativeMemoryError: as `read`.
        """
        batch, length, _ = x.shape
        x = x.clone(memory_format=torch.contiguous_format)
        y = torch.empty_like(x)
        shape = (2, batch, self._n_head, length, self._head_size)
        dtype = torch.bfloat16 if self._library.has_tiles else torch.float32
        shared = torch.empty(shape, dtype=dtype)  # each layer needs it only for itself
        struct, _alive = cache_struct([shared] * len(self._layers), batch, length, 0)
        self._library.run_layers_of_many(self._model, struct, x, y, causal=False, n_last=n_last)
        return y[:, length - n_last :]

    def new_cache(self, batch_size: int, max_len: int, n_most: int) -> KVCache | None:
        """An empty cache of eight bits; None where the model's own kind is to be read."""
        if not self.reads_many or max_len > _MAX_LEN:
            return None
        return EightBitCache(
            self._library,
            n_layer=len(self._layers),
            batch_size=batch_size,
            n_head=self._n_head,
            max_len=max_len,
            head_size=self._head_size,
            n_most=n_most,
        )

    def prepare(self, cache: KVCache) -> None:
        """Makes a new cache quick to read."""
        prefer_huge_pages(cache.layers[0])

    def _layer(self, block: _Block) -> LayerStruct:
        return LayerStruct(
            *self._norm(block.ln_1),
            *self._norm(block.ln_2),
            self._linear(block.attn.c_attn),
            self._linear(block.attn.c_proj),
            self._linear(block.mlp.c_fc),
            self._linear(block.mlp.c_proj),
        )

    def _linear(self, layer: nn.Module) -> LinearStruct:
        if isinstance(layer, PackedLayer):
            return layer.struct
        assert isinstance(layer, nn.Linear)
        n_out, n_in = layer.weight.shape
        return LinearStruct(
            FLOAT32, n_out, n_in, self._keep(layer.weight), None, None, self._keep(layer.bias)
        )

    def _norm(self, norm: nn.LayerNorm) -> tuple[int | None, int | None]:
        return self._keep(norm.weight), self._keep(norm.bias)

    def _keep(self, tensor: Tensor | None) -> int | None:
        if tensor is None:
            return None
        # Its own view, so that the memory stays even if the module is given other weights.
        kept = tensor.detach()
        assert kept.dtype == torch.float32
        assert kept.is_contiguous()
        self._kept.append(kept)
        return kept.data_ptr()
