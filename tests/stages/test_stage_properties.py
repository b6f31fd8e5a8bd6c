"""What holds for the stages whatever the weights are."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np
import pytest
import torch

from bark.decoding.sampling import SamplingOptions
from bark.errors import InvalidInputError
from bark.models.blocks import GPTConfig
from bark.models.file_memory import MappedPages
from bark.models.gpt import GPT
from bark.models.unread import TOKENS_AT_ONCE
from bark.spec import BARK
from bark.stages.coarse import CoarseStage, CoarseWindows, coarse_len, generate_coarse
from bark.stages.semantic import SemanticLimits, generate_semantic

from ..running import finish

pytestmark = pytest.mark.processor

TINY = {"block_size": 1_024, "n_layer": 1, "n_head": 2, "n_embd": 16}


def model(n_in: int, n_out: int) -> GPT:
    torch.manual_seed(0)
    config = GPTConfig(**TINY, input_vocab_size=n_in, output_vocab_size=n_out)
    return GPT(config).eval().requires_grad_(False)


def coarse_steps(
    n_semantic: list[int],
    stop: threading.Event | None = None,
    history: Any = None,
    gpt: GPT | None = None,
) -> Any:
    return generate_coarse(
        gpt or model(12_096, 12_096),
        BARK,
        [np.arange(n) for n in n_semantic],
        histories=[history] * len(n_semantic),
        sampling=SamplingOptions(),
        windows=CoarseWindows(),
        generators=[torch.Generator().manual_seed(n) for n in n_semantic],
        stop=stop,
    )


def semantic_steps(texts: list[list[int]], gpt: GPT, limits: SemanticLimits | None = None) -> Any:
    return generate_semantic(
        gpt,
        BARK,
        [np.array(ids) for ids in texts],
        histories=[None] * len(texts),
        sampling=SamplingOptions(),
        limits=limits or SemanticLimits(max_duration_s=0.3),
        generators=[torch.Generator().manual_seed(seed) for seed in range(len(texts))],
    )


def test_coarse_codes_have_the_length_that_belongs_to_the_semantic_tokens() -> None:
    made = finish(coarse_steps([5, 21, 9]))
    assert [codes.shape for codes in made] == [(2, coarse_len(BARK, n) // 2) for n in (5, 21, 9)]
    assert all(codes.min() >= 0 and codes.max() < 1_024 for codes in made)


@pytest.mark.parametrize("n_steps", [1, 7, 59, 60, 61])
def test_a_stopped_coarse_stage_keeps_the_whole_frames_that_it_made(n_steps: int) -> None:
    stop = threading.Event()
    steps = coarse_steps([40, 40], stop)
    for _ in range(n_steps):
        next(steps)
    stop.set()
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert [codes.shape for codes in end.value.value] == [(2, n_steps // 2)] * 2


def test_a_window_is_let_go_before_the_next_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[torch.Tensor]] = []
    left: list[int] = []
    open_window = CoarseStage.open_window

    def watched(self: CoarseStage, rows: list[int], step: int) -> Any:
        left.append(sum(ref() is not None for ref in made))
        opened = open_window(self, rows, step)
        if opened[0] is not None:
            made.append(weakref.ref(opened[0].embeddings))
        return opened

    monkeypatch.setattr(CoarseStage, "open_window", watched)
    voice = np.arange(400), np.zeros((2, 600), np.int64)
    finish(coarse_steps([60], history=voice))
    assert left == [0, 0, 0]
    assert len(made) == 3


def test_a_batch_embeds_its_windows_item_by_item_and_lets_go_of_what_it_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpt, most, given_back = model(12_096, 12_096), [0], [0]
    embed = gpt.embed

    def counted(ids: torch.Tensor, positions: Any = None) -> torch.Tensor:
        most[0] = max(most[0], ids.numel())
        return embed(ids, positions)

    gpt.embed = counted  # type: ignore[method-assign]
    monkeypatch.setattr(
        MappedPages, "give_back", lambda self: given_back.append(given_back.pop() + 1)
    )
    alone = [finish(coarse_steps([n], gpt=model(12_096, 12_096)))[0] for n in (30, 21)]
    given_back[0] = 0
    made = finish(coarse_steps([30, 21], gpt=gpt))
    assert most[0] <= TOKENS_AT_ONCE
    assert given_back[0] >= 2 * 257 // TOKENS_AT_ONCE
    for codes, expected in zip(made, alone, strict=True):
        np.testing.assert_array_equal(codes, expected)


@pytest.mark.parametrize("seconds", [0.1, 3.0])
def test_a_long_batch_lets_go_of_the_rows_that_its_tokens_read(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back: list[object] = []
    monkeypatch.setattr(MappedPages, "give_back", lambda self: given_back.append(self))
    gpt = model(129_600, 10_048)
    limits = SemanticLimits(max_duration_s=seconds, allow_early_stop=False)
    finish(semantic_steps([[1, 2, 3]] * 4, gpt, limits))
    assert (len(given_back) > 1) == (seconds > 1)


def test_takes_of_one_prompt_share_the_prefill() -> None:
    gpt = model(129_600, 10_048)
    rows: list[int] = []
    trunk = gpt.trunk

    def counted(x: torch.Tensor, cache: Any = None, n_last: int | None = None) -> torch.Tensor:
        rows.append(x.shape[0] * x.shape[1])
        return trunk(x, cache, n_last)

    gpt.trunk = counted  # type: ignore[method-assign]
    finish(semantic_steps([[1, 2, 3]] * 5, gpt))
    assert rows[0] == 256  # all of the prefix but the infer token, once
    assert max(rows[1:]) == 5


def test_items_of_other_texts_do_not_share_it() -> None:
    gpt = model(129_600, 10_048)
    alone = finish(semantic_steps([[1, 2, 3]], gpt))[0].tokens.tolist()
    together = finish(semantic_steps([[1, 2, 3], [4]], gpt))
    assert together[0].tokens.tolist() == alone
    assert together[1].tokens.tolist() != alone


@pytest.mark.parametrize(("history", "window"), [(59, 60), (631, 60), (630, 0), (630, 139)])
def test_windows_that_do_not_fit_are_refused(history: int, window: int) -> None:
    with pytest.raises(InvalidInputError):
        CoarseWindows(history, window).check(model(12_096, 12_096), BARK)
