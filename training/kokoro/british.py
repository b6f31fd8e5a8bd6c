"""British pronunciations, shared out among nano's American phones.

Nano has one list of phones, American ones. A British voice says the same words with others: its
recordings are aligned with the American phones that stand for them, and the coarse model learns
what a phone sounds like in this speaker's mouth. An r that is not said gets the length of the
vowel before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..spelling import CONSONANTS, UNSTRESSED, is_vowel

_LONG = "ː"
_VOWELS = frozenset("AIQWYaiuɑɒɔəɛɜɪʊʌɐᵊ")
_ALIKE = {
    "aa": "ɑɒ", "ae": "aɑ", "ah": "ʌəɒ", "ao": "ɔɒ", "aw": "W", "ax": "əɪᵊɐ", "ay": "I", "eh": "ɛ",
    "er": "ɜəʌ", "ey": "A", "ih": "ɪiə", "iy": "iɪ", "ow": "Q", "oy": "Y", "uh": "ʊɔ", "uw": "uʊ",
    "r": "ɹːə",
}  # fmt: skip
_SAME_KIND, _OTHER_KIND, _LENGTH_MARK = 1.0, 2.5, 0.2  # what an unlike pair costs
_MORE_ON_ONE = 0.3  # a phone that is written in more than one symbol
_UNSAID, _UNSAID_R = 1.0, 0.6
_SYMBOL = re.compile("[ˈˌ]*[^ˈˌ]")  # a stress mark belongs to what follows
_WEAK = {"a": ("ɐ", "ɐ"), "an": ("ɐn", "ɐn"), "the": ("ðə", "ði"), "to": ("tə", "tʊ")}
"""Before a consonant, before a vowel."""


class BritishSpelling:
    """Spells words as `training.spelling.spell_word` does, in British English.

    Args:
        words: pronunciations, as of `training.kokoro.packages.read_british_words`.
    """

    def __init__(self, words: dict[str, str]) -> None:
        self._words = words

    def __call__(
        self, word: str, phones: Sequence[str], *, vowel_follows: bool = False
    ) -> list[str]:
        """Writes one word: a string, maybe an empty one, for each of its American phones.

        Args:
            word: lower case.
            phones: its phones, named as in `bark.text.english.phones.PHONES`.
            vowel_follows: whether the next word begins with a vowel.

        Raises:
            ValueError: nobody has written down how it is said.
        """
        said = self._said(word, vowel_follows)
        if said is None:
            raise ValueError(f"no British pronunciation of {word!r}; leave the sentence out")
        if vowel_follows and word.endswith(("r", "re")) and said[-1] in "ə" + _LONG:
            said += "ɹ"
        return share_out(said, phones)

    def _said(self, word: str, vowel_follows: bool) -> str | None:
        if word in _WEAK:
            return _WEAK[word][vowel_follows]
        said = self._words.get(word) or self._derived(word)
        if said and word in UNSTRESSED:
            return said.replace("ˈ", "").replace("ˌ", "")
        return said

    def _derived(self, word: str) -> str | None:
        """A word that is listed without its ending."""
        for ending, instead, joined in _ENDINGS:
            bare = word.removesuffix(ending)
            if len(bare) < 2 or bare == word:
                continue
            single = bare[:-1] if bare[-1] == bare[-2] else ""  # "stopped", "sitting"
            for stem in (bare + instead, single):
                if stem in self._words:
                    return joined(self._words[stem])
        return None


def _plural(said: str) -> str:
    if said[-1] in "szʃʒʧʤ":
        return said + "ɪz"
    return said + ("s" if said[-1] in "ptkfθ" else "z")


def _past(said: str) -> str:
    if said[-1] in "td":
        return said + "ɪd"
    return said + ("t" if said[-1] in "pkfθsʃʧ" else "d")


def _going(said: str) -> str:
    return said + ("ɹɪŋ" if said[-1] == "ə" or said.endswith(("ɔː", "ɑː", "ɜː", "ɛː")) else "ɪŋ")


_ENDINGS: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("'s", "", _plural),
    ("ies", "y", _plural),
    ("s", "", _plural),
    ("es", "", _plural),
    ("ied", "y", _past),
    ("ed", "e", _past),
    ("ed", "", _past),
    ("ing", "e", _going),
    ("ing", "", _going),
)
"""An ending, what stands for it in the word without it, and how both are said together."""


def share_out(said: str, phones: Sequence[str]) -> list[str]:
    """Cuts a British pronunciation into pieces, one an American phone, at the least cost.

    Args:
        said: in the teacher's alphabet, stress marks included.
        phones: at least one.

    Returns:
        As many strings as phones, which joined are `said`.
    """
    symbols = _SYMBOL.findall(said)
    unsaid = [_UNSAID_R if phone == "r" else _UNSAID for phone in phones]
    # best[j]: the symbols so far, the last of them phone j's, and whose each one is
    best = [(sum(unsaid[:j]) + _cost(symbols[0], p), (j,)) for j, p in enumerate(phones)]
    for symbol in symbols[1:]:
        following = []
        for j, phone in enumerate(phones):
            ways = [
                (cost + (_MORE_ON_ONE if i == j else sum(unsaid[i + 1 : j])), owners)
                for i, (cost, owners) in enumerate(best[: j + 1])
            ]
            cost, owners = min(ways)
            following.append((cost + _cost(symbol, phone), (*owners, j)))
        best = following
    _, owners = min((cost + sum(unsaid[j + 1 :]), owners) for j, (cost, owners) in enumerate(best))
    pieces = [""] * len(phones)
    for symbol, owner in zip(symbols, owners, strict=True):
        pieces[owner] += symbol
    return pieces


def _cost(symbol: str, phone: str) -> float:
    sound, vowel = symbol[-1], is_vowel(phone)
    if sound in _ALIKE.get(phone.rstrip("01"), "") or sound == CONSONANTS.get(phone):
        return 0.0
    if sound == _LONG and vowel:
        return _LENGTH_MARK
    return _SAME_KIND if (sound in _VOWELS) == vowel else _OTHER_KIND
