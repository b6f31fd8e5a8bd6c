"""The tokenizer that `load_model("text")` gives, called as programs call transformers' one."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..text.bert import BertTokenizer
from ..text.splitting import normalize_whitespace

log = logging.getLogger(__name__)


class SunoTokenizer:
    """Cased WordPiece with the methods that programs for suno-ai/bark use.

    Args:
        bert: what does the work.
    """

    def __init__(self, bert: BertTokenizer) -> None:
        self.bert = bert

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        """The ids of a text, [CLS] and [SEP] around them unless told otherwise."""
        ids = [int(i) for i in self.bert.encode(text).ids]
        if not add_special_tokens:
            return ids
        return [*self._ids(["[CLS]"]), *ids, *self._ids(["[SEP]"])]

    def tokenize(self, text: str) -> list[str]:
        """The word pieces of a text; `##` begins one that goes on a word."""
        return self.bert.pieces(text)

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = False) -> str:
        """The text of ids."""
        return self.bert.decode([int(i) for i in ids], skip_special_tokens=skip_special_tokens)

    def _ids(self, tokens: list[str]) -> list[int]:
        return [i for token in tokens if (i := self.bert.id_of(token)) is not None]

    def __len__(self) -> int:
        return len(self.bert)


def text_ids(tokenizer: Any, text: str, max_len: int) -> np.ndarray:
    """The ids that the text model reads.

    Args:
        tokenizer: `SunoTokenizer`, nano's, or one that a program has put in their place.
        max_len: ids that fit; more are dropped, with a warning.

    Returns:
        (n,) int64 without Bark's offset.
    """
    if hasattr(tokenizer, "cut"):  # nano's, which keeps whole words
        heard, dropped = tokenizer.cut(tokenizer.encode(text), max_len)
        if dropped:
            log.warning("the text is too long; the model does not hear %r", dropped)
        heard_ids: np.ndarray = heard.ids
        return heard_ids
    ids = np.asarray(tokenizer.encode(normalize_whitespace(text), add_special_tokens=False))
    if len(ids) > max_len:
        share = 100 * (len(ids) - max_len) / len(ids)
        log.warning("the text is too long; the model does not hear its last %.1f%%", share)
    return ids[:max_len].astype(np.int64)
