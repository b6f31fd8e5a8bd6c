"""Linear layers of eight and sixteen bits by torch, for where nothing can be compiled."""

from __future__ import annotations

import functools
import logging

import torch
from torch import Tensor, nn
from torch.nn import functional as F

log = logging.getLogger(__name__)

_MAX_CODE = 127
_ZERO_POINT = 128  # of the activations: oneDNN is only fast for unsigned ones
_SIZES_TO_CHECK = ((1, 96), (9, 96), (300, 768))  # rows, inputs: oneDNN has a kernel for each


class Int8Linear(nn.Module):
    """A linear layer of eight-bit weights, one scale a row, with float32 in and out.

    Processors that have AVX2 or AVX-512 without VNNI add two products at a time in sixteen bits,
    and 2 * 255 * 127 does not fit there. 2 * 128 * 127 does: a layer of two parts multiplies each
    half of the activations' codes and adds the sums, which are those of other processors.

    torchao 0.18 was tried in its place: its layer (1,024 to 4,096) is as exact, but without
    torch.compile takes 2.0 ms for a row where this one takes 0.16 ms.

    Args:
        weight: (N, K) float32.
        bias: (N,) float32, or None.
        parts: that the codes are multiplied in, 1 or 2; None takes `parts_that_add_exactly`.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, parts: int | None = None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.parts = parts or parts_that_add_exactly() or 1
        scale = weight.abs().amax(dim=1).clamp_min_(torch.finfo(torch.float32).tiny) / _MAX_CODE
        codes = (weight / scale[:, None]).round_().to(torch.int8)
        self.bias = bias
        self.scale = scale / _MAX_CODE  # of a sum that stands for activations within 1
        self.ones = torch.ones_like(scale)
        self.zero_points = torch.zeros(len(scale), dtype=torch.int32)
        self.packed = torch.ops.onednn.qlinear_prepack(codes, [8, self.in_features])

    def forward(self, x: Tensor) -> Tensor:
        """(..., K) float32 -> (..., N) float32."""
        codes, largest = quantize_rows(x.reshape(-1, self.in_features))
        y = self.sums(codes).mul_(self.scale).mul_(largest)
        if self.bias is not None:
            y.add_(self.bias)
        return y.view(*x.shape[:-1], self.out_features)

    def sums(self, codes: Tensor) -> Tensor:
        """Whole sums (M, N) float32 of `(codes - 128) * weight's codes`, of codes (M, K) uint8."""
        if self.parts == 1:
            return self._multiply(codes, _ZERO_POINT)
        half = codes >> 1
        first, second = self._multiply(torch.cat([half, codes - half]), _ZERO_POINT // 2).chunk(2)
        return first.add_(second)

    def _multiply(self, codes: Tensor, zero_point: int) -> Tensor:
        # Arguments behind the packed weight: its scales and zero points, bias, then scale, zero
        # point and dtype of the result, and what to compute on it: nothing.
        result: Tensor = torch.ops.onednn.qlinear_pointwise.default(
            codes,
            1.0,
            zero_point,
            self.packed,
            self.ones,
            self.zero_points,
            None,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        return result


_MIDDLE = torch.tensor(_ZERO_POINT + 0.5)  # half a code more, as the conversion cuts off


def quantize_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """Eight-bit codes of activations, each row by its largest magnitude.

    Args:
        x: (M, K) float32.

    Returns:
        codes (M, K) uint8 around 128, magnitudes (M, 1) float32: x is near
        `(codes - 128) * magnitude / 127`. The codes of a row of zeros mean nothing, and need not.
    """
    largest = x.abs().amax(dim=-1, keepdim=True)
    return torch.add(_MIDDLE, x / largest, alpha=_MAX_CODE).to(torch.uint8), largest


class Bf16Linear(nn.Module):
    """A linear layer that multiplies in bfloat16, with float32 in and out.

    Args:
        weight: (N, K) float32.
        bias: (N,) float32, or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.bias = bias
        self.weight = weight.to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        """(..., K) float32 -> (..., N) float32."""
        y = F.linear(x.to(torch.bfloat16), self.weight).float()
        return y if self.bias is None else y.add_(self.bias)


class Fp16Linear(nn.Module):
    """A linear layer of float16 weights that multiplies in float32.

    Args:
        weight: (N, K) float32.
        bias: (N,) float32, or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.packed = torch.ops.quantized.linear_prepack_fp16(weight, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., K) float32 -> (..., N) float32."""
        result: Tensor = torch.ops.quantized.linear_dynamic_fp16(x, self.packed)
        return result


@functools.cache
def parts_that_add_exactly() -> int | None:
    """In how many parts torch's eight-bit layers give exact sums, found out by adding some.

    Returns:
        1 or 2, the fewest; None where they do not even then, or do not exist.
    """
    for parts in (1, 2):
        try:
            if all(_adds_exactly(parts, *sizes) for sizes in _SIZES_TO_CHECK):
                return parts
        except (RuntimeError, AttributeError) as error:
            log.info("no eight-bit layers on this machine: %s", error)
            return None
        log.info("eight-bit products saturate on this processor in %d part(s)", parts)
    return None


def _adds_exactly(parts: int, n_rows: int, n_in: int) -> bool:
    """Whether sums of random codes and of the largest are those of whole numbers."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 256, (n_rows, n_in), generator=generator, dtype=torch.uint8)
    weight = torch.randint(-127, 128, (64, n_in), generator=generator, dtype=torch.int8)
    codes[0], weight[0], weight[1] = 255, 127, -127
    weight[:, 0] = 127  # so that packing leaves the codes as they are
    sums = Int8Linear(weight.float(), None, parts).sums(codes)
    exact = (codes.long() - _ZERO_POINT) @ weight.long().T
    return torch.equal(sums, exact.float())
