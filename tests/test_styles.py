"""Styles: kept whole or not at all, read back as they were, refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bark.cli.arguments import parse_arguments
from bark.cli.job import read_job
from bark.decoding.sampling import SamplingOptions
from bark.errors import InvalidInputError
from bark.options import GenerationOptions
from bark.styles import (
    MAX_STYLES,
    Style,
    delete_style,
    load_style,
    own_styles_dir,
    save_style,
    style_names,
)

CALM = Style(
    "Calm evening",
    "birch",
    "Well, {text} Good night.",
    GenerationOptions(
        semantic=SamplingOptions(0.4, 50, 0.9), coarse=SamplingOptions(0.6), speed=0.9, seed=7
    ),
)


def test_a_style_is_read_back_as_it_was_and_has_no_seed(tmp_path: Path) -> None:
    save_style(CALM, tmp_path)
    assert style_names(tmp_path) == ["Calm evening"]
    assert load_style("Calm evening", tmp_path) == CALM
    assert CALM.options.seed is None
    assert [path.name for path in tmp_path.iterdir()] == [
        "Calm evening.json"
    ]  # nothing half-written beside it


def test_saving_again_puts_it_in_the_place_of_the_old_one(tmp_path: Path) -> None:
    save_style(CALM, tmp_path)
    save_style(Style("Calm evening", "elm"), tmp_path)
    assert load_style("Calm evening", tmp_path).voice == "elm"
    delete_style("Calm evening", tmp_path)
    assert style_names(tmp_path) == []
    with pytest.raises(InvalidInputError, match="There is no style"):
        delete_style("Calm evening", tmp_path)


@given(st.text(), st.text(), st.text())
def test_what_is_put_into_a_frame_comes_out_of_it(before: str, after: str, text: str) -> None:
    if "{text}" in before + after or len(before) + len(after) > 1_000:
        return
    style = (
        Style("x", "", f"{before}{{text}}{after}")
        if f"{before}{{text}}{after}".count("{text}") == 1
        else Style("x")
    )
    assert style.inside(style.words(text)) == text


def test_a_text_without_the_frame_stays_as_it_is() -> None:
    assert CALM.inside("Something else.") == "Something else."
    assert CALM.inside("Well, Good night.") == "Well, Good night."  # too short for both sides


@pytest.mark.parametrize(
    "name", ["", " ", "../evil", "a/b", "a\\b", ".hidden", "x.", "a\0b", "C:x", "x" * 65, "a\nb"]
)
def test_a_name_that_is_no_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be named"):
        Style(name)
    with pytest.raises(InvalidInputError, match="no style named"):
        load_style(name, tmp_path)
    with pytest.raises(InvalidInputError, match="no style named"):
        delete_style(name, tmp_path)


@pytest.mark.parametrize("frame", ["", "no place", "{text} and {text}", "{Text}"])
def test_a_frame_has_one_place_for_the_text(frame: str) -> None:
    with pytest.raises(InvalidInputError, match="in its frame"):
        Style("x", "", frame)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "cannot be read"),
        ("[1, 2", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"name": NaN}', "cannot be read"),
        ("[]", "no style"),
        ('{"name": 7, "version": 1}', "no style"),
        ('{"name": "x", "version": 2}', "newer one"),
        ('{"name": "x", "version": 1, "frame": 5}', "no text"),
        ('{"name": "x", "version": 1, "frame": "none"}', "in its frame"),
        ('{"name": "x", "version": 1, "options": []}', "settings"),
        ('{"name": "x", "version": 1, "options": {"speed": 9}}', "speed"),
        (
            '{"name": "x", "version": 1, "options": {"semantic": {"temperature": "hot"}}}',
            "temperature",
        ),
        ('{"name": "x", "version": 1, "pad": "' + "a" * 70_000 + '"}', "cannot be read"),
    ],
)
def test_a_bad_file_is_one_sentence(content: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InvalidInputError, match=sentence) as caught:
        load_style("x", tmp_path)
    assert str(tmp_path) not in str(caught.value)  # a visitor may read it
    delete_style("x", tmp_path)  # it can be got rid of


def test_an_unknown_name_suggests_the_nearest(tmp_path: Path) -> None:
    save_style(CALM, tmp_path)
    with pytest.raises(InvalidInputError, match="did you mean 'Calm evening'"):
        load_style("calm evenin", tmp_path)


def test_there_is_an_end_to_styles(tmp_path: Path) -> None:
    for i in range(MAX_STYLES):
        (tmp_path / f"s{i}.json").write_text("{}")
    with pytest.raises(InvalidInputError, match="delete one first"):
        save_style(Style("one more"), tmp_path)
    save_style(Style("s7"), tmp_path)  # one that is there may be changed


def test_the_command_line_takes_a_style_and_flags_win(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    save_style(CALM)
    assert own_styles_dir().is_relative_to(tmp_path)
    where = ["--output_dir", str(tmp_path)]
    job = read_job(parse_arguments(["I am tired.", "--style", "Calm evening", *where]))
    assert job.texts == ["Well, I am tired. Good night."]
    assert job.arguments.history_prompt == "birch"
    assert job.options == CALM.options
    flags = ["--text_temp", "0.7", "--voice", "elm", "--top_k", "9", "--seed", "3"]
    job = read_job(parse_arguments(["Hi.", "--style", "Calm evening", *flags, *where]))
    assert job.arguments.history_prompt == "elm"
    assert job.options.semantic == SamplingOptions(0.7, 9, 0.9)
    assert job.options.coarse == SamplingOptions(0.6, 9)
    assert (job.options.speed, job.options.seed) == (0.9, 3)
    with pytest.raises(InvalidInputError, match="no style named 'Loud'"):
        read_job(parse_arguments(["Hi.", "--style", "Loud", *where]))


def test_a_file_says_what_it_holds_in_plain_words(tmp_path: Path) -> None:
    values = json.loads(save_style(CALM, tmp_path).read_text(encoding="utf-8"))
    assert values["version"] == 1
    assert (values["voice"], values["frame"]) == ("birch", "Well, {text} Good night.")
    assert "seed" not in values["options"]
