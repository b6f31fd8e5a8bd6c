"""The causal transformer of the text and coarse stages, with nanoGPT's parameter names.

Bark's checkpoints use these names (`transformer.h.0.attn.c_attn.weight`, ...), so a file's keys
and the model's are the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..spec import BARK
from .assign import apply_and_forget_copies, count_parameters
from .kv_cache import KeyValue, KVCache, StaticKVCache
from .native.library import NativeMemoryError
from .native.trunk import NativeTrunk


@dataclasses.dataclass(frozen=True)
class GPTConfig:
    """Sizes of a model, as a checkpoint's `model_args` gives them.

    Attributes:
        block_size: longest sequence; rows of the position table.
        input_vocab_size, output_vocab_size: rows of the token table, rows of the output layer.
        bias: whether linear layers and layer norms have one.
        position_sizes: () is one table `wpe` of `block_size` rows, looked up by index, as in
            Bark; otherwise the sizes of several tables `wpes.i`, whose rows are summed.
    """

    block_size: int = 1_024
    input_vocab_size: int = 10_048
    output_vocab_size: int = 10_048
    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    dropout: float = 0.0
    bias: bool = False
    position_sizes: tuple[int, ...] = ()


class LayerNorm(nn.LayerNorm):
    """LayerNorm whose bias is optional."""

    def __init__(self, width: int, *, bias: bool) -> None:
        super().__init__(width, eps=1e-5, bias=bias)


class Attention(nn.Module):
    """Multi-head self-attention, causal or over the whole sequence.

    `attend` is what the models call; `forward` answers as suno-ai/bark's classes do.

    Attributes:
        dtype: of the attention itself and of the cache; None is that of the layer before it.
    """

    def __init__(self, config: GPTConfig, *, causal: bool) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.causal = causal
        self.dropout = config.dropout
        self.dtype: torch.dtype | None = None
        self.c_attn: nn.Module = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj: nn.Module = nn.Linear(config.n_embd, config.n_embd, bias=config.bias)

    def attend(self, x: Tensor, cache: KVCache | StaticKVCache | None, layer: int) -> Tensor:
        """(B, T, C) -> (B, T, C), the new positions' keys and values going into the cache."""
        batch, length, width = x.shape
        heads = self.c_attn(x).view(batch, length, 3, self.n_head, width // self.n_head)
        heads = heads.permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)
        mask: Tensor | None = None
        if cache is not None:
            key, value, mask = cache.update(layer, heads[1:])
            query = heads[0].to(key.dtype)
        else:
            query, key, value = heads.to(self.dtype or heads.dtype).unbind(0)
        y = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=self.causal and length > 1 and mask is None,
        )
        result: Tensor = self.c_proj(y.transpose(1, 2).reshape(batch, length, width).to(x.dtype))
        return result


class CausalSelfAttention(Attention):
    """Attention of the text and coarse models, under suno-ai/bark's name."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config, causal=True)

    def forward(
        self, x: Tensor, layer_past: KeyValue | None = None, use_cache: bool = False
    ) -> tuple[Tensor, KeyValue | None]:
        """(B, T, C) -> (B, T, C), and with `use_cache` the keys and values so far."""
        cache = None
        if use_cache or layer_past is not None:
            past = None if layer_past is None else (layer_past,)
            cache = KVCache.of_past(past, x, n_layer=1, n_head=self.n_head)
        y = self.attend(x, cache, 0)
        if cache is None or not use_cache:
            return y, None
        cache.advance(x.shape[1])
        return y, cache.as_past()[0]


class NonCausalSelfAttention(Attention):
    """Attention of the fine model, under suno-ai/bark's name."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config, causal=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        return self.attend(x, None, 0)


