"""Every token id, rate, window and size of a model family, derived where it can be derived.

`BARK` follows suno-ai/bark's constants; `NANO` is the family of the small model in this repository.
No number of this kind stands anywhere else in the package.
"""

from __future__ import annotations

import dataclasses
import math

from .text.english.phones import N_SEMANTIC as NANO_SEMANTIC_VOCAB_SIZE
from .text.english.phones import N_TEXT as NANO_TEXT_VOCAB_SIZE

SAMPLE_RATE = 24_000  # Hz, of every codec here


@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """Token ids, rates and windows of one family of text, coarse and fine models.

    Lengths are in tokens unless the name says otherwise; rates are in Hz.
    """

    name: str

    # Codec
    codec_rate_hz: float
    n_codebooks: int
    codebook_size: int
    n_coarse_codebooks: int

    # Text to semantic tokens
    semantic_rate_hz: float
    semantic_vocab_size: int
    text_offset: int
    text_pad_token: int
    semantic_infer_token: int
    text_len: int
    semantic_history_len: int
    max_semantic_len: int
    pads_text: bool  # Bark's prefix is padded to a fixed length, nano's is not

    # Semantic to coarse tokens
    coarse_semantic_pad_token: int
    coarse_infer_token: int
    coarse_offset: int
    semantic_window_len: int
    max_coarse_history_len: int
    coarse_window_len: int
    aligned_coarse: bool  # semantic tokens are added to the coarse positions instead of prefixed

    # Coarse to fine tokens
    fine_window_len: int
    fine_history_len: int
    pads_fine: bool
    fine_temperature: float | None  # None: the most probable code

    sample_rate: int = SAMPLE_RATE

    @property
    def semantic_pad_token(self) -> int:
        """Pads the semantic history and, as a sample, ends the semantic tokens."""
        return self.semantic_vocab_size

    @property
    def fine_pad_token(self) -> int:
        """The code that stands for "no code here" in the fine model."""
        return self.codebook_size

    @property
    def hop_len(self) -> int:
        """Audio samples per codec frame."""
        return round(self.sample_rate / self.codec_rate_hz)

    @property
    def coarse_per_semantic(self) -> float:
        """Flattened coarse tokens per semantic token (3.006 for Bark, 4 for nano)."""
        # As the reference: the order of the factors decides the last bit.
        return self.codec_rate_hz / self.semantic_rate_hz * self.n_coarse_codebooks

    @property
    def max_duration_s(self) -> float:
        """The longest that one pass of the semantic model can speak."""
        return self.max_semantic_len / self.semantic_rate_hz

    def max_semantic_history(self, max_coarse_history_len: int) -> int:
        """How many semantic tokens belong to that many flattened coarse tokens."""
        return math.floor(max_coarse_history_len / self.coarse_per_semantic)


BARK = ModelSpec(
    name="bark",
    codec_rate_hz=75,
    n_codebooks=8,
    codebook_size=1_024,
    n_coarse_codebooks=2,
    semantic_rate_hz=49.9,
    semantic_vocab_size=10_000,
    text_offset=10_048,
    text_pad_token=129_595,
    semantic_infer_token=129_599,
    text_len=256,
    semantic_history_len=256,
    max_semantic_len=768,
    pads_text=True,
    coarse_semantic_pad_token=12_048,
    coarse_infer_token=12_050,
    coarse_offset=10_000,
    semantic_window_len=256,
    max_coarse_history_len=630,
    coarse_window_len=60,
    aligned_coarse=False,
    fine_window_len=1_024,
    fine_history_len=512,
    pads_fine=True,
    fine_temperature=0.5,
)

_NANO_TEXT_OFFSET = NANO_SEMANTIC_VOCAB_SIZE + 1  # after the end token

NANO = dataclasses.replace(
    BARK,
    name="nano",
    semantic_rate_hz=37.5,
    semantic_vocab_size=NANO_SEMANTIC_VOCAB_SIZE,
    text_offset=_NANO_TEXT_OFFSET,
    text_pad_token=_NANO_TEXT_OFFSET + NANO_TEXT_VOCAB_SIZE,
    semantic_infer_token=_NANO_TEXT_OFFSET + NANO_TEXT_VOCAB_SIZE + 1,
    text_len=384,
    semantic_history_len=0,
    max_semantic_len=1_024,
    pads_text=False,
    coarse_infer_token=2_048,
    coarse_offset=0,
    max_coarse_history_len=256,
    coarse_window_len=256,
    aligned_coarse=True,
    fine_window_len=384,
    fine_history_len=192,
    pads_fine=False,
    fine_temperature=None,
)

SPECS = {spec.name: spec for spec in (BARK, NANO)}

# The languages that official Bark speaks: name, and the code in its voices' names.
LANGUAGES = (
    ("English", "en"),
    ("German", "de"),
    ("Spanish", "es"),
    ("French", "fr"),
    ("Hindi", "hi"),
    ("Italian", "it"),
    ("Japanese", "ja"),
    ("Korean", "ko"),
    ("Polish", "pl"),
    ("Portuguese", "pt"),
    ("Russian", "ru"),
    ("Turkish", "tr"),
    ("Chinese", "zh"),
)
