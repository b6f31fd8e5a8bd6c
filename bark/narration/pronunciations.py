"""A list of words that are to be said otherwise: `word = respelling`, or phones for nano."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidInputError
from ..text.english.phones import N_PAUSES, PHONE_INDEX, PHONES
from ..text.nano import NanoTokenizer
from .documents import decode_text, read_bytes
from .marks import Swap, Words

if TYPE_CHECKING:
    from ..pipeline import Bark


@dataclasses.dataclass(frozen=True)
class Pronunciations:
    """Words and how they are said.

    Attributes:
        respellings: word or words, as they are written, to what the model is given instead. A
            word in lower case stands for all its spellings; one with capitals for itself alone.
        phones: a single word, in lower case, to nano's phones; for nano only.
    """

    respellings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    phones: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def applied(self, words: Words) -> Words:
        """The text with a swap for every listed word that is not swapped already."""
        if not self.respellings:
            return words
        longest_first = sorted(self.respellings, key=len, reverse=True)
        pattern = re.compile(
            rf"(?<![\w])(?:{'|'.join(map(re.escape, longest_first))})(?![\w])", re.IGNORECASE
        )
        swaps = list(words.swaps)
        for match in pattern.finditer(words.text):
            said = self.respellings.get(match[0], self.respellings.get(match[0].lower()))
            free = all(match.end() <= s.start or s.end <= match.start() for s in words.swaps)
            if said is not None and free:
                swaps.append(Swap(match.start(), match.end(), said))
        return Words(words.text, tuple(sorted(swaps, key=lambda swap: swap.start)))


def parse_pronunciations(text: str, name: str = "The pronunciation list") -> Pronunciations:
    """Reads lines `word = respelling`, or `word = /t ah0 m ey1 t ow0/`; `#` begins a remark.

    Raises:
        InvalidInputError: a line has no `=`, or nothing on one of its sides; or phones that nano
            does not have.
    """
    respellings: dict[str, str] = {}
    phones: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if not line:
            continue
        word, equals, said = (part.strip() for part in line.partition("="))
        if not (word and equals and said):
            raise InvalidInputError(
                f"{name}, line {number}: {line!r} is not of the form word = respelling."
            )
        if len(said) > 2 and said[0] == said[-1] == "/":
            phones[_single(word, name, number)] = _phones(said[1:-1], name, number)
        else:
            respellings[word] = said
    return Pronunciations(respellings, phones)


def _single(word: str, name: str, number: int) -> str:
    folded = word.lower().replace("’", "'")
    if not re.fullmatch(r"[a-z]+(?:'[a-z]+)*", folded):
        raise InvalidInputError(
            f"{name}, line {number}: phones are for a single word of letters, not for {word!r}."
        )
    return folded


def _phones(written: str, name: str, number: int) -> tuple[str, ...]:
    """Phones by name; a vowel without a stress is not stressed."""
    named = tuple(p if p in PHONE_INDEX else f"{p}0" for p in written.lower().split())
    unknown = [p for p in named if p not in PHONE_INDEX]
    if unknown or not named:
        raise InvalidInputError(
            f"{name}, line {number}: {written!r} holds no phones of nano's; known are "
            f"{', '.join(PHONES[N_PAUSES:])}."
        )
    return named


def saying(bark: Bark, phones: Mapping[str, tuple[str, ...]]) -> Bark:
    """The model with these words added to its lexicon; the model itself where there are none.

    Raises:
        InvalidInputError: the model has no lexicon.
    """
    if not phones:
        return bark
    tokenizer = bark.tokenizer
    if not isinstance(tokenizer, NanoTokenizer):
        raise InvalidInputError(
            "Phones in a pronunciation list are understood by nano only; give respellings instead."
        )
    return bark.with_tokenizer(tokenizer.with_words(phones))


def read_pronunciations(path: str | Path) -> Pronunciations:
    """Reads a pronunciation list from a text file.

    Raises:
        InvalidInputError: it cannot be read, or a line is wrong.
    """
    path = Path(path).expanduser()
    return parse_pronunciations(decode_text(read_bytes(path), path.name), path.name)
