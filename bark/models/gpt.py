"""The causal transformer of the text and coarse stages, with nanoGPT's parameter names.

Bark's checkpoints use these names (`transformer.h.0.attn.c_attn.weight`, ...), so a file's keys
and the model's are the same.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..spec import BARK
from .assign import apply_and_forget_copies, count_parameters
from .blocks import Block, GPTConfig, LayerNorm
from .kv_cache import KeyValue, KVCache, StaticKVCache
from .native.library import NativeMemoryError
from .native.trunk import NativeTrunk
from .onednn import MANY_ROWS
from .unread import UnreadTokens


class Draft:
    """What proposes tokens to a model, made when it is first asked for.

    It stands beside the model's modules, not among them: it is no part of its parameters.

    Attributes:
        is_copy: it is the model itself, faster and less exact, so that it reads the same
            embeddings and may take over keys and values; otherwise it is another model of the
            family, for example a smaller one.
    """

    def __init__(self, make: Callable[[], GPT], *, is_copy: bool = True) -> None:
        self._make = make
        self.is_copy = is_copy

    @functools.cached_property
    def model(self) -> GPT:
        """The copy, or the other model."""
        return self._make()


class GPT(nn.Module):
    """Causal transformer in three parts, `embed`, `trunk` and `head`, that stages combine.

    Attributes:
        draft: proposes tokens to this model, see decoding/speculative.py; None for one by one.
        native: the blocks in C, for what it can read; None for torch's.
        of_many: the blocks again, quicker for many positions and as exact, but with sums of
            another order; None for none.
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
        self.of_many: tuple[Block, ...] | None = None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        result: torch.device = self.transformer["wte"].weight.device
        return result

    def new_cache(
        self,
        batch_size: int = 1,
        max_len: int | None = None,
        *,
        n_most: int = 0,
        of_floats: bool = False,
    ) -> KVCache:
        """An empty cache that fits this model.

        Args:
            batch_size: items.
            max_len: positions; None is the longest sequence.
            n_most: items that `select` makes of them at most, if more.
            of_floats: keys and values are tensors that others may read.
        """
        config = self.config
        if self.native is not None and not of_floats:
            cache = self.native.new_cache(batch_size, max_len or config.block_size, n_most)
            if cache is not None:
                self.native.prepare(cache)
                return cache
        cache = KVCache(
            n_layer=config.n_layer,
            batch_size=batch_size,
            n_head=config.n_head,
            max_len=max_len or config.block_size,
            head_size=config.n_embd // config.n_head,
            dtype=self.transformer["h"][0].attn.dtype or self.transformer["ln_f"].weight.dtype,
            device=self.device,
            n_most=n_most,
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
        embedded, places = self.embed_tokens(ids), self.embed_positions(positions)
        return embedded + places if embedded.requires_grad else embedded.add_(places)

    def trunk(
        self,
        x: Tensor | UnreadTokens,
        cache: KVCache | StaticKVCache | None = None,
        n_last: int | None = None,
    ) -> Tensor:
        """All blocks and the last norm.

        Args:
            x: (B, T, C) embeddings, or what becomes them; with a cache, of the positions behind
                its `length`.
            n_last: of how many of the last positions the result is needed: the last block then
                makes only keys and values of the others. 0 does no more than fill the cache;
                None is all.

        Returns:
            (B, n, C) hidden states, n being T where `n_last` is None.
        """
        length = x.shape[1]
        n_last = length if n_last is None else min(n_last, length)
        hidden = self._by_library(x, cache, n_last)
        if hidden is None:
            x = x if isinstance(x, Tensor) else x[:]
            blocks = self.transformer["h"]
            if self.of_many is not None and len(x) * length >= MANY_ROWS:
                blocks = self.of_many
            for layer, block in enumerate(blocks):
                x = block(x, cache, layer, n_last if layer == len(blocks) - 1 else None)
            hidden = self.transformer["ln_f"](x)
        if cache is not None:
            cache.advance(length)
        return hidden[:, hidden.shape[1] - n_last :]

    def _by_library(
        self, x: Tensor | UnreadTokens, cache: KVCache | StaticKVCache | None, n_last: int
    ) -> Tensor | None:
        """What the compiled layers make of it; None where torch's are to."""
        if not isinstance(cache, KVCache) or self.native is None:
            return None
        if not self.native.can_read(x, cache):
            return None
        with contextlib.suppress(NativeMemoryError):
            return self.native.read(x, cache, n_last)
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
            cache = self.new_cache(len(x), n_past + x.shape[1], of_floats=True)
            cache.load_past(past_kv or ())
        logits = self.head(self.trunk(x, cache, n_last=1))
        return logits, cache.as_past() if use_cache and cache is not None else None

    def get_num_params(self, non_embedding: bool = True) -> int:
        """How many parameters there are, as suno-ai/bark counts them."""
        names = ("wte", "wpe", "wpes") if non_embedding else ()
        tables = [self.transformer[name] for name in names if name in self.transformer]
        return count_parameters(self) - count_parameters(*tables)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> GPT:
        apply_and_forget_copies(self, lambda: nn.Module._apply(self, fn, recurse))
        return self
