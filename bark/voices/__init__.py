"""Voices: who speaks, as tokens of all three stages, and where they are kept."""

from .library import (
    VoiceInfo,
    find_voice,
    list_voices,
    load_named_voice,
    load_voice,
    own_voices_dir,
    packaged_prompts_dir,
    save_voice,
)
from .presets import OFFICIAL_VOICES
from .prompt import VoicePrompt, check_voice

__all__ = [
    "OFFICIAL_VOICES",
    "VoiceInfo",
    "VoicePrompt",
    "check_voice",
    "find_voice",
    "list_voices",
    "load_named_voice",
    "load_voice",
    "own_voices_dir",
    "packaged_prompts_dir",
    "save_voice",
]
