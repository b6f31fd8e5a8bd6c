"""The training loop that nano's models share: a time or step budget, checkpoints, a log."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .optim import Optimizer, schedule

AVERAGING = 0.998
"""What a step leaves of the weights' average: at a high learning rate the average of some five
hundred steps of the coarse model has held-out losses that are 0.1 to 0.2 nats below their own."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Budget:
    """How long to train: until the first of the two limits.

    Attributes:
        minutes: of training, those before a restart included.
        steps: in all, those before a restart included.
        validate_every_s: seconds between validations, which also save a checkpoint.
    """

    minutes: float = float("inf")
    steps: int | None = None
    validate_every_s: float = 180.0

    def progress(self, step: int, seconds: float) -> float:
        """Share of the budget that is spent, 1 at its end."""
        by_steps = step / self.steps if self.steps else 0.0
        return min(1.0, max(by_steps, seconds / (60 * self.minutes)))


def autocast(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """bfloat16 for matrix products, on a CPU (AMX) as on a GPU."""
    return torch.autocast(device.type, torch.bfloat16)


def train(
    model: nn.Module,
    loss: Callable[[int], Tensor],
    validate: Callable[[], dict[str, float]],
    *,
    out: Path,
    budget: Budget,
    lr: float = 1.5e-3,
    matrix_lr: float = 0.02,
    averaging: float = 0.0,
) -> list[dict[str, float]]:
    """Trains until the budget is spent, from the checkpoint in `out` if there is one.

    Args:
        model: changed in place, and left with its last weights, or with their average.
        loss: step number -> loss to minimise.
        validate: losses on held-out data, by name.
        out: folder of `checkpoint.pt` and `log.jsonl`.
        budget: limits and intervals.
        lr, matrix_lr: of AdamW and of Muon.
        averaging: what a step leaves of the weights' running average, which is then what is
            validated and kept; 0 for none.

    Returns:
        The log: one entry a validation, with `step`, `minutes`, `train` and `validate`'s losses.
    """
    out.mkdir(parents=True, exist_ok=True)
    optimizer = Optimizer(model, lr=lr, matrix_lr=matrix_lr)
    step, before, average = _resume(model, optimizer, out, averaging)
    started, validated = time.monotonic() - before, time.monotonic()
    log, losses = _read_log(out), []
    if not log:
        log.append(_entry(model, validate, step, before, losses, average))
        _write_log(out, log)
    while (progress := budget.progress(step, time.monotonic() - started)) < 1:
        value = loss(step)
        value.backward()
        optimizer.step(schedule(progress, step))
        losses.append(value.item())
        step += 1
        average.take(model)
        if time.monotonic() - validated > budget.validate_every_s:
            validated = time.monotonic()
            log.append(_entry(model, validate, step, validated - started, losses, average))
            _write_log(out, log)
            _save(model, optimizer, out, step, time.monotonic() - started, average)
            losses = []
    if losses:
        log.append(_entry(model, validate, step, time.monotonic() - started, losses, average))
        _write_log(out, log)
        _save(model, optimizer, out, step, time.monotonic() - started, average)
    model.load_state_dict(average.weights or model.state_dict())
    return log


@dataclass(frozen=True)
class Average:
    """A running average of a model's weights: steadier than where the last steps left them.

    Attributes:
        decay: what a step leaves of it; the first steps leave less. 0 for no average.
        weights: by name; none without an average.
        taken: steps since it began, a list of one number.
    """

    decay: float
    weights: dict[str, Tensor]
    taken: list[int]

    @classmethod
    def of(cls, model: nn.Module, decay: float) -> Average:
        """Begins with a model's weights as they are."""
        weights = {name: w.detach().clone() for name, w in model.state_dict().items()}
        return cls(decay, weights if decay else {}, [0])

    @torch.no_grad()
    def take(self, model: nn.Module) -> None:
        """Takes in the weights after a step."""
        taken = self.taken[0]
        share = 1 - min(self.decay, (1 + taken) / (10 + taken))
        own = model.state_dict()
        for name, weight in self.weights.items():
            weight.lerp_(own[name].to(weight.dtype), share)
        self.taken[0] += 1


def load_weights(path: Path) -> dict[str, Tensor]:
    """The model's weights in a training checkpoint, or their average if one was kept.

    Raises:
        FileNotFoundError: there is none.
    """
    if not path.exists():
        raise FileNotFoundError(f"no checkpoint {path}; train that model first")
    state = torch.load(path, map_location="cpu", weights_only=True)
    weights: dict[str, Tensor] = state.get("average") or state["model"]
    return weights


def _entry(
    model: nn.Module,
    validate: Callable[[], dict[str, float]],
    step: int,
    seconds: float,
    losses: list[float],
    average: Average,
) -> dict[str, float]:
    own = {name: weight.clone() for name, weight in model.state_dict().items()}
    model.load_state_dict(average.weights or own)
    model.eval()
    with torch.no_grad():
        held_out = validate()
    model.train()
    model.load_state_dict(own)
    entry = {"step": step, "minutes": round(seconds / 60, 2)}
    if losses:
        entry["train"] = round(sum(losses) / len(losses), 4)
    entry |= {name: round(value, 4) for name, value in held_out.items()}
    log.info("%s", entry)
    return entry


def _save(
    model: nn.Module,
    optimizer: Optimizer,
    out: Path,
    step: int,
    seconds: float,
    average: Average,
) -> None:
    state = {
        "model": model.state_dict(),
        "average": average.weights,
        "optimizer": optimizer.state_dict(),
        "step": step,
        "seconds": seconds,
    }
    partial = out / "checkpoint.partial"
    torch.save(state, partial)
    partial.replace(out / "checkpoint.pt")


def _resume(
    model: nn.Module, optimizer: Optimizer, out: Path, averaging: float
) -> tuple[int, float, Average]:
    """Takes up the checkpoint, if any; returns the steps and seconds trained, and the average."""
    path = out / "checkpoint.pt"
    if not path.exists():
        return 0, 0.0, Average.of(model, averaging)
    device = next(model.parameters()).device
    state = torch.load(path, map_location=device, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    log.info("going on from step %d of %s", state["step"], path)
    step = state["step"]
    kept = state.get("average") if averaging else {}
    average = Average.of(model, averaging) if kept is None else Average(averaging, kept, [step])
    return step, state["seconds"], average


def _read_log(out: Path) -> list[dict[str, float]]:
    path = out / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _write_log(out: Path, log: list[dict[str, float]]) -> None:
    (out / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
