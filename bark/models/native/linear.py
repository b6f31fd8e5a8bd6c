"""One linear layer in eight bits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .library import INT8, Library, LinearStruct, NativeMemoryError
from .memory import LANES, ROW_STEP, HugeMemory, new_packed

_MAX_CODE = 127


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
        try:
            self._library.run_linear(self.struct, rows, y)
        except NativeMemoryError:
            self._multiply_by_torch(rows, y)
        return y.view(*x.shape[:-1], self.out_features)

    def _multiply_by_torch(self, x: Tensor, y: Tensor) -> None:
        """The same, slowly and in little memory: a panel of the outputs at a time."""
        codes, scale, _ = self._packed
        lanes = self._library.panel_lanes
        largest = x.abs().amax(dim=1, keepdim=True)
        factor = torch.where(largest > 0, _MAX_CODE / largest, 0)
        x_codes = (x * factor).round_().double()  # their sums are whole numbers below 2^53
        panel_size = lanes * (-(-self.in_features // ROW_STEP) * ROW_STEP)
        for first in range(0, self.out_features, lanes):
            outputs = slice(first, min(first + lanes, self.out_features))
            start = first // lanes * panel_size
            panel = codes[start : start + panel_size].view(-1, lanes, 4)  # (K / 4, lanes, 4)
            weight = panel.transpose(0, 1).reshape(lanes, -1)[:, : self.in_features]
            sums = x_codes @ weight[: outputs.stop - first].T.double()
            y[:, outputs] = sums.float() * scale[outputs] * (largest / _MAX_CODE)
        if self._bias is not None:
            y += self._bias[: self.out_features]
