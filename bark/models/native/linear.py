"""One linear layer in eight bits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .library import INT8, Library, LinearStruct
from .memory import LANES, HugeMemory, new_packed


class Int8Layer(nn.Module):
    """A linear layer of eight-bit weights, one scale an output, with float32 in and out.

    Each row of the input is quantised by its own largest magnitude and the sums are integers, so
    a row's result does not depend on the others.

    Args:
        library: that computes it.
        memory: where its codes go.
        weight: (N, K) float32, K a multiple of 16.
        bias: (N,) float32, or None.
    """

    def __init__(
        self, library: Library, memory: HugeMemory, weight: Tensor, bias: Tensor | None
    ) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self._library = library
        self._packed = new_packed(self.out_features, self.in_features, memory)
        library.pack_int8(weight.contiguous(), *self._packed)
        codes, scale, offset = self._packed
        self._bias = None if bias is None else torch.zeros_like(scale)
        if bias is not None and self._bias is not None:
            self._bias[: self.out_features] = bias
        self.struct = LinearStruct(
            INT8,
            self.out_features,
            self.in_features,
            codes.data_ptr(),
            scale.data_ptr(),
            offset.data_ptr(),
            None if self._bias is None else self._bias.data_ptr(),
        )

    @staticmethod
    def fits(weight: Tensor) -> bool:
        """Whether a weight's rows are made of whole vectors."""
        return weight.shape[1] % LANES == 0

    def forward(self, x: Tensor) -> Tensor:
        """(..., K) float32 -> (..., N) float32."""
        rows = x.reshape(-1, self.in_features).contiguous()
        y = rows.new_empty(len(rows), self.out_features)
        self._library.run_linear(self.struct, rows, y)
        return y.view(*x.shape[:-1], self.out_features)
