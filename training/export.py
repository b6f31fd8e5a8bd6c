"""Writes nano's files: weights in half precision, sizes as JSON, voices as history prompts."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from bark.codecs.banded import BandDecoder
from bark.models.blocks import GPTConfig
from bark.models.conditioned import ConditionedGPTConfig
from bark.models.fine import FineGPTConfig
from bark.spec import NANO
from bark.text.english.lexicon import Lexicon

from .codec import CodecTrainee
from .features import Utterance, is_pause, read_words, to_utterance
from .fine import FineTrainee
from .loop import load_weights
from .melody import read_melody
from .recordings import read_recordings, recorded_voices
from .speakers import SPEAKERS, in_voice
from .teacher import Teacher

NANO_DIR = Path(__file__).parents[1] / "bark" / "assets" / "nano"
VOICES_DIR = Path(__file__).parents[1] / "assets" / "prompts" / "nano"
MAX_FILE_BYTES = 10_000_000

VOICE_TEXT = "Every evening the old clock in the hall strikes nine, and the cat looks up."
RECORDED_VOICE_TEXT = "We walked along the river until the lamps were lit."
"""What each speaker says in its history prompt: the teacher's voices, and those of people.

With the first text hazel's takes went on in birch's voice, in 7 of 12."""

PROMPT_PAUSE_FRAMES = 4
"""Semantic tokens of silence at its end: a model that goes on sees little else but the voice."""

USUAL_TEMPERATURE = 0.7
"""Bark's default, at which each exported model is to be at its best."""


def write_weights(
    weights: Mapping[str, Tensor], path: Path, *, best_temperature: float = USUAL_TEMPERATURE
) -> None:
    """Writes a model's weights in half precision, tied tensors once.

    Args:
        weights: a `state_dict`; of a fine model's tied tensors the tables are kept.
        path: the .safetensors file.
        best_temperature: where a listener understood the model best; the output layer is scaled
            so that this becomes `USUAL_TEMPERATURE`, the one that people leave the app at.

    Raises:
        ValueError: the file would be over `MAX_FILE_BYTES`.
    """
    fine = "lm_heads.0.weight" in weights
    kept = {name: w for name, w in weights.items() if not (fine and name.startswith("lm_heads"))}
    if "lm_head.weight" in kept:
        scale = USUAL_TEMPERATURE / best_temperature
        kept["lm_head.weight"] = kept["lm_head.weight"] * scale
    halves = {name: weight.to(torch.float16).contiguous().cpu() for name, weight in kept.items()}
    size = sum(2 * weight.numel() for weight in halves.values())
    if size >= MAX_FILE_BYTES:
        raise ValueError(
            f"{path.name} would take {size} bytes, over {MAX_FILE_BYTES}; make the model narrower"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(halves, partial)
    partial.chmod(0o644)  # save_file lets only its owner read
    partial.replace(path)


def export_coarse(
    training: Path, folder: Path, *, best_temperature: float, config: ConditionedGPTConfig
) -> None:
    """Writes the coarse model of a training, without what was only there to train it.

    Args:
        training: folder of `train_coarse`, and of `fit_melody` if the pitch has a temperature of
            its own.
        folder: of the exported files.
        best_temperature: of codebook 0, and of all of codebook 1 that was not fitted.
        config: sizes.
    """
    weights = load_weights(training / "blocks" / "checkpoint.pt")
    prefix = "gpt."
    kept = {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
    if (head := read_melody(training)) is not None:
        rows = kept["lm_head.weight"].clone()
        rows[NANO.codebook_size : 2 * NANO.codebook_size] = head * best_temperature
        kept["lm_head.weight"] = rows
    write_weights(kept, folder / "coarse.safetensors", best_temperature=best_temperature)
    write_config(folder, "coarse", config)


def export_fine(training: Path, folder: Path, decoder: BandDecoder, config: FineGPTConfig) -> None:
    """Writes the fine model of a training."""
    trainee = FineTrainee(config, decoder)
    trainee.load_state_dict(load_weights(training / "checkpoint.pt"))
    write_weights(trainee.fine_model(decoder).state_dict(), folder / "fine.safetensors")
    write_config(folder, "fine", config)


def write_config(folder: Path, stage: str, config: GPTConfig) -> None:
    """Sets one stage's sizes in `config.json` and leaves the others as they are."""
    path = folder / "config.json"
    values = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    values[stage] = dataclasses.asdict(config)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dict(sorted(values.items())), indent=2) + "\n"
    path.write_text(text, encoding="utf-8")


def packaged_voices() -> tuple[str, ...]:
    """Names of the voices that the package carries: `SPEAKERS` first, then the others."""
    order = [speaker.name for speaker in SPEAKERS]
    names = sorted(path.stem for path in VOICES_DIR.glob("*.npz"))
    return tuple(sorted(names, key=lambda name: order.index(name) if name in order else len(order)))


def write_voices(folder: Path, codec: CodecTrainee, recorded: Path | None = None) -> None:
    """Writes a history prompt of each speaker, the codes of `VOICE_TEXT` in its voice.

    Args:
        folder: for `<voice>.npz`.
        codec: that speaks them.
        recorded: of `training.recordings.record_prompts`, for the voices of people.
    """
    folder.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(Lexicon.load())
    said = to_utterance(VOICE_TEXT, teacher.speak(read_words(VOICE_TEXT, teacher.lexicon)))
    for speaker in SPEAKERS:
        write_voice(folder / f"{speaker.name}.npz", in_voice(said, speaker), codec)
    if recorded is not None:
        for name in recorded_voices(recorded):
            write_voice(folder / f"{name}.npz", read_recordings(recorded, name)[0], codec)


def write_voice(path: Path, said: Utterance, codec: CodecTrainee) -> None:
    """Writes a history prompt: an utterance's tokens, with no more than a short pause behind."""
    said_until = int(np.flatnonzero(~is_pause(said.semantic))[-1]) + 1
    n_kept = min(len(said.semantic), said_until + PROMPT_PAUSE_FRAMES)
    codes, _ = codec.encode(said.mel, said.bands.f0.numpy())
    codes = codes[:, : 2 * n_kept]
    np.savez_compressed(
        path,
        semantic_prompt=said.semantic[:n_kept].astype(np.int16),
        coarse_prompt=codes[:2].astype(np.int16),
        fine_prompt=codes.astype(np.int16),
    )
