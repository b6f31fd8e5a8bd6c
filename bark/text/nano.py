"""Text to nano's text ids: words in phones, as the lexicon or a model of letters says them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .bert import word_start
from .english.heteronyms import is_heteronym, place, said_as
from .english.letters import LETTERS_PATH, LetterReader
from .english.lexicon import LEXICON_PATH, Lexicon, with_s
from .english.normalize import Word, fold_spaces, read, without_falling_questions
from .english.phones import (
    LETTERS,
    PHONE_INDEX,
    text_begins_word,
    text_letter_id,
    text_mark_id,
    text_phone_id,
)
from .splitting import EncodedText, normalize_whitespace

MAX_WORD_SYMBOLS = 31
"""A word that nothing reads stays in letters; a longer run is said as several words: the model's
table of places ends there."""


class NanoTokenizer:
    """Reads text aloud into words and writes these in phones or letters.

    Args:
        lexicon: where words are looked up.
        letters: what reads the words that it does not know; by default the packaged model.
    """

    def __init__(self, lexicon: Lexicon, letters: LetterReader | None = None) -> None:
        self.lexicon = lexicon
        self._letters = letters

    @classmethod
    def from_file(cls, path: Path = LEXICON_PATH) -> NanoTokenizer:
        """Load the lexicon, and the model of letters that lies beside it, if there is one.

        Raises:
            FileNotFoundError: there is no lexicon at `path`.
            CheckpointError: one of the two is damaged.
        """
        beside = path.with_name(LETTERS_PATH.name)
        return cls(Lexicon.load(path), LetterReader.from_file(beside) if beside.is_file() else None)

    def with_words(self, words: Mapping[str, Sequence[str]]) -> NanoTokenizer:
        """The same tokenizer, its model of letters shared, that knows these words' phones by name.

        Raises:
            KeyError: a phone of another name.
        """
        return NanoTokenizer(self.lexicon.with_words(words), self._letters)

    def encode(self, text: str) -> EncodedText:
        """Normalise white space, read numbers and abbreviations as words, and encode.

        Args:
            text: as it was typed: where lines end and blank lines stand, pauses are made.

        Returns:
            ids (n,) int64 in [0, N_TEXT), without offset; n is 0 where the text has nothing to
            say. The ids of one word share its span.
        """
        folded = fold_spaces(text)
        reading = read(folded, self.lexicon.__contains__)
        ids: list[int] = []
        spans: list[tuple[int, int]] = []
        words = without_falling_questions(reading.words)
        texts, marks = [word.text for word in words], [word.mark for word in words]
        for i, word in enumerate(words):
            new = self._encode_among(texts, marks, i, word)
            ids += new
            spans += [(word.start, word.end)] * len(new)
        plain = normalize_whitespace(folded)  # as long: each white space is one character
        return EncodedText(np.array(ids, dtype=np.int64), tuple(spans), plain, reading.unspoken)

    def reading(self, text: str) -> str:
        """Return the words that are spoken for a text, one blank between, marks left out."""
        words = read(fold_spaces(text), self.lexicon.__contains__).words
        return " ".join(word.text for word in words)

    def readings(self, text: str) -> list[tuple[int, int, str]]:
        """Return the stretches of a text that are spoken otherwise than they are written.

        Returns:
            First and last character of each in the text with its white space normalised, and the
            words that are spoken for it; stretches with nothing but a blank between are one.
        """
        folded = fold_spaces(text)
        plain = normalize_whitespace(folded)
        spoken: list[tuple[int, int, str]] = []
        for word in read(folded, self.lexicon.__contains__).words:
            if spoken and spoken[-1][:2] == (word.start, word.end):
                spoken[-1] = (word.start, word.end, f"{spoken[-1][2]} {word.text}")
            else:
                spoken.append((word.start, word.end, word.text))
        found: list[tuple[int, int, str]] = []
        for start, end, said in spoken:
            if _letters(plain[start:end]) == _letters(said):
                continue
            if found and not plain[found[-1][1] : start].strip():
                found[-1] = (found[-1][0], end, f"{found[-1][2]} {said}")
            else:
                found.append((start, end, said))
        return found

    def cut(self, encoded: EncodedText, max_len: int) -> tuple[EncodedText, str]:
        """Keep the whole words among the first `max_len` tokens.

        A number counts as one word: half of it would be another number. Only where a single one
        is longer than `max_len` is it cut, between the words in which it is said.

        Returns:
            What is kept, and the text from the first word on that is not kept whole; "" if
            everything fits.
        """
        if len(encoded) <= max_len:
            return encoded, ""
        start = word_start(encoded.text, encoded.spans[max_len][0])
        length = sum(end <= start for _, end in encoded.spans[:max_len])
        if length == 0:
            begins = np.flatnonzero(text_begins_word(encoded.ids[: max_len + 1]))
            length = int(begins[-1]) or max_len
        return encoded.first(length), encoded.text[start:]

    def encode_word(self, word: Word, spelled: bool = False) -> list[int]:
        """Return the ids of one word and the mark behind it.

        Args:
            word: normalised.
            spelled: write it in letters even where the lexicon knows it, as training does with a
                share of the words so that the model learns to read.
        """
        phones = None if spelled else self._phones(word.text)
        if phones is not None:
            return _encode(phones, word)
        letters = [c for c in word.text if c in LETTERS]
        ids = [
            text_letter_id(letter, i % MAX_WORD_SYMBOLS == 0) for i, letter in enumerate(letters)
        ]
        return ids + ([text_mark_id(word.mark)] if word.mark else [])

    def encode_words(self, words: Sequence[Word], spelled: Sequence[bool]) -> np.ndarray:
        """Return the ids (n,) int64 of words, some of them spelled; for training."""
        ids = [i for word, letter in zip(words, spelled, strict=True)
               for i in self.encode_word(word, letter)]  # fmt: skip
        return np.array(ids, dtype=np.int64)

    def _encode_among(
        self, texts: Sequence[str], marks: Sequence[str], i: int, word: Word
    ) -> list[int]:
        """The ids of a word as those beside it want it said."""
        if not is_heteronym(word.text) or word.text in self.lexicon.chosen:
            return self.encode_word(word)
        said = said_as(place(texts, marks, i))
        return _encode([PHONE_INDEX[name] for name in said.split()], word)

    def _phones(self, word: str) -> tuple[int, ...] | None:
        known = self.lexicon.phones(word)
        if known is not None:
            return known
        if self._letters is None:
            self._letters = LetterReader.from_file()
        if word.endswith("'s") and (base := self._letters.phones(word[:-2])):
            return with_s(base)
        return self._letters.phones(word)


def _encode(phones: Sequence[int], word: Word) -> list[int]:
    """The ids of a word's phones and of the mark behind it."""
    ids = [text_phone_id(phone, i == 0) for i, phone in enumerate(phones)]
    return ids + ([text_mark_id(word.mark)] if word.mark else [])


def _letters(text: str) -> str:
    return text.casefold().replace("\u2019", "'")
