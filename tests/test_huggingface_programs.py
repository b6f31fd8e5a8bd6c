"""Programs that come from transformers: the same calls, and at temperature 0 the same sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bark import Bark
from bark.errors import InvalidInputError, VoiceNotFoundError
from bark.huggingface import AutoProcessor, BarkModel, TextToAudio

from .checkpoints.test_huggingface import original as original
from .tiny import tiny_vocabulary, write_hub_layout
from .voices.test_voices import make_voice


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_hub_layout(tmp_path_factory.mktemp("hub"))
    (path / "vocab.txt").write_text("\n".join(tiny_vocabulary()) + "\n", encoding="utf-8")
    return path


SHORT: dict[str, Any] = {"semantic_max_new_tokens": 6, "do_sample": False}


def test_a_pipeline_gives_audio_and_its_rate(folder: Path) -> None:
    made = TextToAudio.from_pretrained(folder)("Hello world", **SHORT)
    assert made["sampling_rate"] == 24_000
    assert made["audio"].shape == (1, 9 * 320)
    assert made["audio"].dtype == np.float32


def test_settings_for_one_stage_win_and_unknown_ones_are_named(folder: Path) -> None:
    model, processor = BarkModel.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    inputs = processor(["Hello", "The world"], return_tensors="pt").to("cpu")
    assert inputs["input_ids"].shape == inputs["attention_mask"].shape == (2, 256)
    wild = {"semantic_max_new_tokens": 6, "temperature": 5.0}
    still = {"semantic_temperature": 0, "coarse_temperature": 0, "fine_temperature": 0}
    expected = model.generate(**inputs, **SHORT)
    assert torch.equal(model.generate(**inputs, **wild, **still), expected)
    assert not torch.equal(model.generate(**inputs, **wild), expected)
    with pytest.raises(InvalidInputError, match="semantic_beams"):
        model.generate(**inputs, semantic_beams=3)


def test_a_folders_generation_config_gives_the_defaults(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).symlink_to(file)
    saved = {"semantic_config": {"max_new_tokens": 4, "temperature": 0.3}}
    (tmp_path / "generation_config.json").write_text(json.dumps(saved))
    model, inputs = BarkModel.from_pretrained(tmp_path), AutoProcessor.from_pretrained(folder)("I")
    assert model.generate(**inputs).shape == (1, 6 * 320)
    assert model.generate(**inputs, **SHORT).shape == (1, 9 * 320)


@pytest.mark.slow
def test_at_temperature_0_it_says_what_transformers_says(original: tuple[Any, Path]) -> None:
    from transformers.models.bark.generation_configuration_bark import BarkGenerationConfig

    theirs, folder = original
    (folder / "vocab.txt").write_text("\n".join(tiny_vocabulary()) + "\n", encoding="utf-8")
    assert json.loads((folder / "config.json").read_text())["model_type"] == "bark"
    settings = BarkGenerationConfig()
    for name in ("semantic_config", "coarse_acoustics_config", "fine_acoustics_config"):
        setattr(settings, name, getattr(settings, name).to_dict())
    theirs.generation_config = settings
    inputs = AutoProcessor.from_pretrained(folder)("Hello world")
    ours = BarkModel.from_pretrained(folder).generate(**inputs, **SHORT)
    expected = theirs.generate(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], **SHORT
    )
    torch.testing.assert_close(ours, expected.float().view(1, -1), atol=1e-4, rtol=0)


def test_a_folders_own_voices_speak_by_name(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "model"
    (own / "speaker_embeddings" / "v2").mkdir(parents=True)
    for file in folder.iterdir():
        (own / file.name).symlink_to(file)
    files = {}
    voice = make_voice()
    for key, array in voice.to_dict().items():
        files[key] = f"speaker_embeddings/v2/en_speaker_6_{key}.npy"
        np.save(own / files[key], array)
    listed = {"repo_or_path": "suno/bark", "v2/en_speaker_6": files}
    (own / "speaker_embeddings_path.json").write_text(json.dumps(listed))

    bark = Bark.from_pretrained(own, device="cpu", precision="fp32")
    short = {"max_duration_s": 0.1, "seed": 1}
    by_name = bark.generate("Hello", voice="v2/en_speaker_6", **short)
    assert by_name.voice is not None
    np.testing.assert_array_equal(by_name.voice.fine, voice.fine)
    expected = bark.generate("Hello", voice=voice, **short)
    np.testing.assert_array_equal(by_name.audio, expected.audio)

    model, processor = BarkModel.from_pretrained(own), AutoProcessor.from_pretrained(own)
    inputs = processor("Hello", voice_preset="v2/en_speaker_6")
    np.testing.assert_array_equal(inputs["history_prompt"]["fine_prompt"], voice.fine)
    inputs["history_prompt"] = "v2/en_speaker_6"
    assert model.generate(**inputs, **SHORT).shape == (1, 9 * 320)
    with pytest.raises(VoiceNotFoundError):
        AutoProcessor.from_pretrained(folder)("Hello", voice_preset="v2/en_speaker_66")
