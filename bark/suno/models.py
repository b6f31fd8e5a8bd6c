"""The models that suno-ai/bark's functions use without being handed them."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..checkpoints.registry import ModelFiles, resolve_model
from ..checkpoints.suno import read_stage
from ..codecs.encodec import EncodecCodec
from ..devices import choose_device
from ..downloads.hub import fetch_hub_file
from ..files.whole_file import whole_file
from ..models.quantize import apply_precision, choose_precision
from ..spec import BARK, ModelSpec
from ..text.bert import BertTokenizer
from .codec import as_encodec_model
from .names import REMOTE_MODEL_PATHS, clear_cuda_cache
from .settings import Settings, read_settings
from .tokenizer import SunoTokenizer

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class _Place:
    """What a loaded part is, so that another size or device is never taken for it."""

    model: str
    device: torch.device
    precision: str


@dataclasses.dataclass(frozen=True, eq=False)
class _Origin:
    place: _Place
    spec: ModelSpec
    loaded: Any


class DefaultModels:
    """Loads into the dicts `models` and `models_devices` of a module, and computes with them.

    Programs read the dicts, delete from them and put models of their own in, so they are asked
    each time: "text" is a dict of "model" and "tokenizer", "coarse", "fine" and "codec" are
    modules. With OFFLOAD_CPU `models_devices` says where each computes.

    Args:
        names: the module's.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self.lock = threading.RLock()
        self._names = names
        self._origins: dict[str, _Origin] = {}

    @property
    def models(self) -> dict[str, Any]:
        """The module's dict of loaded models."""
        models: dict[str, Any] = self._names["models"]
        return models

    @property
    def settings(self) -> Settings:
        """The module's settings now."""
        return read_settings(self._names)

    def get(self, part: str) -> Any:
        """The part in use; loads the default one when there is none."""
        with self.lock:
            if part not in self.models:
                self.load(part, use_gpu=True, use_small=False)
            return self.models[part]

    def spec(self, part: str) -> ModelSpec:
        """The family of the part in use; official Bark's for a program's own model."""
        loaded, origin = self.get(part), self._origins.get(part)
        return origin.spec if origin and origin.loaded is loaded else BARK

    @contextlib.contextmanager
    def computing(self, part: str) -> Iterator[Any]:
        """The part's model where it computes: moved there and back with OFFLOAD_CPU."""
        loaded = self.get(part)
        model = loaded["model"] if part == "text" else loaded
        device = self._names["models_devices"].get(part) if self.settings.offload_cpu else None
        if device is not None:
            model.to(device)
        try:
            yield getattr(model, "_orig_mod", model)  # our own steps are no use to torch.compile
        finally:
            if device is not None:
                model.to("cpu")
                clear_cuda_cache()

    def load(self, part: str, *, use_gpu: bool, use_small: bool, force: bool = False) -> Any:
        """Puts a part into the dict, in the size and on the device asked for."""
        settings = self.settings
        model = self._size(use_small, settings)
        computes_on = self._device(use_gpu, settings)
        if part == "codec" and computes_on.type == "mps":
            computes_on = torch.device("cpu")  # encodec has no kernels for it
        device = torch.device("cpu") if settings.offload_cpu else computes_on
        default = "fp32" if computes_on.type == "cpu" else "auto"
        precision = choose_precision(settings.environment.precision or default, computes_on)
        place = _Place(model, device, precision)
        with self.lock:
            if settings.offload_cpu:
                self._names["models_devices"][part] = str(computes_on)
            if not force and part in self.models:
                origin, loaded = self._origins.get(part), self.models[part]
                if origin is None or origin.loaded is not loaded or origin.place == place:
                    return loaded
            files = self._files(part, model, settings)
            loaded = self._read(files, part, precision, device)
            self.models[part] = loaded
            self._origins[part] = _Origin(place, files.spec, loaded)
            return loaded

    def clear(self, part: str | None) -> None:
        """Forgets a part, or all."""
        with self.lock:
            for name in list(self.models) if part is None else [part]:
                self.models.pop(name, None)
                self._origins.pop(name, None)
        clear_cuda_cache()

    def load_checkpoint(
        self, ckpt_path: str, device: str, use_small: bool = False, model_type: str = "text"
    ) -> Any:
        """A stage of a file in the original's layout; where there is none, of the default model.

        Returns:
            the model; for "text" a dict with "model" and "tokenizer".
        """
        settings = self.settings
        path, place = Path(ckpt_path), torch.device(device)
        files = None
        if not path.is_file() or model_type == "text":
            parts = ("tokenizer",) if path.is_file() else (model_type, "tokenizer")
            files = self._files_of(parts, self._size(use_small, settings), settings)
        read: nn.Module
        if path.is_file():
            read = read_stage(path, model_type)
        else:
            assert files is not None
            read = files.load_stage(model_type)
        stage = apply_precision(read, "fp32", place).to(place)
        if files is None or model_type != "text":
            return stage
        return {"model": stage, "tokenizer": _tokenizer(files)}

    def load_codec(self, device: str) -> Any:
        """A codec of its own, which is put into no dict."""
        settings = self.settings
        files = self._files("codec", self._size(False, settings), settings)
        return self._read(files, "codec", "fp32", torch.device(device))

    def checkpoint_path(self, model_type: str, use_small: bool = False) -> str:
        """Where a stage's file lies in CACHE_DIR, or would."""
        settings = self.settings
        small = "_small" if use_small or settings.use_small else ""
        name = REMOTE_MODEL_PATHS[model_type + small]["file_name"]
        return str(settings.environment.cache_dir / name)

    def download(self, from_hf_path: str, file_name: str) -> str:
        """Fetches a file of the Hub into CACHE_DIR and returns its path."""
        target = self.settings.environment.cache_dir / file_name
        if not target.is_file():
            source = fetch_hub_file(from_hf_path, file_name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as stream, whole_file(target) as copy:
                shutil.copyfileobj(stream, copy)
        return str(target)

    def best_device(self, use_gpu: bool = True) -> str:
        """ "cuda", "mps" or "cpu"."""
        return self._device(use_gpu, self.settings).type

    def _device(self, use_gpu: bool, settings: Settings) -> torch.device:
        wanted = settings.environment.device if use_gpu else "cpu"
        return choose_device(wanted, enable_mps=settings.enable_mps)

    def _size(self, use_small: bool, settings: Settings) -> str:
        use_small = use_small or settings.use_small
        model = settings.environment.model or ("small" if use_small else "large")
        return "small" if use_small and model == "large" else model

    def _files(self, part: str, model: str, settings: Settings) -> ModelFiles:
        # Only this part's files: somebody who needs one stage fetches one.
        parts = ("text", "tokenizer") if part == "text" else (part,)
        return self._files_of(parts, model, settings)

    def _files_of(self, parts: tuple[str, ...], model: str, settings: Settings) -> ModelFiles:
        return resolve_model(model, parts=parts, environment=settings.environment)

    def _read(self, files: ModelFiles, part: str, precision: str, device: torch.device) -> Any:
        if part == "codec":
            codec = files.load_codec(all_codebooks=True)
            if isinstance(codec, EncodecCodec):
                codec = as_encodec_model(codec)
            return codec.to(device)
        stage = apply_precision(files.load_stage(part), precision, device).to(device)
        return {"model": stage, "tokenizer": _tokenizer(files)} if part == "text" else stage


def _tokenizer(files: ModelFiles) -> Any:
    tokenizer = files.load_tokenizer()
    return SunoTokenizer(tokenizer) if isinstance(tokenizer, BertTokenizer) else tokenizer
