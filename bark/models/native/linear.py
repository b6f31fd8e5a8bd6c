"""One linear layer in eight or in four bits."""

from __future__ import annotations

import abc
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .library import INT4, INT8, Library, LinearStruct, NativeMemoryError
from .memory import LANES, ROW_STEP, HugeMemory, new_packed

_MAX_CODE = 127
_GROUP = 32  # inputs that share a multiplier
_MAX_INPUTS = 8_192
_OUTPUTS_AT_ONCE = 1_024  # a multiple of LANES; of them float32 is in memory while they are packed


class PackedLayer(nn.Module):
    """A linear layer of whole numbers, one scale an output, with float32 in and out.

    Each row of the input is quantised by its own largest magnitude and the sums are integers, so
    a row's result does not depend on the others.

    Args:
        library: that computes it.
        memory: where its codes go.
        weight: (N, K) float32, K a multiple of 16.
        bias: (N,) float32, or None.
        done_with: called with some rows of the weight after the others, once they are packed.
    """

    kind: int

    def __init__(
        self,
        library: Library,
        memory: HugeMemory,
        weight: Tensor,
        bias: Tensor | None,
        done_with: Callable[[Tensor], object] | None = None,
    ) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self._library = library
        n_bytes = library.packed_size(self.kind, self.out_features, self.in_features)
        self._packed = new_packed(self.out_features, n_bytes, memory)
        codes, scale, offset = self._packed
        for first in range(0, self.out_features, _OUTPUTS_AT_ONCE):
            rows = slice(first, first + _OUTPUTS_AT_ONCE)
            start = library.packed_size(self.kind, first, self.in_features)
            library.pack(
                self.kind, weight[rows].contiguous(), codes[start:], scale[rows], offset[rows]
            )
            if done_with is not None:
                done_with(weight[rows])
        self._bias = None if bias is None else torch.zeros_like(scale)
        if bias is not None and self._bias is not None:
            self._bias[: self.out_features] = bias
        self.struct = LinearStruct(
            self.kind,
            self.out_features,
            self.in_features,
            codes.data_ptr(),
            scale.data_ptr(),
            offset.data_ptr(),
            None if self._bias is None else self._bias.data_ptr(),
        )
        self._limits = library.set_limits(self.struct) if self.kind == INT8 else None

    @staticmethod
    def fits(weight: Tensor) -> bool:
        """Whether a weight's rows are made of whole vectors, and not so long that sums overflow."""
        return weight.shape[1] % LANES == 0 and weight.shape[1] <= _MAX_INPUTS

    @property
    def n_bytes(self) -> int:
        """Of the packed weight."""
        return sum(part.numel() * part.element_size() for part in self._packed)

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
        scale = self._packed[1]
        lanes = self._library.panel_lanes
        largest = x.abs().amax(dim=1, keepdim=True)
        factor = torch.where(largest > 0, _MAX_CODE / largest, 0)
        x_codes = (x * factor).round_().double()  # their sums are whole numbers below 2^53
        for first in range(0, self.out_features, lanes):
            outputs = slice(first, min(first + lanes, self.out_features))
            weight = self.panel(first // lanes)[: outputs.stop - first, : self.in_features]
            sums = x_codes @ weight.T.double()
            y[:, outputs] = sums.float() * scale[outputs] * (largest / _MAX_CODE)
        if self._bias is not None:
            y += self._bias[: self.out_features]

    def panel(self, index: int) -> Tensor:
        """The whole numbers (panel_lanes, K filled up) int8 of some outputs."""
        codes = self._packed[0]
        lanes = self._library.panel_lanes
        n_in = -(-self.in_features // ROW_STEP) * ROW_STEP
        size = self._library.packed_size(self.kind, lanes, self.in_features)
        return self._unpacked(codes[index * size : (index + 1) * size], lanes, n_in)

    @abc.abstractmethod
    def _unpacked(self, panel: Tensor, lanes: int, n_in: int) -> Tensor:
        """(lanes, n_in) int8 of a panel's bytes."""


class Int8Layer(PackedLayer):
    """Weights of eight bits."""

    kind = INT8

    def _unpacked(self, panel: Tensor, lanes: int, n_in: int) -> Tensor:
        return panel.view(-1, lanes, 4).transpose(0, 1).reshape(lanes, n_in)  # from (K / 4, N, 4)


class Int4Layer(PackedLayer):
    """Weights of four bits, times a multiplier of a few bits for 32 inputs of an output each.

    A code within -8 to 7 times a multiplier within 15 is a whole number of eight bits, so the
    sums are as exact as those of `Int8Layer`. The multipliers are those with the smallest squared
    error.
    """

    kind = INT4

    def _unpacked(self, panel: Tensor, lanes: int, n_in: int) -> Tensor:
        n_codes = n_in * lanes // 2
        multipliers = panel[: n_in // _GROUP * lanes].view(-1, lanes)  # (K / 32, N)
        pairs = panel[len(panel) - n_codes :].view(-1, lanes, 4)  # (K / 8, N, 4)
        halves = torch.stack([pairs << 4 >> 4, pairs >> 4])  # of bytes, with their signs
        codes = halves.permute(2, 1, 0, 3).reshape(lanes, -1, _GROUP)
        return (codes * multipliers.T[:, :, None]).reshape(lanes, n_in)
