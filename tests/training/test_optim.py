"""The training's Muon beside torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.optim import Muon


@pytest.mark.parametrize("shape", [(64, 64), (256, 64), (64, 256)])
def test_on_a_plain_matrix_it_steps_as_torchs_own(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=generator)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    optimizers = (
        Muon([ours], lr=0.02, weight_decay=0.01),
        torch.optim.Muon([theirs], lr=0.02, weight_decay=0.01, ns_steps=4),
    )
    for _ in range(5):
        gradient = torch.randn(shape, generator=generator)
        before = [weight.detach().clone() for weight in (ours, theirs)]
        for weight, optimizer in zip((ours, theirs), optimizers, strict=True):
            weight.grad = gradient.clone()
            optimizer.step()
        steps = [w.detach() - b for w, b in zip((ours, theirs), before, strict=True)]
        assert (steps[0] - steps[1]).norm() < 0.05 * steps[0].norm()


def test_a_fused_attention_matrix_is_three_and_torchs_own_takes_no_convolution() -> None:
    generator = torch.Generator().manual_seed(0)
    gradient = torch.randn(192, 64, generator=generator)
    fused = nn.Parameter(torch.zeros(192, 64))
    parts = [nn.Parameter(torch.zeros(64, 64)) for _ in range(3)]
    fused.grad = gradient
    for part, share in zip(parts, gradient.split(64), strict=True):
        part.grad = share.clone()
    Muon([fused]).step()
    Muon(parts).step()
    torch.testing.assert_close(fused.detach(), torch.cat([part.detach() for part in parts]))
    convolution = nn.Parameter(torch.zeros(8, 4, 3))
    with pytest.raises(ValueError, match="2D"):
        torch.optim.Muon([convolution])
    convolution.grad = torch.randn(8, 4, 3, generator=generator)
    Muon([convolution]).step()
    assert convolution.abs().sum() > 0