class MLP(nn.Module):
    """Two linear layers around a GELU.

    Attributes:
        rows_at_once: how many positions go through together, so that what lies between the
            layers stays in the processor's cache; None is all. It changes no result where the
            layers treat each row alone.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.rows_at_once: int | None = None
        self.c_fc: nn.Module = nn.Linear(config.n_embd, 4 * config.n_embd, bias=config.bias)
        self.c_proj: nn.Module = nn.Linear(4 * config.n_embd, config.n_embd, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        rows = x.reshape(-1, x.shape[-1])
        if self.rows_at_once is None or len(rows) <= self.rows_at_once:
            return self._forward(x)
        y = torch.empty_like(rows)
        parts = zip(rows.split(self.rows_at_once), y.split(self.rows_at_once), strict=True)
        for part, target in parts:
            target.copy_(self._forward(part))
        return y.view_as(x)

    def _forward(self, x: Tensor) -> Tensor:
        hidden = self.c_fc(x)
        if hidden.requires_grad:
            hidden = F.gelu(hidden)
        else:
            torch.ops.aten.gelu_(hidden)  # in place: fresh memory is slow to get
        y: Tensor = self.c_proj(hidden)
        return y


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: GPTConfig, *, causal: bool, norm_bias: bool) -> None:
        super().__init__()
        self.ln_1 = LayerNorm(config.n_embd, bias=norm_bias)
        self.attn: Attention = (
            CausalSelfAttention(config) if causal else NonCausalSelfAttention(config)
        )
        self.ln_2 = LayerNorm(config.n_embd, bias=norm_bias)
        self.mlp = MLP(config)

    def forward(
        self, x: Tensor, cache: KVCache | StaticKVCache | None = None, layer: int = 0
    ) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x = x + self.attn.attend(self.ln_1(x), cache, layer)
        result: Tensor = x + self.mlp(self.ln_2(x))
        return result


class Draft:
    """A faster, less exact copy of a model, made when it is first asked for.

    It stands beside the model's modules, not among them: it is no part of its parameters.
    """

    def __init__(self, make: Callable[[], GPT]) -> None:
        self._make = make

    @functools.cached_property
    def model(self) -> GPT:
        """The copy."""
        return self._make()


class GPT(nn.Module):
    """Causal transformer in three parts, `embed`, `trunk` and `head`, that stages combine.

    Attributes:
        draft: proposes tokens to this model, see decoding/speculative.py; None for one by one.
        native: the blocks in C, for what it can read; None for torch's.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        blocks = [Block(config, causal=True, norm_bias=config.bias) for _ in range(config.n_layer)]
        parts: dict[str, nn.Module] = {
            "wte": nn.Embedding(config.input_vocab_size, config.n_embd),
            "drop": nn.Dropout(config.dropout),
            "h": nn.ModuleList(blocks),
            "ln_f": LayerNorm(config.n_embd, bias=config.bias),
        }
        if config.position_sizes:
            tables = [nn.Embedding(size, config.n_embd) for size in config.position_sizes]
            parts["wpes"] = nn.ModuleList(tables)
        else:
            parts["wpe"] = nn.Embedding(config.block_size, config.n_embd)
        self.transformer: Any = nn.ModuleDict(parts)
        self.lm_head: Any = nn.Linear(config.n_embd, config.output_vocab_size, bias=False)
        self.draft: Draft | None = None
        self.native: NativeTrunk | None = None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        result: torch.device = self.transformer["wte"].weight.device
        return result

    def new_cache(self, batch_size: int = 1, max_len: int | None = None) -> KVCache:
        """An empty cache that fits this model."""
        config = self.config
        cache = KVCache(
            n_layer=config.n_layer,
            batch_size=batch_size,
            n_head=config.n_head,
            max_len=max_len or config.block_size,
            head_size=config.n_embd // config.n_head,
            dtype=self.transformer["h"][0].attn.dtype or self.transformer["ln_f"].weight.dtype,
            device=self.device,
        )
        if self.native is not None:
            self.native.prepare(cache)
        return cache

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """Token embeddings alone: (B, T) int64 -> (B, T, C)."""
        result: Tensor = self.transformer["wte"](ids)
        return result

    def embed_positions(self, positions: Tensor) -> Tensor:
        """Position embeddings.

        Args:
            positions: (..., T) int64 indices, or (..., T, n_tables) with `position_sizes`.

        Returns:
            (..., T, C).
        """
        embedded: Tensor
        if not self.config.position_sizes:
            embedded = self.transformer["wpe"](positions)
        else:
            tables = self.transformer["wpes"]
            rows = (table(positions[..., i]) for i, table in enumerate(tables))
            embedded = functools.reduce(torch.add, rows)
        return embedded

    def embed(self, ids: Tensor, positions: Tensor | None = None) -> Tensor:
        """Sum of the token and position embeddings.

        Args:
            ids: (B, T) int64 below `input_vocab_size`.
            positions: as `embed_positions` takes them; None counts from 0.

        Returns:
            (B, T, C).
        """
        if positions is None:
            positions = torch.arange(ids.shape[1], device=ids.device)
        return self.embed_tokens(ids) + self.embed_positions(positions)

    def trunk(self, x: Tensor, cache: KVCache | StaticKVCache | None = None) -> Tensor:
        """All blocks and the last norm.

        Args:
            x: (B, T, C) embeddings; with a cache, of the positions behind its `length`.

        Returns:
            (B, T, C) hidden states.
        """
        hidden = self._by_library(x, cache)
        if hidden is None:
            for layer, block in enumerate(self.transformer["h"]):
                x = block(x, cache, layer)
            hidden = self.transformer["ln_f"](x)
        if cache is not None:
            cache.advance(x.shape[1])
        return hidden

    def _by_library(self, x: Tensor, cache: KVCache | StaticKVCache | None) -> Tensor | None:
        """What the compiled layers make of it; None where torch's are to."""
        if not isinstance(cache, KVCache) or self.native is None:
            return None
        if not self.native.can_read(x, cache):
            return None
        with contextlib.suppress(NativeMemoryError):
            return self.native.read(x, cache)
        return None

    def head(self, hidden: Tensor, rows: slice | None = None) -> Tensor:
        """Logits of all output tokens, or of the needed `rows` of the output layer only.

        Args:
            hidden: (..., C).

        Returns:
            (..., V).
        """
        logits: Tensor
        if rows is None:
            logits = self.lm_head(hidden)
            return logits
        if not isinstance(self.lm_head, nn.Linear):
            logits = self.lm_head.part(rows)(hidden)  # a packed layer, see quantize.py
            return logits
        weight = self.lm_head.weight[rows]
        if self.native is not None and self.native.takes(hidden):
            return self.native.multiply(hidden, weight)
        return F.linear(hidden, weight)

    def logits(self, ids: Tensor, positions: Tensor | None = None) -> Tensor:
        """Logits at every position: (B, T) int64 -> (B, T, V)."""
        return self.head(self.trunk(self.embed(ids, positions)))

    def forward(
        self,
        idx: Tensor,
        merge_context: bool = False,
        past_kv: Sequence[KeyValue] | None = None,
        position_ids: Tensor | None = None,
        use_cache: bool = False,
    ) -> tuple[Tensor, tuple[KeyValue, ...] | None]:
        """Logits of the last position, called and answered as in suno-ai/bark.

        Args:
            idx: (B, T) int64.
            merge_context: sums the embeddings of the first 256 ids and of the next 256.
            past_kv: keys and values that an earlier call with `use_cache` returned; `idx` then
                holds the positions behind them only.
            position_ids: (1, T) int64; None counts on from the past.
            use_cache: returns the keys and values so far.

        Returns:
            (B, 1, V), and for each layer keys and values (B, H, T, D), or None.
        """
        x = self.embed_tokens(idx)  # (B, T, C)
        if merge_context and past_kv is None:
            n = BARK.text_len
            x = torch.cat([x[:, :n] + x[:, n : 2 * n], x[:, 2 * n :]], dim=1)
        n_past = 0 if past_kv is None else past_kv[0][0].shape[2]
        if position_ids is None:
            position_ids = torch.arange(n_past, n_past + x.shape[1], device=idx.device)[None]
        x = self.transformer["drop"](x + self.embed_positions(position_ids))
        cache = None
        if use_cache or past_kv is not None:
            cache = self.new_cache(len(x), n_past + x.shape[1])
            cache.load_past(past_kv or ())
        logits = self.head(self.trunk(x, cache)[:, -1:])
        return logits, cache.as_past() if use_cache and cache is not None else None

    def get_num_params(self, non_embedding: bool = True) -> int:
        """How many parameters there are, as suno-ai/bark counts them."""
        names = ("wte", "wpe", "wpes") if non_embedding else ()
        tables = [self.transformer[name] for name in names if name in self.transformer]
        return count_parameters(self) - count_parameters(*tables)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> GPT:
        apply_and_forget_copies(self, lambda: nn.Module._apply(self, fn, recurse))
        return self
