"""Text as people type it, turned into the plain words that nano can speak.

One scanner walks over the text; the first rule that matches at a place says it in words. Every
word keeps the span it came from, so that a word that did not fit can be named in the user's own
spelling. The same words are given to the teacher in training, so both always read alike.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .address_rules import ADDRESS_RULES
from .code_rules import CODE_RULES
from .date_rules import DATE_RULES
from .folding import SILENT, Folded, fold
from .link_rules import LINK_RULES
from .markup import LINE, PARAGRAPH, without_markup
from .measure_rules import MEASURE_RULES
from .money_rules import MONEY_RULES
from .number_rules import NUMBER_RULES
from .rules import MARK_STRENGTH, Context, Rule
from .time_rules import TIME_RULES
from .word_rules import CUE, WORD_RULES

_RULES: tuple[Rule, ...] = (
    *LINK_RULES,
    *DATE_RULES,
    *TIME_RULES,
    *CODE_RULES,
    *ADDRESS_RULES,
    *MONEY_RULES,
    *MEASURE_RULES,
    *NUMBER_RULES,
    *WORD_RULES,
)

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


@dataclass(frozen=True)
class Reading:
    """How a text is read aloud.

    Attributes:
        words: in order; none where there is nothing to say.
        unspoken: the stretches of the text that no word says though they are no mere marks:
            other scripts, emoji, cues in brackets.
    """

    words: list[Word]
    unspoken: tuple[str, ...]


def fold_spaces(text: str) -> str:
    """One character where any white space was, and none at the ends.

    It is a space, `LINE` where a line ends, or `PARAGRAPH` where a blank line stands.
    """
    return re.sub(r"\s+", _space, text.strip())


def _space(match: re.Match[str]) -> str:
    n_lines = match[0].replace("\r\n", "\n").count("\n") + match[0].count("\u2029") * 2
    return " " if not n_lines else LINE if n_lines == 1 else PARAGRAPH


def normalize(text: str, is_word: Callable[[str], bool]) -> list[Word]:
    """Turn text into the words to speak; `read` without what it leaves out."""
    return read(text, is_word).words


def read(text: str, is_word: Callable[[str], bool]) -> Reading:
    """Turn text into the words to speak.

    Numbers, dates, times, money, units, abbreviations, acronyms and symbols become words; links
    are reduced to their host, HTML and Markdown to what they show; emoji, unknown scripts and
    Bark's cues in brackets are left out.

    Args:
        text: with white space folded, by `fold_spaces` or to single spaces; the spans refer to it.
        is_word: whether a lower-case spelling is a known word; decides which acronyms are spelled.
    """
    unspoken = _unspoken(text, whole := fold(text))
    plain = without_markup(whole)
    folded, pauses = plain.folded, [*plain.pauses, (len(plain.folded.text), "")]
    letters = [c for c in folded.text if c.isalpha()]
    context = Context(folded.text, is_word, shouting=not any(c.islower() for c in letters))
    words: list[Word] = []
    next_pause = 0
    for start, end, said in _scan(folded.text, context):
        while pauses[next_pause][0] < (start if said else end):
            _append(words, [pauses[next_pause][1]], (0, 0), context)
            next_pause += 1
        if said:
            _append(words, said, (folded.origin[start], folded.origin[end - 1] + 1), context)
    for _, mark in pauses[next_pause:-1]:
        _append(words, [mark], (0, 0), context)
    return Reading(words, unspoken)


def _scan(text: str, context: Context) -> Iterator[tuple[int, int, list[str]]]:
    """Where each rule matched, and what it says; what nothing matches is passed over."""
    at = 0
    while at < len(text):
        for rule in _rules_for(text[at]):
            match = rule.pattern.match(text, at)
            said = rule.say(match, context) if match and match.end() > at else None
            if match is not None and said is not None:
                yield at, match.end(), said
                at = match.end()
                if rule.is_amount:
                    context.amount_end = at
                break
        else:
            at += 1
            yield at - 1, at, []


@functools.lru_cache(maxsize=256)
def _rules_for(char: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in _RULES if char in rule.starts)


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


def _unspoken(text: str, folded: Folded) -> tuple[str, ...]:
    """The stretches of which folding left nothing, and the cues that only Bark acts."""
    kept = {place for place, char in zip(folded.origin, folded.text, strict=True) if char != " "}
    places = [
        (i, i + 1)
        for i, char in enumerate(text)
        if not char.isascii()
        and i not in kept
        and unicodedata.category(char)[0] in "LNS"
        and char not in SILENT
    ]
    places += [match.span() for match in CUE.finditer(text)]
    stretches: list[list[int]] = []
    for start, end in sorted(places):
        if stretches and not _ASCII_WORD.search(text, stretches[-1][1], start):
            stretches[-1][1] = end
        else:
            stretches.append([start, end])
    return tuple(re.sub(r"\s", " ", text[start:end]) for start, end in stretches)


_ASCII_WORD = re.compile(r"[a-zA-Z0-9.!?;]")
