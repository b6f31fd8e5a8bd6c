"""Blind tests: fair pairs, honest counting, votes that are kept."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from bark.compare.blind import (
    Knockout,
    Vote,
    append_vote,
    interval,
    only_difference,
    read_votes,
    tally,
)
from bark.errors import InvalidInputError


@given(st.integers(2, 8), st.integers(0, 10**6))
def test_a_knockout_ends_with_the_best_of_its_entries(n: int, seed: int) -> None:
    names = [f"take {i}" for i in range(n)]
    match = Knockout(names, random.Random(seed))
    best = random.Random(seed + 1).choice(names)
    heard = 0
    while match.pair is not None:
        heard += 1
        match.vote(best if best in match.pair else match.pair[0])
    assert heard == match.n_pairs == n - 1
    assert match.winner == best
    won, had = match.wins(best)
    assert won == had >= 1


def test_who_is_heard_first_is_drawn_evenly() -> None:
    pairs = [Knockout(["a", "b"], random.Random(seed)).pair for seed in range(400)]
    first = sum(pair is not None and pair[0] == "a" for pair in pairs)
    assert 160 < first < 240


def test_only_one_of_the_pair_can_win() -> None:
    match = Knockout(["a", "b"], random.Random(0))
    with pytest.raises(InvalidInputError):
        match.vote("c")
    match.vote("b")
    assert match.winner == "b"
    with pytest.raises(InvalidInputError):
        match.vote("b")
    with pytest.raises(InvalidInputError):
        Knockout(["a", "a"], random.Random(0))


@pytest.mark.parametrize(("won", "n"), [(0, 1), (1, 1), (14, 20), (7, 20), (20, 20), (500, 1000)])
def test_the_interval_is_wilsons(won: int, n: int) -> None:
    expected = binomtest(won, n).proportion_ci(0.95, method="wilson")
    assert interval(won, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def vote(winner: float, loser: float, **other: object) -> Vote:
    return Vote(
        {"text_temperature": winner, "seed": 1, "voice": "alder"},
        {"text_temperature": loser, "seed": 2, "voice": "alder", **other},
    )


def test_votes_add_up_to_which_setting_wins() -> None:
    votes = [vote(0.6, 0.9)] * 14 + [vote(0.9, 0.6)] * 6 + [vote(0.5, 0.6)]
    first, second = tally(votes)
    assert (first.better, first.worse, first.won, first.n) == (0.6, 0.9, 14, 20)
    assert not first.is_settled
    assert "14 of 20" in first.sentence()
    assert "chance" in first.sentence()
    assert (second.better, second.n) == (0.5, 1)
    (settled,) = tally([vote(0.9, 0.6)] * 15 + [vote(0.6, 0.9)] * 5)
    assert settled.is_settled
    assert settled.better == 0.9


def test_a_vote_between_takes_that_differ_twice_says_nothing() -> None:
    assert tally([vote(0.6, 0.9, voice="birch")]) == []
    assert tally([vote(0.6, 0.6)]) == []
    assert only_difference({"a": 1, "seed": 3}, {"a": 2, "seed": 4}) == "a"


def test_votes_are_kept_and_a_damaged_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "takes" / "votes.jsonl"
    assert read_votes(path) == []
    append_vote(path, vote(0.6, 0.9))
    with path.open("a") as file:
        file.write("half a li\n[1]\n")
    append_vote(path, vote(0.9, 0.6))
    assert read_votes(path) == [vote(0.6, 0.9), vote(0.9, 0.6)]
