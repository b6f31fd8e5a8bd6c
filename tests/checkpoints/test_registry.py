"""Which models are found where, what is fetched for them, and what is said when they are not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bark.checkpoints import registry, sources
from bark.checkpoints.registry import best_local_model, list_models, resolve_model
from bark.checkpoints.stage_building import STAGES
from bark.errors import CheckpointError, DownloadError, OptionError, WeightsNotFoundError
from bark.models.gpt import GPT
from bark.spec import BARK, NANO
from tests.tiny import CODEC_NAME, stage_weights, write_hub_layout, write_official_layout


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official_layout(tmp_path_factory.mktemp("official"))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hub_layout(tmp_path_factory.mktemp("hub"))


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty folders in place of this machine's, and no way to fetch anything."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def unreachable(*_: Any, **__: Any) -> Path:
        raise DownloadError("There is no network in tests.")

    monkeypatch.setattr(sources, "fetch_hub_file", unreachable)
    monkeypatch.setattr(sources, "fetch_codec", unreachable)
    return tmp_path


def in_cache_dir(caches: Path, *files: Path, suffix: str = "") -> Path:
    """Puts files where suno-ai/bark keeps its own."""
    folder = caches / "suno" / "bark_v0"
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        name = f"{file.stem}{suffix}.pt" if file.suffix == ".pt" else file.name
        (folder / name).symlink_to(file)
    return folder


def in_hub_cache(caches: Path, repo: str, *files: Path) -> Path:
    folder = caches / "hub" / f"models--{repo.replace('/', '--')}" / "snapshots" / "0123"
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file.name).symlink_to(file)
    return folder


def info(name: str) -> registry.ModelInfo:
    return next(model for model in list_models() if model.name == name)


def test_without_any_files_only_the_packaged_model_needs_no_download() -> None:
    assert [model.name for model in list_models()] == ["nano", "small", "large"]
    assert best_local_model() == "nano"
    assert info("nano").spec is NANO
    assert info("small").spec is BARK
    assert not info("small").on_disk
    assert info("small").location is None


def test_the_smaller_download_is_transformers_layout() -> None:
    assert 1.6e9 < info("small").download_bytes < 1.8e9
    assert 4.4e9 < info("large").download_bytes < 4.6e9


@pytest.mark.parametrize(("name", "suffix"), [("small", ""), ("large", "_2")])
def test_files_in_sunos_folder_are_used_as_they_are(
    name: str, suffix: str, official: Path, caches: Path
) -> None:
    folder = in_cache_dir(caches, *official.iterdir(), suffix=suffix)
    files = resolve_model(name)
    assert files.layout == "official"
    assert set(files.paths) == {"text", "coarse", "fine", "tokenizer", "codec"}
    assert {path.parent for path in files.paths.values()} == {folder}
    assert info(name).on_disk
    assert info(name).download_bytes == 0
    assert best_local_model() == name


def test_small_and_large_are_never_taken_for_each_other(official: Path, caches: Path) -> None:
    in_cache_dir(caches, *official.iterdir())
    with pytest.raises(WeightsNotFoundError, match="'large'"):
        resolve_model("large")
    assert resolve_model("small").paths["text"].name == "text.pt"


def test_the_codec_of_the_encodec_package_is_found(official: Path, caches: Path) -> None:
    in_cache_dir(caches, *(path for path in official.iterdir() if path.suffix != ".th"))
    assert not info("small").on_disk
    checkpoints_dir = caches / "torch" / "hub" / "checkpoints"
    checkpoints_dir.mkdir(parents=True)
    (checkpoints_dir / CODEC_NAME).symlink_to(official / CODEC_NAME)
    assert resolve_model("small").paths["codec"].parent == checkpoints_dir


@pytest.mark.parametrize("repo", ["suno/bark", "bert-base-multilingual-cased"])
def test_a_tokenizer_in_the_hub_cache_is_found(repo: str, official: Path, caches: Path) -> None:
    in_cache_dir(caches, *(path for path in official.iterdir() if path.suffix != ".txt"))
    folder = in_hub_cache(caches, repo, official / "vocab.txt")
    assert resolve_model("small").paths["tokenizer"].parent == folder


@pytest.mark.parametrize(("name", "repo"), [("small", "suno/bark-small"), ("large", "suno/bark")])
def test_transformers_layout_in_the_hub_cache_is_used(
    name: str, repo: str, hub: Path, caches: Path
) -> None:
    folder = in_hub_cache(caches, repo, *hub.iterdir())
    files = resolve_model(name)
    assert files.layout == "hub"
    assert {path.parent for path in files.paths.values()} == {folder}
    for stage in STAGES:
        loaded = files.load_stage(stage).state_dict()
        expected = stage_weights(stage)
        assert all(torch.equal(loaded[key], expected[key]) for key in expected)
    assert files.load_codec().decode(np.zeros((8, 2), int)).shape == (640,)
    assert len(files.load_tokenizer().encode("hello world")) == 2


def test_sunos_folder_comes_before_the_hub_cache(official: Path, hub: Path, caches: Path) -> None:
    in_hub_cache(caches, "suno/bark-small", *hub.iterdir())
    in_cache_dir(caches, *official.iterdir())
    assert resolve_model("small").layout == "official"


def test_half_of_sunos_files_do_not_hide_a_complete_model(
    official: Path, hub: Path, caches: Path
) -> None:
    in_hub_cache(caches, "suno/bark-small", *hub.iterdir())
    in_cache_dir(caches, official / "text.pt", official / "coarse.pt")
    assert resolve_model("small").layout == "hub"


def test_one_missing_file_is_fetched_where_that_is_less(official: Path, caches: Path) -> None:
    kept = [path for path in official.iterdir() if path.name != "fine.pt"]
    in_cache_dir(caches, *kept)
    assert info("small").download_bytes == 1_110_000_000  # fine.pt, not 1.68 GB
    with pytest.raises(WeightsNotFoundError, match=r"lacks fine\.pt"):
        resolve_model("small")


def test_only_the_parts_asked_for_are_needed(official: Path, caches: Path) -> None:
    in_cache_dir(caches, official / "text.pt", official / "vocab.txt")
    files = resolve_model("small", parts=("text", "tokenizer"))
    assert isinstance(files.load_stage("text"), GPT)


@pytest.mark.parametrize(
    ("part", "fetched"), [("coarse", "pytorch_model.bin"), ("codec", CODEC_NAME)]
)
def test_one_stage_is_fetched_in_the_way_that_makes_the_whole_model_cheapest(
    part: str, fetched: str
) -> None:
    # coarse.pt alone would be less, but the stages that follow would be fetched beside it
    with pytest.raises(WeightsNotFoundError, match=f"lacks {fetched}"):
        resolve_model("small", parts=(part,))


def test_what_is_missing_is_fetched_with_progress_and_stop(
    official: Path, caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_cache_dir(caches, *(path for path in official.iterdir() if path.name != "fine.pt"))
    seen = []

    def fetch(repo: str, name: str, *, on_progress: Callable[..., None], stop: Any) -> Path:
        on_progress(name, 1, 2)
        seen.append((repo, name, stop))
        return official / name

    monkeypatch.setattr(sources, "fetch_hub_file", fetch)
    calls: list[tuple[Any, ...]] = []
    stop = object()
    files = resolve_model("small", on_progress=lambda *call: calls.append(call), stop=stop)  # type: ignore[arg-type]
    assert seen == [("suno/bark", "fine.pt", stop)]
    assert calls == [("fine.pt", 1, 2)]
    assert files.paths["fine"] == official / "fine.pt"


@pytest.mark.parametrize("how", ["argument", "BARK_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_says_what_was_looked_for_where(
    how: str, caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how != "argument":
        monkeypatch.setenv(how, "1")
    with pytest.raises(WeightsNotFoundError) as caught:
        resolve_model("small", offline=True if how == "argument" else None)
    sentence = str(caught.value)
    assert "lacks pytorch_model.bin, config.json, vocab.txt on this machine" in sentence
    assert "text.pt, coarse.pt, fine.pt, vocab.txt, encodec_24khz-d7cc33bc.th in" in sentence
    assert "pytorch_model.bin of suno/bark-small in the Hub's cache" in sentence
    assert str(caches / "suno" / "bark_v0") in sentence
    assert "downloads are switched off" in sentence
    assert "BARK_MODEL=nano" in sentence


def test_no_connection_says_why_and_names_nano() -> None:
    with pytest.raises(WeightsNotFoundError) as caught:
        resolve_model("large")
    assert "cannot be fetched: There is no network in tests; or set BARK_MODEL=nano" in str(
        caught.value
    )


@pytest.mark.parametrize("as_text", [True, False])
def test_a_folder_of_the_official_layout_is_a_model(official: Path, as_text: bool) -> None:
    files = resolve_model(str(official) if as_text else official)
    assert files.info.name == str(official)
    assert files.info.on_disk
    assert files.spec is BARK
    assert files.load_stage("coarse").config.n_embd == 32
    assert files.load_codec().sample_rate == 24_000


def test_a_folder_of_transformers_layout_is_a_model(hub: Path) -> None:
    files = resolve_model(hub)
    assert files.layout == "hub"
    assert files.load_stage("fine").config.n_codes_total == 8


def test_of_two_sizes_in_a_folder_the_larger_is_taken(official: Path, tmp_path: Path) -> None:
    folder = in_cache_dir(tmp_path / "a", *official.iterdir())
    in_cache_dir(tmp_path / "a", *official.glob("*.pt"), suffix="_2")
    assert resolve_model(folder).paths["fine"].name == "fine_2.pt"


def test_a_folder_may_borrow_tokenizer_and_codec(
    official: Path, caches: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    for path in official.glob("*.pt"):
        (folder / path.name).symlink_to(path)
    with pytest.raises(WeightsNotFoundError, match=r"vocab\.txt, encodec_24khz"):
        resolve_model(folder)
    in_cache_dir(caches, official / "vocab.txt", official / CODEC_NAME)
    assert len(resolve_model(folder).load_tokenizer().encode("hello")) == 1


def test_bark_model_as_a_folder_is_listed(official: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BARK_MODEL", str(official))
    assert info(str(official)).location == official


def test_a_folder_without_a_model_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match=r"neither text\.pt"):
        resolve_model(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [("larg", "did you mean 'large'"), ("no/such/folder", "use nano, small, large or a folder")],
)
def test_an_unknown_model_is_refused(name: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        resolve_model(name)


def test_a_models_name_may_come_as_a_path() -> None:
    assert resolve_model(Path("nano")).info.name == "nano"


def test_a_file_in_place_of_a_folder_is_refused(official: Path) -> None:
    with pytest.raises(OptionError, match="give the folder"):
        resolve_model(official / "text.pt")


def test_an_unknown_stage_is_refused(official: Path) -> None:
    with pytest.raises(OptionError, match="use one of text, coarse, fine"):
        resolve_model(official).load_stage("semantic")


def test_a_damaged_file_is_refused_when_it_is_loaded(official: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(official, folder)
    (folder / "coarse.pt").write_bytes((folder / "coarse.pt").read_bytes()[:-9_999])
    files = resolve_model(folder)
    assert files.load_stage("fine") is not None
    with pytest.raises(CheckpointError, match=r"coarse\.pt is damaged"):
        files.load_stage("coarse")


def test_a_folder_of_nanos_layout_needs_all_its_files(tmp_path: Path) -> None:
    config = {stage: {"n_layer": 2} for stage in STAGES}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsNotFoundError, match=r"lacks text\.safetensors"):
        resolve_model(tmp_path)
