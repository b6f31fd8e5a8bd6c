"""The non-causal transformer of the fine stage: it reads codebooks 0 to k and predicts k."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .assign import apply_and_forget_copies, count_parameters
from .blocks import Block, GPTConfig, LayerNorm
from .native.library import NativeMemoryError
from .native.trunk import NativeTrunk


@dataclasses.dataclass(frozen=True)
class FineGPTConfig(GPTConfig):
    """Sizes of a fine model.

    Attributes:
        n_codes_total: codebooks in all.
        n_codes_given: codebooks that are never predicted; there are
            `n_codes_total - n_codes_given` output layers.
    """

    n_codes_total: int = 8
    n_codes_given: int = 1


class FineGPT(nn.Module):
    """Predicts one codebook of a window of frames from it and all codebooks below it.

    As in the reference, the output layer of codebook k + 1 is tied to codebook k + 1's
    embedding, layer norms always have a bias, and attention sees the whole window, its
    padding included.

    Attributes:
        native: the blocks in C; None for torch's.
        of_many: the blocks again, as `GPT` has them.
    """

    def __init__(self, config: FineGPTConfig) -> None:
        super().__init__()
        self.config = config
        self.n_codes_total = config.n_codes_total
        tables = [
            nn.Embedding(config.input_vocab_size, config.n_embd)
            for _ in range(config.n_codes_total)
        ]
        blocks = [Block(config, causal=False, norm_bias=True) for _ in range(config.n_layer)]
        self.transformer: Any = nn.ModuleDict(
            {
                "wtes": nn.ModuleList(tables),
                "wpe": nn.Embedding(config.block_size, config.n_embd),
                "drop": nn.Dropout(config.dropout),
                "h": nn.ModuleList(blocks),
                "ln_f": LayerNorm(config.n_embd, bias=True),
            }
        )
        heads = [
            nn.Linear(config.n_embd, config.output_vocab_size, bias=False)
            for _ in range(config.n_codes_given, config.n_codes_total)
        ]
        self.lm_heads: Any = nn.ModuleList(heads)
        self.tie_heads()
        self.native: NativeTrunk | None = None
        self.of_many: tuple[Block, ...] | None = None

    def tie_heads(self) -> None:
        """Makes each predicted codebook's embedding and output layer one tensor."""
        for i, head in enumerate(self.lm_heads):
            self.transformer["wtes"][i + self.config.n_codes_given].weight = head.weight

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        result: torch.device = self.transformer["wpe"].weight.device
        return result

    def get_num_params(self, non_embedding: bool = True) -> int:
        """How many parameters there are, as suno-ai/bark counts them."""
        tables = [*self.transformer["wtes"], self.transformer["wpe"]] if non_embedding else []
        return count_parameters(self) - count_parameters(*tables)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FineGPT:
        apply_and_forget_copies(self, lambda: nn.Module._apply(self, fn, recurse))
        return self

    def forward(self, codebook: int, codes: Tensor) -> Tensor:
        """Logits of one codebook.

        Args:
            codebook: which one, from `n_codes_given` on.
            codes: (B, T, n_codes_total) int64 in [0, codebook_size]; those above `codebook`
                are not read.

        Returns:
            (B, T, V).
        """
        return self.head(codebook, self.trunk(codebook, codes))

    def trunk(self, codebook: int, codes: Tensor, n_last: int | None = None) -> Tensor:
        """Hidden states of the last n_last frames: (B, T, n_codes_total) int64 -> (B, n_last, C).

        Args:
            codebook: which one is to be predicted.
            codes: as `forward` takes them; every frame sees all.
            n_last: None is all.
        """
        length = codes.shape[1]
        n_last = length if n_last is None else n_last
        tables = self.transformer["wtes"]
        # As the reference, whose order of the sum decides the last bit of float32.
        embedded = torch.cat(
            [tables[i](codes[..., i]).unsqueeze(-1) for i in range(codebook + 1)], dim=-1
        ).sum(dim=-1)
        positions = torch.arange(length, device=codes.device)
        x = embedded + self.transformer["wpe"](positions)  # (B, T, C)
        if self.native is not None and self.native.reads_many:
            with contextlib.suppress(NativeMemoryError):
                return self.native.read_all(x, n_last)
        for block in self.of_many or self.transformer["h"]:
            x = block(x)
        result: Tensor = self.transformer["ln_f"](x)
        return result[:, length - n_last :]

    def head(self, codebook: int, hidden: Tensor) -> Tensor:
        """Logits of one codebook: (..., C) -> (..., V)."""
        result: Tensor = self.lm_heads[codebook - self.config.n_codes_given](hidden)
        return result
