"""Who sees what: one's own machine shares a folder, strangers see nothing of each other."""

import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bark.environment import read_environment
from bark.options import GenerationOptions
from bark.ui.actions.speak import follow, speak
from bark.ui.build import build_studio
from bark.ui.page.form import Form
from bark.ui.state.sessions import Visits
from bark.ui.state.studio import takes_folder
from bark.ui.state.visitors_folder import VisitorsFolder
from tests.fake_bark import FakeBark
from tests.studio_fixtures import make_studio


def until_it_sounds(running: Any) -> None:
    """Follows a run to its first piece of sound, and then no longer."""
    while not (update := next(running)).player or update.player["kind"] != "piece":
        pass
    running.close()


def test_two_visitors_do_not_see_each_others_takes() -> None:
    studio = make_studio(None)
    one, other = studio.visits.session("one"), studio.visits.session("other")
    list(speak(studio, one, Form(text="Mine alone.")))
    assert len(one.visit.takes.all()) == 1
    assert other.visit.takes.all() == []
    assert one.visit.key != other.visit.key


def test_a_reload_finds_the_takes_again_and_a_wrong_key_does_not() -> None:
    studio = make_studio(None)
    before = studio.visits.open("before", "")
    list(speak(studio, before, Form(text="Still here.")))
    studio.visits.close("before")
    assert len(studio.visits.open("after", before.visit.key).visit.takes.all()) == 1
    assert studio.visits.open("stranger", "guessed").visit.takes.all() == []


def test_on_ones_own_machine_all_tabs_share_the_folder(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)
    list(speak(studio, studio.visits.session("one"), Form(text="Shared.")))
    assert len(studio.visits.session("two").visit.takes.all()) == 1


def test_a_run_goes_on_over_a_reload_and_is_told_from_its_beginning() -> None:
    studio = make_studio(None, pace_s=0.02)
    before = studio.visits.open("before", "")
    running = speak(studio, before, Form(text="Said while the page is reloaded."))
    until_it_sounds(running)
    studio.visits.close("before")
    after = studio.visits.open("after", before.visit.key)
    told = [update.player for update in follow(after) if update.player]
    assert [message["kind"] for message in told][:2] == ["live", "piece"]
    assert told[0]["old"]
    assert told[-1]["kind"] == "take"
    assert "old" not in told[-1]
    (take,) = after.visit.takes.all()
    assert take.stop_reason == "end"
    assert after.selected == take.id


def test_a_visit_that_nobody_looks_at_stops_and_keeps_what_it_has() -> None:
    studio = make_studio(None, pace_s=0.05, grace_s=0.2)
    session = studio.visits.open("tab", "")
    running = speak(studio, session, Form(text="Nobody will hear the end of this."))
    until_it_sounds(running)
    studio.visits.close("tab")
    assert session.visit.runs.wait_until_idle(20.0)
    assert [take.stop_reason for take in session.visit.takes.all()] == ["stopped"]


def test_a_tab_whose_connection_was_lost_comes_back_to_its_visit() -> None:
    studio = make_studio(None)
    tab = studio.visits.open("tab", "")
    list(speak(studio, tab, Form(text="Before the tunnel.")))
    studio.visits.close("tab")  # as Gradio tells of a heartbeat that broke off
    back = studio.visits.session("tab")
    assert back.visit is tab.visit
    assert back.selected == tab.selected
    assert not back.stop_download.is_set()
    assert studio.visits.session("another tab").visit is not tab.visit


def test_a_run_goes_on_while_its_page_asks_though_its_connection_is_lost() -> None:
    studio = make_studio(None, pace_s=0.2, grace_s=1.5)
    session = studio.visits.open("tab", "")
    running = speak(studio, session, Form(text="Said in a tunnel, for a page that is still there."))
    until_it_sounds(running)
    studio.visits.close("tab")
    for _ in range(40):
        time.sleep(0.05)
        assert studio.visits.by_key(session.visit.key) is session.visit
        assert not session.visit.runs.stop.is_set()
    assert session.visit.runs.wait_until_idle(20.0)  # nobody asks any more


def test_a_press_just_as_a_run_ends_is_told_though_it_is_over_before_anybody_looks() -> None:
    studio = make_studio(None)
    session = studio.visits.open("tab", "")
    running = speak(studio, session, Form(text="The first."))
    told = [next(running)]
    assert session.visit.runs.wait_until_idle(20.0)  # and the page has heard of nothing yet
    for text in ("The second.", "The third."):
        assert list(speak(studio, session, Form(text=text))) == []  # the page follows already
        assert session.visit.runs.wait_until_idle(20.0)
    told += running
    cards = [card for update in told if update.takes for card in update.takes.get("takes", ())]
    assert [card["text"] for card in cards] == ["The first.", "The second.", "The third."]


