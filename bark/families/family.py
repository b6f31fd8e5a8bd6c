"""What a family of models is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch

from ..spec import ModelSpec
from ..text.splitting import EncodedText
from ..text.word_times import WordTime


class Tokenizer(Protocol):
    """Turns text into the ids that the text model reads."""

    def encode(self, text: str) -> EncodedText:
        """Ids (n,) int64 without the spec's offset, and the characters that each stands for."""

    def cut(self, encoded: EncodedText, max_len: int) -> tuple[EncodedText, str]:
        """The ids that are heard, at most `max_len`, and the text that is not."""

    def reading(self, text: str) -> str:
        """The words that are spoken for a text, one blank between."""

    def readings(self, text: str) -> list[tuple[int, int, str]]:
        """What is spoken otherwise than written: characters of the normalised text, and words."""


class Codec(Protocol):
    """Turns codes into sound."""

    @property
    def look_ahead_frames(self) -> int:
        """Samples of a frame are final once this many frames behind it are known."""

    def decode(self, codes: np.ndarray, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Sound of codes (n, T) int in [0, codebook_size), 1 <= n <= n_codebooks.

        Args:
            start, stop: frames that are wanted; those around them are heard too.

        Returns:
            ((stop - start) * hop_len,) float32, mostly within ±1.
        """

    def to(self, device: torch.device) -> Codec:
        """Moves it there and returns it."""


@dataclasses.dataclass(frozen=True)
class Family:
    """A kind of models: what they have in common, and what no other kind has.

    Attributes:
        spec: token ids, rates and windows.
        title: its name within a sentence.
        languages: that it speaks: name, and the code in its voices' names.
        preset_voices: names of voices that are fetched when first used.
        prompts_folder: of its packaged voices, within `assets/prompts`; "" is all of it that is
            no other family's.
        generate_coarse: the coarse stage; arguments, yields and result as
            `bark.stages.coarse.generate_coarse` has them.
        hears_tags: whether [laughs], ♪ and CAPITALS mean something to it.
        is_slow_by_torch: whether torch's eight-bit layers are no gain: the models are too small.
        word_times: when each word is said, from the tokenizer, the text and the semantic tokens
            (T,); None where the tokens do not say it.
    """

    spec: ModelSpec
    title: str
    languages: tuple[tuple[str, str], ...]
    preset_voices: tuple[str, ...]
    prompts_folder: str
    generate_coarse: Callable[..., Any]
    hears_tags: bool
    is_slow_by_torch: bool
    word_times: Callable[[Tokenizer, str, np.ndarray], list[WordTime]] | None

    @property
    def name(self) -> str:
        """Of its spec: "bark", "nano"."""
        return self.spec.name

    @property
    def frames_per_token(self) -> float:
        """Codec frames of one semantic token; tells the families' voices apart."""
        return self.spec.codec_rate_hz / self.spec.semantic_rate_hz
