"""What only a GPU can show: graphs, the order of streams, and that nothing waits."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bark import Bark, GenerationOptions, Take
from bark.decoding.cuda_graphs import CudaGraphs, NewRunner, PlainCalls
from bark.decoding.sampling import SamplingOptions
from bark.decoding.static import StaticDecoder
from bark.events import AudioPiece, StageProgress, TakeReady
from bark.spec import BARK
from bark.stages.coarse import CoarseWindows, generate_coarse
from bark.stages.fine import generate_fine
from bark.stages.semantic import SemanticLimits, generate_semantic

from .decoding.static_runners import engine_of
from .reference import GoldenCase, golden_cases, golden_model
from .running import finish
from .tiny import write_official_layout

pytestmark = pytest.mark.requires_cuda

CASES = {case.name: case for case in golden_cases()}
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
SHORT = GenerationOptions(max_duration_s=0.9, allow_early_stop=False, seed=5)


def model_of(name: str, dtype: torch.dtype = torch.float32) -> Any:
    return golden_model(CASES[name]).to("cuda", dtype).requires_grad_(False)


def streams(n: int) -> list[torch.Generator]:
    return [torch.Generator("cuda").manual_seed(seed) for seed in range(n)]


@torch.inference_mode()
def semantic(model: Any, n: int, **changes: Any) -> tuple[list[list[int]], list[list[int]]]:
    """Tokens of n texts, and the states of their generators afterwards."""
    generators = changes.get("generators") or streams(n)
    options: dict[str, Any] = {
        "histories": [None] * n,
        "sampling": SamplingOptions(0.9, top_k=200),
        "limits": SemanticLimits(max_duration_s=2.0),
        "generators": generators,
    }
    texts = [np.arange(5 + 3 * i) for i in range(n)]
    made = finish(generate_semantic(model, BARK, texts, **(options | changes)))
    return [item.tokens.tolist() for item in made], [g.get_state().tolist() for g in generators]


@torch.inference_mode()
def coarse(model: Any, n: int, **changes: Any) -> tuple[list[list[list[int]]], list[list[int]]]:
    """Codes of n utterances of different lengths, and the states of their generators."""
    generators = changes.get("generators") or streams(n)
    options: dict[str, Any] = {
        "histories": [None] * n,
        "sampling": SamplingOptions(top_p=0.9),
        "windows": CoarseWindows(120, 40),
        "generators": generators,
    }
    speech = [np.arange(40 + 7 * i) for i in range(n)]
    made = finish(generate_coarse(model, BARK, speech, **(options | changes)))
    return [codes.tolist() for codes in made], [g.get_state().tolist() for g in generators]


STAGES = pytest.mark.parametrize(
    ("run", "name"),
    [(semantic, "c2_semantic0"), (coarse, "c2_coarse0")],
    ids=["semantic", "coarse"],
)


def kept_graphs(model: nn.Module) -> list[Any]:
    """The graphs that the last call left for the next one."""
    _, decoder = vars(model)["kept_static_decoder"]
    assert isinstance(decoder._run, CudaGraphs)
    return [graph for graph in decoder._run._graphs.values() if graph is not None]


@STAGES
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 3])
def test_graphs_give_what_plain_calls_give(
    run: Callable[..., Any], name: str, dtype: torch.dtype, n: int
) -> None:
    model = model_of(name, dtype)
    expected = run(model, n, engine=engine_of(PlainCalls))
    for _ in range(3):  # recorded, then with the graphs of the call before
        assert run(model, n) == expected
    assert kept_graphs(model)


@STAGES
def test_fused_steps_give_what_plain_ones_give(
    run: Callable[..., Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(model_of(name), 2)
    monkeypatch.setenv("BARK_FUSE", "1")
    assert run(model_of(name), 2) == expected


@STAGES
def test_graphs_are_made_anew_where_weights_or_options_have_changed(
    run: Callable[..., Any], name: str
) -> None:
    model = model_of(name)
    before = run(model, 2)
    with torch.no_grad():
        for weight in model.parameters():
            weight.data = weight.data.flip(0).contiguous()
    changed = run(model, 2)
    assert changed != before
    assert changed == run(model, 2, engine=engine_of(PlainCalls))
    colder = SamplingOptions(0.3)
    assert run(model, 2, sampling=colder) == run(
        model, 2, sampling=colder, engine=engine_of(PlainCalls)
    )


@pytest.mark.parametrize("stage", ["semantic", "coarse"])
def test_float32_gives_the_reference_s_best_tokens(stage: str) -> None:
    """The random numbers of a GPU are others, so the best tokens are compared."""
    run, name = {"semantic": (semantic, "c0_semantic0"), "coarse": (coarse, "c0_coarse0")}[stage]
    best = {"sampling": SamplingOptions(0.0)}
    here = [torch.Generator() for _ in range(3)]
    on_cpu, _ = run(golden_model(CASES[name]), 3, generators=here, **best)
    assert run(model_of(name), 3, **best)[0] == on_cpu


@STAGES
def test_an_item_of_a_float32_batch_gives_what_it_gives_alone(
    run: Callable[..., Any], name: str
) -> None:
    model = model_of(name)
    together, _ = run(model, 3)
    assert run(model, 1)[0] == together[:1]


@STAGES
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_batch_of_half_precision_says_the_same_again(
    run: Callable[..., Any], name: str, dtype: torch.dtype
) -> None:
    model = model_of(name, dtype)
    assert run(model, 4) == run(model, 4)


@contextlib.contextmanager
def nothing_waits() -> Iterator[None]:
    """Fails where the host waits for the device."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@STAGES
