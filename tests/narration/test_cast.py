"""Speakers' turns, names with colons, and the table of names and voices."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bark.errors import InvalidInputError
from bark.narration.cast import NARRATOR, Cast, Turn, find_names, parse_turns, read_cast
from bark.text.splitting import TAGS

PLAY = """Anna: Who is there?
Ben: It is me.
Anna: At last."""


def test_turns_follow_names_at_the_start_of_lines() -> None:
    text = """Prologue.
    [Alice] Hello, Bob. [laughs]
      I missed you.
    [Bob]
    [sighs] Me too.
    [MAN] Who's there?

    [小明] 你好。"""
    turns = [(turn.speaker, turn.text.split()) for turn in parse_turns(text)]
    assert turns == [
        (NARRATOR, ["Prologue."]),
        ("Alice", "Hello, Bob. [laughs] I missed you.".split()),
        ("Bob", "[sighs] Me too. [MAN] Who's there?".split()),
        ("小明", ["你好。"]),
    ]


@pytest.mark.parametrize("tag", [*TAGS, "[whispers]", "[Music]", "[ ]", "[-]", "[pause 1s]"])
def test_tags_and_marks_are_no_names(tag: str) -> None:
    assert parse_turns(f"{tag} la la") == [Turn(NARRATOR, f"{tag} la la")]


@pytest.mark.parametrize("text", ["", "\n\n", "[Alice]", "[Alice]\n[Bob] \n"])
def test_turns_without_words_are_left_out(text: str) -> None:
    assert parse_turns(text) == []


@given(
    st.lists(st.tuples(st.sampled_from(["Ann", "Bob 2", "李"]), st.sampled_from(["a", "b c", "d"])))
)
def test_turns_round_trip(turns: list[tuple[str, str]]) -> None:
    text = "\n".join(f"[{name}] {words}" for name, words in turns)
    assert parse_turns(text) == [Turn(name, words) for name, words in turns]


def test_names_before_colons_open_turns_in_a_dialogue() -> None:
    assert find_names(PLAY) == {"anna", "ben"}
    assert [turn.speaker for turn in parse_turns(PLAY)] == ["Anna", "Ben", "Anna"]
    assert parse_turns(PLAY)[1].text == "It is me."


@pytest.mark.parametrize(
    "text",
    [
        "Note: this is prose.\nIt goes on.\nNote: and on.\nNothing more.\nNo.",
        "He said: no.\nShe said: yes.",
        "Time: 10 o'clock.",
        "We met at 10: 30.\nhttp://example.org\nhttp://example.org",
    ],
)
def test_prose_with_colons_is_no_dialogue(text: str) -> None:
    assert {turn.speaker for turn in parse_turns(text)} == {NARRATOR}


def test_a_name_of_the_cast_counts_even_once() -> None:
    assert find_names("Anna: Hello.\nBen: Hm.", ["ANNA"]) == {"anna"}


def test_a_cast_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "cast.toml"
    path.write_text('narrator = "alder"\n[voices]\nAnna = "birch"\n"Old Ben" = "ben.npz"\n')
    cast = read_cast(path)
    assert cast == Cast("alder", {"Anna": "birch", "Old Ben": "ben.npz"})
    assert cast.voice("anna") == "birch"
    assert cast.voice(NARRATOR) == "alder"
    assert cast.voice("Nobody") is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("voices = 3", "gives a voice"),
        ("[voices]\nAnna = 3", "gives a voice"),
        ("[speakers]\nAnna = 'x'", "'speakers'"),
        ("Anna", "cannot be read"),
    ],
)
def test_a_wrong_cast_is_refused_with_a_sentence(
    tmp_path: Path, content: str, sentence: str
) -> None:
    path = tmp_path / "cast.toml"
    path.write_text(content)
    with pytest.raises(InvalidInputError, match=sentence):
        read_cast(path)


def test_a_missing_cast_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(InvalidInputError) as caught:
        read_cast(path)
    assert str(caught.value) == f"The cast {path} cannot be read: No such file or directory."
