"""A smaller model on disk that proposes a larger one's tokens."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from bark import Bark, GenerationOptions
from bark.checkpoints.drafts import find_draft
from bark.checkpoints.registry import resolve_model
from bark.errors import OptionError, WeightsNotFoundError
from bark.models.gpt import GPT

from ..tiny import write_official_layout


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model, and another one of its family."""
    home = tmp_path_factory.mktemp("models")
    return (
        write_official_layout(home / "large", seed=1),
        write_official_layout(home / "small", seed=2),
    )


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_take_with_a_draft_is_the_take_without_one(
    folders: tuple[Path, Path], precision: str
) -> None:
    large, small = folders
    options = GenerationOptions(seed=5, max_duration_s=0.6)
    alone = Bark.from_pretrained(large, device="cpu", precision=precision, lazy=True)
    drafted = Bark.from_pretrained(large, device="cpu", precision=precision, draft=small, lazy=True)
    expected = alone.generate("Hello world.", options=options).tokens
    found = drafted.generate("Hello world.", options=options).tokens
    assert found.semantic.tolist() == expected.semantic.tolist()
    assert found.fine.tolist() == expected.fine.tolist()
    for stage in ("semantic", "coarse"):
        model = drafted.model(stage)
        assert isinstance(model, GPT)
        assert model.draft is not None
        assert not model.draft.is_copy
        assert "model" in vars(model.draft), "the draft was never asked"
        weights = model.draft.model.transformer["wte"].weight
        assert not torch.equal(weights, model.transformer["wte"].weight)


def test_a_draft_that_cannot_propose_is_refused_in_a_sentence(folders: tuple[Path, Path]) -> None:
    large, small = folders
    with pytest.raises(OptionError, match="of another family"):
        Bark.from_pretrained(large, device="cpu", draft="nano", lazy=True)
    with pytest.raises(OptionError, match="its own draft"):
        Bark.from_pretrained(large, device="cpu", draft=large, lazy=True)
    with pytest.raises(OptionError, match="Unknown model 'smal'"):
        Bark.from_pretrained(large, device="cpu", draft="smal", lazy=True)
    files = resolve_model(large)
    with pytest.raises(OptionError, match="proposes on the CPU, not on cuda"):
        find_draft(small, files, torch.device("cuda"))


def test_a_draft_that_is_not_on_disk_is_not_downloaded(folders: tuple[Path, Path]) -> None:
    with pytest.raises(WeightsNotFoundError, match="The draft 'small' is not on this disk"):
        Bark.from_pretrained(folders[0], device="cpu", draft="small", lazy=True)


def test_the_environments_draft_is_for_the_models_that_can_have_it(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    large, small = folders
    monkeypatch.setenv("BARK_DRAFT", str(small))
    files = Bark.from_pretrained(large, device="cpu", lazy=True).draft_files
    assert files is not None
    assert files.info.location == small
    with caplog.at_level(logging.INFO, "bark"):
        assert Bark.from_pretrained("nano", device="cpu", lazy=True).draft_files is None
        assert Bark.from_pretrained(small, device="cpu", lazy=True).draft_files is None
    assert "of another family" in caplog.text
    assert "its own draft" in caplog.text
