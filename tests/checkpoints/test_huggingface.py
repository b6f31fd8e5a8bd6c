"""transformers' layout: our reading of it against transformers' own models."""

from __future__ import annotations

import importlib.machinery
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bark.checkpoints.huggingface import read_codec, read_stage
from bark.checkpoints.registry import resolve_model
from bark.checkpoints.suno import read_codec as read_official_codec
from bark.errors import CheckpointError, WeightsNotFoundError
from tests.tiny import (
    CODEC_NAME,
    VOCABULARIES,
    codec_weights,
    stage_weights,
    write_hub_layout,
    write_stage,
)

OLD, NEW = "pytorch_model.bin", "model.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both kinds of file of the same weights."""
    path = tmp_path_factory.mktemp("hub")
    write_hub_layout(path, new_names=True)
    return write_hub_layout(path)


@pytest.mark.parametrize("name", [OLD, NEW])
@pytest.mark.parametrize("stage", VOCABULARIES)
def test_a_stage_is_the_one_of_the_official_layout(folder: Path, stage: str, name: str) -> None:
    model = read_stage(folder / name, folder / "config.json", stage)
    expected = stage_weights(stage)
    found = model.state_dict()
    assert set(found) == set(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert model.config.n_head == 2
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("name", [OLD, NEW])
def test_the_codec_is_the_one_of_the_official_layout(
    folder: Path, name: str, tmp_path: Path
) -> None:
    torch.save(codec_weights(), tmp_path / CODEC_NAME)
    codes = np.random.default_rng(0).integers(0, 1_024, (8, 9))
    expected = read_official_codec(tmp_path / CODEC_NAME).decode(codes)
    np.testing.assert_array_equal(read_codec(folder / name).decode(codes), expected)


def test_a_codec_file_of_its_own_is_read(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / NEW)
    own = {k.removeprefix("codec_model."): v for k, v in weights.items() if "codec_model" in k}
    save_file(own, tmp_path / NEW)
    codes = np.zeros((8, 4), int)
    expected = read_codec(folder / NEW).decode(codes)
    np.testing.assert_array_equal(read_codec(tmp_path / NEW).decode(codes), expected)


@pytest.mark.parametrize("name", [OLD, NEW])
@pytest.mark.parametrize("variant", ["", "fp16"])
def test_a_model_in_several_files_and_of_a_variant_is_found_and_read(
    folder: Path, tmp_path: Path, name: str, variant: str
) -> None:
    from safetensors.torch import save_file

    weights = torch.load(folder / OLD)
    stem, suffix = name.rsplit(".", 1)
    ending = f".{variant}" if variant else ""
    half = {key: tensor.half() for key, tensor in weights.items() if key.startswith("fine")}
    rest = {key: tensor for key, tensor in weights.items() if key not in half}
    shards = {
        f"{stem}{ending}-0000{i}-of-00002.{suffix}": part for i, part in ((1, half), (2, rest))
    }
    for file, part in shards.items():
        write = save_file if suffix == "safetensors" else torch.save
        write({key: tensor.contiguous().clone() for key, tensor in part.items()}, tmp_path / file)
    index = {"weight_map": {key: file for file, part in shards.items() for key in part}}
    path = tmp_path / f"{stem}.{suffix}.index{ending}.json"
    path.write_text(json.dumps(index))
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    files = resolve_model(tmp_path, parts=("coarse", "fine", "codec"))
    assert files.paths["model"] == path
    expected = stage_weights("coarse")
    found = files.load_stage("coarse").state_dict()
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert files.load_stage("fine").lm_heads[0].weight.dtype == torch.float32
    assert files.load_codec().decode(np.zeros((8, 2), int)).shape == (640,)


def test_an_index_names_only_files_beside_it(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{NEW}.index.json"
    path.write_text(json.dumps({"weight_map": {"semantic.x": f"../{folder.name}/{NEW}"}}))
    with pytest.raises(CheckpointError, match="index"):
        read_stage(path, folder / "config.json", "text")


def test_masks_of_older_files_are_ignored(folder: Path, tmp_path: Path) -> None:
    weights = torch.load(folder / OLD)
    weights["semantic.layers.0.attn.bias"] = torch.ones(1, 1, 1_024, 1_024, dtype=torch.bool)
    torch.save(weights, tmp_path / OLD)
    assert read_stage(tmp_path / OLD, folder / "config.json", "text").config.n_layer == 2


def test_a_config_without_heads_means_transformers_default(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"semantic_config": {}}))
    with pytest.raises(CheckpointError, match="width of 32 for 12 heads"):
        read_stage(folder / OLD, tmp_path / "config.json", "text")


