"""Speak, Stop, several takes, parts of a long text, redoing: handlers as plain generators."""

import dataclasses
from pathlib import Path

import pytest

from bark.ui.actions.meter import measure
from bark.ui.actions.runs import Update
from bark.ui.actions.speak import another, redo, redo_from, speak, speak_parts, stop
from bark.ui.page.form import Form
from bark.ui.state.run_board import MAX_WAITING_RUNS
from bark.ui.state.sessions import Session
from bark.ui.state.studio import Studio
from tests.fake_bark import SILENT_TEXT
from tests.studio_fixtures import make_studio

TEXT = "Hello there, this is a test."


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return make_studio(tmp_path / "takes")


@pytest.fixture
def session(studio: Studio) -> Session:
    return studio.visits.session("tab")


def last_status(updates: list[Update]) -> str:
    return [update.status for update in updates if update.status][-1]


def kinds(updates: list[Update]) -> list[str]:
    return [update.player["kind"] for update in updates if update.player]


def test_a_take_is_kept_shown_and_selected(studio: Studio, session: Session) -> None:
    updates = list(speak(studio, session, Form(text=TEXT, seed=5, hold_seed=True)))
    takes = session.visit.takes.all()
    assert [take.text for take in takes] == [TEXT]
    assert takes[0].options.seed == 5
    assert takes[0].path is not None
    assert takes[0].path.exists()
    assert session.selected == takes[0].id
    assert updates[0].seed == "5"  # shown as soon as Speak is pressed
    assert "Take 1" in last_status(updates)


def test_sound_comes_before_the_take(studio: Studio, session: Session) -> None:
    told = kinds(list(speak(studio, session, Form(text=TEXT))))
    assert told[0] == "live"
    assert told.index("piece") < told.index("take")


def test_four_takes_have_four_seeds_and_are_all_kept(studio: Studio, session: Session) -> None:
    updates = list(speak(studio, session, Form(text=TEXT, seed=10, hold_seed=True, n_takes=4)))
    seeds = [take.options.seed for take in session.visit.takes.all()]
    assert sorted(seeds) == [10, 11, 12, 13]
    told = [update.takes for update in updates if update.takes]
    assert [message["kind"] for message in told] == ["making", *["changes"] * 4, "made"]
    assert len(told[0]["rows"]) == 4  # before any of them is there
    assert [len(message["takes"]) for message in told[1:-1]] == [1, 1, 1, 1]  # as each is done


def test_same_seed_gives_the_same_file_contents(studio: Studio, session: Session) -> None:
    form = Form(text=TEXT, seed=3, hold_seed=True)
    list(speak(studio, session, form))
    list(speak(studio, session, form))
    first, second = (session.visit.takes.load(t.id) for t in session.visit.takes.all())
    assert (first.audio == second.audio).all()


@pytest.mark.parametrize("text", ["", "   \n "])
def test_empty_text_is_one_sentence_and_no_take(
    studio: Studio, session: Session, text: str
) -> None:
    updates = list(speak(studio, session, Form(text=text)))
    assert len(updates) == 1
    assert 'role="alert"' in (updates[0].status or "")
    assert not session.visit.takes.all()


def test_a_text_that_is_too_long_for_the_place_is_refused(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, max_chars=20)
    session = studio.visits.session("tab")
    updates = list(speak(studio, session, Form(text="x" * 21)))
    assert "21 characters" in (updates[0].status or "")


def test_an_unknown_voice_is_a_sentence_and_frees_the_slot(
    studio: Studio, session: Session
) -> None:
    updates = list(speak(studio, session, Form(text=TEXT, voice="en_speker_1")))
    assert "en_speker_1" in last_status(updates)
    assert studio.engine.queue.wait_until_empty(1.0)
    list(speak(studio, session, Form(text=TEXT)))
    assert len(session.visit.takes.all()) == 1


def test_a_path_is_never_read_as_a_voice(studio: Studio, session: Session, tmp_path: Path) -> None:
    secret = tmp_path / "secret.npz"
    secret.write_bytes(b"not yours")
    updates = list(speak(studio, session, Form(text=TEXT, voice=str(secret))))
    assert "Unknown voice" in last_status(updates)


def test_text_in_messages_is_escaped(studio: Studio, session: Session) -> None:
    updates = list(speak(studio, session, Form(text=TEXT, voice="<img src=x onerror=alert(1)>")))
    assert "<img" not in last_status(updates)


def test_nothing_generated_says_what_to_do(studio: Studio, session: Session) -> None:
    updates = list(speak(studio, session, Form(text=SILENT_TEXT)))
    assert "stopped before it began" in last_status(updates)
    assert kinds(updates)[-1] == "end"


def test_stop_keeps_what_was_made(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, pace_s=0.01)
    session = studio.visits.session("tab")
    updates = []
    for update in speak(studio, session, Form(text=TEXT)):
        updates.append(update)
        if kinds(updates).count("piece") == 3:
            assert stop(session) is None
    takes = session.visit.takes.all()
    assert [take.stop_reason for take in takes] == ["stopped"]
    assert 0 < takes[0].duration_s < 0.05 * len(TEXT)
    assert "Stopped; kept" in last_status(updates)


def test_that_it_is_stopping_is_told_once_and_before_the_last_word(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, pace_s=0.01)
    session = studio.visits.session("tab")
    told = []
    for update in speak(studio, session, Form(text=TEXT)):
        told.append(update.status or "")
        if len(told) == 5:
            stop(session)
            stop(session)
    (stopping,) = [i for i, line in enumerate(told) if "Stopping" in line]
    assert any("Stopped; kept" in line for line in told[stopping:])


