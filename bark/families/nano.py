"""Nano, the small English model of this repository: its semantic tokens are phones with lengths."""

from __future__ import annotations

import numpy as np

from ..spec import NANO
from ..stages.coarse_aligned import generate_coarse_aligned
from ..text.word_times import WordTime, nano_word_times, spoken_spans
from .family import Family, Tokenizer


def _word_times(tokenizer: Tokenizer, text: str, semantic: np.ndarray) -> list[WordTime]:
    spans = spoken_spans(tokenizer.encode(text))
    return nano_word_times(semantic, spans, rate_hz=NANO.semantic_rate_hz)


NANO_FAMILY = Family(
    spec=NANO,
    title="nano",
    languages=(("English", "en"),),
    preset_voices=(),
    prompts_folder="nano",
    generate_coarse=generate_coarse_aligned,
    hears_tags=False,
    is_slow_by_torch=True,
    word_times=_word_times,
)
