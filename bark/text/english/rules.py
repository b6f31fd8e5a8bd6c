"""What the rules that read text aloud share: the rule itself and what came before it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

MARK_STRENGTH = {"": 0, ",": 1, ":": 2, ";": 3, ".": 4, "!": 5, "?": 6}
"""Of several marks in a row the strongest is heard."""


@dataclass
class Context:
    """What a rule may look at besides its match.

    Attributes:
        text: the folded text.
        is_word: whether a lower-case spelling is a known word.
        shouting: whether the text has no lower-case letter at all.
        last_word: the word said last, "" behind the end of a sentence.
    """

    text: str
    is_word: Callable[[str], bool]
    shouting: bool
    last_word: str = field(default="")

    def said(self, word: str) -> None:
        """Note a word said."""
        self.last_word = word

    def paused(self, mark: str) -> None:
        """Note a mark heard: the end of a sentence forgets the words before it."""
        if mark in ".!?":
            self.last_word = ""


@dataclass(frozen=True)
class Rule:
    """A pattern and what is said for a match: words and marks, or None to decline."""

    pattern: re.Pattern[str]
    say: Callable[[re.Match[str], Context], list[str] | None]


def rule(
    pattern: str, say: Callable[[re.Match[str], Context], list[str] | None], flags: int = 0
) -> Rule:
    """Make a rule of a pattern given as text."""
    return Rule(re.compile(pattern, flags), say)


_SENTENCE_STARTERS = frozenset(
    "The It He She We They I In But And A An This That There These Those You If When What".split()
)


def final_stop(match: re.Match[str]) -> list[str]:
    """Return the stop that an abbreviation's dot also is where its sentence ends."""
    if not match[0].endswith("."):
        return []
    rest = match.string[match.end() :].strip(" \"')")
    starts_sentence = re.split(r"[^A-Za-z]", rest)[0] in _SENTENCE_STARTERS
    return ["."] if not rest or starts_sentence else []
