"""Text before it becomes tokens: white space, sentences, chunks, turns; and the tokenizers."""

from .splitting import (
    TAGS,
    EncodedText,
    clause_ends,
    normalize_whitespace,
    sentence_ends,
    split_sentences,
    valid_text,
)

__all__ = [
    "TAGS",
    "EncodedText",
    "clause_ends",
    "normalize_whitespace",
    "sentence_ends",
    "split_sentences",
    "valid_text",
]
