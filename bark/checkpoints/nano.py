"""The layout of nano: four .safetensors files, a config.json and the lexicon in one folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ..errors import CheckpointError, WeightsNotFoundError, shown
from ..files.json_file import read_json
from ..models.assign import assign_weights, empty_modules
from ..models.blocks import GPTConfig
from ..models.fine import FineGPT, FineGPTConfig
from ..models.gpt import GPT
from ..spec import NANO
from ..stages.positions import POSITION_SIZES
from .stage_building import MAX_SIZE, STAGES, check_sizes, with_both_names
from .torch_file import read_safetensors

if TYPE_CHECKING:
    from ..codecs.banded import BandCodec
    from ..text.nano import NanoTokenizer

MAX_CONFIG_BYTES = 1 << 20
_MAX_SIZES = 16  # in a list of them

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
    config_path, path = folder / "config.json", folder / f"{stage}.safetensors"
    config = _read_config(config_path, stage, config_kind)
    check_sizes(stage, config, str(config_path), NANO)
    _check_positions(stage, config, config_path)
    weights = read_safetensors(path)
    _check_layers(config, weights, path)
    with empty_modules():
        model = model_kind(config)
    if isinstance(model, FineGPT):
        weights = with_both_names(weights, model.config)
    assign_weights(model, weights, source=str(path))
    if isinstance(model, FineGPT):
        model.tie_heads()
    return model


def read_codec(folder: Path) -> BandCodec:
    """Loads nano's own codec.

    Raises:
        WeightsNotFoundError: the file is missing.
        CheckpointError: it is damaged.
    """
    from ..codecs.banded import BandCodec

    path = folder / "codec.safetensors"
    if not path.is_file():
        raise WeightsNotFoundError(f"There is no weight file at {path}.")
    read_safetensors(path)
    try:
        return BandCodec.from_file(path)
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path} lacks a part of nano's codec ({str(error)[:120]})."
        ) from error


def read_tokenizer(folder: Path) -> NanoTokenizer:
    """Loads nano's tokenizer with the folder's lexicon, or else the packaged one."""
    from ..text.nano import NanoTokenizer

    path = folder / "lexicon.json"
    return NanoTokenizer.from_file(path) if path.is_file() else NanoTokenizer.from_file()


def _read_config(path: Path, stage: str, kind: type[GPTConfig]) -> GPTConfig:
    try:
        values: dict[str, Any] = read_json(path, max_bytes=MAX_CONFIG_BYTES)[stage]
        config = kind(**{name: _checked(kind, name, value) for name, value in values.items()})
        if config.n_embd % config.n_head:
            raise ValueError(f"{config.n_head} heads do not share a width of {config.n_embd}")
        return config
    except FileNotFoundError as error:
        raise WeightsNotFoundError(f"There is no config file at {path}.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path} does not give the sizes of nano's {stage} model ({str(error)[:120]})."
        ) from error


def _checked(kind: type[GPTConfig], name: str, value: Any) -> Any:
    """A value of the config, held against the type of its field."""
    types = {field.name: field.type for field in dataclasses.fields(kind)}
    if name not in types:
        raise ValueError(f"it does not know {name}")
    if types[name] == "bool" and isinstance(value, bool):
        return value
    if types[name] == "float" and type(value) in (int, float) and 0 <= value < 1:
        return value
    if types[name] == "int" and _is_size(value):
        return value
    is_list = types[name].startswith("tuple") and isinstance(value, list)
    if is_list and len(value) <= _MAX_SIZES and all(_is_size(item) for item in value):
        return tuple(value)  # JSON has no tuples, and a frozen config no lists
    raise ValueError(f"{name} is {shown(value)}")


def _is_size(value: object) -> bool:
    return type(value) is int and 1 <= value <= MAX_SIZE


def _check_positions(stage: str, config: GPTConfig, path: Path) -> None:
    """A table of each kind of position, with a row for every one that the stage looks up."""
    least = {
        "text": POSITION_SIZES,
        "coarse": (config.block_size, round(NANO.coarse_per_semantic)),
        "fine": (),
    }[stage]
    found = config.position_sizes
    if len(found) != len(least) or any(a < b for a, b in zip(found, least, strict=True)):
        raise CheckpointError(
            f"{path} has {_listed(found)} rows for positions; nano's {stage} model needs "
            f"{_listed(least)}."
        )


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes)) or "no"


def _check_layers(config: GPTConfig, weights: Mapping[str, Tensor], path: Path) -> None:
    """As many layers as the file has: a made-up number would take for ever to build."""
    found = {name.split(".")[2] for name in weights if name.startswith("transformer.h.")}
    if len(found) != config.n_layer:
        raise CheckpointError(f"{path} has {len(found)} layers; its config says {config.n_layer}.")
