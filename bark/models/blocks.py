"""The parts of a transformer, with nanoGPT's parameter names: norm, attention, MLP, block."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .kv_cache import KeyValue, KVCache, StaticKVCache


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

    def attend(
        self,
        x: Tensor,
        cache: KVCache | StaticKVCache | None,
        layer: int,
        n_last: int | None = None,
    ) -> Tensor:
        """(B, T, C) -> (B, n, C), the new positions' keys and values going into the cache.

        Args:
            n_last: of how many of the last positions the result is asked for; None is of all T.
        """
        batch, length, width = x.shape
        heads = self.c_attn(x).view(batch, length, 3, self.n_head, width // self.n_head)
        heads = heads.permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)
        mask: Tensor | None = None
        if cache is not None:
            key, value, mask = cache.update(layer, heads[1:])
            query = heads[0].to(key.dtype)
        else:
            query, key, value = heads.to(self.dtype or heads.dtype).unbind(0)
        is_causal = self.causal and length > 1 and mask is None
        if n_last is not None and n_last < length:
            query = query[:, :, length - n_last :]
            if mask is None and is_causal:
                mask = _last_rows_mask(n_last, key.shape[2], key.device)
            elif mask is not None:
                mask = mask[..., length - n_last :, :]
            length, is_causal = n_last, False
        y = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=is_causal,
        )
        result: Tensor = self.c_proj(y.transpose(1, 2).reshape(batch, length, width).to(x.dtype))
        return result


def _last_rows_mask(n_rows: int, n_keys: int, device: torch.device) -> Tensor | None:
    """What the last positions see, (n_rows, n_keys) bool; None where that is everything."""
    if n_rows <= 1:
        return None
    mask = torch.ones(n_rows, n_keys, dtype=torch.bool, device=device)
    return mask.tril(n_keys - n_rows)


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


def _added(made: Tensor, x: Tensor) -> Tensor:
    """The sum of both; where nobody learns, in the first one's memory, as fresh one is slow."""
    return made + x if made.requires_grad else made.add_(x)


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
        self,
        x: Tensor,
        cache: KVCache | StaticKVCache | None = None,
        layer: int = 0,
        n_last: int | None = None,
    ) -> Tensor:
        """(B, T, C) -> (B, n, C) of the last n positions, all T where `n_last` is None."""
        attended = self.attn.attend(self.ln_1(x), cache, layer, n_last)
        x = _added(attended, x[:, x.shape[1] - attended.shape[1] :])
        return _added(self.mlp(self.ln_2(x)), x)
