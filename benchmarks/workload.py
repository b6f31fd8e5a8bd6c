"""What is measured: the official sizes, and the inputs of one clip."""

from __future__ import annotations

import numpy as np

from bark.models.blocks import GPTConfig
from bark.models.fine import FineGPTConfig
from bark.spec import BARK
from bark.stages.coarse import coarse_len

from .protocol import VOICE_KEYS, Workload

STAGES = ("semantic", "coarse", "fine", "decode")
SIZES = {
    "small": {"n_layer": 12, "n_head": 12, "n_embd": 768},
    "large": {"n_layer": 24, "n_head": 16, "n_embd": 1_024},
    "tiny": {"n_layer": 2, "n_head": 2, "n_embd": 64},  # to try the benchmarks themselves
}
VOCABULARIES = {"text": (129_600, 10_048), "coarse": (12_096, 12_096), "fine": (1_056, 1_056)}
FIRST_WORD, N_WORDS = 5, 1_000  # ids of the words "w5", "w6", ... behind BERT's own tokens
_SEED = 7
_N_TEXT = 30  # word pieces of a sentence that takes five seconds
_VOICE_S = 10.0  # enough to fill every window


def config(size: str, part: str) -> GPTConfig:
    """The official sizes of the model files "text", "coarse" and "fine"."""
    n_in, n_out = VOCABULARIES[part]
    sizes = {**SIZES[size], "input_vocab_size": n_in, "output_vocab_size": n_out}
    return FineGPTConfig(**sizes) if part == "fine" else GPTConfig(**sizes)


def make_workload(*, seconds: float, voice: bool, one_text: bool = True) -> Workload:
    """Inputs drawn from a fixed seed.

    Args:
        seconds: of audio, at most what one call of the semantic stage can make.
        voice: with a history prompt of ten seconds.
    """
    rng = np.random.default_rng(_SEED)
    text_ids = rng.integers(FIRST_WORD, FIRST_WORD + N_WORDS, _N_TEXT)
    semantic, fine = _tokens(rng, seconds)
    past_semantic, past_fine = _tokens(rng, _VOICE_S)
    prompt = (past_semantic, past_fine[: BARK.n_coarse_codebooks], past_fine)
    return Workload(
        text_ids=text_ids,
        semantic=semantic,
        fine=fine,
        max_duration_s=(len(semantic) - 0.5) / BARK.semantic_rate_hz,
        voice=dict(zip(VOICE_KEYS, prompt, strict=True)) if voice else None,
        one_text=one_text,
    )


def _tokens(rng: np.random.Generator, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Semantic tokens (T_s,) and codes (8, T)."""
    n_semantic = round(seconds * BARK.semantic_rate_hz)
    n_frames = coarse_len(BARK, n_semantic) // BARK.n_coarse_codebooks
    semantic = rng.integers(0, BARK.semantic_vocab_size, n_semantic)
    return semantic, rng.integers(0, BARK.codebook_size, (BARK.n_codebooks, n_frames))


def duration_s(workload: Workload) -> float:
    """Seconds of audio in a clip."""
    return workload.fine.shape[1] / BARK.codec_rate_hz


def n_tokens(workload: Workload, stage: str) -> int:
    """What a stage makes of a clip: tokens, or for the last two stages codes."""
    n_frames = workload.fine.shape[1]
    n_fine = BARK.n_codebooks - BARK.n_coarse_codebooks
    made = {"semantic": len(workload.semantic), "coarse": BARK.n_coarse_codebooks * n_frames}
    return {**made, "fine": n_fine * n_frames}.get(stage, BARK.n_codebooks * n_frames)
