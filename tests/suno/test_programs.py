"""What programs written for suno-ai/bark do beside calling its functions."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bark
from bark import generation
from bark.errors import InvalidInputError, VoiceError, VoiceNotFoundError
from bark.spec import BARK
from bark.suno.history import coarse_history, fine_history, load_history, semantic_history
from bark.voices import library, presets
from bark.voices.file import write_voice_file
from bark.voices.prompt import VoicePrompt

from ..tiny import CODEC_NAME, codec_weights, write_official_layout

VOICE = {
    "semantic_prompt": np.arange(20),
    "coarse_prompt": np.ones((2, 30), np.int64),
    "fine_prompt": np.ones((8, 30), np.int64),
}


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    generation.clean_models()
    yield
    generation.clean_models()
    for name in ("USE_SMALL_MODELS", "OFFLOAD_CPU", "GLOBAL_ENABLE_MPS", "CACHE_DIR"):
        vars(generation).pop(name, None)
    generation.models_devices.clear()


@pytest.fixture
def cache_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("BARK_OFFLINE", "1")
    folder = tmp_path / "suno" / "bark_v0"
    folder.mkdir(parents=True)
    write_official_layout(folder, large=True)
    torch.save(codec_weights(), folder / CODEC_NAME)
    return folder


# The names -------------------------------------------------------------------------------------


def test_the_names_that_programs_import_are_there() -> None:
    names = """models models_devices _load_model _load_codec_model _load_history_prompt _download
        _get_ckpt_path REMOTE_MODEL_PATHS _flatten_codebooks _grab_best_device _tokenize
        _detokenize _normalize_whitespace _clear_cuda_cache _inference_mode InferenceContext
        autocast CUR_PATH logger CACHE_DIR USE_SMALL_MODELS OFFLOAD_CPU GLOBAL_ENABLE_MPS"""
    assert [name for name in names.split() if not hasattr(generation, name)] == []
    for module, name in {
        "bark.cli": "cli",
        "bark.model": "CausalSelfAttention",
        "bark.model_fine": "NonCausalSelfAttention",
    }.items():
        assert hasattr(importlib.import_module(module), name)


def test_submodules_are_attributes_without_being_imported() -> None:
    code = "import bark; print(bark.generation.SUPPORTED_LANGS[0], bark.api, bark.cli.cli)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "('English', 'en')" in done.stdout, done.stderr


def test_small_functions_do_what_they_did() -> None:
    codes = np.array([[1, 2, 3], [4, 5, 6]])
    assert generation._flatten_codebooks(codes).tolist() == [1, 1028, 2, 1029, 3, 1030]
    assert generation._flatten_codebooks(codes, None).tolist() == [1, 4, 2, 5, 3, 6]
    assert generation._normalize_whitespace(" a \n b ") == "a b"
    assert generation._grab_best_device(use_gpu=False) == "cpu"
    before = torch.backends.cudnn.benchmark
    with generation._inference_mode():
        assert torch.is_inference_mode_enabled()
        assert not torch.backends.cudnn.benchmark
    assert torch.backends.cudnn.benchmark == before
    generation._clear_cuda_cache()


# The models ------------------------------------------------------------------------------------


def test_models_is_what_is_loaded_and_obeyed_when_changed(cache_dir: Path) -> None:
    assert generation.models == {}
    loaded = generation.load_model(model_type="text")
    assert generation.models["text"] is loaded
    fine = generation.load_model(model_type="fine")
    codes = np.ones((2, 4), np.int64)
    generation.models["fine"] = torch.compile(fine)
    assert generation.generate_fine(codes, temp=None).shape == (8, 4)
    generation.models["fine"] = fine.half()
    assert generation.load_model(model_type="fine") is fine
    assert generation.generate_fine(codes, temp=None).shape == (8, 4)
    del generation.models["fine"]
    assert generation.load_model(model_type="fine") is not fine
    generation.clean_models("text")
    assert "text" not in generation.models
    mine: dict[str, Any] = {}
    before, generation.models = generation.models, mine
    try:
        generation.load_model(model_type="coarse")
        assert list(mine) == ["coarse"]
    finally:
        generation.models = before


def test_settings_on_the_module_are_obeyed_by_the_next_load(
    cache_dir: Path, tmp_path: Path
) -> None:
    small = tmp_path / "elsewhere"
    small.mkdir()
    write_official_layout(small, large=False, seed=9)
    large = generation.load_model(model_type="coarse")
    generation.CACHE_DIR = str(small)
    generation.USE_SMALL_MODELS = True
    assert generation._get_ckpt_path("coarse") == str(small / "coarse.pt")
    other = generation.load_model(model_type="coarse")
    assert not torch.equal(large.lm_head.weight, other.lm_head.weight)


def test_offloaded_models_compute_elsewhere_and_wait_on_the_cpu(
    cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUNO_OFFLOAD_CPU", "t")
    assert generation.OFFLOAD_CPU
    fine = generation.load_model(model_type="fine")
    assert generation.models_devices["fine"] == "cpu"
    generation.models_devices["fine"] = "there"
    moves = []
    monkeypatch.setattr(fine, "to", moves.append)
    generation.generate_fine(np.ones((2, 4), np.int64), temp=None)
    assert moves == ["there", "cpu"]


@pytest.mark.parametrize(
    ("value", "small"), [("t", True), ("TRUE", True), ("1", True), ("None", False), ("2", False)]
)
def test_sunos_variables_are_read_as_suno_reads_them(
    value: str, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUNO_USE_SMALL_MODELS", value)
    assert generation.USE_SMALL_MODELS is small


def test_private_loaders_load(cache_dir: Path) -> None:
    path = generation._get_ckpt_path("coarse")
    assert path == str(cache_dir / "coarse_2.pt")
    assert generation._load_model(path, "cpu", model_type="coarse").get_num_params() > 0
    assert set(generation._load_model("nowhere.pt", "cpu")) == {"model", "tokenizer"}
    assert generation._load_codec_model("cpu").sample_rate == 24_000
    assert generation.models == {}
    with pytest.raises(NotImplementedError, match="'semantic'"):
        generation._load_model(path, "cpu", model_type="semantic")


def test_the_tokenizer_is_called_as_transformers_is(cache_dir: Path) -> None:
    tokenizer = generation.load_model(model_type="text")["tokenizer"]
    ids = tokenizer.encode("Hello world", add_special_tokens=False)
    assert ids == generation._tokenize(tokenizer, "Hello world")
    assert tokenizer.tokenize("Hello world") == ["Hello", "world"]
    assert generation._detokenize(tokenizer, ids) == "Hello world"
    assert tokenizer.encode("Hello world")[1:-1] == ids


def test_the_codec_is_an_encodec_model(cache_dir: Path) -> None:
    codec = generation.load_codec_model()
    assert (codec.channels, codec.sample_rate) == (1, 24_000)
    assert codec.eval().to("cpu") is codec
    assert next(codec.parameters()).dtype == torch.float32
    codec.set_target_bandwidth(6.0)
    with torch.inference_mode():
        frames = codec.encode(torch.randn(1, 1, 3_200) * 0.1)
        (codes, scale) = frames[0]
        assert codes.shape == (1, 8, 10)
        assert scale is None
        audio = codec.decode(frames)[0, 0]
        assert codec.quantizer.decode(codes.transpose(0, 1)).shape == (1, 128, 10)
    spoken = generation.codec_decode(codes[0].numpy())
    np.testing.assert_allclose(spoken, audio.numpy(), atol=1e-5)
    codec.set_target_bandwidth(24.0)
    assert codec.encode(torch.randn(1, 1, 640))[0][0].shape == (1, 32, 2)


# Voices and arrays ------------------------------------------------------------------------------


def test_a_voice_is_checked_for_what_a_stage_reads() -> None:
    empty = {"coarse_prompt": np.zeros((2, 0)), "fine_prompt": np.zeros((8, 0))}
    for voice in ({**VOICE, "coarse_prompt": None, "fine_prompt": None}, {**VOICE, **empty}):
        assert semantic_history(load_history(voice, BARK), BARK).tolist() == list(range(20))
        with pytest.raises(VoiceError, match="coarse_prompt"):
            coarse_history(load_history(voice, BARK), BARK)
    unequal = load_history({**VOICE, "fine_prompt": np.ones((8, 7))}, BARK)
    assert coarse_history(unequal, BARK)[1].shape == (2, 30)
    fine = fine_history(unequal, BARK)
    assert fine.shape == (8, 7)
    assert fine.dtype == np.int64
    with pytest.raises(VoiceError, match="whole numbers"):
        semantic_history(load_history({"semantic_prompt": np.array([0.5])}, BARK), BARK)


def test_an_unknown_voice_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="did you mean 'en_speaker_1'") as raised:
        generation._load_history_prompt("en_speker_1")
    assert isinstance(raised.value, VoiceNotFoundError)


def test_float_arrays_with_whole_numbers_are_tokens(cache_dir: Path) -> None:
    codes = generation.generate_fine(np.ones((2, 4)), temp=None)
    assert np.array_equal(codes, generation.generate_fine(np.ones((2, 4), np.int64), temp=None))
    assert generation.codec_decode(codes.astype(np.float64)).shape == (1_280,)
    with pytest.raises(InvalidInputError, match="whole numbers"):
        generation.generate_fine(np.full((2, 4), 0.5))


def test_the_widest_window_is_the_originals(cache_dir: Path) -> None:
    semantic = np.arange(300)  # 900 tokens: the last window ends at the last position
    codes = generation.generate_coarse(
        semantic, sliding_window_len=138, silent=True, use_kv_caching=True
    )
    assert codes.shape == (2, 450)
    with pytest.raises(InvalidInputError, match="1 to 138"):
        generation.generate_coarse(semantic, sliding_window_len=139, silent=True)


def test_save_as_prompt_keeps_what_else_there_is_and_wants_an_npz(tmp_path: Path) -> None:
    bark.save_as_prompt(tmp_path / "me.npz", {**VOICE, "note": np.array([7])})
    with np.load(tmp_path / "me.npz") as saved:
        assert saved["note"].tolist() == [7]
        assert saved["semantic_prompt"].tolist() == list(range(20))
    with pytest.raises(VoiceError, match=r"end in \.npz"):
        bark.save_as_prompt(tmp_path / "x.wav", VOICE)
    assert not list(tmp_path.glob("x.wav*"))


def test_a_fetched_preset_lies_where_programs_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = presets.programs_prompts_dir()
    arrays = tmp_path / "hub"
    arrays.mkdir()
    for key, array in VOICE.items():
        np.save(arrays / f"{key}.npy", array)
    monkeypatch.setattr(presets, "_cached_array", lambda name, key: arrays / f"{key}.npy")
    presets.fetch_preset("v2/en_speaker_6")
    with np.load(folder / "v2" / "en_speaker_6.npz") as saved:
        assert saved["fine_prompt"].shape == (8, 30)
    write_voice_file(folder / "mine.npz", VoicePrompt.from_dict(VOICE))
    names = [voice.name for voice in library.list_voices(BARK)]
    assert {"mine", "v2/en_speaker_6", "announcer"} <= set(names)
    assert len(names) == len(set(names))
