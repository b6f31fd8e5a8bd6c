"""How large a text is for a model, and how large a chunk may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..text.speaking_time import speaking_time_s
from ..text.splitting import normalize_whitespace
from .cutting import Measure, Size
from .settings import NarrationOptions

if TYPE_CHECKING:
    from ..pipeline import Bark

_ROOM = 0.85  # of what a model can say in one go, since the expected length is a guess


def measure_for(bark: Bark) -> Measure:
    """A function that counts a text's tokens with the model's tokenizer, and its seconds."""

    def measure(text: str) -> Size:
        words = normalize_whitespace(text)
        if not words:
            return Size(0, 0.0)
        return Size(bark.count(words).n_tokens, speaking_time_s(words))

    return measure


def chunk_limit(bark: Bark, options: NarrationOptions) -> Size:
    """The largest chunk: all of it is heard, it is said in time, and it is no longer than asked."""
    seconds = min(options.max_chunk_s, _ROOM * bark.spec.max_duration_s)
    return Size(bark.spec.text_len, seconds)


def fits_one_take(bark: Bark, text: str) -> bool:
    """Whether a text is heard to its end when it is spoken in one go, as far as can be told."""
    return measure_for(bark)(text).within(Size(bark.spec.text_len, bark.spec.max_duration_s))
