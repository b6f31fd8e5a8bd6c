"""A list of words that are to be said otherwise: `word = respelling`, or phones for nano."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from ..errors import InvalidInputError
from .documents import decode_text, read_bytes
from .marks import Swap, Words


@dataclasses.dataclass(frozen=True)
class Pronunciations:
    """Words and how they are said.

    Attributes:
        respellings: word or words, as they are written, to what the model is given instead. A
            word in lower case stands for all its spellings; one with capitals for itself alone.
    """

    respellings: Mapping[str, str] = dataclasses.field(default_factory=dict)

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
    """Reads lines `word = respelling`; `#` begins a remark.

    Raises:
        InvalidInputError: a line has no `=`, or nothing on one of its sides.
    """
    respellings: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if not line:
            continue
        word, equals, said = (part.strip() for part in line.partition("="))
        if not (word and equals and said):
            raise InvalidInputError(
                f"{name}, line {number}: {line!r} is not of the form word = respelling."
            )
        respellings[word] = said
    return Pronunciations(respellings)


def read_pronunciations(path: str | Path) -> Pronunciations:
    """Reads a pronunciation list from a text file.

    Raises:
        InvalidInputError: it cannot be read, or a line is wrong.
    """
    path = Path(path).expanduser()
    return parse_pronunciations(decode_text(read_bytes(path), path.name), path.name)
