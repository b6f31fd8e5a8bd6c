"""Verdicts of blind comparisons: kept beside the takes, added up over all sessions."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Mapping
from typing import Any

from ...compare.blind import Vote, append_vote, only_difference, read_votes, tally
from ...errors import BarkError, InvalidInputError
from ..page import messages
from ..state.sessions import Visit

VOTES_FILE = "votes.jsonl"


def keep_vote(visit: Visit, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Keeps a verdict between two takes.

    Args:
        asked: `winner` and `loser` are ids of takes, `first` the id of the one presented first.

    Returns:
        the results of all verdicts, see `results`.

    Raises:
        InvalidInputError: a take is gone. BarkError: the disk does not take it.
    """
    winner = visit.takes.get(str(asked.get("winner")))
    loser = visit.takes.get(str(asked.get("loser")))
    if winner is None or loser is None or winner == loser:
        raise InvalidInputError("A verdict needs two takes that are still here.")
    first = "winner" if asked.get("first") == winner.id else "loser"
    at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    vote = Vote(messages.settings(winner), messages.settings(loser), first, at)
    try:
        append_vote(visit.takes.folder / VOTES_FILE, vote)
    except OSError as error:
        raise BarkError(f"The verdict is not kept: {error.strerror or error}.") from error
    return results(visit)


def results(visit: Visit) -> dict[str, Any]:
    """Which setting won, over all verdicts of this visit's folder."""
    votes = read_votes(visit.takes.folder / VOTES_FILE)
    scores = [
        {
            "setting": score.setting.replace("_", " "),
            "sentence": score.sentence(),
            "better": str(score.better),
            "worse": str(score.worse),
            "won": score.won,
            "n": score.n,
            "low": round(score.low, 3),
            "high": round(score.high, 3),
            "settled": score.is_settled,
        }
        for score in tally(votes)
    ]
    return {"n": len(votes), "scores": scores}


def votes_csv(visit: Visit) -> str:
    """All verdicts, a line each: when, what differed, and both takes' settings."""
    votes = read_votes(visit.takes.folder / VOTES_FILE)
    names = sorted({name for vote in votes for name in (*vote.winner, *vote.loser)})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    sides = [f"{side} {name}" for side in ("winner", "loser") for name in names]
    writer.writerow(["at", "heard first", "differs in", *sides])
    for vote in votes:
        differs = only_difference(vote.winner, vote.loser) or ""
        values = [side.get(name, "") for side in (vote.winner, vote.loser) for name in names]
        writer.writerow([_plain(v) for v in (vote.at, vote.first, differs, *values)])
    return out.getvalue()


def _plain(value: Any) -> str:
    """Text that a spreadsheet would run as a formula gets an apostrophe before it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
