"""Muon for the hidden matrices, AdamW for embeddings, heads and norms.

Muon (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon) takes the momentum of a
matrix, makes it nearly orthogonal by a Newton-Schulz iteration and steps by that. Nano's text model
read its letters three times sooner with it than with AdamW alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_STEPS = 4


def orthogonalise(matrices: Tensor) -> Tensor:
    """Brings all singular values of each matrix near 1.

    Args:
        matrices: (n, rows, columns) float32.

    Returns:
        The same shape, float32; computed in bfloat16.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    a, b, c = _NEWTON_SCHULZ
    for _ in range(_STEPS):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.transpose(1, 2) if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum; convolutions count as matrices, `c_attn` as three.

    torch has a Muon too. On a plain matrix both take the same step, but for bfloat16's rounding
    (3 % of a step). torch's takes no convolutions, which nano's models have, and treats query, key
    and value of a `c_attn` as one matrix, which is another step altogether.

    Args:
        params: weights of two or more dimensions.
        lr: the step, relative to a matrix whose singular values are all 1.
        momentum: Nesterov's.
        weight_decay: times the learning rate, per step.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Moves all parameters that have a gradient."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 1 - group["momentum"])
                update = weight.grad.lerp(momentum, group["momentum"]).flatten(1)
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                for part, moved in zip(_parts(update), _parts(weight.flatten(1)), strict=True):
                    by_shape.setdefault(tuple(part.shape), []).append((part, moved))
            for (rows, columns), pairs in by_shape.items():
                updates = orthogonalise(torch.stack([part for part, _ in pairs]))
                scale = group["lr"] * max(1.0, rows / columns) ** 0.5
                for update, (_, moved) in zip(updates, pairs, strict=True):
                    moved.add_(update, alpha=-scale)


class Optimizer:
    """Both optimizers under one schedule.

    Args:
        model: whose `nn.Linear` and `nn.Conv1d` weights, but for those of output layers (names
            with "lm_head"), go to Muon, and everything else to AdamW.
        lr: of AdamW.
        matrix_lr: of Muon.
        clip: largest norm of the gradient.
    """

    def __init__(
        self, model: nn.Module, *, lr: float = 1.5e-3, matrix_lr: float = 0.02, clip: float = 1.0
    ) -> None:
        matrices = [
            module.weight
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear | nn.Conv1d) and "lm_head" not in name
        ]
        known = {id(weight) for weight in matrices}
        others = [weight for weight in model.parameters() if id(weight) not in known]
        self._weights = [*matrices, *others]
        self._clip = clip
        self._adamw = torch.optim.AdamW(
            others, lr=lr, betas=(0.9, 0.95), weight_decay=0.01, fused=True
        )
        self._muon = Muon(matrices, lr=matrix_lr)
        self._rates = (lr, matrix_lr)

    def step(self, factor: float) -> float:
        """Clips, steps by `factor` times the learning rates, and clears the gradients.

        Returns:
            The gradient's norm before clipping.
        """
        norm = nn.utils.clip_grad_norm_(self._weights, self._clip)
        for optimizer, rate in zip((self._adamw, self._muon), self._rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return float(norm)

    def state_dict(self) -> dict[str, Any]:
        """Momentum and moments, for a checkpoint."""
        return {"adamw": self._adamw.state_dict(), "muon": self._muon.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up what `state_dict` gave."""
        self._adamw.load_state_dict(state["adamw"])
        self._muon.load_state_dict(state["muon"])


def schedule(progress: float, step: int, *, warm_up: int = 60, flat: float = 0.4) -> float:
    """Factor on the learning rates: a short rise, a flat part, a straight fall to 1 %.

    Args:
        progress: 0 to 1, share of the training that is done.
        step: counts from 0.
        warm_up: steps of the rise.
        flat: share of the training before the fall.
    """
    return min(1.0, (step + 1) / warm_up) * min(1.0, (1 - progress) / (1 - flat) + 0.01)


def _parts(weight: Tensor) -> tuple[Tensor, ...]:
    """The query, key and value matrices of a `c_attn`, or the matrix itself."""
    rows, columns = weight.shape
    return weight.split(columns) if rows == 3 * columns else (weight,)
