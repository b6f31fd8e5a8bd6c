"""suno-ai/bark's functions on checkpoints in the official layout, held to the golden cases."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import bark
from bark import api, generation
from bark.errors import InvalidInputError, NothingGeneratedError, OptionError, WeightsNotFoundError

from .reference import GoldenCase, golden_cases, golden_model
from .tiny import CODEC_NAME, codec_weights, write_official_layout

CASES = golden_cases()
FILE_STAGE = {"semantic": "text", "coarse": "coarse", "fine": "fine"}


@pytest.fixture(autouse=True)
def empty_models() -> Iterator[None]:
    generation.clean_models()
    yield
    generation.clean_models()


@pytest.fixture
def cache_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """suno-ai/bark's folder of files, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("BARK_OFFLINE", "1")
    folder = tmp_path / "suno" / "bark_v0"
    folder.mkdir(parents=True)
    assert str(folder) == generation.CACHE_DIR
    return folder


@pytest.fixture(scope="module")
def number_vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary in which the word `w17` has the id 17, so that golden ids can be typed."""
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(5, 119_547))]
    path.write_text("\n".join(words) + "\n")
    return path


def write_golden(folder: Path, case: GoldenCase, vocabulary: Path) -> None:
    """The case's model as an official large checkpoint."""
    model = golden_model(case)
    names = ("n_layer", "n_head", "n_embd", "block_size", "bias", "dropout")
    args = {name: getattr(model.config, name) for name in names}
    args |= {
        f"{x}_vocab_size": getattr(model.config, f"{x}_vocab_size") for x in ("input", "output")
    }
    if case.stage == "fine":
        args |= {"n_codes_total": 8, "n_codes_given": 1}
    content = {"model": model.state_dict(), "model_args": args, "best_val_loss": np.float64(1.0)}
    torch.save(content, folder / f"{FILE_STAGE[case.stage]}_2.pt")
    shutil.copy(vocabulary, folder / "vocab.txt")


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "uncached"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_suno_functions_equal_the_reference(
    case: GoldenCase, cached: bool, cache_dir: Path, number_vocabulary: Path
) -> None:
    if case.stage == "fine" and not cached:
        return  # the fine stage has no cache
    write_golden(cache_dir, case, number_vocabulary)
    generation.load_model(model_type=FILE_STAGE[case.stage])
    kwargs = dict(case.kwargs, history_prompt=case.voice, silent=True)
    torch.manual_seed(case.seed)
    if case.stage == "semantic":
        text = " ".join(f"w{i}" for i in case.ids)
        made = generation.generate_text_semantic(text, use_kv_caching=cached, **kwargs)
    elif case.stage == "coarse":
        made = generation.generate_coarse(case.arrays["sem"], use_kv_caching=cached, **kwargs)
    else:
        made = generation.generate_fine(case.arrays["coarse"], **kwargs)
    assert made.tolist() == case.arrays["out"].tolist()


def test_parameters_have_the_names_order_and_defaults_of_the_reference() -> None:
    expected = {
        api.text_to_semantic: "text history_prompt=None temp=0.7 silent=False",
        api.semantic_to_waveform: (
            "semantic_tokens history_prompt=None temp=0.7 silent=False output_full=False"
        ),
        api.generate_audio: (
            "text history_prompt=None text_temp=0.7 waveform_temp=0.7 silent=False "
            "output_full=False"
        ),
        api.save_as_prompt: "filepath full_generation",
        generation.generate_text_semantic: (
            "text history_prompt=None temp=0.7 top_k=None top_p=None silent=False min_eos_p=0.2 "
            "max_gen_duration_s=None allow_early_stop=True use_kv_caching=False"
        ),
        generation.generate_coarse: (
            "x_semantic history_prompt=None temp=0.7 top_k=None top_p=None silent=False "
            "max_coarse_history=630 sliding_window_len=60 use_kv_caching=False"
        ),
        generation.generate_fine: "x_coarse_gen history_prompt=None temp=0.5 silent=True",
        generation.codec_decode: "fine_tokens",
        generation.load_model: "use_gpu=True use_small=False force_reload=False model_type='text'",
        generation.load_codec_model: "use_gpu=True force_reload=False",
        generation.clean_models: "model_key=None",
        generation.preload_models: (
            "text_use_gpu=True text_use_small=False coarse_use_gpu=True coarse_use_small=False "
            "fine_use_gpu=True fine_use_small=False codec_use_gpu=True force_reload=False"
        ),
    }
    for function, signature in expected.items():
        parameters = inspect.signature(function).parameters.values()
        ours = " ".join(
            p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters
        )
        assert ours == signature, function.__name__


