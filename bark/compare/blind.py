"""Blind comparison: which pairs are heard, who wins, and what the votes add up to."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidInputError

log = logging.getLogger(__name__)

MAX_ENTRIES = 8
_Z_95 = 1.959963984540054  # two-sided, of the normal distribution
_NOT_A_SETTING = ("seed", "id")  # what may differ between two takes of one pair all the same


@dataclasses.dataclass(frozen=True)
class Vote:
    """One verdict.

    Attributes:
        winner, loser: the settings of the two takes, as plain values.
        first: "winner" or "loser": which of the two was presented first.
        at: when, as ISO 8601 in UTC.
    """

    winner: Mapping[str, Any]
    loser: Mapping[str, Any]
    first: str = ""
    at: str = ""


class Knockout:
    """Pairs until one is left: the winners of a round meet in the next, in a drawn order.

    Args:
        entries: two to eight names, each once.
        draw: decides who meets whom and who is heard first.

    Raises:
        InvalidInputError: too few, too many, or a name twice.
    """

    def __init__(self, entries: Sequence[str], draw: random.Random) -> None:
        if not 2 <= len(entries) <= MAX_ENTRIES or len(set(entries)) != len(entries):
            raise InvalidInputError(
                f"A comparison takes 2 to {MAX_ENTRIES} different takes, not {len(entries)}."
            )
        self._draw = draw
        self._round = draw.sample(list(entries), len(entries))
        self._next: list[str] = []
        self.votes: list[tuple[str, str]] = []  # winner, loser
        self.n_pairs = len(entries) - 1
        self.pair: tuple[str, str] | None = None
        self._pick()

    @property
    def winner(self) -> str | None:
        """Who is left; None while there are pairs to hear."""
        return None if self.pair else self._round[0]

    def vote(self, winner: str) -> None:
        """Decides the present pair.

        Raises:
            InvalidInputError: the name is not in it, or all is decided.
        """
        if self.pair is None or winner not in self.pair:
            raise InvalidInputError("The vote is not for one of the two that were heard.")
        loser = self.pair[self.pair[0] == winner]
        self.votes.append((winner, loser))
        self._next.append(winner)
        self._pick()

    def wins(self, entry: str) -> tuple[int, int]:
        """How many of its pairs an entry won, and how many it had."""
        won = sum(winner == entry for winner, _ in self.votes)
        return won, won + sum(loser == entry for _, loser in self.votes)

    def _pick(self) -> None:
        if len(self._round) == 1:  # the odd one goes on without a vote
            self._next.append(self._round.pop())
        if not self._round:
            self._round, self._next = self._next, []
        if len(self._round) == 1:
            self.pair = None
            return
        one, other = self._round.pop(), self._round.pop()
        self.pair = (one, other) if self._draw.random() < 0.5 else (other, one)


@dataclasses.dataclass(frozen=True)
class Score:
    """How two values of one setting fared against each other.

    Attributes:
        better, worse: the values, the one with more votes first.
        won, n: votes for `better`, and all votes between the two.
        low, high: 95 % interval of its share, 0 to 1 (Wilson).
    """

    setting: str
    better: Any
    worse: Any
    won: int
    n: int
    low: float
    high: float

    @property
    def is_settled(self) -> bool:
        """Whether the interval excludes a coin's half."""
        return self.low > 0.5

    def sentence(self) -> str:
        """The result as one line."""
        verdict = "" if self.is_settled else "; chance alone could do that"
        return (
            f"{self.better} over {self.worse}: {self.won} of {self.n} "
            f"({self.low:.0%} to {self.high:.0%}{verdict})."
        )


def interval(won: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson's), which is honest for few votes too.

    Args:
        won, n: 0 <= won <= n; with n 0 it is the whole (0, 1).
    """
    if not 0 <= won <= n:
        raise InvalidInputError(f"{won} of {n} is no count of votes.")
    if n == 0:
        return 0.0, 1.0
    share, z2 = won / n, _Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def tally(votes: Iterable[Vote]) -> list[Score]:
    """Which value of which setting won, over all votes.

    A vote counts for a setting when nothing else but the seed differs between the two takes:
    where two settings differ, nobody knows which one was heard.

    Returns:
        one score a pair of values, those with the most votes first.
    """
    counts: dict[tuple[str, str, str], list[int]] = {}
    values: dict[tuple[str, str, str], tuple[Any, Any]] = {}
    for vote in votes:
        setting = only_difference(vote.winner, vote.loser)
        if setting is None:
            continue
        won, lost = vote.winner.get(setting), vote.loser.get(setting)
        names = sorted((repr(won), repr(lost)))
        key = (setting, names[0], names[1])
        count = counts.setdefault(key, [0, 0])
        ordered = (won, lost) if repr(won) == names[0] else (lost, won)
        values.setdefault(key, ordered)
        count[repr(won) != names[0]] += 1
    scores = []
    for key, (first, second) in counts.items():
        one, other = values[key]
        if second > first:
            one, other, first, second = other, one, second, first
        low, high = interval(first, first + second)
        scores.append(Score(key[0], one, other, first, first + second, low, high))
    return sorted(scores, key=lambda score: -score.n)


def only_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """The setting in which two takes differ, the seed aside; None for none or several."""
    names = [
        name
        for name in {**one, **other}
        if name not in _NOT_A_SETTING and one.get(name) != other.get(name)
    ]
    return names[0] if len(names) == 1 else None


def append_vote(path: Path, vote: Vote) -> None:
    """Adds a vote to a file of one JSON object a line.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(dataclasses.asdict(vote), ensure_ascii=False) + "\n")


def read_votes(path: Path) -> list[Vote]:
    """The votes of a file; a line that is none is left out, and a missing file holds none."""
    if not path.exists():
        return []
    votes = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            read = json.loads(line)
            votes.append(
                Vote(
                    dict(read["winner"]),
                    dict(read["loser"]),
                    str(read.get("first", "")),
                    str(read.get("at", "")),
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            log.warning("a line of %s is no vote and is left out", path.name)
    return votes
