"""The pitch that the coarse model draws gets a temperature of its own, the corrections another."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bark.codecs.banded import BandCodecConfig, BandDecoder
from bark.models.conditioned import ConditionedGPTConfig
from training.coarse import train_coarse
from training.export import export_coarse
from training.loop import Budget, load_weights
from training.melody import Temperatures, fit_melody, read_melody, tempered
from training.streams import Stream

TINY = ConditionedGPTConfig(
    block_size=64,
    position_sizes=(64, 4),
    n_layer=1,
    n_head=2,
    n_embd=32,
    condition_width=16,
    condition_dilations=(1, 2),
)


def test_each_part_of_a_code_is_drawn_at_its_own_temperature() -> None:
    logits = 2 * torch.randn(5, 1024, generator=torch.Generator().manual_seed(0))
    joint = logits.softmax(-1).view(5, 32, 32)
    found = tempered(logits, Temperatures(pitch=0.7, rest=0.35)).exp().view(5, 32, 32)
    torch.testing.assert_close(found.sum((1, 2)), torch.ones(5))

    def sharpened(p: torch.Tensor, temperature: float) -> torch.Tensor:
        powers = p ** (1 / temperature)
        return powers / powers.sum(-1, keepdim=True)

    pitches, wanted = found.sum(2), joint.sum(2)
    levels = pitches[:, 1:] / pitches[:, 1:].sum(1, keepdim=True)
    torch.testing.assert_close(levels, sharpened(wanted[:, 1:], 0.7))
    voice = torch.stack([wanted[:, 0], wanted[:, 1:].sum(1)], 1)
    torch.testing.assert_close(pitches[:, 0], sharpened(voice, 0.35)[:, 0])
    corrections = found / found.sum(2, keepdim=True)
    torch.testing.assert_close(corrections, sharpened(joint, 0.35))
    torch.testing.assert_close(
        tempered(logits, Temperatures(1.0, 1.0)), logits.log_softmax(-1), atol=1e-4, rtol=0
    )


@pytest.fixture(scope="module", name="streams")
def _streams() -> list[Stream]:
    """Two speakers whose pitch is drawn at random around what the phone wants."""
    streams = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        semantic = (3 * rng.integers(2, 12, 300)).repeat(4) + 1
        semantic[::4] += 1
        pitch = (semantic // 3).repeat(2) + rng.integers(0, 6, 2 * len(semantic))
        codes = np.stack([semantic.repeat(2), 32 * pitch + rng.integers(0, 4, len(pitch))])
        latent = rng.normal(size=(len(pitch), 4)).astype(np.float32)
        starts = np.arange(0, len(semantic), 60)
        streams.append(Stream(semantic, np.tile(codes, (4, 1)), latent, starts))
    return streams


def test_a_fitted_head_draws_the_pitch_more_freely_than_the_rest(
    streams: list[Stream], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    decoder = BandDecoder(BandCodecConfig(latent_width=4, width=8, taps=(7,)))
    budget = Budget(steps=60, validate_every_s=1e9)
    train_coarse(streams, decoder, tmp_path, budget, budget, config=TINY)
    wanted = Temperatures(pitch=1.0, rest=0.35)
    before, after = fit_melody(streams, tmp_path, wanted, TINY, n_states=3_000, steps=200)
    assert after < 0.7 * before
    head = read_melody(tmp_path)
    assert head is not None
    assert head.shape == (1024, 32)
    export_coarse(tmp_path, tmp_path / "nano", best_temperature=0.35, config=TINY)
    rows = load_file(tmp_path / "nano" / "coarse.safetensors")["lm_head.weight"].float()
    own = load_weights(tmp_path / "blocks" / "checkpoint.pt")["gpt.lm_head.weight"]
    # At the usual temperature, 0.7, the first codebook is drawn at 0.35 and the second as fitted.
    torch.testing.assert_close(rows[:1024], 2 * own[:1024], atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(rows[1024:], 0.7 * head, atol=1e-2, rtol=1e-2)


def test_without_a_fitted_melody_all_is_drawn_at_the_same_temperature(
    streams: list[Stream], tmp_path: Path
) -> None:
    decoder = BandDecoder(BandCodecConfig(latent_width=4, width=8, taps=(7,)))
    budget = Budget(steps=2, validate_every_s=1e9)
    config = dataclasses.replace(TINY, n_layer=1)
    train_coarse(streams, decoder, tmp_path, budget, budget, config=config)
    assert read_melody(tmp_path) is None
    export_coarse(tmp_path, tmp_path / "nano", best_temperature=0.35, config=config)
    rows = load_file(tmp_path / "nano" / "coarse.safetensors")["lm_head.weight"].float()
    own = load_weights(tmp_path / "blocks" / "checkpoint.pt")["gpt.lm_head.weight"]
    torch.testing.assert_close(rows, 2 * own, atol=1e-2, rtol=1e-2)
