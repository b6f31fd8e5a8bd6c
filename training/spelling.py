"""Nano's phones in the teacher's alphabet, so that the teacher says exactly what the lexicon does.

The teacher reads misaki's phonemes. Given nano's own phones it cannot disagree with the lexicon,
and what it says is aligned with them from the start. What a dictionary does not write, but
speakers do, is put in here: flaps ("better"), weak function words, "the" before a vowel.
"""

from __future__ import annotations

from collections.abc import Sequence

_VOWELS = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "W", "ax": "ə", "ay": "I", "eh": "ɛ",
    "er": "əɹ", "ey": "A", "ih": "ɪ", "iy": "i", "ow": "O", "oy": "Y", "uh": "ʊ", "uw": "u",
}  # fmt: skip
CONSONANTS = {
    "b": "b", "ch": "ʧ", "d": "d", "dh": "ð", "f": "f", "g": "ɡ", "hh": "h", "jh": "ʤ", "k": "k",
    "l": "l", "m": "m", "n": "n", "ng": "ŋ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t",
    "th": "θ", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
}  # fmt: skip
"""The teacher's symbol of each consonant."""
_STRESS = "ˈ"
_FLAP, _SYLLABIC = "T", "ᵊ"

UNSTRESSED = frozenset(
    "a an the of and or to for from in on at by with as is it its was were be been am are i he she "
    "we you they me him her us them my your his our their than but if so".split()
)
_IRREGULAR = {"a": ("ɐ",), "an": ("ɐ", "n"), "was": ("w", "ʌ", "z")}


def is_vowel(phone: str) -> bool:
    """Whether a phone of `bark.text.english.phones.PHONES`, no pause, is a vowel."""
    return phone[-1] in "01"


def spell_word(word: str, phones: Sequence[str], *, vowel_follows: bool = False) -> list[str]:
    """Writes one word in the teacher's alphabet.

    Args:
        word: lower case.
        phones: its phones, named as in `bark.text.english.phones.PHONES`.
        vowel_follows: whether the next word begins with a vowel.

    Returns:
        One string a phone, stress marks included.
    """
    if word == "the" and len(phones) == 2:
        return ["ð", "i" if vowel_follows else "ə"]
    irregular = _IRREGULAR.get(word, ())
    if len(irregular) == len(phones):
        return list(irregular)
    unstressed = word in UNSTRESSED
    return [_spell(phones, i, unstressed) for i in range(len(phones))]


def _spell(phones: Sequence[str], i: int, unstressed: bool) -> str:
    phone = phones[i]
    before = phones[i - 1] if i else ""
    after = phones[i + 1] if i + 1 < len(phones) else ""
    if not is_vowel(phone):
        behind = phones[i + 2] if i + 2 < len(phones) else ""
        is_flap = phone == "t" and _flaps(before, after, behind)
        return _FLAP if is_flap else CONSONANTS[phone]
    if phone == "ax0" and after == "l" and before and before[-1] not in "01rwy":
        return _SYLLABIC
    written = "ɜɹ" if phone == "er1" else _VOWELS[phone[:-1]]
    return _STRESS + written if phone[-1] == "1" and not unstressed else written


def _flaps(before: str, after: str, behind: str) -> bool:
    """Whether a t between these phones is flapped, as in "better" and "party", not "button"."""
    if not before or not (is_vowel(before) or before == "r"):
        return False
    return after.endswith("0") and not (after == "ax0" and behind == "n")
