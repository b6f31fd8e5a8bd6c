"""The form as one value: what strangers send is read or refused, settings come back whole."""

import dataclasses

import pytest

from bark.decoding.sampling import SamplingOptions
from bark.errors import InvalidInputError
from bark.options import GenerationOptions
from bark.ui.page.form import Form


def test_values_of_the_page_become_a_form_and_options() -> None:
    values = list(dataclasses.astuple(Form(text="hi", seed=3)))
    values[Form.names().index("seed")] = "12"
    values[Form.names().index("text_top_k")] = 50.0
    form = Form.from_values(values)
    assert form.seed == 12
    options = form.options()
    assert options.semantic == SamplingOptions(0.7, 50, None)
    assert options.max_duration_s is None


def test_an_empty_seed_box_means_no_seed() -> None:
    values = list(dataclasses.astuple(Form()))
    values[Form.names().index("seed")] = ""
    assert Form.from_values(values).seed is None


@pytest.mark.parametrize("name", ["seed", "text_temperature", "n_takes"])
def test_a_field_that_is_no_number_is_refused_by_name(name: str) -> None:
    values = list(dataclasses.astuple(Form()))
    values[Form.names().index(name)] = "<b>seven</b>"
    with pytest.raises(InvalidInputError, match=name.replace("_", " ")):
        Form.from_values(values)


def test_a_temperature_below_zero_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="temperature"):
        Form(text_temperature=-0.5).options()


def test_held_seed_is_used_and_a_new_one_is_drawn_otherwise() -> None:
    assert Form(seed=9, hold_seed=True).first_seed() == 9
    drawn = {Form(seed=9, hold_seed=False).first_seed() for _ in range(5)}
    assert len(drawn) > 1


def test_a_held_seed_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="seed"):
        Form(seed=-1, hold_seed=True).first_seed()


def test_settings_of_a_take_come_back_whole() -> None:
    options = GenerationOptions(
        semantic=SamplingOptions(0.9, 40, 0.8),
        coarse=SamplingOptions(0.4, 30, 0.9),
        fine_temperature=0.3,
        min_eos_p=None,
        max_duration_s=4.5,
        allow_early_stop=False,
        max_coarse_history=300,
        sliding_window_len=90,
        seed=2**60,
    )
    form = Form().with_settings_of(text="hello", options=options, voice="v2/en_speaker_6")
    assert (form.text, form.voice, form.first_seed()) == ("hello", "v2/en_speaker_6", 2**60)
    assert dataclasses.replace(form.options(), seed=form.first_seed()) == options
