"""The settings that programs set on `bark.generation`, over those of the environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..environment import Environment, read_environment
from ..files.whole_file import user_path


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the next load obeys.

    Attributes:
        environment: with the folder that CACHE_DIR names.
        use_small: USE_SMALL_MODELS, the small models whatever a call asks for.
        offload_cpu: OFFLOAD_CPU, models wait on the CPU between their uses.
        enable_mps: GLOBAL_ENABLE_MPS, Apple's GPU may be chosen.
    """

    environment: Environment
    use_small: bool
    offload_cpu: bool
    enable_mps: bool


_READ: dict[str, Callable[[Environment], Any]] = {
    "CACHE_DIR": lambda environment: str(environment.cache_dir),
    "USE_SMALL_MODELS": lambda environment: environment.model == "small",
    "OFFLOAD_CPU": lambda environment: environment.offload_cpu,
    "GLOBAL_ENABLE_MPS": lambda environment: environment.enable_mps,
}
NAMES = tuple(_READ)
"""As suno-ai/bark calls them."""


def setting(name: str) -> Any:
    """What one of `NAMES` is where no program has set it; the environment is read now."""
    return _READ[name](read_environment())


def read_settings(names: Mapping[str, Any]) -> Settings:
    """The settings now.

    Args:
        names: of the module, with those of `NAMES` that a program has set.
    """
    environment = read_environment()
    if names.get("CACHE_DIR"):
        folder: Path = user_path(names["CACHE_DIR"])
        environment = dataclasses.replace(environment, cache_dir=folder)
    values = {name: names.get(name, read(environment)) for name, read in _READ.items()}
    return Settings(
        environment,
        use_small=bool(values["USE_SMALL_MODELS"]),
        offload_cpu=bool(values["OFFLOAD_CPU"]),
        enable_mps=bool(values["GLOBAL_ENABLE_MPS"]),
    )
