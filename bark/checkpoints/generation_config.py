"""`generation_config.json`, in which transformers keeps how a model's stages draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..decoding.sampling import SamplingOptions
from ..errors import CheckpointError, InvalidInputError
from ..files.json_file import read_json
from ..options import GenerationOptions
from ..spec import ModelSpec

SETTINGS = ("temperature", "top_k", "top_p", "do_sample", "max_new_tokens", "min_eos_p")
"""What is read of it for each stage."""

_SECTIONS = {
    "semantic": "semantic_config",
    "coarse": "coarse_acoustics_config",
    "fine": "fine_acoustics_config",
}
_MAX_BYTES = 1 << 20
_DEFAULTS: dict[str, dict[str, Any]] = {
    "semantic": {"temperature": 0.7, "min_eos_p": 0.2},
    "coarse": {"temperature": 0.7},
    "fine": {"temperature": 0.5},
}


def read_settings(folder: Path | None) -> dict[str, dict[str, Any]]:
    """Bark's own settings of each stage, and over them a folder's generation_config.json.

    Args:
        folder: None, or one without that file, gives Bark's own.

    Returns:
        for "semantic", "coarse" and "fine" those of `SETTINGS` that are known.

    Raises:
        CheckpointError: the file cannot be read.
    """
    chosen = {stage: dict(defaults) for stage, defaults in _DEFAULTS.items()}
    path = None if folder is None else folder / "generation_config.json"
    if path is None or not path.is_file():
        return chosen
    try:
        saved = read_json(path, max_bytes=_MAX_BYTES)
        for stage, section in _SECTIONS.items():
            found = saved.get(section) or {}
            chosen[stage] |= {name: found[name] for name in SETTINGS if found.get(name) is not None}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{path} is no generation_config.json of a Bark model.") from error
    if chosen["fine"]["temperature"] == 1:  # as transformers: its fine stage then draws nothing
        chosen["fine"]["temperature"] = 0.0
    return chosen


def sampling_of(settings: dict[str, Any]) -> SamplingOptions:
    """How a stage with these settings draws; without `do_sample` the most probable token."""
    temperature = settings["temperature"] if settings.get("do_sample", True) else 0.0
    return SamplingOptions(temperature, settings.get("top_k"), settings.get("top_p"))


def longest_of(settings: dict[str, Any], spec: ModelSpec) -> float | None:
    """Seconds after which max_new_tokens end the semantic stage; None where they end nothing."""
    n = settings.get("max_new_tokens")
    if n is None or n >= spec.max_semantic_len:
        return None
    return float((n - 0.5) / spec.semantic_rate_hz)  # it ends once it is passed


def folder_options(folder: Path | None, spec: ModelSpec) -> GenerationOptions:
    """The defaults of a model from a folder: what its generation_config.json says of sampling.

    Args:
        folder: None, or one without that file, gives `GenerationOptions()`.

    Raises:
        CheckpointError: the file cannot be read, or a value in it is none of its setting.
    """
    if folder is None or not (folder / "generation_config.json").is_file():
        return GenerationOptions()
    settings = read_settings(folder)
    try:
        return GenerationOptions(
            semantic=sampling_of(settings["semantic"]),
            coarse=sampling_of(settings["coarse"]),
            fine_temperature=sampling_of(settings["fine"]).temperature,
            min_eos_p=settings["semantic"]["min_eos_p"],
            max_duration_s=longest_of(settings["semantic"], spec),
        )
    except (InvalidInputError, TypeError) as error:
        raise CheckpointError(
            f"The generation_config.json in {folder} holds what cannot be: {error}"
        ) from error
