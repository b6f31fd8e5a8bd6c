"""How English words are pronounced: the lexicon that nano's tokenizer looks words up in.

The file is made by `training/lexicon.py` from flite's own lexicon (CMUdict), so tokenizer and
teacher agree. Two long strings instead of a nested table load in some hundredths of a second.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import CheckpointError
from ...files.json_file import read_json
from .phones import N_PHONES, PHONE_INDEX, PHONES

LEXICON_PATH = Path(__file__).parents[2] / "assets" / "nano" / "lexicon.json"

_MAX_BYTES = 8 << 20  # the packaged one has 2 MB

_CODE = (string.ascii_letters + string.digits)[:N_PHONES]
"""One character per phone, in the order of `PHONES`."""
_INDEX_OF_CODE = {code: index for index, code in enumerate(_CODE)}

_SIBILANTS = frozenset(PHONE_INDEX[p] for p in ("s", "z", "sh", "zh", "ch", "jh"))
_VOICELESS = frozenset(PHONE_INDEX[p] for p in ("p", "t", "k", "f", "th"))
_SCHWA, _S, _Z = (PHONE_INDEX[p] for p in ("ax0", "s", "z"))

_ENDINGS = {
    ending: tuple(PHONE_INDEX[phone] for phone in said.split())
    for ending, said in (
        ("ings", "ih0 ng z"),
        ("ing", "ih0 ng"),
        ("ness", "n ax0 s"),
        ("less", "l ax0 s"),
        ("able", "ax0 b ax0 l"),
        ("ers", "er0 z"),
        ("er", "er0"),
        ("ish", "ih0 sh"),
        ("ly", "l iy0"),
    )
}
_MIN_PART_LEN = 4  # letters: shorter parts are found in many words that are not made of them


class Lexicon:
    """Words and their phones.

    Args:
        pronunciations: lower-case word -> phones in the file's one-character code.
        chosen: words that a person said how to say, whatever stands beside them.
    """

    def __init__(
        self, pronunciations: dict[str, str], chosen: frozenset[str] = frozenset()
    ) -> None:
        self._pronunciations = pronunciations
        self.chosen = chosen

    @classmethod
    def load(cls, path: Path = LEXICON_PATH) -> Lexicon:
        """Read a lexicon file.

        Raises:
            FileNotFoundError: there is none.
            CheckpointError: it is damaged.
        """
        if not path.is_file():
            raise FileNotFoundError(
                f"no lexicon at {path}; reinstall the package or write it with "
                "training.lexicon.export_lexicon"
            )
        try:
            content = read_json(path, max_bytes=_MAX_BYTES)
            words, phones = content["words"].split(" "), content["phones"].split(" ")
            if unknown := set(content["phones"]) - {" ", *_CODE}:
                raise ValueError(f"it has {len(unknown)} characters that are no phones")
            return cls(dict(zip(words, phones, strict=True)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"{path} is no lexicon ({str(error)[:120]}); install this package again, or write "
                "it with training.lexicon.export_lexicon."
            ) from error

    def with_words(self, words: Mapping[str, Sequence[str]]) -> Lexicon:
        """The same lexicon with some words said otherwise.

        Args:
            words: lower-case word -> names of phones, as in `bark.text.english.phones.PHONES`.

        Raises:
            KeyError: a phone of another name.
        """
        added = {word: encode_phones(list(names)) for word, names in words.items()}
        return Lexicon({**self._pronunciations, **added}, self.chosen | added.keys())

    def __len__(self) -> int:
        return len(self._pronunciations)

    def __contains__(self, word: str) -> bool:
        return word in self._pronunciations

    def words(self) -> list[str]:
        """Return all words, in the file's order."""
        return list(self._pronunciations)

    def phones(self, word: str) -> tuple[int, ...] | None:
        """Look a word up.

        Possessives, plurals, common endings and compounds of known words follow by rule.

        Args:
            word: lower case.

        Returns:
            indices into `bark.text.english.phones.PHONES`, or None where the word is not known.
        """
        if word in self._pronunciations:
            return self._known(word)
        for base in _singulars(word):
            if base in self._pronunciations:
                return with_s(self._known(base))
        return self._derived(word) or self._compound(word)

    def _derived(self, word: str) -> tuple[int, ...] | None:
        for ending, said in _ENDINGS.items():
            if word.endswith(ending) and len(word) >= len(ending) + _MIN_PART_LEN:
                base = word[: -len(ending)]
                for known in (base, base + "e"):
                    if known in self._pronunciations:
                        return _joined(self._known(known), said)
        return None

    def _compound(self, word: str) -> tuple[int, ...] | None:
        """Two known words in one; of several ways to split the most even one."""
        splits = range(_MIN_PART_LEN, len(word) - _MIN_PART_LEN + 1)
        for at in sorted(splits, key=lambda i: abs(len(word) - 2 * i)):
            first, second = word[:at], word[at:]
            if first in self._pronunciations and second in self._pronunciations:
                return _joined(self._known(first), self._known(second))
        return None

    def _known(self, word: str) -> tuple[int, ...]:
        return tuple(_INDEX_OF_CODE[c] for c in self._pronunciations[word])


def encode_phones(names: list[str]) -> str:
    """Write phone names, as in `PHONES`, in the file's code."""
    return "".join(_CODE[PHONE_INDEX[name]] for name in names)


def phone_names(indices: tuple[int, ...]) -> list[str]:
    """Name phones given by index."""
    return [PHONES[i] for i in indices]


def _singulars(word: str) -> list[str]:
    if word.endswith("'s"):
        return [word[:-2]]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "'s")):
        return [word[:-1]]
    return []


def _joined(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """Put two parts together; a sound on both sides of the seam is heard once ("fully")."""
    return first + (second[1:] if first[-1] == second[0] else second)


def with_s(phones: tuple[int, ...]) -> tuple[int, ...]:
    """The phones of a word with the ending of the plural or the possessive."""
    if phones[-1] in _SIBILANTS:
        return (*phones, _SCHWA, _Z)
    return (*phones, _S if phones[-1] in _VOICELESS else _Z)
