"""Drafts change no token, whatever the draft is worth."""

from __future__ import annotations

import copy
import dataclasses
import threading
from typing import Any

import numpy as np
import pytest
import torch

from bark.decoding.plain import decode_plain, decode_uncached
from bark.decoding.sampling import SamplingOptions
from bark.decoding.speculative import decode_speculative
from bark.models.gpt import GPT, Draft
from bark.models.kv_cache import KVCache
from bark.spec import BARK, NANO
from bark.stages.coarse import CoarseWindows, generate_coarse
from bark.stages.coarse_aligned import generate_coarse_aligned
from bark.stages.semantic import SemanticLimits, generate_semantic

from ..reference import GoldenCase, golden_cases, golden_model
from ..running import watch
from .test_static import aligned_model, text_model, texts

CASES = {case.name: case for case in golden_cases()}
SEMANTIC = [name for name, case in CASES.items() if case.stage == "semantic"]
COARSE = [name for name, case in CASES.items() if case.stage == "coarse"]


def with_draft(model: GPT, *, noise: float) -> GPT:
    """The draft is the model with weights that are off by a share of their size."""
    draft = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(5)
    for parameter in draft.parameters():
        off = torch.randn(parameter.shape, generator=generator)
        parameter.data += noise * parameter.std() * off
    model.draft = Draft(lambda: draft)
    return model


def sampling(case: GoldenCase) -> SamplingOptions:
    kwargs = case.kwargs
    return SamplingOptions(kwargs.get("temp", 0.7), kwargs.get("top_k"), kwargs.get("top_p"))


@torch.inference_mode()
def semantic(case: GoldenCase, model: GPT, generator: torch.Generator, **options: Any) -> Any:
    kwargs, voice = case.kwargs, case.voice
    steps = generate_semantic(
        model,
        BARK,
        [np.array(case.ids)],
        histories=[voice["semantic_prompt"] if voice else None],
        sampling=sampling(case),
        limits=SemanticLimits(
            kwargs.get("min_eos_p", 0.2),
            kwargs.get("max_gen_duration_s"),
            kwargs.get("allow_early_stop", True),
        ),
        generators=[generator],
        **options,
    )
    made, seen = watch(steps)
    assert seen == list(range(1, len(seen) + 1))
    return made[0].tokens.tolist(), made[0].stop_reason


@torch.inference_mode()
def coarse(case: GoldenCase, model: GPT, generator: torch.Generator, **options: Any) -> Any:
    voice = case.voice
    steps = generate_coarse(
        model,
        BARK,
        [case.arrays["sem"]],
        histories=[(voice["semantic_prompt"], voice["coarse_prompt"]) if voice else None],
        sampling=sampling(case),
        windows=CoarseWindows(
            case.kwargs.get("max_coarse_history", 630), case.kwargs.get("sliding_window_len", 60)
        ),
        generators=[generator],
        **options,
    )
    made, seen = watch(steps)
    return made[0].tolist(), seen


@pytest.mark.parametrize(("name", "noise"), [(n, 0.02) for n in SEMANTIC] + [(SEMANTIC[1], 1.0)])
def test_semantic_tokens_and_random_stream_are_those_without_drafts(
    name: str, noise: float
) -> None:
    case = CASES[name]
    alone, drafted = (torch.Generator().manual_seed(case.seed) for _ in range(2))
    expected = semantic(case, golden_model(case), alone)
    assert semantic(case, with_draft(golden_model(case), noise=noise), drafted) == expected
    assert torch.equal(alone.get_state(), drafted.get_state())


@pytest.mark.parametrize(("name", "noise"), [(n, 0.02) for n in COARSE] + [(COARSE[-1], 1.0)])
def test_coarse_codes_and_random_stream_are_those_without_drafts(name: str, noise: float) -> None:
    case = CASES[name]
    alone, drafted = (torch.Generator().manual_seed(case.seed) for _ in range(2))
    expected = coarse(case, golden_model(case), alone)
    assert coarse(case, with_draft(golden_model(case), noise=noise), drafted) == expected
    assert torch.equal(alone.get_state(), drafted.get_state())


class RoughLayers:
    """Stands for layers that round otherwise, and by far more than any do."""

    def __init__(self, model: GPT, size: float) -> None:
        self._blocks, self._norm = model.transformer["h"], model.transformer["ln_f"]
        self._size, self._drawn = size, torch.Generator().manual_seed(2)

    def prepare(self, cache: KVCache) -> None:
        """Needs nothing."""

    def new_cache(self, batch_size: int, max_len: int, n_most: int) -> None:
        """The model's own kind is read."""

    def can_read(self, x: torch.Tensor, cache: KVCache) -> bool:
        return x.shape[1] < 100

    def takes(self, hidden: torch.Tensor) -> bool:
        return False

    def read(self, x: torch.Tensor, cache: KVCache, n_last: int) -> torch.Tensor:
        for layer, block in enumerate(self._blocks):
            x = block(x, cache, layer)
        hidden = self._norm(x)
        return hidden + self._size * torch.randn(hidden.shape, generator=self._drawn)


