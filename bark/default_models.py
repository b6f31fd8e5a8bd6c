"""The models that suno-ai/bark's functions use without being handed them."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import torch

from .checkpoints.registry import resolve_model
from .devices import choose_device
from .environment import read_environment
from .models.quantize import apply_precision, choose_precision
from .spec import ModelSpec


@dataclasses.dataclass(frozen=True)
class _Place:
    """What a loaded part is, so that another size or device is never taken for it."""

    model: str
    device: torch.device
    precision: str


@dataclasses.dataclass(frozen=True, eq=False)
class _Part:
    place: _Place
    spec: ModelSpec
    loaded: Any


class DefaultModels:
    """The models that the functions of this module have loaded and use."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.parts: dict[str, _Part] = {}  # "text", "coarse", "fine", "codec"

    def get(self, part: str) -> Any:
        """The part in use; loads the default one when there is none."""
        with self.lock:
            if part not in self.parts:
                self.load(part, use_gpu=True, use_small=False)
            return self.parts[part].loaded

    def spec(self, part: str) -> ModelSpec:
        """The family of the part in use."""
        self.get(part)
        return self.parts[part].spec

    def load(self, part: str, *, use_gpu: bool, use_small: bool, force: bool = False) -> Any:
        """Loads a part, in the size and on the device asked for."""
        environment = read_environment()
        model = environment.model or ("small" if use_small else "large")
        if use_small and model == "large":
            model = "small"
        wanted = environment.device if use_gpu else "cpu"
        device = choose_device(wanted, enable_mps=environment.enable_mps)
        default = "fp32" if device.type == "cpu" else "auto"
        precision = choose_precision(environment.precision or default, device)
        place = _Place(model, device, precision)
        with self.lock:
            if not force and part in self.parts and self.parts[part].place == place:
                return self.parts[part].loaded
            # Only this part's files: somebody who needs one stage fetches one.
            needed = ("text", "tokenizer") if part == "text" else (part,)
            files = resolve_model(model, parts=needed)
            if part == "codec":
                loaded: Any = files.load_codec().to(device)
            else:
                loaded = apply_precision(files.load_stage(part), precision, device).to(device)
                if part == "text":
                    loaded = {"model": loaded, "tokenizer": files.load_tokenizer()}
            self.parts[part] = _Part(place, files.spec, loaded)
            return loaded

    def clear(self, part: str | None) -> None:
        """Forgets a part, or all."""
        with self.lock:
            if part is None:
                self.parts.clear()
            else:
                self.parts.pop(part, None)
