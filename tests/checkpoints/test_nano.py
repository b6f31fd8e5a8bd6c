"""Nano's folder: half-precision files become float32 models, and faults are named."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bark.checkpoints import nano
from bark.checkpoints.registry import ModelFiles, packaged_nano_dir, resolve_model
from bark.checkpoints.stage_building import STAGES
from bark.codecs.banded import BandCodec, BandCodecConfig, BandDecoder
from bark.codecs.harmonics import HOP_LEN
from bark.errors import CheckpointError, WeightsNotFoundError
from bark.models.blocks import GPTConfig
from bark.models.conditioned import ConditionedGPT, ConditionedGPTConfig
from bark.models.fine import FineGPT, FineGPTConfig
from bark.models.gpt import GPT
from bark.spec import NANO
from bark.stages.positions import POSITION_SIZES

SIZES: dict[str, Any] = {"n_layer": 1, "n_head": 2, "n_embd": 16}
CONFIGS: dict[str, GPTConfig] = {
    "text": GPTConfig(
        **SIZES,
        block_size=1_409,
        input_vocab_size=344,
        output_vocab_size=172,
        position_sizes=POSITION_SIZES,
    ),
    "coarse": ConditionedGPTConfig(**SIZES, condition_width=8, condition_dilations=(1, 2)),
    "fine": FineGPTConfig(
        **SIZES, block_size=384, input_vocab_size=1_025, output_vocab_size=1_025, n_codes_given=2
    ),
}
KINDS = {"text": GPT, "coarse": ConditionedGPT, "fine": FineGPT}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.nn.Module]]:
    """A folder with random weights, and the models that they are of."""
    folder = tmp_path_factory.mktemp("nano")
    models: dict[str, torch.nn.Module] = {}
    for stage, config in CONFIGS.items():
        models[stage] = KINDS[stage](config).half().float()  # type: ignore[arg-type]
        weights = {name: w.half() for name, w in models[stage].state_dict().items()}
        tied = {name: w for name, w in weights.items() if not name.startswith("lm_heads.")}
        save_file(tied, folder / f"{stage}.safetensors")
    config = {stage: dataclasses.asdict(config) for stage, config in CONFIGS.items()}
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    codec = BandCodec(BandDecoder(BandCodecConfig(latent_width=8, width=16, taps=(7, 5))))
    codec.save(folder / "codec.safetensors")
    return folder, models


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_the_float32_of_what_was_saved(
    written: tuple[Path, dict[str, torch.nn.Module]], stage: str
) -> None:
    folder, models = written
    loaded = resolve_model(folder).load_stage(stage)
    assert type(loaded) is KINDS[stage]
    assert loaded.config == CONFIGS[stage]
    expected = models[stage].state_dict()
    assert set(loaded.state_dict()) == set(expected)
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, expected[name])
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_fine_heads_stay_tied(written: tuple[Path, Any]) -> None:
    fine = nano.read_stage(written[0], "fine")
    assert fine.transformer["wtes"][2].weight is fine.lm_heads[0].weight


def test_the_folder_gives_codec_and_tokenizer(written: tuple[Path, Any]) -> None:
    files: ModelFiles = resolve_model(written[0])
    assert files.spec is NANO
    audio = files.load_codec().to("cpu").decode(np.zeros((8, 5), int))
    assert audio.shape == (5 * HOP_LEN,)
    assert len(files.load_tokenizer().encode("Hello there.")) > 3


@pytest.mark.parametrize(
    ("stage", "change", "words"),
    [
        ("text", {"n_embd": 24}, "this model needs"),
        ("text", {"surprise": 1}, "surprise"),
        ("text", {"n_layer": 2}, "its config says 2"),
        ("text", {"block_size": 1_024}, "room for 1024 positions; Nano needs 1409"),
        ("text", {"input_vocab_size": 343}, "needs at least 344 and 172"),
        ("text", {"position_sizes": [256, 32]}, "256, 32 rows .* needs 256, 32, 32"),
        ("text", {"position_sizes": [256, 31, 32]}, "256, 31, 32 rows"),
        ("coarse", {"position_sizes": [383, 4]}, "needs 384, 4"),
        ("coarse", {"output_vocab_size": 1_024}, "needs at least 2049 and 2048"),
        ("coarse", {"block_size": 4, "position_sizes": [4, 4]}, "Nano needs 8"),
        ("fine", {"block_size": 96}, "room for 96 positions; Nano needs 384"),
        ("fine", {"position_sizes": [384]}, "384 rows .* needs no"),
        ("fine", {"n_codes_given": 1}, "fine model has 8 and 2"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    written: tuple[Path, Any], tmp_path: Path, stage: str, change: dict[str, Any], words: str
) -> None:
    config = json.loads((written[0] / "config.json").read_text())
    config[stage] |= change
    (tmp_path / "config.json").write_text(json.dumps(config))
    name = f"{stage}.safetensors"
    (tmp_path / name).symlink_to(written[0] / name)
    with pytest.raises(CheckpointError, match=words):
        nano.read_stage(tmp_path, stage)


def test_damaged_and_missing_files_are_named(written: tuple[Path, Any], tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match=r"config\.json"):
        nano.read_stage(tmp_path, "text")
    with pytest.raises(WeightsNotFoundError, match=r"codec\.safetensors"):
        nano.read_codec(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="sizes of nano's text model"):
        nano.read_stage(tmp_path, "text")
    (tmp_path / "codec.safetensors").write_bytes(b"\x10" * 64)
    with pytest.raises(CheckpointError, match="damaged"):
        nano.read_codec(tmp_path)
    weights = load_file(written[0] / "codec.safetensors")
    del weights["books.3"]
    save_file(weights, tmp_path / "codec.safetensors")
    with pytest.raises(CheckpointError, match=r"books\.3"):
        nano.read_codec(tmp_path)


def test_the_packaged_model_is_complete_and_small() -> None:
    folder = packaged_nano_dir()
    sizes = {name: (folder / name).stat().st_size for name in nano.FILES}
    assert max(sizes.values()) < 10_000_000
    files = resolve_model("nano")
    for stage in STAGES:
        assert files.load_stage(stage).training is False
