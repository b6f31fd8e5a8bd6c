"""The optimizer of all trainings: Muon for the blocks' matrices, AdamW for the rest.

Muon (Jordan et al. 2024) replaces the momentum of a matrix by the nearest orthogonal one, found by
a few Newton-Schulz steps. It is here several times quicker than AdamW alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of the quintic iteration
_NEWTON_SCHULZ_STEPS = 5
_WEIGHT_DECAY = 0.01
_CLIP_NORM = 1.0


class Muon(torch.optim.Optimizer):
    """Orthogonalised Nesterov momentum for matrices.

    Args:
        parameters: two-dimensional; three square matrices stacked (query, key and value) are
            orthogonalised one by one.
        lr: learning rate, 0.02 or so.
        momentum: of the running mean of the gradients.
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["mean"] = torch.zeros_like(p)
                state["mean"].lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(state["mean"], group["momentum"])
                rows = p.shape[1] if p.shape[0] == 3 * p.shape[1] else p.shape[0]
                update = torch.cat([_orthogonal(part) for part in update.split(rows)])
                p.mul_(1 - group["lr"] * _WEIGHT_DECAY).add_(update, alpha=-group["lr"])


def _orthogonal(matrix: Tensor) -> Tensor:
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = (x / (x.norm() + 1e-7)).bfloat16()
    a, b, c = _NEWTON_SCHULZ
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
    return (x.T if tall else x).to(matrix.dtype) * scale


class Optimizer:
    """Both optimizers as one, with clipped gradients and a common factor on the learning rates.

    Args:
        model: matrices under a name with `.h.` (the transformer's blocks) go to Muon.
        muon_lr, adamw_lr: the learning rates at factor 1.
    """

    def __init__(self, model: nn.Module, muon_lr: float = 0.02, adamw_lr: float = 1.5e-3) -> None:
        self.model = model
        named = list(model.named_parameters())
        matrices = [p for name, p in named if f".{name}".find(".h.") >= 0 and p.dim() == 2]
        chosen = {id(p) for p in matrices}
        rest = [p for _, p in named if id(p) not in chosen]
        betas = (0.9, 0.95)
        self._parts: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, lr=adamw_lr, betas=betas, weight_decay=_WEIGHT_DECAY)
        ]
        if matrices:
            self._parts.append(Muon(matrices, muon_lr))
        self._lr = [group["lr"] for part in self._parts for group in part.param_groups]

    def step(self, factor: float = 1.0) -> None:
        """Update the model with `factor` times the learning rates, and clear the gradients."""
        nn.utils.clip_grad_norm_(self.model.parameters(), _CLIP_NORM)
        groups = [group for part in self._parts for group in part.param_groups]
        for lr, group in zip(self._lr, groups, strict=True):
            group["lr"] = lr * factor
        for part in self._parts:
            part.step()
        self.model.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the state of both parts."""
        return [part.state_dict() for part in self._parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Go on from a saved state."""
        for part, state in zip(self._parts, states, strict=True):
            part.load_state_dict(state)


def schedule(progress: float, warmup: float = 0.01, fall: float = 0.6) -> float:
    """Give the factor on the learning rates at `progress` (0 to 1) of a training.

    It rises over `warmup`, stays at 1 and falls linearly to 0.01 over the last `fall`.
    """
    return min(1.0, progress / warmup if warmup else 1.0, (1.0 - progress) / fall) * 0.99 + 0.01
