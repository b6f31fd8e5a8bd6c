"""What is measured: the official sizes, and the inputs of one clip."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from bark.coarse import coarse_len
from bark.model import GPTConfig
from bark.model_fine import FineGPTConfig
from bark.spec import BARK

STAGES = ("semantic", "coarse", "fine", "decode")
SIZES = {
    "small": {"n_layer": 12, "n_head": 12, "n_embd": 768},
    "large": {"n_layer": 24, "n_head": 16, "n_embd": 1_024},
}
_VOCABULARIES = {"text": (129_600, 10_048), "coarse": (12_096, 12_096), "fine": (1_056, 1_056)}
_SEED = 7
_N_TEXT = 30  # word pieces of a sentence that takes five seconds


def config(size: str, stage: str) -> GPTConfig:
    """The official sizes of the model files "text", "coarse" and "fine"."""
    n_in, n_out = _VOCABULARIES[stage]
    sizes = {**SIZES[size], "input_vocab_size": n_in, "output_vocab_size": n_out}
    return FineGPTConfig(**sizes) if stage == "fine" else GPTConfig(**sizes)


@dataclasses.dataclass(frozen=True, eq=False)
class Workload:
    """Inputs of all stages, each independent of what a stage before it made.

    Attributes:
        n_semantic: tokens that the semantic stage makes; 250 are five seconds.
        text_ids: (30,) int64 word pieces, without offset.
        semantic: (n_semantic,) int64, the coarse stage's input.
        coarse: (2, T) int64, the fine stage's input.
        codes: (8, T) int64, the codec's input.
        voice: a history prompt's three arrays, long enough to fill every window, or None.
    """

    n_semantic: int
    text_ids: np.ndarray
    semantic: np.ndarray
    coarse: np.ndarray
    codes: np.ndarray
    voice: dict[str, np.ndarray] | None

    @property
    def duration_s(self) -> float:
        """Seconds of audio."""
        return self.codes.shape[1] / BARK.codec_rate_hz

    @property
    def max_duration_s(self) -> float:
        """The limit that ends the semantic stage after `n_semantic` tokens."""
        return (self.n_semantic - 0.5) / BARK.semantic_rate_hz

    def save(self, path: Path) -> None:
        """Writes an .npz for the workers that cannot import this package."""
        own = {"text_ids": self.text_ids, "semantic": self.semantic, "coarse": self.coarse}
        np.savez(
            path, codes=self.codes, max_duration_s=self.max_duration_s, **own, **(self.voice or {})
        )

    def n_tokens(self, stage: str) -> int:
        """What a stage makes: tokens, or for the last two stages codes."""
        n_frames = self.codes.shape[1]
        n_fine = BARK.n_codebooks - BARK.n_coarse_codebooks
        made = {"semantic": self.n_semantic, "coarse": 2 * n_frames, "fine": n_fine * n_frames}
        return made.get(stage, BARK.n_codebooks * n_frames)


def make_workload(*, seconds: float, voice: bool) -> Workload:
    """Inputs drawn from a fixed seed.

    Args:
        seconds: of audio, at most what one call of the semantic stage can make.
        voice: with a history prompt of ten seconds.
    """
    rng = np.random.default_rng(_SEED)
    n_semantic = round(seconds * BARK.semantic_rate_hz)
    n_frames = coarse_len(BARK, n_semantic) // BARK.n_coarse_codebooks
    codes = rng.integers(0, BARK.codebook_size, (BARK.n_codebooks, n_frames))
    return Workload(
        n_semantic=n_semantic,
        text_ids=rng.integers(0, 100_000, _N_TEXT),
        semantic=rng.integers(0, BARK.semantic_vocab_size, n_semantic),
        coarse=codes[: BARK.n_coarse_codebooks],
        codes=codes,
        voice=_voice(rng) if voice else None,
    )


def _voice(rng: np.random.Generator) -> dict[str, np.ndarray]:
    n_semantic = 500
    n_frames = coarse_len(BARK, n_semantic) // BARK.n_coarse_codebooks
    fine = rng.integers(0, BARK.codebook_size, (BARK.n_codebooks, n_frames))
    return {
        "semantic_prompt": rng.integers(0, BARK.semantic_vocab_size, n_semantic),
        "coarse_prompt": fine[: BARK.n_coarse_codebooks],
        "fine_prompt": fine,
    }
