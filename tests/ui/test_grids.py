"""Grids on the page: planned, made, kept, and the verdicts of comparisons."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from bark.errors import BarkError, InvalidInputError
from bark.ui.actions import grids, votes
from bark.ui.actions.runs import Update
from bark.ui.actions.speak import speak, stop
from bark.ui.page import messages
from bark.ui.page.form import Form
from bark.ui.state.grid_store import GridStore
from bark.ui.state.sessions import Session
from bark.ui.state.studio import Studio
from tests.fake_bark import SILENT_TEXT
from tests.studio_fixtures import make_studio

FORM = Form(text="Hello there, grid.", seed=5, hold_seed=True)
ASKED = {"axes": [["text_temperature", "0.5, 0.7"], ["seed", "1-2"], ["", ""]], "same_seed": True}


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return make_studio(tmp_path / "takes")


@pytest.fixture
def session(studio: Studio) -> Session:
    return studio.visits.session("tab")


def told(updates: list[Update]) -> list[dict]:
    return [update.grid for update in updates if update.grid]


def test_a_plan_is_read_before_it_is_made(studio: Studio, session: Session) -> None:
    plan = grids.read_plan(studio, session.visit, FORM, ASKED, seed=5)
    assert plan.shape == (2, 2, 1)
    before = grids.outlook(studio, session.visit, plan)
    assert (before.n_takes, before.n_batches, before.expected_s) == (4, 2, None)
    list(speak(studio, session, FORM))
    after = grids.outlook(studio, session.visit, plan)
    assert after.expected_s is not None
    assert after.expected_s > 0


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"axes": "seed"},
        {"axes": [["seed"]]},
        {"axes": [["", ""]]},
        {"axes": [["seed", "x"]]},
        {"axes": [["speed", "1"]]},
        {"axes": [["seed", "1"]] * 4},
        {"axes": [["seed", "1-60"], ["text_top_k", "1-60"]]},
        {"axes": [["words", "loud, soft"]]},
    ],
)
def test_axes_that_a_stranger_made_up_are_refused(
    studio: Studio, session: Session, asked: dict
) -> None:
    with pytest.raises(BarkError):
        grids.read_plan(studio, session.visit, FORM, asked, seed=5)


def test_cells_are_told_as_they_are_done_and_listed(studio: Studio, session: Session) -> None:
    messages_ = told(list(grids.make(studio, session, FORM, ASKED)))
    kinds = [message["kind"] for message in messages_]
    assert kinds == ["grid", *["started", "cell", "cell"] * 2, "ended"]
    assert messages_[0]["headings"][:2] == [["0.5", "0.7"], ["1", "2"]]
    takes = session.visit.takes.all()
    assert len(takes) == 4
    (kept,) = session.visit.grids.all()
    assert set(kept.takes.values()) == {take.id for take in takes}
    settings = {(t.options.semantic.temperature, t.options.seed) for t in takes}
    assert settings == {(0.5, 1), (0.5, 2), (0.7, 1), (0.7, 2)}


def test_a_seed_that_no_take_has_is_not_told(studio: Studio, session: Session) -> None:
    over_seeds = list(grids.make(studio, session, FORM, ASKED))
    assert all(update.seed is None for update in over_seeds)
    assert "Made 4 of 4 takes." in (over_seeds[-2].status or "")
    of_one = list(grids.make(studio, session, FORM, {"axes": [["text_top_k", "0, 50"]]}))
    assert "5" in {update.seed for update in of_one}
    assert "Made 2 of 2 takes, seed 5." in (of_one[-2].status or "")


def test_a_grid_is_reopened_after_a_restart_without_what_was_deleted(
    studio: Studio, session: Session
) -> None:
    form = Form(text=f"{{Hello|{SILENT_TEXT}}}")
    list(grids.make(studio, session, form, {"axes": [["seed", "1-3"]]}))
    visit = session.visit
    (grid,) = visit.grids.all()
    visit.takes.delete(grid.takes[0])
    again = GridStore(visit.takes.folder).get(grid.id)
    assert again == grid
    shown = messages.grid(again, visit)
    assert sorted(shown["cells"]) == [1, 2]
    assert sorted(shown["failures"]) == [3, 4, 5]
    json.dumps(shown, allow_nan=False)
    with zipfile.ZipFile(io.BytesIO(grids.archive(visit, grid))) as archive:
        names = archive.namelist()
    assert {"cell-002.wav", "cell-003.wav", "index.html", "grid.csv"} <= set(names)
    assert "cell-001.wav" not in names


@pytest.mark.parametrize("name", ["../votes", "grid-", "grid-0123456789ab/../x", "takes"])
def test_a_grids_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "votes.json").write_text("{}")
    assert GridStore(tmp_path).get(name) is None


def test_a_damaged_grid_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "grid-0123456789ab.json").write_text('{"bark_grid": 1}')
    assert GridStore(tmp_path).all() == []


def test_a_stopped_grid_keeps_what_it_has(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, pace_s=0.005)
    session = studio.visits.session("tab")
    updates = []
    for update in grids.make(studio, session, FORM, ASKED):
        updates.append(update)
        if update.grid and update.grid["kind"] == "cell":
            stop(session)
    assert len(session.visit.takes.all()) == 2
    assert [update.status for update in updates if update.status][-1].count("Stopped; kept 2 of 4")


def test_verdicts_are_kept_and_added_up(studio: Studio, session: Session) -> None:
    list(grids.make(studio, session, FORM, ASKED))
    visit = session.visit
    by = {(t.options.semantic.temperature, t.options.seed): t.id for t in visit.takes.all()}
    low, high = by[0.5, 1], by[0.7, 2]
    for _ in range(3):
        found = votes.keep_vote(visit, {"winner": low, "loser": high, "first": high})
    found = votes.keep_vote(visit, {"winner": high, "loser": low, "first": high})
    (score,) = found["scores"]
    assert (found["n"], score["setting"]) == (4, "text temperature")
    assert (score["better"], score["worse"], score["won"], score["n"]) == ("0.5", "0.7", 3, 4)
    rows = list(csv.DictReader(io.StringIO(votes.votes_csv(visit))))
    assert [row["heard first"] for row in rows] == ["loser"] * 3 + ["winner"]
    assert rows[0]["differs in"] == "text_temperature"
    for wrong in ({"winner": low, "loser": low}, {"winner": low, "loser": "gone"}, {}):
        with pytest.raises(InvalidInputError):
            votes.keep_vote(visit, wrong)
