"""Text before it becomes tokens: white space, sentences, chunks, turns; and the tokenizers."""

from .splitting import (
    TAGS as TAGS,
)
from .splitting import (
    EncodedText as EncodedText,
)
from .splitting import (
    clause_ends as clause_ends,
)
from .splitting import (
    normalize_whitespace as normalize_whitespace,
)
from .splitting import (
    sentence_ends as sentence_ends,
)
from .splitting import (
    split_sentences as split_sentences,
)
from .splitting import (
    valid_text as valid_text,
)
