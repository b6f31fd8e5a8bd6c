"""History prompts, checked by each stage for what it reads of them and no more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import VoiceError
from ..files.whole_file import user_path
from ..spec import ModelSpec
from ..tokens import TokenRule, check_tokens
from ..voices.file import read_voice_file
from ..voices.library import find_voice, read_found_voice
from ..voices.prompt import PROMPT_KEYS, Voice, VoicePrompt, check_frames

History = Mapping[str, Any]
"""semantic_prompt (T_s,), coarse_prompt (2, T), fine_prompt (8, T); any of them may be None."""


def load_history(
    voice: Voice, spec: ModelSpec, *, offline: bool = False, model_folder: Path | None = None
) -> History | None:
    """What names or holds a voice, as unchecked arrays.

    Args:
        voice: a name, the path of an .npz file, a mapping of arrays of which some may be None, a
            `VoicePrompt`, a take, or None.
        offline: do not download an official preset.
        model_folder: of the model, whose own voices are known by name too.

    Raises:
        VoiceNotFoundError: no such voice or file.
        VoiceError: it is no voice at all.
    """
    voice = getattr(voice, "tokens", voice)
    if voice is None:
        return None
    if isinstance(voice, VoicePrompt):
        return voice.to_dict()
    if isinstance(voice, Mapping):
        return {key: voice.get(key) for key in PROMPT_KEYS}
    if isinstance(voice, Path) or (isinstance(voice, str) and voice.lower().endswith(".npz")):
        return read_voice_file(user_path(voice), name=str(voice)).to_dict()
    if not isinstance(voice, str):
        raise VoiceError(
            f"A history prompt cannot be a {type(voice).__name__}; "
            "give a name, the path of an .npz file or a mapping of arrays."
        )
    info = find_voice(voice, spec, model_folder=model_folder)
    return read_found_voice(info, offline=offline).to_dict()


def semantic_history(history: History | None, spec: ModelSpec) -> np.ndarray | None:
    """What the text stage reads: (T_s,) int64, at least one token."""
    if history is None:
        return None
    return _array(history, TokenRule.semantic(spec))


def coarse_history(
    history: History | None, spec: ModelSpec
) -> tuple[np.ndarray, np.ndarray] | None:
    """What the coarse stage reads: semantic (T_s,) and coarse (2, T) int64 of one stretch."""
    if history is None:
        return None
    semantic = _array(history, TokenRule.semantic(spec))
    coarse = _array(history, TokenRule.coarse(spec))
    check_frames("The voice", len(semantic), coarse.shape[1], spec)
    return semantic, coarse


def fine_history(history: History | None, spec: ModelSpec) -> np.ndarray | None:
    """What the fine stage reads: (8, T) int64."""
    if history is None:
        return None
    return _array(history, TokenRule.fine(spec))


def _array(history: History, rule: TokenRule) -> np.ndarray:
    if history.get(rule.name) is None:
        raise VoiceError(f"The voice has no {rule.name}, which this stage goes on from.")
    return check_tokens(history[rule.name], rule, owner="the voice", error=VoiceError)
