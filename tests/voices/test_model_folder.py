"""A model's folder may bring voices, as transformers saves them; no path of it leads elsewhere."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bark.errors import VoiceError, VoiceNotFoundError
from bark.spec import BARK
from bark.voices import library
from bark.voices.library import list_voices, load_voice, save_voice
from bark.voices.model_folder import model_folder_voices
from bark.voices.prompt import PROMPT_KEYS

from .test_voices import assert_same_tokens, make_voice

INDEX = "speaker_embeddings_path.json"


@pytest.fixture(autouse=True)
def _no_other_voices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for place in ("own_voices_dir", "packaged_prompts_dir", "programs_prompts_dir"):
        monkeypatch.setattr(library, place, lambda place=place: tmp_path / place)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder with the arrays of v2/en_speaker_6 and anna, and no list of them yet."""
    path = tmp_path / "model"
    for name in ("v2/en_speaker_6", "anna"):
        put_arrays(path / "speaker_embeddings", name)
    return path


def put_arrays(folder: Path, name: str) -> None:
    for key, array in make_voice().to_dict().items():
        path = folder / f"{name}_{key}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array)


def write_index(folder: Path, **voices: Any) -> None:
    content = {"repo_or_path": "/elsewhere", **voices}
    (folder / INDEX).write_text(json.dumps(content), encoding="utf-8")


def files_of(name: str, folder: str = "speaker_embeddings") -> dict[str, str]:
    return {key: f"{folder}/{name}_{key}.npy" for key in PROMPT_KEYS}


def test_the_list_of_a_model_names_its_voices(folder: Path) -> None:
    write_index(folder, **{"v2/de_speaker_1": files_of("anna")})
    assert list(model_folder_voices(folder)) == ["v2/de_speaker_1"]
    loaded = load_voice("v2/de_speaker_1", BARK, offline=True, model_folder=folder)
    assert loaded is not None
    assert loaded.name == "v2/de_speaker_1"
    assert_same_tokens(loaded, make_voice())


def test_a_list_that_the_system_does_not_give_is_a_sentence_without_its_number(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, *, max_bytes: int) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    write_index(folder)
    monkeypatch.setattr("bark.voices.model_folder.read_json", refused)
    with pytest.raises(VoiceError, match=r"as a list of voices: Permission denied\.$"):
        model_folder_voices(folder)


def test_without_a_list_the_files_names_are_the_voices(folder: Path) -> None:
    assert sorted(model_folder_voices(folder)) == ["anna", "v2/en_speaker_6"]


def test_a_models_voice_hides_the_official_one_and_the_users_own_hides_it(folder: Path) -> None:
    def listed() -> dict[str, str]:
        return {info.name: info.origin for info in list_voices(BARK, model_folder=folder)}

    assert listed()["v2/en_speaker_6"] == listed()["anna"] == "model"
    assert len(listed()) == 262
    save_voice("anna", make_voice(), spec=BARK)
    assert listed()["anna"] == "own"
    assert load_voice("V2 en-speaker-6", BARK, offline=True, model_folder=folder) is not None
    with pytest.raises(VoiceNotFoundError, match="downloads are switched off"):
        load_voice("v2/en_speaker_6", BARK, offline=True)


@pytest.mark.parametrize(
    "place", ["../outside", "{outside}", "speaker_embeddings/../../outside", "link"]
)
def test_a_path_that_leaves_the_folder_is_not_followed(folder: Path, place: str) -> None:
    outside = folder.parent / "outside"
    put_arrays(outside, "anna")
    (folder / "link").symlink_to(outside)
    write_index(folder, anna=files_of("anna", place.format(outside=outside)))
    assert model_folder_voices(folder) == {}
    with pytest.raises(VoiceNotFoundError):
        load_voice("anna", BARK, model_folder=folder)


def test_links_of_the_hubs_cache_are_followed_to_its_own_store(tmp_path: Path) -> None:
    repo = tmp_path / "models--me--mine"
    snapshot = repo / "snapshots" / "abc"
    put_arrays(repo / "blobs", "anna")
    (snapshot / "speaker_embeddings").mkdir(parents=True)
    for key in PROMPT_KEYS:
        link = snapshot / "speaker_embeddings" / f"anna_{key}.npy"
        link.symlink_to(f"../../../blobs/anna_{key}.npy")
    assert list(model_folder_voices(snapshot)) == ["anna"]


def test_voices_that_lack_an_array_are_not_listed(folder: Path) -> None:
    files = files_of("anna")
    write_index(
        folder,
        whole=files,
        part={"semantic_prompt": files["semantic_prompt"]},
        missing=files_of("nobody"),
        odd=files | {"fine_prompt": 7},
        nul=files | {"fine_prompt": "a\0b"},
        word="anna",
    )
    assert list(model_folder_voices(folder)) == ["whole"]


@pytest.mark.parametrize("content", ["[]", "{", '"x"', "[" * 100_000])
def test_a_list_that_is_none_is_a_sentence(folder: Path, content: str) -> None:
    (folder / INDEX).write_text(content)
    with pytest.raises(VoiceError, match="list of voices"):
        list_voices(BARK, model_folder=folder)


def test_an_array_of_objects_is_refused(folder: Path) -> None:
    path = folder / "speaker_embeddings" / "anna_fine_prompt.npy"
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(VoiceError, match="Python objects"):
        load_voice("anna", BARK, model_folder=folder)
