"""What the rules that read text aloud share: the rule itself and what came before it."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass, field

MARK_STRENGTH = {"": 0, ",": 1, ":": 2, ";": 3, ".": 4, "!": 5, "?": 6}
"""Of several marks in a row the strongest is heard."""

WINDOW = 64
"""Characters that a rule may look at on either side of its match.

Every look and every repetition within a pattern is bounded, so that the time for a text grows
with its length and no faster, whatever is in it.
"""

DIGITS, LETTERS = string.digits, string.ascii_letters


@dataclass
class Context:
    """What a rule may look at besides its match.

    Attributes:
        text: the folded text.
        is_word: whether a lower-case spelling is a known word.
        shouting: whether the text has no lower-case letter at all.
        recent: the words said last, the latest at the end; none from an earlier sentence.
        amount_end: where the amount ends that was said last, a number with all that belongs to
            it; -1 before the first.
        street_at: where the abbreviated kind of street stands of the address being read.
    """

    text: str
    is_word: Callable[[str], bool]
    shouting: bool
    recent: list[str] = field(default_factory=list)
    amount_end: int = -1
    street_at: int = -1

    @property
    def last_word(self) -> str:
        """The word said last, "" behind the end of a sentence."""
        return self.recent[-1] if self.recent else ""

    def said(self, word: str) -> None:
        """Note a word said."""
        self.recent = [*self.recent[-3:], word]

    def paused(self, mark: str) -> None:
        """Note a mark heard: the end of a sentence forgets the words before it."""
        if mark in ".!?":
            self.recent = []


Say = Callable[[re.Match[str], Context], "list[str] | None"]


@dataclass(frozen=True)
class Rule:
    """A pattern and what is said for a match: words and marks, or None to decline.

    Attributes:
        starts: the characters with which a match may begin.
        is_amount: whether what is said is an amount, behind which a hyphen means "to".
    """

    pattern: re.Pattern[str]
    say: Say
    starts: frozenset[str]
    is_amount: bool = False


def rule(pattern: str, say: Say, starts: str, *, is_amount: bool = False, flags: int = 0) -> Rule:
    """Make a rule of a pattern given as text."""
    return Rule(re.compile(pattern, flags), say, frozenset(starts), is_amount)


def fixed(said: str) -> Say:
    """What to say for a pattern that always means the same."""
    return lambda match, context: said.split()


def before(match: re.Match[str]) -> str:
    """What stands before a match, as far as a rule may look."""
    return match.string[max(0, match.start() - WINDOW) : match.start()]


def after(match: re.Match[str]) -> str:
    """What stands behind a match, as far as a rule may look."""
    return match.string[match.end() : match.end() + WINDOW]


_SENTENCE_STARTERS = frozenset(
    "The It He She We They I In But And A An This That There These Those You If When What".split()
)


def final_stop(match: re.Match[str]) -> list[str]:
    """Return the stop that an abbreviation's dot also is where its sentence ends."""
    if not match[0].endswith("."):
        return []
    rest = after(match).strip(" \"')")
    starts_sentence = re.split(r"[^A-Za-z]", rest, maxsplit=1)[0] in _SENTENCE_STARTERS
    return ["."] if not rest or starts_sentence else []


def alternatives(spellings: object) -> str:
    """A pattern for one of several spellings, the longest that fits."""
    listed = sorted(map(str, spellings), key=len, reverse=True)  # type: ignore[call-overload]
    return "|".join(re.escape(spelling) for spelling in listed)