def test_what_was_deleted_during_a_run_does_not_come_back_with_a_reload() -> None:
    studio = make_studio(None)
    bark, n_made, may_end = studio.engine.ready(), itertools.count(), threading.Event()
    assert isinstance(bark, FakeBark)
    bark.before_fine = lambda: next(n_made) == 0 or may_end.wait(20)
    before = studio.visits.open("before", "")
    running = speak(studio, before, Form(text="The first."))
    next(running)
    assert list(speak(studio, before, Form(text="The second."))) == []  # it waits behind
    while not (update := next(running)).takes or update.takes["kind"] != "changes":
        pass
    (deleted,) = before.visit.takes.delete(before.visit.takes.all()[0].id)
    telling = follow(studio.visits.open("after", before.visit.key))
    told = [next(telling)]  # while the second is being made
    may_end.set()
    told += telling
    shown = [u.player["take"]["id"] for u in told if u.player and "take" in u.player]
    listed = [card["id"] for u in told if u.takes for card in u.takes.get("takes", ())]
    assert len(listed) == 1
    assert deleted.id not in [*shown, *listed]


def test_the_end_stops_everything_and_removes_what_strangers_left() -> None:
    studio = make_studio(None, pace_s=0.05)
    session = studio.visits.session("tab")
    running = speak(studio, session, Form(text="Gone soon."))
    next(running)
    folder = session.visit.takes.folder
    studio.close()
    assert not session.visit.runs.busy
    assert not folder.exists()


@pytest.mark.parametrize("closes_after_s", [0.0, 0.15, 0.4])
def test_a_run_that_the_end_cuts_short_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closes_after_s: float
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    studio = make_studio(None, pace_s=0.01)
    session = studio.visits.session("tab")
    list(speak(studio, session, Form(text="Kept.")))
    run = threading.Thread(
        target=lambda: list(speak(studio, session, Form(text="Cut.", n_takes=4)))
    )
    run.start()
    time.sleep(closes_after_s)
    studio.close()
    run.join(5)
    late = studio.visits.session("late").visit.takes
    assert late.add(FakeBark().generate("Late.", options=GenerationOptions(seed=1))).path is None
    assert list(tmp_path.iterdir()) == []


_LEAVES_A_FOLDER = """
import sys, tempfile
from bark.ui.state.visitors_folder import VisitorsFolder
tempfile.tempdir = sys.argv[1]
folder = VisitorsFolder()
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.name != "posix", reason="locks of files are not tried on this system")
def test_what_a_killed_process_left_is_removed_by_the_next_and_what_is_in_use_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "bark-visits-notours").symlink_to(tmp_path.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", _LEAVES_A_FOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    theirs = Path(process.stdout.readline().strip())
    (theirs / "take.wav").write_bytes(b"somebody's")
    mine = VisitorsFolder()
    assert theirs.exists()
    process.kill()
    process.communicate()
    other = VisitorsFolder()
    assert not theirs.exists()
    assert mine.path.exists()
    assert tmp_path.parent.exists()
    for folder in (mine, other):
        folder.remove()


def test_a_visit_is_forgotten_an_hour_after_its_last_tab(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("bark.ui.state.sessions.time.monotonic", lambda: now[0])
    visits = Visits(None)
    key = visits.open("tab", "").visit.key
    visits.close("tab")
    now[0] = 3_500.0
    visits.open("other", "")
    assert visits.by_key(key) is not None
    now[0] = 8_000.0
    visits.open("third", "")
    assert visits.by_key(key) is None


def test_tabs_that_were_never_closed_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("bark.ui.state.sessions.time.monotonic", lambda: now[0])
    visits = Visits(None)
    keys = [visits.open(f"made up {i}", "").visit.key for i in range(50)]
    now[0] = 100_000.0
    visits.open("tab", "")
    assert not any(visits.by_key(key) for key in keys)


@pytest.mark.parametrize(
    ("variables", "share", "host", "shares_folder"),
    [
        ({}, False, None, True),
        ({}, False, "127.0.0.1", True),
        ({}, False, "0.0.0.0", False),
        ({"BARK_TAKES_DIR": "/data/takes"}, False, "0.0.0.0", True),
        ({"BARK_TAKES_DIR": "/data/takes"}, True, None, False),
        ({"SYSTEM": "spaces", "BARK_TAKES_DIR": "/data/takes"}, False, None, False),
    ],
)
def test_strangers_never_share_a_folder(
    variables: dict[str, str], share: bool, host: str | None, shares_folder: bool
) -> None:
    environment = read_environment(variables)
    studio = build_studio(environment, model="nano", share=share, server_name=host)
    assert studio.visits.are_private is not shares_folder
    assert studio.can_change_model is shares_folder


def test_takes_folder_follows_the_variable(tmp_path: Path) -> None:
    assert takes_folder(tmp_path, is_public=False) == tmp_path
    assert takes_folder(tmp_path, is_public=True) is None
