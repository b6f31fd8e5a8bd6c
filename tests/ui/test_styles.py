"""Styles on the page: saved from the form, used in it, each visitor's own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bark.errors import BarkError, InvalidInputError
from bark.styles import own_styles_dir
from bark.ui.actions import take_actions
from bark.ui.actions.speak import speak
from bark.ui.actions.styles import drop_style, keep_style, style_rows, use_style
from bark.ui.page.form import Form
from bark.ui.state.studio import Studio
from tests.studio_fixtures import make_studio

SET = Form("Hello.", "birch", 0.4, 0.6, seed=7, hold_seed=True, n_takes=4, speed=0.9, text_top_k=50)
OTHER = Form("Something else.", seed=11, hold_seed=False, n_takes=2)


@pytest.fixture
def studio() -> Studio:
    return make_studio(None)


def test_a_style_brings_voice_settings_and_words_and_leaves_seed_and_takes(studio: Studio) -> None:
    visit = studio.visits.session("tab").visit
    line = keep_style(studio, visit, SET, {"name": " Calm ", "frame": "Well, {text}"})
    assert line == "Saved the style Calm."
    filled, line = use_style(studio, visit, OTHER, "Calm")
    assert line == ""
    assert filled == dataclasses.replace(
        SET, text="Well, Something else.", seed=11, hold_seed=False, n_takes=2
    )
    again, _ = use_style(studio, visit, filled, "Calm", "Calm")
    assert again == filled  # pressed twice, framed once


def test_another_style_takes_the_words_of_the_first_away(studio: Studio) -> None:
    visit = studio.visits.session("tab").visit
    keep_style(studio, visit, SET, {"name": "One", "frame": "Well, {text}"})
    keep_style(studio, visit, SET, {"name": "Two", "frame": "{text} Right?"})
    first, _ = use_style(studio, visit, OTHER, "One")
    second, _ = use_style(studio, visit, first, "Two", "One")
    assert second.text == "Something else. Right?"


def test_a_style_that_was_damaged_since_keeps_nobody_from_another(studio: Studio) -> None:
    visit = studio.visits.session("tab").visit
    keep_style(studio, visit, SET, {"name": "One", "frame": "Well, {text}"})
    keep_style(studio, visit, SET, {"name": "Two", "frame": "{text} Right?"})
    (studio.access(visit).folder_for_styles() / "One.json").write_text("[")
    second, _ = use_style(studio, visit, OTHER, "Two", "One")
    assert second.text == "Something else. Right?"


def test_a_frame_with_braces_makes_its_takes(studio: Studio) -> None:
    session = studio.visits.session("tab")
    keep_style(studio, session.visit, Form(), {"name": "Both", "frame": "{Well,|So,} {text}"})
    filled, _ = use_style(studio, session.visit, dataclasses.replace(OTHER, n_takes=1), "Both")
    list(speak(studio, session, filled))
    texts = sorted(take.text for take in session.visit.takes.all())
    assert texts == ["So, Something else.", "Well, Something else."]


def test_reuse_of_a_take_brings_the_words_that_were_said(studio: Studio) -> None:
    session = studio.visits.session("tab")
    keep_style(studio, session.visit, SET, {"name": "One", "frame": "Well, {text}"})
    filled, _ = use_style(studio, session.visit, OTHER, "One")
    list(speak(studio, session, dataclasses.replace(filled, n_takes=1)))
    form = take_actions.settings_of(studio, session, Form())
    assert form.text == "Well, Something else."
    assert (form.voice, form.text_temperature) == ("birch", 0.4)


def test_saving_under_the_same_name_updates_and_deleting_deletes(studio: Studio) -> None:
    visit = studio.visits.session("tab").visit
    keep_style(studio, visit, SET, {"name": "Calm", "frame": ""})
    line = keep_style(studio, visit, OTHER, {"name": "Calm", "frame": ""})
    assert line == "Updated the style Calm."
    assert [row["about"] for row in style_rows(studio, visit)] == ["no voice · 0.7 / 0.7"]
    drop_style(studio, visit, "Calm")
    assert style_rows(studio, visit) == []


def test_a_visitor_does_not_see_another_ones_styles(studio: Studio, tmp_path: Path) -> None:
    one, other = (studio.visits.session(tab).visit for tab in ("one", "other"))
    keep_style(studio, one, SET, {"name": "Mine", "frame": "{text}"})
    assert [row["name"] for row in style_rows(studio, one)] == ["Mine"]
    assert style_rows(studio, other) == []
    with pytest.raises(BarkError, match="no style named 'Mine'"):
        use_style(studio, other, OTHER, "Mine")


def test_the_owners_styles_are_where_the_command_line_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    studio = make_studio(tmp_path / "takes")
    visit = studio.visits.session("tab").visit
    keep_style(studio, visit, SET, {"name": "Calm", "frame": "{text}"})
    assert (own_styles_dir() / "Calm.json").is_file()
    with pytest.raises(BarkError, match="no place for a style"):
        make_studio(None).access().folder_for_styles()


def test_a_voice_without_a_name_is_not_kept_in_a_style(studio: Studio) -> None:
    visit = studio.visits.session("tab").visit
    form = dataclasses.replace(SET, voice="take:take-0001-x")
    with pytest.raises(InvalidInputError, match="has no name yet"):
        keep_style(studio, visit, form, {"name": "Calm", "frame": "{text}"})


def test_a_style_whose_voice_is_not_here_says_so_and_keeps_the_forms(studio: Studio) -> None:
    visit = studio.visits.session("tab").visit
    form = dataclasses.replace(SET, voice="v2/en_speaker_6")  # of another model
    keep_style(studio, visit, form, {"name": "Calm", "frame": "{text}"})
    filled, line = use_style(studio, visit, dataclasses.replace(OTHER, voice="elm"), "Calm")
    assert filled.voice == "elm"
    assert "v2/en_speaker_6" in line


def test_a_damaged_file_is_told_and_can_be_deleted(studio: Studio) -> None:
    visit = studio.visits.session("tab").visit
    keep_style(studio, visit, SET, {"name": "Calm", "frame": "{text}"})
    folder = studio.access(visit).folder_for_styles()
    (folder / "Calm.json").write_text("{")
    (row,) = style_rows(studio, visit)
    assert "cannot be read" in row["fault"]
    drop_style(studio, visit, "Calm")
    assert style_rows(studio, visit) == []


@pytest.mark.parametrize("asked", [{}, {"name": 5, "frame": "{text}"}, {"name": "x", "frame": []}])
def test_what_a_stranger_makes_up_is_a_sentence(studio: Studio, asked: dict[str, object]) -> None:
    visit = studio.visits.session("tab").visit
    with pytest.raises(InvalidInputError, match="both texts"):
        keep_style(studio, visit, SET, asked)
