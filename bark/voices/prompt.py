"""A voice prompt: the tokens of something already spoken, which the models then go on from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..errors import VoiceError
from ..spec import BARK, ModelSpec
from ..tokens import TokenRule, check_tokens

PROMPT_KEYS = ("semantic_prompt", "coarse_prompt", "fine_prompt")
"""The arrays of a voice's file, as suno-ai/bark names them."""


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
        """The three arrays under suno-ai/bark's names, (T_s,), (2, T) and (8, T)."""
        return dict(zip(PROMPT_KEYS, (self.semantic, self.coarse, self.fine), strict=True))

    @classmethod
    def from_dict(cls, arrays: Mapping[str, ArrayLike], *, name: str | None = None) -> VoicePrompt:
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


class HasTokens(Protocol):
    """A take, in whose voice another one may go on."""

    @property
    def tokens(self) -> VoicePrompt:
        """Its own tokens."""


Voice = str | Path | VoicePrompt | Mapping[str, ArrayLike] | HasTokens | None
"""Whatever names or holds a voice: a name, the path of a voice's or a take's file, tokens, a
mapping of the arrays of `PROMPT_KEYS`, a take; None for a new voice each seed."""


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
    owner = title[0].lower() + title[1:]
    semantic, coarse, fine = (
        check_tokens(values, rule, owner=owner, error=VoiceError)
        for values, rule in (
            (voice.semantic, TokenRule.semantic(spec)),
            (voice.coarse, TokenRule.coarse(spec)),
            (voice.fine, TokenRule.fine(spec)),
        )
    )
    if coarse.shape[1] != fine.shape[1]:
        raise VoiceError(
            f"{title} has {coarse.shape[1]} coarse but {fine.shape[1]} fine frames; "
            "both prompts must cover the same frames."
        )
    check_frames(title, len(semantic), coarse.shape[1], spec)
    return VoicePrompt(semantic, coarse, fine, voice.name)


def check_given(tokens: VoicePrompt, spec: ModelSpec) -> VoicePrompt:
    """Holds a take's tokens against a model family, for the stages that go on from them.

    Args:
        tokens: any of them may be empty; `fine` may hold the coarse codebooks only.

    Returns:
        The same with int64 arrays.

    Raises:
        VoiceError: they are another family's.
    """
    some = range(spec.n_coarse_codebooks, spec.n_codebooks + 1)
    try:
        semantic, coarse, fine = (
            check_tokens(values, rule, owner="the take", error=VoiceError, may_be_empty=True)
            for values, rule in (
                (tokens.semantic, TokenRule.semantic(spec)),
                (tokens.coarse, TokenRule.coarse(spec)),
                (tokens.fine, TokenRule.fine(spec, n_rows=some)),
            )
        )
    except VoiceError as fault:
        raise VoiceError(
            f"The take's tokens are not those of a {spec.name} model; load the model that made it."
        ) from fault
    return VoicePrompt(semantic, coarse, fine, tokens.name)


def check_frames(title: str, n_tokens: int, n_frames: int, spec: ModelSpec) -> None:
    """Holds the lengths of a voice's arrays against each other.

    Args:
        title: how an error's sentence begins, for example "The voice 'x'".
        n_tokens: semantic ones, at 49.9 Hz (nano: 37.5 Hz).
        n_frames: of codes, at 75 Hz.

    Raises:
        VoiceError: so many frames cannot be those of so many semantic tokens.
    """
    frames_per_token = spec.codec_rate_hz / spec.semantic_rate_hz
    same_ratio = round(n_frames / n_tokens, 1) == round(frames_per_token, 1)
    if not same_ratio and n_frames != math.floor(n_tokens * frames_per_token):
        raise VoiceError(
            f"{title} has {n_tokens} semantic tokens and {n_frames} frames; "
            f"the {spec.name} models need {frames_per_token:.1f} frames a token."
        )


def _title(name: str | None) -> str:
    return "The voice" if name is None else f"The voice {name!r}"
