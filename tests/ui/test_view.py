"""What goes out to the page of what a run tells."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bark.ui.actions.runs import Update
from bark.ui.wiring import view
from bark.ui.wiring.view import tell, told


def test_steps_that_change_nothing_do_not_go_out_one_by_one() -> None:
    updates = [Update(), Update(status="half"), *[Update()] * 500, Update(seed="7")]
    said = list(tell(iter(updates)))
    assert said[1] == told(Update(status="half"))
    assert said[-1] == told(Update(seed="7"))
    assert len(said) < 50  # three, unless the machine stands still


def test_a_page_that_is_gone_is_noticed_while_nothing_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = iter(range(100))
    monkeypatch.setattr(view.time, "monotonic", lambda: float(next(seconds)))
    ended = []

    def quiet() -> Iterator[Update]:
        try:
            while True:
                yield Update()
        finally:
            ended.append(1)

    updates = quiet()
    telling = tell(updates)
    next(telling)
    next(telling)  # comes, though nothing is new
    updates.close()
    assert ended
