"""Options refuse what no stage can use, and survive a record."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bark.decoding.sampling import SamplingOptions
from bark.errors import InvalidInputError
from bark.options import MAX_SEED, GenerationOptions


def test_options_survive_a_record() -> None:
    options = GenerationOptions(
        semantic=SamplingOptions(0.3, top_k=50),
        coarse=SamplingOptions(0.9, top_p=0.8),
        fine_temperature=0.0,
        min_eos_p=None,
        max_duration_s=4.5,
        allow_early_stop=False,
        seed=12,
    )
    assert GenerationOptions.from_dict(options.to_dict()) == options


def test_a_record_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    record = GenerationOptions(seed=3).to_dict() | {"reverb": 0.2}
    assert GenerationOptions.from_dict(record).seed == 3


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"text_temperature": -0.1}, "temperature"),
        ({"waveform_temperature": float("nan")}, "temperature"),
        ({"fine_temperature": -1.0}, "temperature"),
        ({"min_eos_p": 0.0}, "min_eos_p"),
        ({"max_duration_s": 0.0}, "duration"),
        ({"seed": -1}, "seed"),
        ({"seed": MAX_SEED + 1}, "seed"),
        ({"tempo": 1}, "'tempo'"),
    ],
)
def test_what_no_stage_can_use_is_refused_by_name(changes: dict[str, float], word: str) -> None:
    with pytest.raises(InvalidInputError, match=word):
        GenerationOptions.chosen(None, changes)


def test_the_two_temperatures_change_their_stage_alone() -> None:
    base = GenerationOptions(semantic=SamplingOptions(0.7, top_k=10))
    options = GenerationOptions.chosen(base, {"text_temperature": 0.4})
    assert options == dataclasses.replace(base, semantic=SamplingOptions(0.4, top_k=10))


def test_seeds_count_up_from_the_first() -> None:
    assert GenerationOptions(seed=7).seeds(3) == [7, 8, 9]


def test_drawn_seeds_differ_and_can_be_typed() -> None:
    first, second = (GenerationOptions().seeds(1)[0] for _ in range(2))
    assert first != second
    assert 0 <= first < 2**32


def test_another_number_of_seeds_than_texts_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="2 seeds for 3"):
        GenerationOptions().seeds(3, [1, 2])


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from([field.name for field in dataclasses.fields(GenerationOptions)])
        | st.text(),
        anything
        | st.dictionaries(st.sampled_from(["temperature", "top_k", "top_p", "x"]), anything),
    )
    | anything
)
def test_whatever_settings_say_they_are_read_or_refused_in_a_sentence(values: Any) -> None:
    try:
        options = GenerationOptions.from_dict(values)
    except InvalidInputError as error:
        assert len(str(error)) < 300  # noqa: PT017 - reading may also succeed
    else:
        assert GenerationOptions.from_dict(options.to_dict()) == options
