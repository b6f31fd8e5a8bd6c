"""Text as people type it, turned into the plain words that nano can speak.

One scanner walks over the text; the first rule that matches at a place says it in words. Every
word keeps the span it came from, so that a word that did not fit can be named in the user's own
spelling. The same words are given to the teacher in training, so both always read alike.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace

from .number_rules import NUMBER_RULES
from .rules import MARK_STRENGTH, Context, Rule
from .word_rules import WORD_RULES

_RULES: tuple[Rule, ...] = (*NUMBER_RULES, *WORD_RULES)

_FOLDED = {
    **dict.fromkeys("‘’‚‛´`′ʼ", "'"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‐‑‒–−", "-"),
    **dict.fromkeys("—―", " -- "),
    **dict.fromkeys("μµ", "µ"),
    **{"…": "...", "⁄": "/", "²": "²", "³": "³", "º": "°", "¿": "", "¡": "", "\u00ad": ""},
    **{"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l"},
    **{"Ł": "L", "đ": "d", "ð": "th", "þ": "th", "ı": "i", "•": ",", "·": ","},
}
_KEPT = frozenset("°$£€¥¢§×÷±≈≤≥≠→π∞√²³µ")


_QUESTION_WORDS = frozenset("what who whom whose which when where why how".split())
_BEFORE_QUESTION_WORD = frozenset("and but or so then well for in at to on of by from with".split())


@dataclass(frozen=True)
class Word:
    """One word to speak.

    Attributes:
        text: lower-case letters, apostrophes inside.
        start, end: the characters of the given text it comes from; several words may share them.
        mark: the punctuation heard behind it, one of `bark.text.english.phones.MARKS`, or "".
    """

    text: str
    start: int
    end: int
    mark: str = ""


def normalize(text: str, is_word: Callable[[str], bool]) -> list[Word]:
    """Turn text into the words to speak.

    Numbers, dates, times, money, units, abbreviations, acronyms and symbols become words; links
    are reduced to their host; emoji, unknown scripts and Bark's cues in brackets are left out.

    Args:
        text: with white space already folded; the spans refer to it.
        is_word: whether a lower-case spelling is a known word; decides which acronyms are spelled.

    Returns:
        The words in order; empty where there is nothing to say.
    """
    folded, origin = fold(text)
    context = Context(folded, is_word, shouting=not any(c.islower() for c in folded))
    words: list[Word] = []
    at = 0
    while at < len(folded):
        for rule in _RULES:
            match = rule.pattern.match(folded, at)
            said = rule.say(match, context) if match and match.end() > at else None
            if match is not None and said is not None:
                span = (origin[at], origin[match.end() - 1] + 1)
                _append(words, said, span, context)
                at = match.end()
                break
        else:
            at += 1
    return words


def without_falling_questions(words: list[Word]) -> list[Word]:
    """Keep the question mark only where a voice rises: behind questions for yes or no.

    Those that open with a question word ("And what is that?") are given a full stop.
    """
    kept: list[Word] = []
    opening = True
    falls = False
    for word in words:
        if opening:
            falls = word.text.partition("'")[0] in _QUESTION_WORDS
            opening = word.text in _BEFORE_QUESTION_WORD
        kept.append(replace(word, mark=".") if falls and word.mark == "?" else word)
        opening = opening or word.mark in tuple(".!?")
    return kept


def fold(text: str) -> tuple[str, list[int]]:
    """Fold typographic and accented characters to plain ones.

    Returns:
        The folded text and, for each of its characters, the index of the one it comes from.
    """
    pieces: list[str] = []
    origin: list[int] = []
    for index, char in enumerate(text):
        piece = _fold_char(char)
        pieces.append(piece)
        origin.extend([index] * len(piece))
    return "".join(pieces), origin


def _fold_char(char: str) -> str:
    if char.isascii() or char in _KEPT:
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


def _append(words: list[Word], said: list[str], span: tuple[int, int], context: Context) -> None:
    for item in said:
        if item not in MARK_STRENGTH:
            words.append(Word(item, *span))
            context.said(item)
        elif words:
            last = words[-1]
            if MARK_STRENGTH[item] > MARK_STRENGTH[last.mark]:
                words[-1] = replace(last, mark=item)
            context.paused(item)


def spoken_text(words: list[Word]) -> str:
    """Write normalised words as one plain text, which is what the teacher is given to say."""
    return " ".join(word.text + word.mark for word in words)
