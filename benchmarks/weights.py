"""Random weights of the official sizes, made once and then mapped into memory by every worker."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor, nn

from bark.model import GPT
from bark.model_fine import FineGPT

from .workload import config

_SEED = 11
_STD = 0.02  # as a GPT starts; the logits are then flat, which makes the tokens hard to predict


def make_weights(size: str, stage: str, folder: Path) -> Path:
    """Writes the weights of one stage unless they are there.

    Returns:
        a file as suno-ai/bark's: `model_args`, and `model` with name -> float32 tensor.
    """
    path = folder / f"{size}-{stage}.pt"
    if path.exists():
        return path
    generator = torch.Generator().manual_seed(_SEED)
    state: dict[str, Tensor] = {}
    for name, tensor in empty_model(size, stage).state_dict().items():
        if _is_tied(name):
            continue
        value = torch.empty(tensor.shape)
        is_norm = ".ln_" in name
        state[name] = (
            value.fill_(1.0 if name.endswith("weight") else 0.0)
            if is_norm
            else value.normal_(0.0, _STD, generator=generator)
        )
    partial = path.with_suffix(".part")
    model_args = dataclasses.asdict(config(size, stage))
    model_args.pop("position_sizes")  # nano's only
    torch.save({"model_args": model_args, "model": state}, partial)
    partial.rename(path)
    return path


def load_weights(path: Path) -> dict[str, Tensor]:
    """Maps a file of `make_weights` into memory; the fine model's tied tensors are one tensor."""
    state = torch.load(path, mmap=True, weights_only=True)["model"]
    for i in range(7):
        head = state.get(f"lm_heads.{i}.weight")
        if head is not None:
            state[f"transformer.wtes.{i + 1}.weight"] = head
    return state


def empty_model(size: str, stage: str) -> nn.Module:
    """Our model without memory behind its parameters."""
    with torch.device("meta"):
        kind = FineGPT if stage == "fine" else GPT
        return kind(config(size, stage))


def load_model(size: str, stage: str, folder: Path) -> nn.Module:
    """Our float32 model over the mapped file."""
    model = empty_model(size, stage)
    model.load_state_dict(load_weights(make_weights(size, stage, folder)), assign=True)
    if isinstance(model, FineGPT):
        model.tie_heads()
    return model.eval().requires_grad_(False)


def _is_tied(name: str) -> bool:
    return name.startswith("transformer.wtes.") and not name.startswith("transformer.wtes.0.")
