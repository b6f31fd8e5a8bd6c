"""What a step does to its device, and how steps are recorded and kept."""

from __future__ import annotations

import contextlib
import gc
import logging
import types
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import pytest
import torch

from bark.decoding import cuda_graphs
from bark.decoding.cuda_graphs import CudaGraphs, PlainCalls
from bark.decoding.sampling import RowNoise, SamplingOptions, draw_each
from bark.decoding.stage import IndexInputs, Inputs, Rules
from bark.decoding.static import StaticDecoder, borrow_decoder, drop_decoder
from bark.models.blocks import GPTConfig
from bark.models.conditioned import ConditionedGPT, ConditionedGPTConfig
from bark.models.gpt import GPT
from bark.models.kv_cache import KVCache, StaticKVCache
from bark.spec import BARK, NANO
from bark.stages.coarse import CoarseRules
from bark.stages.coarse_aligned import AddedInputs
from bark.stages.positions import POSITION_SIZES, WordInputs
from bark.stages.semantic import SemanticLimits, SemanticRules

from .static_runners import OnOneDevice

SIZES = {"n_layer": 2, "n_head": 2, "n_embd": 32}


def meta_decoder(family: str, dtype: torch.dtype) -> tuple[GPT, StaticDecoder]:
    """A model and its decoder of three rows, on a device that has shapes but no numbers."""
    spec = NANO if family in ("nano", "aligned") else BARK
    n_in = max(spec.semantic_infer_token, spec.coarse_infer_token, 12_095) + 1
    sizes: dict[str, Any] = {**SIZES, "input_vocab_size": n_in, "output_vocab_size": n_in}
    sizes |= {"position_sizes": POSITION_SIZES} if family == "nano" else {}
    with torch.device("meta"):
        aligned = ConditionedGPT(ConditionedGPTConfig(**SIZES))
        model = (aligned if family == "aligned" else GPT(GPTConfig(**sizes))).to(dtype)
    max_len, sampling = 512, SamplingOptions(top_p=0.9)
    rules: Rules = SemanticRules(spec, sampling, SemanticLimits())
    inputs: Inputs = IndexInputs()
    if family in ("coarse", "aligned"):
        rules, max_len = CoarseRules(spec, SamplingOptions(top_k=9)), model.config.block_size
    if family == "aligned":
        inputs = AddedInputs(torch.zeros(3, max_len, 32, dtype=dtype, device="meta"))
    if family == "nano":
        shapes = (3, 3), (3, 4), (3, 4)
        counts = (torch.zeros(s, dtype=torch.int64, device="meta") for s in shapes)
        inputs = WordInputs(*counts)
    return model, StaticDecoder(model, rules, inputs, 3, max_len, PlainCalls)


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("family", ["text", "nano", "coarse", "aligned"])
def test_a_step_stays_on_its_device(family: str, dtype: torch.dtype) -> None:
    _model, decoder = meta_decoder(family, dtype)
    prefixes = torch.zeros(2, 5, 32, dtype=dtype, device="meta")
    decoder.read(prefixes, rows=[0, 2], source=[1, 0])
    with OnOneDevice():
        decoder.launch(3, rows=[])
    assert decoder.length == 7


def test_what_is_not_yet_written_is_hidden() -> None:
    sizes = {"n_layer": 1, "batch_size": 2, "n_head": 1, "max_len": 6, "head_size": 4}
    filled = KVCache(**sizes)
    filled.update(0, torch.randn(2, 2, 1, 3, 4))
    filled.advance(3)
    cache = StaticKVCache(KVCache(**sizes))
    cache.load(filled, torch.tensor([1, 0]), torch.tensor([0, 0]))
    cache.position.fill_(3)
    cache.attend_to(5)
    key, value, mask = cache.update(0, torch.ones(2, 2, 1, 1, 4))
    assert key.shape == value.shape == (2, 1, 5, 4)
    for row in (0, 1):
        assert torch.equal(key[row, :, :3], filled.layers[0][0, 0, :, :3])
    assert torch.equal(
        value[:, :, 3:], torch.tensor([1.0, 0.0])[None, None, :, None].expand(2, 1, 2, 4)
    )
    assert mask is not None
    assert mask.flatten().tolist() == [0, 0, 0, 0, -torch.inf]


