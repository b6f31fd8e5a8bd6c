"""Random weights in suno-ai/bark's own layout, made once and read by ours and the reference."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bark.checkpoints.stage_building import STAGES, with_both_names
from bark.codecs.encodec import new_encodec_model
from bark.downloads.hub import CODEC_FILE
from bark.models.fine import FineGPT, FineGPTConfig
from bark.models.gpt import GPT

from .workload import FIRST_WORD, N_WORDS, config

_SEED = 11
_STD = 0.02  # as a GPT starts; the logits are then flat, which makes the tokens hard to predict


def make_model(size: str, folder: Path) -> Path:
    """Writes a model of an official size unless it is there, and reads it into the page cache.

    Returns:
        a folder for `Bark.from_pretrained`: text.pt, coarse.pt, fine.pt, vocab.txt, the codec.
    """
    model = folder / size
    model.mkdir(parents=True, exist_ok=True)
    for part in STAGES:
        _save_once(model / f"{part}.pt", lambda part=part: _checkpoint(size, part))
    _save_once(model / CODEC_FILE, lambda: new_encodec_model().state_dict())
    words = [f"w{i}" for i in range(FIRST_WORD, FIRST_WORD + N_WORDS)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (model / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    for path in model.iterdir():
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 24):
                pass
    return model


def _save_once(path: Path, make: Callable[[], dict[str, Any]]) -> None:
    if not path.exists():
        partial = path.with_suffix(".part")
        torch.save(make(), partial)
        partial.rename(path)


def _checkpoint(size: str, part: str) -> dict[str, Any]:
    """What a .pt file of the official layout holds, as far as somebody reads it."""
    generator = torch.Generator().manual_seed(_SEED)
    sizes = config(size, part)
    with torch.device("meta"):
        empty = FineGPT(sizes) if isinstance(sizes, FineGPTConfig) else GPT(sizes)
    state: dict[str, Tensor] = {}
    for name, tensor in empty.state_dict().items():
        value = torch.empty(tensor.shape)
        if ".ln_" in name:
            state[name] = value.fill_(float(name.endswith("weight")))
        else:
            state[name] = value.normal_(0.0, _STD, generator=generator)
    if isinstance(sizes, FineGPTConfig):
        state = with_both_names(state, sizes)  # one tensor for both names
    args = dataclasses.asdict(sizes)
    args.pop("position_sizes")  # nano's only
    return {"model_args": args, "model": state, "best_val_loss": torch.zeros(())}
