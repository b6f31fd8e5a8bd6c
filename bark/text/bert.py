"""Text to the ids of the cased multilingual BERT vocabulary, which official Bark reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CheckpointError, WeightsNotFoundError
from ..files.json_file import read_json
from ..files.whole_file import open_regular
from .splitting import EncodedText, normalize_whitespace, valid_text

if TYPE_CHECKING:
    import tokenizers

MAX_BYTES = 4 << 20  # the official file has 2 MB
N_TOKENS = 119_547  # of the multilingual vocabulary; Bark has no room for more
_SPECIAL_TOKENS = ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")
# As BERT's tokenizer splits them: each of these characters is a word of its own.
_IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FA1F))


class BertTokenizer:
    """Cased WordPiece without the special tokens at both ends.

    Built from the vocabulary alone, so that a file that says "lower case" (as transformers'
    default does for a bare vocab.txt) cannot take away the CAPITALS that Bark hears as stress.
    """

    def __init__(self, vocabulary: dict[str, int]) -> None:
        from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

        self._tokenizer: tokenizers.Tokenizer = Tokenizer(
            models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)
        )
        self._tokenizer.normalizer = normalizers.BertNormalizer(
            clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False
        )
        self._tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self._unknown = vocabulary.get("[UNK]", -1)
        self._tokenizer.decoder = decoders.WordPiece()
        self._tokenizer.add_special_tokens([t for t in _SPECIAL_TOKENS if t in vocabulary])

    @classmethod
    def from_file(cls, path: Path) -> BertTokenizer:
        """Reads a `tokenizer.json` or a `vocab.txt` (one token a line, in the order of the ids).

        Raises:
            WeightsNotFoundError: there is no such file.
            CheckpointError: it is no WordPiece vocabulary.
        """
        try:
            vocabulary = _read_vocabulary(path)
        except FileNotFoundError as error:
            raise WeightsNotFoundError(f"There is no tokenizer file at {path}.") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"{path} cannot be read as a tokenizer; "
                "it must be BERT's vocab.txt or a tokenizer.json with a WordPiece vocabulary."
            ) from error
        if "[UNK]" not in vocabulary:
            raise CheckpointError(f"{path} has no token [UNK]; it must be a BERT vocabulary.")
        return cls(vocabulary)

    def encode(self, text: str) -> EncodedText:
        """Normalises white space as the reference does, and encodes.

        Returns:
            ids (n,) int64 in [0, vocabulary size), without Bark's text offset.
        """
        text = normalize_whitespace(text)
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.array(encoding.ids, np.int64)
        unknown = [encoding.offsets[i] for i in np.flatnonzero(ids == self._unknown)]
        return EncodedText(ids, tuple(encoding.offsets), text, _stretches(text, unknown))

    def reading(self, text: str) -> str:
        """The text as the model reads it: as it was typed."""
        return normalize_whitespace(text)

    def readings(self, text: str) -> list[tuple[int, int, str]]:
        """Nothing is read otherwise than it is written."""
        return []

    def pieces(self, text: str) -> list[str]:
        """The word pieces that `encode` gives the ids of."""
        encoding = self._tokenizer.encode(normalize_whitespace(text), add_special_tokens=False)
        return list(encoding.tokens)

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = False) -> str:
        """The text of ids, pieces of a word joined."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens)

    def id_of(self, token: str) -> int | None:
        """The id of a word piece, or None."""
        return self._tokenizer.token_to_id(token)

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def cut(self, encoded: EncodedText, max_len: int) -> tuple[EncodedText, str]:
        """Keeps the first `max_len` tokens; see the function `cut`."""
        return cut(encoded, max_len)


def _read_vocabulary(path: Path) -> dict[str, int]:
    """Tokens and ids, each checked: what is built from them trusts them."""
    if path.suffix == ".json":
        vocabulary = read_json(path, max_bytes=MAX_BYTES)["model"]["vocab"]
    else:
        with open_regular(path, max_bytes=MAX_BYTES) as file:
            text = file.read().decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        vocabulary = {token: i for i, token in enumerate(lines[: len(lines) - (not lines[-1])])}
    for token, number in vocabulary.items():
        if type(number) is not int or not 0 <= number < N_TOKENS or valid_text(token) != token:
            raise ValueError("it holds a token that is no text, or an id that Bark has not")
    found: dict[str, int] = vocabulary
    return found


def cut(encoded: EncodedText, max_len: int) -> tuple[EncodedText, str]:
    """Keeps what the model can hear.

    Args:
        encoded: any tokenizer's output.
        max_len: tokens that fit.

    Returns:
        The first `max_len` tokens, and the text from the first word on that they do not hold
        in full; "" if everything fits.
    """
    if len(encoded) <= max_len:
        return encoded, ""
    start = word_start(encoded.text, encoded.spans[max_len][0])
    return encoded.first(max_len), encoded.text[start:]


def _stretches(text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """The pieces of a text that some spans cover, those together that only blanks part."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], end)
        elif end > start:
            joined.append((start, end))
    return tuple(text[start:end] for start, end in joined)


def word_start(text: str, index: int) -> int:
    """Where the word begins that holds the character at `index`; an ideograph is a word."""
    while index > 0 and _in_one_word(text[index - 1 : index + 1]):
        index -= 1
    return index


def _in_one_word(pair: str) -> bool:
    return all(
        char.isalnum() and not any(low <= ord(char) <= high for low, high in _IDEOGRAPHS)
        for char in pair
    )
