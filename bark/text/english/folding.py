"""Typographic and accented characters as plain ones, each with the place it comes from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

SILENT = "\u00ad\u200b\u200c\u200d\u2060\ufeff\ufe0e\ufe0f¿¡™®℠"
"""Characters that a reader passes over."""

_FOLDED = {
    **dict.fromkeys("‘’‚‛´`′ʼ", "'"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‐‑‒–−", "-"),
    **dict.fromkeys("—―", " -- "),
    **dict.fromkeys("μµ", "µ"),
    **dict.fromkeys(SILENT, ""),
    **dict.fromkeys("⇒➔➜⟶", "→"),
    **{"…": "...", "⁄": "/", "∕": "/", "²": "²", "³": "³", "º": "°", "№": "No. ", "⋅": "×"},
    **{"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l"},
    **{"Ł": "L", "đ": "d", "ð": "th", "þ": "th", "ı": "i", "•": ",", "·": ",", "‣": ",", "◦": ","},
    **{"✕": "×", "✖": "×", "∙": "×", "\u2126": "Ω", "©": " copyright ", "℅": "c/o", "ª": "a"},
    "`": "`",  # code, which the markup knows
}
_KEPT = frozenset("°$£€¥¢§×÷±≈≤≥≠→π∞√²³µ₹₩₽₺₴₫₱₦฿₪₿₡₲₵₸₮¶←↑↓Ω")
_SUPERSCRIPTS = {
    **dict(zip("⁰¹⁴⁵⁶⁷⁸⁹", "01456789", strict=True)),
    **{"⁻": "-", "⁺": "+", "ⁿ": "n"},
}


@dataclass(frozen=True)
class Folded:
    """A text of plain characters.

    Attributes:
        text: n characters.
        origin: n indices into the text it was made from, never falling.
    """

    text: str
    origin: list[int]

    def edit(self, pattern: re.Pattern[str], new: Callable[[re.Match[str]], str | None]) -> Folded:
        """Replaces matches; what is new comes from where the match began, None keeps the match."""
        pieces: list[str] = []
        origin: list[int] = []
        at = 0
        for match in pattern.finditer(self.text):
            said = new(match)
            if said is None or not match[0]:
                continue
            pieces += [self.text[at : match.start()], said]
            origin += self.origin[at : match.start()]
            origin += [self.origin[match.start()]] * len(said)
            at = match.end()
        if not pieces:
            return self
        return Folded("".join([*pieces, self.text[at:]]), origin + self.origin[at:])


def fold(text: str) -> Folded:
    """Fold every character; those that no plain one stands for become spaces."""
    pieces: list[str] = []
    origin: list[int] = []
    raised = False
    for index, char in enumerate(text):
        if char.isascii():
            piece = char
        elif char in _SUPERSCRIPTS:  # a power: 10⁶, 10⁻⁹
            piece = _SUPERSCRIPTS[char] if raised else "^" + _SUPERSCRIPTS[char]
        else:
            piece = _fold_char(char)
        raised = char in _SUPERSCRIPTS
        pieces.append(piece)
        origin.extend([index] * len(piece))
    return Folded("".join(pieces), origin)


def _fold_char(char: str) -> str:
    if char in _KEPT:
        return char
    if char in _FOLDED:
        return _FOLDED[char]
    name = unicodedata.name(char, "")
    if name.startswith("GREEK") and "LETTER" in name:
        return f" {name.split('LETTER ')[1].split()[0].lower()} "
    plain = "".join(
        _FOLDED.get(c, c)
        for c in unicodedata.normalize("NFKD", char)
        if not unicodedata.combining(c)
    )
    if plain.isascii() and plain:
        return " " + plain if name.startswith("VULGAR FRACTION") else plain
    return "".join(c if c.isascii() or c in _KEPT else " " for c in plain)
