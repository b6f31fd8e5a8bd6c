"""Nano's coarse stage on random weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bark.decoding.engines import decode
from bark.decoding.plain import decode_uncached
from bark.decoding.sampling import SamplingOptions
from bark.models.conditioned import ConditionedGPT, ConditionedGPTConfig
from bark.spec import NANO
from bark.stages.coarse import CoarseWindows
from bark.stages.coarse_aligned import generate_coarse_aligned

from ..running import finish


@pytest.fixture(scope="module")
def model() -> ConditionedGPT:
    torch.manual_seed(0)
    config = ConditionedGPTConfig(n_layer=2, n_head=2, n_embd=32, block_size=64)
    model = ConditionedGPT(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def speech(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, NANO.semantic_vocab_size, n)


def voice(n: int) -> tuple[np.ndarray, np.ndarray]:
    codes = np.random.default_rng(9).integers(0, NANO.codebook_size, (2, 2 * n))
    return speech(n, 9), codes


def codes(model: ConditionedGPT, semantic: list[np.ndarray], **changes: object) -> list[np.ndarray]:
    n = len(semantic)
    arguments = {
        "histories": [None] * n,
        "sampling": SamplingOptions(1.0),
        "windows": CoarseWindows(),
        "generators": [torch.Generator().manual_seed(i) for i in range(n)],
    }
    with torch.inference_mode():
        return finish(generate_coarse_aligned(model, NANO, semantic, **(arguments | changes)))


def test_two_frames_are_made_of_each_semantic_token(model: ConditionedGPT) -> None:
    for n in (1, 7, 40):
        made = codes(model, [speech(n)])[0]
        assert made.shape == (2, 2 * n)
        assert 0 <= made.min() <= made.max() < NANO.codebook_size


@pytest.mark.parametrize("with_voice", [False, True])
def test_cached_and_uncached_codes_agree_over_several_windows(
    model: ConditionedGPT, with_voice: bool
) -> None:
    histories = [voice(30) if with_voice else None]
    cached, uncached = (
        codes(model, [speech(50)], histories=histories, engine=engine)[0]
        for engine in (decode, decode_uncached)
    )
    assert np.array_equal(cached, uncached)


def test_an_item_of_a_batch_gives_the_codes_it_gives_alone(model: ConditionedGPT) -> None:
    semantic = [speech(12), speech(30, 1), speech(5, 2)]
    histories = [None, voice(20), None]
    batch = codes(model, semantic, histories=histories)
    for i, together in enumerate(batch):
        alone = codes(
            model,
            [semantic[i]],
            histories=[histories[i]],
            generators=[torch.Generator().manual_seed(i)],
        )
        assert np.array_equal(alone[0], together)


def test_a_voice_changes_the_sound(model: ConditionedGPT) -> None:
    plain = codes(model, [speech(10)])[0]
    assert not np.array_equal(codes(model, [speech(10)], histories=[voice(20)])[0], plain)


def test_codes_depend_on_the_semantic_tokens_of_their_moment(model: ConditionedGPT) -> None:
    semantic = speech(60)
    other = semantic.copy()
    other[-1] = (other[-1] + 1) % NANO.semantic_vocab_size
    first, second = (codes(model, [s], sampling=SamplingOptions(0.0))[0] for s in (semantic, other))
    reach = 2 * (model.config.condition_reach + 1)  # frames, of those that hear the change
    assert np.array_equal(first[:, :-reach], second[:, :-reach])
    assert not np.array_equal(first, second)
