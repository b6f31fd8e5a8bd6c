"""Tokens of many items that are embedded when they are read, some items after the others."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TOKENS_AT_ONCE = 128
"""A token's row of a mapped table brings the pages around it along, 64 KiB: so many bring 8 MiB
into this process's memory."""


class UnreadTokens:
    """(B, T) tokens in place of their embeddings (B, T, C), which would take much memory.

    Args:
        ids: (B, T) int64, from the first position on.
        embed: (b, t) int64 tokens and (t,) int64 positions -> (b, t, C).
        width: C.
        release: called after every few tokens, to let go of what was read of a table.
    """

    def __init__(
        self,
        ids: Tensor,
        embed: Callable[[Tensor, Tensor], Tensor],
        width: int,
        release: Callable[[], object],
    ) -> None:
        self._ids, self._embed, self._release = ids, embed, release
        self.shape = torch.Size((*ids.shape, width))

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self._ids.device

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, items: slice) -> Tensor:
        """Embeddings (b, T, C) of some items."""
        ids = self._ids[items]
        n_together = max(1, TOKENS_AT_ONCE // max(1, len(ids)))
        places = torch.arange(ids.shape[1], device=ids.device)
        x: Tensor | None = None
        for part in places.split(n_together):
            embedded = self._embed(ids[:, part], part)
            if x is None:
                x = embedded.new_empty(*ids.shape, embedded.shape[-1])
            x[:, part] = embedded
            self._release()
        assert x is not None
        return x
