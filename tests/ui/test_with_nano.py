"""The studio with nano itself: what is dropped back is said again, to the last bit."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bark.pipeline import Bark
from bark.ui.actions import take_actions
from bark.ui.actions.meter import measure
from bark.ui.actions.speak import redo, speak
from bark.ui.page.form import Form
from bark.ui.state.engine import Engine
from bark.ui.state.sessions import Visits
from bark.ui.state.studio import Studio

SHORT = Form(text="Yes.", max_duration_s=1.0, seed=11, hold_seed=True)


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    engine = Engine(
        "nano",
        open_model=lambda name: Bark.from_pretrained(name, device="cpu", precision="fp32"),
        fetch_model=lambda name, on_progress, stop: None,
    )
    engine.start()
    studio = Studio(engine, Visits(None))
    yield studio
    studio.close()


@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_a_dropped_take_is_said_again_bit_for_bit(
    studio: Studio, tmp_path: Path, format: str
) -> None:
    session = studio.visits.session("tab")
    list(speak(studio, session, SHORT))
    assert session.selected is not None
    made = session.visit.takes.load(session.selected)
    file = tmp_path / f"kept.{format}"
    file.write_bytes(session.visit.takes.encode(session.selected, format))

    visitor = studio.visits.session(f"another tab {format}")
    take_actions.open_file(studio, visitor, file)
    form = take_actions.settings_of(studio, visitor, Form())
    list(speak(studio, visitor, form))
    again = visitor.visit.takes.load(visitor.selected or "")
    for stage in ("semantic", "coarse", "fine"):
        assert np.array_equal(getattr(again.tokens, stage), getattr(made.tokens, stage))
    assert np.array_equal(again.audio, made.audio)


def test_redoing_the_sound_keeps_the_words_and_the_voice_of_a_take_can_go_on(
    studio: Studio,
) -> None:
    session = studio.visits.session("redo")
    list(speak(studio, session, SHORT))
    first = session.visit.takes.load(session.selected or "")
    list(redo(studio, session, dataclasses.replace(SHORT, seed=12), "coarse"))
    second = session.visit.takes.load(session.selected or "")
    assert np.array_equal(first.tokens.semantic, second.tokens.semantic)
    assert not np.array_equal(first.tokens.coarse, second.tokens.coarse)
    voice = take_actions.as_voice(session)
    updates = list(speak(studio, session, dataclasses.replace(SHORT, voice=voice)))
    assert 'role="alert"' not in (updates[-1].status or "")
    assert len(session.visit.takes.all()) == 3


def test_progress_and_sound_come_before_the_take(studio: Studio) -> None:
    session = studio.visits.session("progress")
    updates = list(speak(studio, session, dataclasses.replace(SHORT, max_duration_s=2.0)))
    kinds = [update.player["kind"] for update in updates if update.player]
    assert kinds[0] == "live"
    assert kinds.count("take") == 1
    assert any('role="progressbar"' in (update.status or "") for update in updates)


def test_meter_counts_as_nano_hears(studio: Studio) -> None:
    assert "of 384 tokens" in measure(studio, "Hello there.").line
    assert measure(studio, "The old man looked at the sea. " * 40).n_parts > 1