class RoughBlock:
    """A block that rounds otherwise."""

    def __init__(self, block: Any, size: float) -> None:
        self._block, self._size = block, size
        self._drawn = torch.Generator().manual_seed(2)

    def __call__(self, *args: Any) -> torch.Tensor:
        x = self._block(*args)
        made: torch.Tensor = x + self._size * torch.randn(x.shape, generator=self._drawn)
        return made


@pytest.mark.parametrize(
    ("stage", "of", "size", "changed"),
    [
        ("semantic", "few", 0.006, {}),
        ("coarse", "few", 0.003, {}),
        ("semantic", "few", 0.003, {"temp": 0}),
        ("coarse", "few", 0.003, {"temp": 0}),
        ("semantic", "many", 0.012, {}),
        ("coarse", "many", 0.003, {}),
    ],
)
def test_where_rounding_could_decide_the_tokens_are_the_references(
    stage: str, of: str, size: float, changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, names = (semantic, SEMANTIC) if stage == "semantic" else (coarse, COARSE)
    n_left = {0.0: 0, 0.2: 0}  # runs that leave, by how near is near
    for near in n_left:
        monkeypatch.setattr("bark.decoding.referee.NEAR", near)
        for name in names:
            case = CASES[name]
            if case.kwargs.get("top_p"):
                continue
            case = dataclasses.replace(case, kwargs={**case.kwargs, **changed})
            expected = run(case, golden_model(case), torch.Generator().manual_seed(case.seed))
            model = with_draft(golden_model(case), noise=0.02)
            if of == "few":
                model.native = RoughLayers(model, size)  # type: ignore[assignment]
            else:
                blocks = tuple(RoughBlock(block, size) for block in model.transformer["h"])
                model.of_many = blocks  # type: ignore[assignment]
            made = run(case, model, torch.Generator().manual_seed(case.seed))
            n_left[near] += made[0] != expected[0]
    assert n_left[0.2] == 0 < n_left[0.0]


def test_a_good_draft_is_read_less_often_than_one_token_at_a_time() -> None:
    case = CASES[COARSE[0]]
    model = with_draft(golden_model(case), noise=0.0)
    passes = 0
    trunk = model.trunk

    def counted(*args: Any, **options: Any) -> torch.Tensor:
        nonlocal passes
        passes += 1
        return trunk(*args, **options)

    model.trunk = counted  # type: ignore[method-assign]
    codes, _ = coarse(case, model, torch.Generator().manual_seed(1))
    assert passes < np.size(codes) / 4


def test_a_stop_ends_the_drafts_at_the_next_round() -> None:
    case = CASES[SEMANTIC[0]]
    stop = threading.Event()
    stop.set()
    model = with_draft(golden_model(case), noise=0.02)
    generator = torch.Generator().manual_seed(case.seed)
    tokens, reason = semantic(case, model, generator, stop=stop)
    assert (tokens, reason) == ([], "stopped")


@pytest.mark.parametrize(("noise", "is_copy"), [(0.02, True), (1.0, True), (0.05, False)])
@pytest.mark.parametrize("stage", ["semantic", "coarse"])
def test_nano_s_stages_could_be_decoded_by_drafts_too(
    stage: str, noise: float, is_copy: bool
) -> None:
    """No driver knows which stage it runs."""
    results = []
    for engine in (decode_plain, decode_uncached, decode_speculative):
        original = text_model("nano") if stage == "semantic" else aligned_model()
        model: Any = with_draft(copy.deepcopy(original), noise=noise)
        model.draft.is_copy = is_copy
        generator = torch.Generator().manual_seed(3)
        options: dict[str, Any] = {"histories": [None], "generators": [generator]}
        with torch.inference_mode():
            if stage == "semantic":
                limits = SemanticLimits(max_duration_s=1.2)
                options |= {"sampling": SamplingOptions(0.9), "limits": limits}
                text = texts(NANO, 1)
                steps = generate_semantic(model, NANO, text, engine=engine, **options)
                made = [item.tokens.tolist() for item in watch(steps)[0]]
            else:
                speech = [np.random.default_rng(4).integers(0, NANO.semantic_vocab_size, 40)]
                options |= {"sampling": SamplingOptions(), "windows": CoarseWindows()}
                steps = generate_coarse_aligned(model, NANO, speech, engine=engine, **options)
                made = [codes.tolist() for codes in watch(steps)[0]]
        results.append((made, generator.get_state().tolist()))
    assert results[1:] == results[:1] * 2
    assert len(results[0][0][0]) > 1
