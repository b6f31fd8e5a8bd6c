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
) -> list[dict[str, float]]:
    """Trains until the budget is spent, from the checkpoint in `out` if there is one.

    Args:
        model: changed in place, and left with its last weights.
        loss: step number -> loss to minimise.
        validate: losses on held-out data, by name.
        out: folder of `checkpoint.pt` and `log.jsonl`.
        budget: limits and intervals.
        lr, matrix_lr: of AdamW and of Muon.

    Returns:
        The log: one entry a validation, with `step`, `minutes`, `train` and `validate`'s losses.
    """
    out.mkdir(parents=True, exist_ok=True)
    optimizer = Optimizer(model, lr=lr, matrix_lr=matrix_lr)
    step, before = _resume(model, optimizer, out)
    started, validated = time.monotonic() - before, time.monotonic()
    log, losses = _read_log(out), []
    if not log:
        log.append(_entry(model, validate, step, before, losses))
        _write_log(out, log)
    while (progress := budget.progress(step, time.monotonic() - started)) < 1:
        value = loss(step)
        value.backward()
        optimizer.step(schedule(progress, step))
        losses.append(value.item())
        step += 1
        if time.monotonic() - validated > budget.validate_every_s:
            validated = time.monotonic()
            log.append(_entry(model, validate, step, validated - started, losses))
            _write_log(out, log)
            _save(model, optimizer, out, step, time.monotonic() - started)
            losses = []
    if losses:
        log.append(_entry(model, validate, step, time.monotonic() - started, losses))
        _write_log(out, log)
        _save(model, optimizer, out, step, time.monotonic() - started)
    return log


def load_weights(path: Path) -> dict[str, Tensor]:
    """The model's weights in a training checkpoint.

    Raises:
        FileNotFoundError: there is none.
    """
    if not path.exists():
        raise FileNotFoundError(f"no checkpoint {path}; train that model first")
    return torch.load(path, map_location="cpu", weights_only=True)["model"]


def _entry(
    model: nn.Module,
    validate: Callable[[], dict[str, float]],
    step: int,
    seconds: float,
    losses: list[float],
) -> dict[str, float]:
    model.eval()
    with torch.no_grad():
        held_out = validate()
    model.train()
    entry = {"step": step, "minutes": round(seconds / 60, 2)}
    if losses:
        entry["train"] = round(sum(losses) / len(losses), 4)
    entry |= {name: round(value, 4) for name, value in held_out.items()}
    log.info("%s", entry)
    return entry


def _save(model: nn.Module, optimizer: Optimizer, out: Path, step: int, seconds: float) -> None:
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "seconds": seconds,
    }
    partial = out / "checkpoint.partial"
    torch.save(state, partial)
    partial.replace(out / "checkpoint.pt")


def _resume(model: nn.Module, optimizer: Optimizer, out: Path) -> tuple[int, float]:
    """Takes up the checkpoint, if any; returns the steps and seconds already trained."""
    path = out / "checkpoint.pt"
    if not path.exists():
        return 0, 0.0
    device = next(model.parameters()).device
    state = torch.load(path, map_location=device, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    log.info("going on from step %d of %s", state["step"], path)
    return state["step"], state["seconds"]


def _read_log(out: Path) -> list[dict[str, float]]:
    path = out / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _write_log(out: Path, log: list[dict[str, float]]) -> None:
    (out / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