def test_noise_is_what_each_row_draws_and_can_be_taken_back() -> None:
    odds = torch.softmax(torch.randn(3, 40, generator=torch.Generator().manual_seed(0)), dim=-1)
    plain, ahead = ([torch.Generator().manual_seed(n) for n in range(3)] for _ in range(2))
    noise = RowNoise(3, 40, SamplingOptions())
    noise.start(ahead)
    for _ in range(5):
        expected = draw_each(odds, SamplingOptions(), plain)
        noise.draw([0, 1, 2])
        assert torch.equal(noise.pick(odds), expected)
    noise.mark()
    for _ in range(4):
        noise.draw([0, 2])
    noise.rewind(2, 1)
    for row, n in ((0, 4), (2, 1)):
        for _ in range(n):
            torch.empty(40).exponential_(generator=plain[row])
    assert [g.get_state().tolist() for g in ahead] == [g.get_state().tolist() for g in plain]


@torch.inference_mode()
def test_a_model_that_keeps_its_decoder_is_let_go_like_any_other() -> None:
    model, decoder = meta_decoder("coarse", torch.float32)
    vars(model)["kept_static_decoder"] = decoder
    alive = weakref.ref(model)
    gc.disable()
    try:
        del model, decoder
        assert alive() is None
    finally:
        gc.enable()


class Machine:
    """Stands for torch.cuda: what is called while recording is done when the graph is replayed."""

    def __init__(self, *, records: bool = True) -> None:
        self.done: list[str] = []
        self._recording: list[str] | None = None
        self._records = records

    def do(self, name: str) -> Callable[[], None]:
        """A step."""

        def step() -> None:
            (self.done if self._recording is None else self._recording).append(name)

        return step

    @contextlib.contextmanager
    def graph(self, graph: Any, **options: Any) -> Iterator[None]:
        """torch.cuda.graph."""
        self._recording = graph.work = []
        try:
            yield
        finally:
            self._recording = None
        if not self._records:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")

    def new_graph(self) -> Any:
        """torch.cuda.CUDAGraph."""
        graph = types.SimpleNamespace(work=[], pool=lambda: None)
        graph.replay = lambda: self.done.extend(f"{name} again" for name in graph.work)
        return graph


def on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> CudaGraphs:
    stream = types.SimpleNamespace(wait_stream=lambda other: None, device=None)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "graph", machine.graph)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", machine.new_graph)
    return CudaGraphs(torch.device("cuda"))


def test_a_step_of_each_kind_is_called_then_recorded_then_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine()
    graphs = on(machine, monkeypatch)
    for key in "aabba":
        graphs(key, machine.do(key))
    assert machine.done == ["a", "a again", "b", "b again", "a again"]


def test_steps_that_cannot_be_recorded_are_called_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cuda_graphs._tell_once.cache_clear()
    for _ in range(2):
        machine = Machine(records=False)
        graphs = on(machine, monkeypatch)
        with caplog.at_level(logging.WARNING):
            for key in "aabba":
                graphs(key, machine.do(key))
        assert machine.done == list("aabba")
    assert len(caplog.records) == 1
    assert caplog.messages[0].endswith("not permitted when stream is capturing")


class Model(types.SimpleNamespace):
    """As much of a model on a GPU as lending looks at."""

    def __init__(self) -> None:
        super().__init__(device=torch.device("cuda"), weight=torch.zeros(3))

    def parameters(self) -> Iterator[torch.Tensor]:
        """Its one weight."""
        yield self.weight


def lent(model: Any, key: Hashable = "key") -> Any:
    with borrow_decoder(model, None, key, object) as decoder:
        return decoder


def test_a_decoder_is_kept_for_the_next_call_that_it_fits() -> None:
    model = Model()
    first = lent(model)
    assert lent(model) is first
    assert lent(model, "other") is not first
    second = lent(model)
    assert second is not first
    model.weight = torch.zeros(3)  # graphs would read the old one
    third = lent(model)
    assert third is not second
    drop_decoder(model)
    assert lent(model) is not third


def test_a_decoder_is_lent_to_one_call_at_a_time_and_comes_back_from_a_failed_one() -> None:
    model = Model()
    with borrow_decoder(model, None, "key", object) as first:
        assert lent(model) is not first
    with contextlib.suppress(KeyError), borrow_decoder(model, None, "key", object) as second:
        raise KeyError
    assert lent(model) is second