def test_generate_audio_gives_sound_and_on_request_a_voice(cache_dir: Path, tmp_path: Path) -> None:
    write_official_layout(cache_dir, large=True)
    # Random weights speak to the limit; with a louder end they end after a few words' time.
    generation.load_model(model_type="text")["model"].lm_head.weight.data[10_000] *= 6
    torch.manual_seed(3)
    full, audio = bark.generate_audio("Hello.", text_temp=0.6, silent=True, output_full=True)
    assert audio.dtype == np.float32
    assert len(audio) == 320 * full["fine_prompt"].shape[1]
    torch.manual_seed(3)
    assert np.array_equal(bark.generate_audio("Hello.", text_temp=0.6, silent=True), audio)
    bark.save_as_prompt(tmp_path / "voice.npz", full)
    torch.manual_seed(3)
    voiced = bark.generate_audio("Hello.", history_prompt=str(tmp_path / "voice.npz"), silent=True)
    assert not np.array_equal(voiced[: len(audio)], audio[: len(voiced)])


def test_small_after_large_gives_small(cache_dir: Path) -> None:
    write_official_layout(cache_dir, large=True, seed=0)
    write_official_layout(cache_dir, large=False, seed=50)
    large = generation.load_model(use_small=False, model_type="coarse")
    small = generation.load_model(use_small=True, model_type="coarse")
    assert not torch.equal(large.lm_head.weight, small.lm_head.weight)
    assert generation.load_model(use_small=True, model_type="coarse") is small


def test_loading_one_stage_loads_no_other(cache_dir: Path, number_vocabulary: Path) -> None:
    case = next(case for case in CASES if case.stage == "coarse")
    write_golden(cache_dir, case, number_vocabulary)
    assert not (cache_dir / "fine_2.pt").exists()
    generation.load_model(model_type="coarse")


def test_official_functions_never_fall_back_to_nano(cache_dir: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match="BARK_MODEL=nano"):
        bark.generate_audio("Hello.", silent=True)


def test_suno_use_small_models_is_read_when_needed(
    cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_official_layout(cache_dir, large=False)
    assert not generation.USE_SMALL_MODELS
    monkeypatch.setenv("SUNO_USE_SMALL_MODELS", "True")
    assert generation.USE_SMALL_MODELS
    generation.load_model(model_type="fine")


def test_an_unknown_model_type_is_refused() -> None:
    with pytest.raises(OptionError, match="'semantic'"):
        generation.load_model(model_type="semantic")


def test_bad_tokens_are_refused_in_a_sentence(cache_dir: Path) -> None:
    write_official_layout(cache_dir, large=True)
    torch.save(codec_weights(), cache_dir / CODEC_NAME)
    with pytest.raises(NothingGeneratedError, match="another seed"):
        generation.generate_coarse(np.zeros(0, np.int64), silent=True)
    with pytest.raises(InvalidInputError, match="0 to 9999"):
        generation.generate_coarse(np.array([10_000]), silent=True)
    with pytest.raises(InvalidInputError, match="max_coarse_history is 700"):
        generation.generate_coarse(np.array([1, 2]), max_coarse_history=700, silent=True)
    with pytest.raises(InvalidInputError, match="1 to 7, T"):
        generation.generate_fine(np.zeros((8, 3), np.int64))
    with pytest.raises(InvalidInputError, match="0 to 1023"):
        generation.codec_decode(np.full((8, 3), 1_024))
