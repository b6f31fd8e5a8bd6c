"""What people write for the values of an axis, and what it comes to."""

import pytest

from bark.compare.axes import LABELS, Axis, parse_axis, with_value
from bark.compare.prompts import MAX_COMBINATIONS, combinations
from bark.errors import BarkError, InvalidInputError, OptionError
from bark.options import GenerationOptions
from bark.spec import BARK
from bark.voices.library import list_voices


@pytest.mark.parametrize(
    ("name", "written", "values"),
    [
        ("text_temperature", "0.5-1.1 (+0.2)", (0.5, 0.7, 0.9, 1.1)),
        ("text temperature", "0.5, 0.7, 1", (0.5, 0.7, 1.0)),
        ("Waveform-Temperature", "0.3 – 0.5 (0.1), 0.9", (0.3, 0.4, 0.5, 0.9)),
        ("min_eos_p", "0.3-0.1 (-0.1)", (0.3, 0.2, 0.1)),
        ("seed", "7-14", (7, 8, 9, 10, 11, 12, 13, 14)),
        ("seed", "9-7", (9, 8, 7)),
        ("seed", "1-100 [4]", (1, 34, 67, 100)),
        ("text_temperature", "0-1 [3]", (0.0, 0.5, 1.0)),
        ("text_top_k", "10, 10, 20", (10, 20)),
        ("voice", "alder, No voice", ("alder", "none")),
        ("words", "calm | angry, but quiet", ("calm", "angry, but quiet")),
        ("words", "{calm|angry}", ("calm", "angry")),
    ],
)
def test_values_are_read_as_people_write_them(name: str, written: str, values: tuple) -> None:
    assert parse_axis(name, written).values == values


def test_a_list_of_numbers_is_taken_as_it_is() -> None:
    assert parse_axis("fine_temperature", [0.25, 0.5]).values == (0.25, 0.5)
    assert parse_axis("seed", [3, 1]).values == (3, 1)


def test_all_voices_of_a_language_are_meant_by_its_name() -> None:
    axis = parse_axis("voice", "none, all English", voices=list_voices(BARK))
    assert axis.values[0] == "none"
    assert len(axis.values) == 1 + sum(v.language == "en" for v in list_voices(BARK))
    with pytest.raises(InvalidInputError, match="no voices for 'all Klingon'"):
        parse_axis("voice", "all Klingon", voices=list_voices(BARK))


@pytest.mark.parametrize(
    ("name", "written", "reason"),
    [
        ("loudness", "1", "no axis 'loudness'"),
        ("seed", " ", "no value"),
        ("seed", "seven", "'seven' is no value for Seed"),
        ("seed", "1.5", "whole numbers"),
        ("seed", [1.5], "whole numbers"),
        ("text_temperature", "0.5-1.1", "needs a step"),
        ("text_temperature", "0.5-1.1 (+0)", "never ends"),
        ("seed", "1-99999999999", "at most 64"),
        ("text_temperature", "-1", "no value|must be a number"),
        ("text_temperature", "NaN", "no value|must be a number"),
        ("text_top_p", "1.5", "top_p"),
    ],
)
def test_what_is_no_value_is_said_in_a_sentence(name: str, written: object, reason: str) -> None:
    with pytest.raises(BarkError, match=reason):
        parse_axis(name, written)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", LABELS)
def test_every_axis_changes_its_own_setting_only(name: str) -> None:
    before = GenerationOptions(seed=1)
    after = with_value(before, name, 0.5 if "temp" in name or name.endswith("_p") else 5)
    if name in ("voice", "words", "model"):
        assert after == before
    else:
        assert after != before
        assert with_value(after, name, 0) != after


def test_an_unknown_axis_cannot_be_made() -> None:
    with pytest.raises(OptionError):
        Axis("speed", (1,))


def test_braces_make_all_combinations_in_order() -> None:
    made = combinations("Say it {calm|angry}, {now|then}.")
    assert [choice.text for choice in made] == [
        "Say it calm, now.",
        "Say it calm, then.",
        "Say it angry, now.",
        "Say it angry, then.",
    ]
    assert made[3].label == "angry · then"


def test_an_empty_alternative_leaves_no_double_blank() -> None:
    texts = [choice.text for choice in combinations("Well {|, hello} there {|you}.")]
    assert texts[0] == "Well there."
    assert combinations("{|Oh. }Good morning.")[0].text == "Good morning."


def test_braces_without_a_bar_are_text() -> None:
    (only,) = combinations("A {set} of {} things | and more")
    assert only.text == "A {set} of {} things | and more"
    assert only.chosen == ()


def test_too_many_combinations_are_refused_before_they_are_made() -> None:
    with pytest.raises(InvalidInputError, match=f"at most {MAX_COMBINATIONS}"):
        combinations("{a|b}" * 40)
