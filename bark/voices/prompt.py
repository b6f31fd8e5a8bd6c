"""A voice prompt: the tokens of something already spoken, which the models then go on from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import VoiceError
from ..spec import BARK, ModelSpec
from ..tokens import whole_numbers

PROMPT_KEYS = ("semantic_prompt", "coarse_prompt", "fine_prompt")
"""The arrays of a voice's file, as suno-ai/bark names them."""

MAX_VOICE_S = 600
"""A longer prompt is taken for a mistake; the models hear at most the last seconds of one."""

MAX_ARRAY_BYTES = 8 * BARK.n_codebooks * int(BARK.codec_rate_hz) * MAX_VOICE_S
"""What the largest array of the longest voice takes in int64."""


@dataclasses.dataclass(frozen=True, eq=False)
class VoicePrompt:
    """Semantic, coarse and fine tokens of one stretch of speech.

    Attributes:
        semantic: (T_s,) int64 in [0, semantic_vocab_size).
        coarse: (2, T) int64 in [0, codebook_size), 75 Hz.
        fine: (8, T) int64 in [0, codebook_size), 75 Hz.
        name: what it was loaded as; None for tokens without a name.
    """

    semantic: np.ndarray
    coarse: np.ndarray
    fine: np.ndarray
    name: str | None = None

    @property
    def duration_s(self) -> float:
        """Length of the speech in seconds."""
        found: float = self.fine.shape[-1] / BARK.codec_rate_hz
        return found

    def to_dict(self) -> dict[str, np.ndarray]:
        """The three arrays under suno-ai/bark's names."""
        return dict(zip(PROMPT_KEYS, (self.semantic, self.coarse, self.fine), strict=True))

    @classmethod
    def from_dict(cls, arrays: Mapping[str, Any], *, name: str | None = None) -> VoicePrompt:
        """Takes the three arrays of a history prompt as they are; `check_voice` judges them.

        Raises:
            VoiceError: one of the three keys is missing.
        """
        missing = [key for key in PROMPT_KEYS if key not in arrays]
        if missing:
            raise VoiceError(
                f"{_title(name)} lacks {', '.join(missing)}; "
                f"a voice has the arrays {', '.join(PROMPT_KEYS)}."
            )
        semantic, coarse, fine = (np.asarray(arrays[key]) for key in PROMPT_KEYS)
        return cls(semantic, coarse, fine, name)


def check_voice(voice: VoicePrompt, spec: ModelSpec) -> VoicePrompt:
    """Holds a voice against a model family.

    The number of frames must fit the number of semantic tokens. suno-ai/bark compares the
    rounded ratios only, and so refuses its own outputs of 1, 3, 5, 7 and 9 semantic tokens; here
    the very number of frames that the coarse stage makes of so many tokens passes as well.

    Returns:
        The voice with int64 arrays.

    Raises:
        VoiceError: an array's dtype, shape, size or range is wrong, or the lengths do not fit.
    """
    title = _title(voice.name)
    n_values, n_coarse = spec.codebook_size, spec.n_coarse_codebooks
    semantic = check_array(title, "semantic_prompt", voice.semantic, spec.semantic_vocab_size, None)
    coarse = check_array(title, "coarse_prompt", voice.coarse, n_values, n_coarse)
    fine = check_array(title, "fine_prompt", voice.fine, n_values, spec.n_codebooks)
    if coarse.shape[1] != fine.shape[1]:
        raise VoiceError(
            f"{title} has {coarse.shape[1]} coarse but {fine.shape[1]} fine frames; "
            "both prompts must cover the same frames."
        )
    check_frames(title, len(semantic), coarse.shape[1], spec)
    return VoicePrompt(semantic, coarse, fine, voice.name)


def check_frames(title: str, n_tokens: int, n_frames: int, spec: ModelSpec) -> None:
    """Raises VoiceError where so many frames cannot be those of so many semantic tokens."""
    frames_per_token = spec.codec_rate_hz / spec.semantic_rate_hz
    same_ratio = round(n_frames / n_tokens, 1) == round(frames_per_token, 1)
    if not same_ratio and n_frames != math.floor(n_tokens * frames_per_token):
        raise VoiceError(
            f"{title} has {n_tokens} semantic tokens and {n_frames} frames; "
            f"the {spec.name} models need {frames_per_token:.1f} frames a token."
        )


def _title(name: str | None) -> str:
    return "The voice" if name is None else f"The voice {name!r}"


def check_array(
    title: str, key: str, values: Any, n_values: int, n_codebooks: int | None
) -> np.ndarray:
    """One array of a voice as int64.

    Args:
        title: how an error's sentence begins, for example "The voice 'x'".
        key: of `PROMPT_KEYS`.
        values: whole numbers of any dtype.
        n_values: they lie in 0 to n_values - 1.
        n_codebooks: rows; None where the array has one dimension.

    Raises:
        VoiceError: it is empty, too long, of another shape, or holds other values.
    """
    array = whole_numbers(values)
    if array is None:
        raise VoiceError(
            f"{title} has a {key} of dtype {np.asarray(values).dtype}; tokens must be whole "
            "numbers."
        )
    if array.size == 0:
        raise VoiceError(f"{title} has an empty {key}; a voice needs at least one token.")
    if array.size * 8 > MAX_ARRAY_BYTES:
        raise VoiceError(
            f"{title} has {array.size} tokens in its {key}; "
            f"a voice may be at most {MAX_VOICE_S} seconds long."
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= n_values:
        raise VoiceError(
            f"{title} has values from {low} to {high} in its {key}; "
            f"they must lie in 0 to {n_values - 1}."
        )
    fits = array.ndim == 1 if n_codebooks is None else array.shape[:-1] == (n_codebooks,)
    if not fits:
        expected = "(T,)" if n_codebooks is None else f"({n_codebooks}, T)"
        raise VoiceError(
            f"{title} has a {key} of shape {array.shape}; it must have the shape {expected}."
        )
    return array