def test_stop_with_nothing_running_says_so(session: Session) -> None:
    assert "Nothing is being made" in (stop(session) or "")


def test_a_second_press_waits_and_is_not_lost(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, pace_s=0.005)
    session = studio.visits.session("tab")
    first = speak(studio, session, Form(text="First of two."))
    next(first)
    assert list(speak(studio, session, Form(text="Second of two."))) == []
    told = kinds(list(first))
    assert [take.text for take in session.visit.takes.all()] == ["Second of two.", "First of two."]
    assert [kind for kind in told if kind in ("take", "queue")] == ["take", "queue"]
    assert not session.visit.runs.busy


def test_too_many_waiting_presses_are_refused_in_a_sentence(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, pace_s=0.05)
    session = studio.visits.session("tab")
    running = speak(studio, session, Form(text=TEXT))
    next(running)
    for _ in range(MAX_WAITING_RUNS):
        assert list(speak(studio, session, Form(text=TEXT))) == []
    (refused,) = speak(studio, session, Form(text=TEXT))
    assert "Enough is waiting" in (refused.status or "")
    stop(session)
    running.close()


def test_a_waiting_visit_that_is_stopped_leaves_the_line(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)
    held = studio.engine.queue.ticket()
    session = studio.visits.session("tab")
    waiting = speak(studio, session, Form(text=TEXT))
    while "1 person is before you" not in (next(waiting).status or ""):
        pass
    stop(session)
    assert "Stopped before" in last_status(list(waiting))
    held.close()
    assert studio.engine.queue.wait_until_empty(0)


def test_a_long_text_is_spoken_in_parts_that_lose_nothing(studio: Studio, session: Session) -> None:
    text = " ".join(f"word{i}." for i in range(90))
    told = kinds(list(speak_parts(studio, session, Form(text=text))))
    takes = session.visit.takes.all()[::-1]
    assert len(takes) == 3
    assert " ".join(take.text for take in takes) == text
    assert told.count("queue") == 2  # heard one after another
    assert {take.cut_text for take in takes} == {""}


def test_words_that_were_not_heard_are_named(studio: Studio, session: Session) -> None:
    text = " ".join(f"word{i}" for i in range(42))
    updates = list(speak(studio, session, Form(text=text)))
    assert "word40 word41" in last_status(updates)


def test_again_keeps_everything_but_the_seed(studio: Studio, session: Session) -> None:
    list(speak(studio, session, Form(text=TEXT, text_temperature=0.4, seed=1, hold_seed=True)))
    list(another(studio, session))
    newest, oldest = session.visit.takes.all()
    assert newest.options.seed != oldest.options.seed
    assert dataclasses.replace(newest.options, seed=1) == oldest.options


def test_redo_keeps_the_semantic_tokens(studio: Studio, session: Session) -> None:
    list(speak(studio, session, Form(text=TEXT)))
    form = Form(waveform_temperature=0.2, seed=99, hold_seed=True)
    list(redo(studio, session, form, "coarse"))
    newest, oldest = (session.visit.takes.load(t.id) for t in session.visit.takes.all())
    assert (newest.tokens.semantic == oldest.tokens.semantic).all()
    assert newest.options.coarse.temperature == 0.2
    assert newest.redone_from == "coarse"


def test_again_from_a_word_keeps_the_takes_own_voice_and_settings(
    studio: Studio, session: Session
) -> None:
    list(speak(studio, session, Form(text=TEXT, voice="birch", text_temperature=0.3)))
    list(redo_from(studio, session, 0.5))
    newest, oldest = session.visit.takes.all()
    assert newest.voice_name == "birch"
    assert newest.options.seed != oldest.options.seed
    assert dataclasses.replace(newest.options, seed=1) == dataclasses.replace(
        oldest.options, seed=1
    )
    made = session.visit.takes.load(newest.id)
    assert made.redone_from == "semantic"


@pytest.mark.parametrize("from_s", [-1.0, 900.0, float("nan")])
def test_again_from_nowhere_is_a_sentence(studio: Studio, session: Session, from_s: float) -> None:
    list(speak(studio, session, Form(text=TEXT)))
    updates = list(redo_from(studio, session, from_s))
    assert 'role="alert"' in (updates[0].status or "")
    session.selected = "gone"
    updates = list(redo_from(studio, session, 0.5))
    assert 'role="alert"' in (updates[0].status or "")


def test_redo_without_a_take_is_a_sentence(studio: Studio, session: Session) -> None:
    updates = list(redo(studio, session, Form(), "coarse"))
    assert 'role="alert"' in (updates[0].status or "")


def test_braces_make_a_take_of_every_wording_with_the_same_seed(
    studio: Studio, session: Session
) -> None:
    form = Form(text="Say it {calm|angry}, {now|then}.", seed=3, hold_seed=True)
    assert "Makes 4 takes." in measure(studio, form.text).line
    assert "Makes 12 takes: 3 of each wording." in measure(studio, form.text, 3).line
    assert "Makes 36 takes; at most 32" in measure(studio, "{a|b|c} {d|e|f}", 4).line
    list(speak(studio, session, form))
    takes = session.visit.takes.all()
    assert {take.text for take in takes} == {
        "Say it calm, now.",
        "Say it calm, then.",
        "Say it angry, now.",
        "Say it angry, then.",
    }
    assert {take.options.seed for take in takes} == {3}
    updates = list(speak(studio, session, Form(text="{a|b}" * 7)))
    assert "at most 32" in last_status(updates)
