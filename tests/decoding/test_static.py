"""Steps that never ask the device: the tokens and the random streams are the ordinary loops'."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from bark.decoding import static
from bark.decoding.cuda_graphs import NewRunner, PlainCalls, Runner
from bark.decoding.sampling import SamplingOptions
from bark.decoding.static import StaticDecoder
from bark.models.blocks import GPTConfig
from bark.models.conditioned import ConditionedGPT, ConditionedGPTConfig
from bark.models.gpt import GPT
from bark.spec import BARK, NANO, ModelSpec
from bark.stages.coarse import CoarseWindows, generate_coarse
from bark.stages.coarse_aligned import generate_coarse_aligned
from bark.stages.positions import POSITION_SIZES
from bark.stages.semantic import SemanticLimits, generate_semantic
from bark.text.english import phones

from ..reference import GoldenCase, golden_cases, golden_model
from ..running import watch
from ..test_golden import sampling
from .static_runners import Repeater, engine_of

CASES = {case.name: case for case in golden_cases() if case.stage != "fine"}
SIZES = {"n_layer": 2, "n_head": 2, "n_embd": 32}


def filled(model: GPT, seed: int = 0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data.normal_(0.0, 0.3, generator=generator)
    return model.eval().requires_grad_(False)


@functools.cache
def text_model(family: str) -> GPT:
    if family == "bark":
        sizes = {"input_vocab_size": 129_600, "output_vocab_size": 10_048}
        model = filled(GPT(GPTConfig(**SIZES, **sizes)))
        model.lm_head.weight[BARK.semantic_pad_token] *= -5.0  # so that items end
        return model
    n = NANO.semantic_infer_token + 1
    sizes = {"input_vocab_size": n, "output_vocab_size": NANO.semantic_pad_token + 1}
    return filled(GPT(GPTConfig(**SIZES, **sizes, position_sizes=POSITION_SIZES)))


@functools.cache
def coarse_model() -> GPT:
    return filled(GPT(GPTConfig(**SIZES, input_vocab_size=12_096, output_vocab_size=12_096)))


@functools.cache
def aligned_model() -> ConditionedGPT:
    return filled(ConditionedGPT(ConditionedGPTConfig(**SIZES, block_size=64)))


def texts(spec: ModelSpec, n: int) -> list[np.ndarray]:
    if spec is BARK:
        return [np.arange(5 + 3 * i) for i in range(n)]
    # Words of two phones; equal lengths share their steps.
    words = [[phones.text_phone_id(9 + i, True), phones.text_phone_id(40, False)] for i in range(n)]
    return [np.array([*word * 3, phones.text_mark_id("?")]) for word in words]


def streams(n: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


def semantic(
    spec: ModelSpec, n: int, new_runner: NewRunner | None, **changes: Any
) -> tuple[list[tuple[list[int], str]], list[list[int]], list[int]]:
    """Tokens and reasons, states of the generators afterwards, what was yielded."""
    arguments: dict[str, Any] = {
        "histories": [None] * n,
        "sampling": SamplingOptions(0.9),
        "limits": SemanticLimits(max_duration_s=1.2),
        "generators": streams(n),
        "engine": engine_of(new_runner),
    } | changes
    steps = generate_semantic(text_model(spec.name), spec, texts(spec, n), **arguments)
    with torch.inference_mode():
        made, seen = watch(steps)
    states = [g.get_state().tolist() for g in arguments["generators"]]
    return [(item.tokens.tolist(), item.stop_reason) for item in made], states, seen


def coarse(
    generate: Any, n_semantic: Sequence[int], new_runner: NewRunner | None, **changes: Any
) -> tuple[list[list[list[int]]], list[list[int]], list[int]]:
    """Codes, states of the generators afterwards, what was yielded."""
    aligned = generate is generate_coarse_aligned
    spec = NANO if aligned else BARK
    rng = np.random.default_rng(4)
    vocabulary = spec.semantic_vocab_size
    arguments: dict[str, Any] = {
        "histories": [None] * len(n_semantic),
        "sampling": SamplingOptions(),
        "windows": CoarseWindows(),
        "generators": streams(len(n_semantic)),
        "engine": engine_of(new_runner),
    } | changes
    speech = [rng.integers(0, vocabulary, n) for n in n_semantic]
    model = aligned_model() if aligned else coarse_model()
    with torch.inference_mode():
        made, seen = watch(generate(model, spec, speech, **arguments))
    states = [g.get_state().tolist() for g in arguments["generators"]]
    return [codes.tolist() for codes in made], states, seen


def voice(spec: ModelSpec, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(9)
    n_frames = round(n * spec.coarse_per_semantic / 2)
    return rng.integers(0, spec.semantic_vocab_size, n), rng.integers(0, 1_024, (2, n_frames))


RUNNERS = pytest.mark.parametrize("runner", [PlainCalls, Repeater])


def golden(case: GoldenCase, generator: torch.Generator, new_runner: NewRunner | None) -> list[Any]:
    kwargs, voice = case.kwargs, case.voice
    options: dict[str, Any] = {
        "sampling": sampling(case),
        "generators": [generator],
        "engine": engine_of(new_runner),
    }
    if case.stage == "semantic":
        limits = SemanticLimits(
            kwargs.get("min_eos_p", 0.2),
            kwargs["max_gen_duration_s"],
            kwargs.get("allow_early_stop", True),
        )
        past = voice["semantic_prompt"] if voice else None
        ids = np.array(case.ids)
        steps = generate_semantic(
            golden_model(case), BARK, [ids], histories=[past], limits=limits, **options
        )
        return watch(steps)[0][0].tokens.tolist()
    past = (voice["semantic_prompt"], voice["coarse_prompt"]) if voice else None
    windows = CoarseWindows(
        kwargs.get("max_coarse_history", 630), kwargs.get("sliding_window_len", 60)
    )
    speech = case.arrays["sem"]
    steps = generate_coarse(
        golden_model(case), BARK, [speech], histories=[past], windows=windows, **options
    )
    return watch(steps)[0][0].tolist()


@pytest.mark.parametrize(
    ("name", "runner"),
    # On a CPU top-p leaves torch, which a recording does not see.
    [(name, PlainCalls) for name in CASES]
    + [(name, Repeater) for name, case in CASES.items() if "top_p" not in case.kwargs],
)
def test_golden_tokens_come_out_and_the_random_stream_is_the_ordinary_loops(
    name: str, runner: NewRunner
) -> None:
    case = CASES[name]
    plain, static = (torch.Generator().manual_seed(case.seed) for _ in range(2))
    with torch.inference_mode():
        assert golden(case, static, runner) == case.arrays["out"].tolist()
        golden(case, plain, None)
    assert torch.equal(plain.get_state(), static.get_state())


@RUNNERS
@pytest.mark.parametrize("spec", [BARK, NANO], ids=["bark", "nano"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sampling": SamplingOptions(0.0)},
        {"sampling": SamplingOptions(1.2, top_k=40)},
        {"limits": SemanticLimits(None, 0.7)},
        {"limits": SemanticLimits(max_duration_s=0.9, allow_early_stop=False)},
    ],
    ids=["default", "cold", "top-k", "sampled-end", "no-end"],
)
def test_semantic_rows_end_at_times_of_their_own(
    spec: ModelSpec, changes: dict[str, Any], runner: NewRunner
) -> None:
    for n in (1, 3):
        expected, states, _ = semantic(spec, n, None, **changes)
        made, static_states, seen = semantic(spec, n, runner, **changes)
        assert made == expected
        assert static_states == states
        n_longest = max(len(tokens) + (reason == "end") for tokens, reason in expected)
        assert seen[-1] == n_longest
        assert len(seen) <= n_longest / 16 + 1


def test_the_rows_of_these_tests_do_end_at_different_times() -> None:
    for spec in (BARK, NANO):
        made, _, _ = semantic(spec, 3, None)
        assert len({len(tokens) for tokens, _ in made}) == 3
    made, _, _ = semantic(BARK, 3, None)
    assert {reason for _, reason in made} == {"end", "length"}


@pytest.mark.parametrize("n", [1, 5, 64])
@pytest.mark.parametrize("spec", [BARK, NANO], ids=["bark", "nano"])
def test_how_often_the_tokens_are_looked_at_changes_nothing(
    spec: ModelSpec, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = semantic(spec, 3, None)[:2]
    monkeypatch.setattr(static, "STEPS_PER_LOOK", n)
    assert semantic(spec, 3, PlainCalls)[:2] == expected


@RUNNERS
def test_attention_reads_the_next_span_when_one_is_full(runner: NewRunner) -> None:
    limits = SemanticLimits(max_duration_s=6.0, allow_early_stop=False)  # 257 + 300 positions
    keys = set()

    def watched(device: torch.device) -> Runner:
        run = runner(device)

        def watch(key: Hashable, step: Callable[[], None]) -> None:
            keys.add(key)
            run(key, step)

        return watch

    made, _, _ = semantic(BARK, 2, watched, limits=limits)
    assert made == semantic(BARK, 2, None, limits=limits)[0]
    assert keys == {(512, 0), (768, 0)}


@RUNNERS
@pytest.mark.parametrize("generate", [generate_coarse, generate_coarse_aligned])
@pytest.mark.parametrize("with_voice", [False, True], ids=["", "voice"])
def test_coarse_rows_of_different_lengths(
    generate: Any, with_voice: bool, runner: NewRunner
) -> None:
    spec = NANO if generate is generate_coarse_aligned else BARK
    for n_semantic in ([9], [30, 9, 21]):
        changes: dict[str, Any] = {"windows": CoarseWindows(60, 25)}
        if with_voice:
            changes["histories"] = [voice(spec, 30), *[None] * (len(n_semantic) - 1)]
        expected, states, _ = coarse(generate, n_semantic, None, **changes)
        made, static_states, seen = coarse(generate, n_semantic, runner, **changes)
        assert made == expected
        assert static_states == states
        assert seen[-1] == sum(
            2 * max(len(codes[0]) for codes in group)
            for group in ([expected[:1], expected[1:]] if with_voice else [expected])
            if group
        )


def test_takes_that_share_a_generator_draw_from_it_in_turn() -> None:
    shared = torch.Generator().manual_seed(3)
    expected, states, _ = semantic(BARK, 3, None, generators=[shared] * 3)
    again = torch.Generator().manual_seed(3)
    assert semantic(BARK, 3, PlainCalls, generators=[again] * 3)[:2] == (expected, states)


def test_no_generator_follows_the_manual_seed() -> None:
    results = []
    for new_runner in (None, PlainCalls):
        torch.manual_seed(8)
        steps = generate_semantic(
            text_model("bark"),
            BARK,
            texts(BARK, 1),
            histories=[None],
            sampling=SamplingOptions(),
            limits=SemanticLimits(max_duration_s=0.5),
            generators=[None],
            engine=engine_of(new_runner),
        )
        results.append((watch(steps)[0][0].tokens.tolist(), torch.rand(1).item()))
    assert results[0] == results[1]


def test_a_stop_ends_it_at_the_next_look_and_keeps_what_there_is() -> None:
    stop = threading.Event()
    stop.set()
    made, _, seen = semantic(BARK, 2, PlainCalls, stop=stop)
    assert (made, seen) == ([([], "stopped")] * 2, [])
    whole, _, _ = coarse(generate_coarse, [20], None)
    stop.clear()

    class Stopping(PlainCalls):
        def __call__(self, key: Hashable, step: Callable[[], None]) -> None:
            stop.set()
            step()

    part, _, seen = coarse(generate_coarse, [20], Stopping, stop=stop)
    assert part[0] == [row[: seen[-1] // 2] for row in whole[0]]
    assert seen == [16]


@pytest.mark.parametrize(("windows", "n_reads"), [((630, 60), 1), ((60, 60), 3)])
def test_a_window_that_goes_on_is_not_read_again(
    windows: tuple[int, int], n_reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    read = StaticDecoder.read

    def counted(self: StaticDecoder, *args: Any) -> None:
        reads.append(args)
        read(self, *args)

    monkeypatch.setattr(StaticDecoder, "read", counted)
    made, _, _ = coarse(generate_coarse, [50], PlainCalls, windows=CoarseWindows(*windows))
    assert len(made[0][0]) == 75  # 150 tokens: three windows
    assert len(reads) == n_reads


def test_windows_are_shown_when_they_are_full() -> None:
    shown: list[int] = []

    def on_window(codes: list[np.ndarray]) -> None:
        shown.append(codes[0].shape[1])

    coarse(generate_coarse, [30], PlainCalls, on_window=on_window)
    assert shown == [30]  # 90 tokens of 2 codebooks, a window of 60
