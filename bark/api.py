"""suno-ai/bark's four-line interface, with its names, order of parameters and return values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .errors import VoiceError
from .files.whole_file import user_path
from .generation import (
    codec_decode,
    generate_coarse,
    generate_fine,
    generate_text_semantic,
    read_history,
)
from .spec import BARK
from .voices.file import write_voice_file
from .voices.prompt import PROMPT_KEYS, Voice, VoicePrompt, check_voice


def text_to_semantic(
    text: str,
    history_prompt: Voice = None,
    temp: float = 0.7,
    silent: bool = False,
) -> np.ndarray:
    """Semantic tokens of a text: (T_s,) int64, 49.9 Hz.

    Args:
        history_prompt: a voice: name, .npz path or dict of arrays.
        temp: higher is livelier, lower steadier, 0 always the same.
    """
    return generate_text_semantic(
        text, history_prompt=history_prompt, temp=temp, silent=silent, use_kv_caching=True
    )


def semantic_to_waveform(
    semantic_tokens: np.ndarray,
    history_prompt: Voice = None,
    temp: float = 0.7,
    silent: bool = False,
    output_full: bool = False,
) -> np.ndarray | tuple[dict[str, np.ndarray], np.ndarray]:
    """Audio of semantic tokens.

    Args:
        temp: of the coarse stage; the fine stage takes 0.5, as in suno-ai/bark.
        output_full: also the tokens, which serve as a history prompt.

    Returns:
        audio (n,) float32, 24 kHz; with `output_full` (dict of the three arrays, audio).
    """
    history_prompt = read_history(history_prompt, "coarse")
    coarse = generate_coarse(
        semantic_tokens,
        history_prompt=history_prompt,
        temp=temp,
        silent=silent,
        use_kv_caching=True,
    )
    fine = generate_fine(coarse, history_prompt=history_prompt, temp=0.5)
    audio = codec_decode(fine)
    if not output_full:
        return audio
    tokens = {"semantic_prompt": semantic_tokens, "coarse_prompt": coarse, "fine_prompt": fine}
    return tokens, audio


def save_as_prompt(filepath: str | Path, full_generation: Mapping[str, np.ndarray]) -> None:
    """Writes the tokens of a full generation as a voice (.npz), whole or not at all.

    Args:
        full_generation: the three arrays of a voice, and what else is to be kept with them.

    Raises:
        VoiceError: the path does not end in .npz, or an array is missing or wrong.
    """
    path = user_path(filepath)
    if path.suffix.lower() != ".npz":
        raise VoiceError(f"A prompt cannot be saved as {path.name!r}; let the name end in .npz.")
    voice = check_voice(VoicePrompt.from_dict(full_generation), BARK)
    more = {key: value for key, value in full_generation.items() if key not in PROMPT_KEYS}
    write_voice_file(path, voice, more)


def generate_audio(
    text: str,
    history_prompt: Voice = None,
    text_temp: float = 0.7,
    waveform_temp: float = 0.7,
    silent: bool = False,
    output_full: bool = False,
) -> np.ndarray | tuple[dict[str, np.ndarray], np.ndarray]:
    """Audio of a text.

    Args:
        history_prompt: a voice: name, .npz path or dict of arrays.
        text_temp, waveform_temp: of the semantic and the coarse stage.
        output_full: also the tokens, which serve as a history prompt.

    Returns:
        audio (n,) float32, 24 kHz; with `output_full` (dict of the three arrays, audio).
    """
    history_prompt = read_history(history_prompt, "text")
    semantic = text_to_semantic(text, history_prompt=history_prompt, temp=text_temp, silent=silent)
    return semantic_to_waveform(
        semantic,
        history_prompt=history_prompt,
        temp=waveform_temp,
        silent=silent,
        output_full=output_full,
    )
