"""The clock set back or forward by a year between takes: nothing is lost, the order stays."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bark.ui.actions.speak import speak
from bark.ui.page.form import Form
from bark.ui.state.take_store import TakeStore
from tests.studio_fixtures import make_studio
from tests.ui.test_take_store import make_take

YEAR_S = 365 * 86_400.0
Jump = Callable[[float], None]


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Sets the clock of the wall, in seconds from now; the monotonic one never jumps."""
    now = time.time

    def to(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: now() + seconds)

    return to


@pytest.mark.parametrize("jumps", [(0, -YEAR_S, YEAR_S, 0), (YEAR_S, 0, -YEAR_S, -YEAR_S)])
def test_takes_keep_their_order_and_numbers_over_a_restart(
    tmp_path: Path, jump: Jump, jumps: tuple[float, ...]
) -> None:
    store = TakeStore(tmp_path)
    for seed, seconds in enumerate(jumps):
        jump(seconds)
        stored = store.add(make_take(f"Take {seed}.", seed))
        assert stored.path is not None
        os.utime(stored.path, (time.time(), time.time()))  # as its file would be dated
    assert [take.number for take in store.all()] == [4, 3, 2, 1]
    again = TakeStore(tmp_path)
    assert [take.number for take in again.all()] == [4, 3, 2, 1]
    assert again.add(make_take("One more.")).number == 5


def test_deletions_are_taken_back_the_last_one_first_whatever_the_clock_says(
    tmp_path: Path, jump: Jump
) -> None:
    store = TakeStore(tmp_path)
    first, second = store.add(make_take("One.", 1)), store.add(make_take("Two.", 2))
    jump(YEAR_S)
    store.delete(first.id)
    jump(-YEAR_S)
    store.delete(second.id)
    jump(0)
    assert store.restore() == [second]
    assert store.restore() == [first]
    assert [take.number for take in store.all()] == [2, 1]


@pytest.mark.parametrize("seconds", [-YEAR_S, YEAR_S])
def test_a_visitor_is_not_taken_for_gone_because_the_clock_was_set(
    jump: Jump, seconds: float
) -> None:
    studio = make_studio(None)
    session = studio.visits.open("tab", "")
    list(speak(studio, session, Form(text="Before it was set.")))
    jump(seconds)
    list(speak(studio, session, Form(text="After it was set.")))
    studio.visits.close("tab")
    again = studio.visits.open("reloaded", session.visit.key)
    texts = [take.text for take in again.visit.takes.all()]
    assert texts == ["After it was set.", "Before it was set."]
    studio.close()