@pytest.mark.parametrize("new_runner", [None, PlainCalls], ids=["graphs", "calls"])
def test_steps_wait_for_nothing(
    run: Callable[..., Any],
    name: str,
    new_runner: NewRunner | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = model_of(name, torch.bfloat16)
    expected = run(model, 2, engine=engine_of(new_runner))  # records
    launch, n_launches = StaticDecoder.launch, 0

    def watched(self: StaticDecoder, *args: Any) -> None:
        nonlocal n_launches
        n_launches += 1
        with nothing_waits():
            launch(self, *args)

    monkeypatch.setattr(StaticDecoder, "launch", watched)
    assert run(model, 2, engine=engine_of(new_runner)) == expected
    assert n_launches > 3


def fine_steps(case: GoldenCase, model: Any, n: int) -> Generator[Any, None, Any]:
    return generate_fine(
        model,
        BARK,
        [case.arrays["coarse"]] * n,
        histories=[None] * n,
        temperature=0.5,
        generators=streams(n),
    )


@torch.inference_mode()
def test_passes_of_the_fine_stage_wait_for_nothing() -> None:
    case = next(case for case in CASES.values() if case.stage == "fine")
    model = model_of(case.name)
    expected = finish(fine_steps(case, model, 2))
    steps = fine_steps(case, model, 2)
    done, total = next(steps)
    with nothing_waits():
        while done < total:
            done, total = next(steps)
    assert [codes.tolist() for codes in finish(steps)] == [codes.tolist() for codes in expected]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official_layout(tmp_path_factory.mktemp("weights"))


def tokens(take: Take) -> list[Any]:
    return [array.tolist() for array in take.token_arrays().values()]


@pytest.mark.parametrize("precision", ["auto", "fp32", "fp16", "bf16"])
def test_a_take_end_to_end(folder: Path, precision: str) -> None:
    bark = Bark.from_pretrained(folder, device="cuda", precision=precision)
    events = list(bark.stream("Hello world.", options=SHORT))
    assert isinstance(events[-1], TakeReady)
    take = events[-1].take
    assert np.isfinite(take.audio).all()
    assert len(take.audio) == 320 * take.tokens.fine.shape[1] > 0
    assert {event.stage for event in events if isinstance(event, StageProgress)} == {
        "semantic",
        "coarse",
        "fine",
        "decode",
    }
    assert any(isinstance(event, AudioPiece) for event in events)
    assert tokens(bark.generate(take.text, options=take.options)) == tokens(take)
    again = bark.redo(take, from_stage="coarse", seed=9)
    assert again.tokens.semantic.tolist() == take.tokens.semantic.tolist()
    assert tokens(again) != tokens(take)


def test_offloaded_models_say_the_same_and_leave_the_memory(folder: Path) -> None:
    stays = Bark.from_pretrained(folder, device="cuda", precision="bf16", offload=False)
    leaves = Bark.from_pretrained(folder, device="cuda", precision="bf16", offload=True)
    for seed in (1, 2):
        options = dataclasses.replace(SHORT, seed=seed)
        takes = [bark.generate("Hello.", options=options) for bark in (stays, leaves)]
        assert tokens(takes[0]) == tokens(takes[1])
    for stage in ("semantic", "coarse", "fine"):
        model = leaves.model(stage)
        assert next(model.parameters()).device.type == "cpu"
        assert "kept_static_decoder" not in vars(model)


def test_a_batch_of_takes_end_to_end(folder: Path) -> None:
    bark = Bark.from_pretrained(folder, device="cuda", precision="fp32")
    texts = ["Hello.", "One two three.", "The world."]
    takes = bark.generate_batch(texts, options=SHORT, seeds=[3, 4, 5])
    alone = bark.generate(texts[1], options=SHORT, seed=4)
    assert tokens(takes[1]) == tokens(alone)


def test_nano_speaks_on_a_gpu() -> None:
    take = Bark.from_pretrained("nano", device="cuda").generate("Hello there.", seed=3)
    assert take.stop_reason == "end"
    assert np.abs(take.audio).max() > 0.01