@pytest.mark.parametrize("config", ["", "{}", "[]", '{"semantic_config": 3}'])
def test_a_config_of_something_else_is_refused(folder: Path, config: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match="no semantic_config"):
        read_stage(folder / OLD, tmp_path / "config.json", "text")


@pytest.mark.parametrize("name", [OLD, NEW])
def test_a_truncated_or_missing_file_is_refused(folder: Path, name: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match=name):
        read_stage(tmp_path / name, folder / "config.json", "fine")
    (tmp_path / name).write_bytes((folder / name).read_bytes()[:1_000_000])
    with pytest.raises(CheckpointError, match="damaged or cut off"):
        read_stage(tmp_path / name, folder / "config.json", "fine")


def test_an_official_file_under_this_layouts_name_is_refused(folder: Path, tmp_path: Path) -> None:
    write_stage(tmp_path / OLD, "coarse")
    with pytest.raises(CheckpointError, match="only named tensors"):
        read_stage(tmp_path / OLD, folder / "config.json", "coarse")


def test_missing_keys_are_named_as_this_package_names_them(folder: Path, tmp_path: Path) -> None:
    weights = torch.load(folder / OLD)
    del weights["coarse_acoustics.layers.1.mlp.in_proj.weight"]
    torch.save(weights, tmp_path / OLD)
    with pytest.raises(CheckpointError, match=r"lacks transformer\.h\.1\.mlp\.c_fc\.weight"):
        read_stage(tmp_path / OLD, folder / "config.json", "coarse")
    torch.save({"other": torch.zeros(1)}, tmp_path / OLD)
    with pytest.raises(CheckpointError, match=r"begins with 'semantic\.'"):
        read_stage(tmp_path / OLD, folder / "config.json", "text")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """transformers' Bark with random weights, and the folder that it saved itself to."""
    before = sys.modules.get("torchaudio")
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")  # a CUDA build would not import
    sys.modules["torchaudio"].__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    bark = pytest.importorskip("transformers.models.bark")
    kinds = {
        "text": bark.BarkSemanticConfig,
        "coarse": bark.BarkCoarseConfig,
        "fine": bark.BarkFineConfig,
    }
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_size": 32, "block_size": 1_024}
    text, coarse, fine = (
        kind(input_vocab_size=n_in, output_vocab_size=n_out, bias=False, dropout=0.0, **sizes)
        for kind, (n_in, n_out) in zip(kinds.values(), VOCABULARIES.values(), strict=True)
    )
    config = bark.BarkConfig(
        semantic_config=text.to_dict(),
        coarse_acoustics_config=coarse.to_dict(),
        fine_acoustics_config=fine.to_dict(),
    )
    torch.manual_seed(0)
    model = bark.BarkModel(config).eval()
    folder = tmp_path_factory.mktemp("transformers")
    model.save_pretrained(folder)
    yield model, folder
    del sys.modules["torchaudio"]
    if before is not None:
        sys.modules["torchaudio"] = before


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["text", "coarse"])
def test_logits_equal_those_of_transformers(original: tuple[Any, Path], stage: str) -> None:
    theirs = {"text": original[0].semantic, "coarse": original[0].coarse_acoustics}[stage]
    ours = read_stage(original[1] / NEW, original[1] / "config.json", stage)
    ids = torch.randint(0, VOCABULARIES[stage][0], (2, 50))
    with torch.no_grad():
        expected = theirs(input_ids=ids).logits
        torch.testing.assert_close(ours.logits(ids), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("codebook", [1, 4, 7])
def test_fine_logits_equal_those_of_transformers(original: tuple[Any, Path], codebook: int) -> None:
    ours = read_stage(original[1] / NEW, original[1] / "config.json", "fine")
    codes = torch.randint(0, 1_024, (2, 30, 8))
    with torch.no_grad():
        expected = original[0].fine_acoustics(codebook, codes).logits
        torch.testing.assert_close(ours(codebook, codes), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_audio_equals_that_of_transformers_codec(original: tuple[Any, Path]) -> None:
    codes = torch.randint(0, 1_024, (8, 20))
    theirs = original[0].codec_model
    with torch.no_grad():
        expected = theirs.decoder(theirs.quantizer.decode(codes[:, None]))[0, 0].numpy()
    audio = read_codec(original[1] / NEW).decode(codes.numpy())
    np.testing.assert_allclose(audio, expected, atol=1e-5)
