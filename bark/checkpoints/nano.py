"""The layout of nano: four .safetensors files, a config.json and the lexicon in one folder."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import CheckpointError, WeightsNotFoundError
from ..models.assign import assign_weights, empty_modules
from ..models.fine import FineGPT, FineGPTConfig
from ..models.gpt import GPT, GPTConfig
from .stage_building import STAGES, with_both_names
from .torch_file import read_safetensors

FILES = ("config.json", *(f"{part}.safetensors" for part in (*STAGES, "codec")))
"""What a folder must hold; a lexicon.json in it takes the place of the packaged one."""


def read_stage(folder: Path, stage: str) -> nn.Module:
    """Loads one stage from `{stage}.safetensors`, stored in half precision, as float32.

    Args:
        stage: "text", "coarse" or "fine".

    Raises:
        WeightsNotFoundError: a file is missing.
        CheckpointError: a file is damaged, or does not fit the config.
    """
    from ..models.conditioned import ConditionedGPT, ConditionedGPTConfig

    kinds: dict[str, tuple[type[GPTConfig], type[nn.Module]]] = {
        "text": (GPTConfig, GPT),
        "coarse": (ConditionedGPTConfig, ConditionedGPT),
        "fine": (FineGPTConfig, FineGPT),
    }
    config_kind, model_kind = kinds[stage]
    config = _read_config(folder / "config.json", stage, config_kind)
    path = folder / f"{stage}.safetensors"
    weights = read_safetensors(path)
    with empty_modules():
        model = model_kind(config)
    if isinstance(model, FineGPT):
        weights = with_both_names(weights, model.config)
    assign_weights(model, weights, source=str(path))
    if isinstance(model, FineGPT):
        model.tie_heads()
    return model


def read_codec(folder: Path) -> Any:
    """Loads nano's own codec.

    Raises:
        WeightsNotFoundError: the file is missing.
        CheckpointError: it is damaged.
    """
    from ..codecs.vocoder import VocoderCodec

    path = folder / "codec.safetensors"
    if not path.is_file():
        raise WeightsNotFoundError(f"There is no weight file at {path}.")
    read_safetensors(path)
    try:
        return VocoderCodec.from_file(path)
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{path} lacks a part of nano's codec ({error}).") from error


def read_tokenizer(folder: Path) -> Any:
    """Loads nano's tokenizer with the folder's lexicon, or else the packaged one."""
    from ..text.nano import NanoTokenizer

    path = folder / "lexicon.json"
    return NanoTokenizer.from_file(path) if path.is_file() else NanoTokenizer.from_file()


def _read_config(path: Path, stage: str, kind: type[GPTConfig]) -> GPTConfig:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))[stage]
        known = {field.name for field in dataclasses.fields(kind)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"it does not know {', '.join(unknown)}")
        # JSON has no tuples, and a frozen config no lists
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return kind(**(values | lists))
    except FileNotFoundError as error:
        raise WeightsNotFoundError(f"There is no config file at {path}.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path} does not give the sizes of nano's {stage} model ({error})."
        ) from error
