"""What transformers saved of sampling becomes a folder's defaults; what a caller says wins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bark import Bark
from bark.checkpoints.generation_config import folder_options, read_settings
from bark.decoding.sampling import SamplingOptions
from bark.errors import CheckpointError
from bark.options import GenerationOptions
from bark.spec import BARK

from ..tiny import write_hub_layout

SAVED: dict[str, Any] = {
    "semantic_config": {
        "do_sample": True,
        "temperature": 0.3,
        "top_k": 50,
        "min_eos_p": 0.4,
        "max_new_tokens": 6,
    },
    "coarse_acoustics_config": {"do_sample": False, "temperature": 0.9, "top_p": 0.8},
    "fine_acoustics_config": {"temperature": 0.25},
}


def write(folder: Path, content: Any) -> Path:
    (folder / "generation_config.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_without_the_file_the_defaults_are_sunos(tmp_path: Path) -> None:
    assert folder_options(None, BARK) == folder_options(tmp_path, BARK) == GenerationOptions()


def test_each_stage_gets_what_was_saved(tmp_path: Path) -> None:
    options = folder_options(write(tmp_path, SAVED), BARK)
    assert options.semantic == SamplingOptions(0.3, top_k=50)
    assert options.coarse == SamplingOptions(0, top_p=0.8)
    assert options.fine_temperature == 0.25
    assert options.min_eos_p == 0.4
    assert options.max_duration_s == pytest.approx(5.5 / 49.9)


def test_what_the_file_does_not_say_stays_and_the_models_limit_is_none(tmp_path: Path) -> None:
    content = {"semantic_config": {"max_new_tokens": 768, "top_k": None}}
    assert folder_options(write(tmp_path, content), BARK) == GenerationOptions(fine_temperature=0.5)


def test_a_fine_temperature_of_1_draws_nothing_as_in_transformers(tmp_path: Path) -> None:
    write(tmp_path, {"fine_acoustics_config": {"temperature": 1.0}})
    assert read_settings(tmp_path)["fine"]["temperature"] == 0


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"semantic_config": 3},
        {"semantic_config": {"temperature": -1}},
        {"semantic_config": {"temperature": "hot"}},
        {"semantic_config": {"max_new_tokens": "few"}},
        {"coarse_acoustics_config": {"top_p": 7}},
    ],
)
def test_a_file_that_cannot_be_is_a_sentence(tmp_path: Path, content: Any) -> None:
    with pytest.raises(CheckpointError, match=r"generation_config\.json"):
        folder_options(write(tmp_path, content), BARK)


def test_a_model_from_a_folder_takes_them_and_given_options_win(tmp_path: Path) -> None:
    bark = Bark.from_pretrained(write(write_hub_layout(tmp_path), SAVED), device="cpu")
    take = bark.generate("Hello", seed=3)
    assert take.options.semantic == SamplingOptions(0.3, top_k=50)
    assert len(take.tokens.semantic) == 6
    warm = bark.generate("Hello", seed=3, text_temperature=0.6, max_duration_s=0.05)
    assert warm.options.semantic == SamplingOptions(0.6, top_k=50)
    assert len(warm.tokens.semantic) < 6
    plain = GenerationOptions(max_duration_s=0.1, seed=3)
    assert bark.generate("Hello", options=plain).options == plain
    again = bark.redo(take, from_stage="semantic", seed=3)
    np.testing.assert_array_equal(again.tokens.semantic, take.tokens.semantic)
