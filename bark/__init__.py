"""Bark: text to speech, music and sound effects through three GPTs and a neural codec.

Names are loaded when they are first used, so that `import bark` does not wait for torch.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as type checkers take it, without loading `typing`
if TYPE_CHECKING:
    from typing import Any

    from .api import (
        generate_audio,
        save_as_prompt,
        semantic_to_waveform,
        text_to_semantic,
    )
    from .decoding.sampling import SamplingOptions
    from .errors import BarkError
    from .events import AudioPiece, StageProgress, TakeFailed, TakeReady
    from .generation import preload_models
    from .narration.api import narrate, narrate_to_file
    from .options import GenerationOptions
    from .pipeline import Bark
    from .spec import SAMPLE_RATE
    from .take import Take
    from .voices.library import list_voices
    from .voices.prompt import VoicePrompt

__version__ = "0.1.0"

_HOMES = {
    "api": ("generate_audio", "save_as_prompt", "semantic_to_waveform", "text_to_semantic"),
    "errors": ("BarkError",),
    "events": ("AudioPiece", "StageProgress", "TakeFailed", "TakeReady"),
    "generation": ("preload_models",),
    "narration.api": ("narrate", "narrate_to_file"),
    "options": ("GenerationOptions",),
    "pipeline": ("Bark",),
    "decoding.sampling": ("SamplingOptions",),
    "spec": ("SAMPLE_RATE",),
    "take": ("Take",),
    "voices.prompt": ("VoicePrompt",),
    "voices.library": ("list_voices",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "SAMPLE_RATE",
    "AudioPiece",
    "Bark",
    "BarkError",
    "GenerationOptions",
    "SamplingOptions",
    "StageProgress",
    "Take",
    "TakeFailed",
    "TakeReady",
    "VoicePrompt",
    "generate_audio",
    "list_voices",
    "narrate",
    "narrate_to_file",
    "preload_models",
    "save_as_prompt",
    "semantic_to_waveform",
    "text_to_semantic",
]


# Programs for suno-ai/bark use these as attributes without importing them.
_SUBMODULES = ("api", "cli", "generation", "model", "model_fine")


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f".{name}", __name__)
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
