"""Decode steps that never ask the host, for devices on which asking is what takes the time.

A GPU is done with a step before Python has started the next one's kernels, and every look at a
token makes it wait. So here a step, from one input's embedding to the next one's, keeps all that
it reads and writes in one place, and does the same for every position: attention reads a fixed
number of positions, 256 or a multiple of it, and a mask hides those not yet written. CUDA records
such a step once for each of these lengths and repeats it as one graph. The host looks at the
tokens every few steps only; what a row drew behind its end is cut off, and its random stream is
put back to where the end left it.
"""

from __future__ import annotations

import abc
import contextlib
import functools
import logging
import threading
import weakref
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.gpt import GPT, Attention
from ..models.kv_cache import StaticKVCache
from .sampling import RowNoise, SamplingOptions

_LOG = logging.getLogger(__name__)

STEPS_PER_LOOK = 16
"""Steps between two looks at the tokens. It decides no token."""

SPAN = 256
"""Attention reads a multiple of so many positions."""

Runner = Callable[[Hashable, Callable[[], None]], None]
"""Runs a step of one decoder; steps of one key do the same work on the same memory."""

NewRunner = Callable[[torch.device], Runner]
"""Makes a decoder's runner."""


class StaticDecoder(abc.ABC):
    """A batch that decodes one token a step, every tensor of it in one place.

    A row of the batch keeps its number to the end; ended rows go on and are not looked at.

    Args:
        max_len: positions that fit.
        n_candidates: tokens that a step chooses from.
        n_phases: kinds of steps that take turns, for example one for each codebook.
        new_runner: of the steps; None records them on CUDA and just calls them elsewhere.
    """

    def __init__(
        self,
        model: GPT,
        *,
        batch_size: int,
        max_len: int,
        n_candidates: int,
        sampling: SamplingOptions,
        n_phases: int = 1,
        new_runner: NewRunner | None = None,
    ) -> None:
        # The model may keep its decoder, and two that hold each other stay in memory for long.
        self._model = weakref.ref(model)
        self.cache = StaticKVCache(model.new_cache(batch_size, max_len))
        self.noise = RowNoise(batch_size, n_candidates, sampling, device=model.device)
        self._n_phases = n_phases
        self._run = (new_runner or _fastest_runner)(model.device)
        table = model.transformer["wte"].weight
        self._input = table.new_zeros(batch_size, 1, table.shape[1])
        self._tokens = torch.zeros(batch_size, max_len, dtype=torch.int64, device=model.device)
        self._length = 0  # what `cache.position` holds, known without asking

    @property
    def model(self) -> GPT:
        """The one that decodes; whoever lets the decoder work holds it."""
        model = self._model()
        assert model is not None
        return model

    @property
    def length(self) -> int:
        """Positions read; the next step's input is not among them."""
        return self._length

    @abc.abstractmethod
    def choose(self, hidden: Tensor, phase: int) -> tuple[Tensor, Tensor]:
        """Tokens and next inputs of one step, from tensors and into tensors alone.

        Args:
            hidden: (B, C) behind the input at `cache.position`.
            phase: below `n_phases`.

        Returns:
            (B,) int64 what `look` shall show, (B, 1, C) embeddings of the next inputs.
        """

    def read(self, prefixes: Tensor, rows: Sequence[int], source: Sequence[int]) -> None:
        """Begins anew behind prefixes; the last position of each is the next step's input.

        Args:
            prefixes: (U, T, C) embeddings.
            rows: of the batch, that are to begin; the others keep what they have, and mean
                nothing from here on.
            source: for each of the rows, which prefix it begins with.
        """
        n_read = prefixes.shape[1] - 1
        into, of = (torch.tensor(list(i), device=self.model.device) for i in (rows, source))
        if n_read:
            cache = self.model.new_cache(len(prefixes), n_read)
            self.model.trunk(prefixes[:, :-1], cache)
            self.cache.load(cache, into, of)
        self._input[into] = prefixes[of, -1:]
        self.cache.position.fill_(n_read)
        self._length = n_read

    def launch(self, n_steps: int, rows: Sequence[int], phase: int = 0) -> None:
        """Starts steps without waiting for them.

        Args:
            rows: that draw; the others' tokens mean nothing.
            phase: of the first step; the following ones take turns.
        """
        for n in range(n_steps):
            key = self._span(), (phase + n) % self._n_phases
            self.noise.draw(rows)
            self._run(key, functools.partial(self._step, *key))
            self._length += 1

    def look(self, n_steps: int) -> list[list[int]]:
        """What each row chose in the last steps, the one thing that waits for the device."""
        return self._tokens[:, self._length - n_steps : self._length].tolist()

    def _span(self) -> int:
        """Positions that the next step's attention reads."""
        return min(self._length // SPAN * SPAN + SPAN, self.cache.max_len)

    def _step(self, span: int, phase: int) -> None:
        tokens, following = self.choose(self._hidden(span), phase)
        self._tokens[:, self.cache.position] = tokens[:, None]
        self._input.copy_(following)
        self.cache.position.add_(1)

    def _hidden(self, span: int) -> Tensor:
        """(B, C) behind the input."""
        x, mask = self._input, self.cache.mask(span)
        for layer, block in enumerate(self.model.transformer["h"]):
            x = x + self._attend(block.attn, block.ln_1(x), layer, mask)
            x = x + block.mlp(block.ln_2(x))
        return self.model.transformer["ln_f"](x)[:, -1]

    def _attend(self, attention: Attention, x: Tensor, layer: int, mask: Tensor) -> Tensor:
        batch, _, width = x.shape
        heads = attention.c_attn(x).view(batch, 1, 3, attention.n_head, -1).permute(2, 0, 3, 1, 4)
        key, value = self.cache.update(layer, heads[1:], mask.shape[-1])
        query = heads[0].to(key.dtype)
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return attention.c_proj(y.reshape(batch, 1, width).to(x.dtype))


def decodes_statically(model: GPT, new_runner: NewRunner | None) -> bool:
    """Whether a model is decoded here: off the CPU, or where a caller gives the runner."""
    return new_runner is not None or model.device.type != "cpu"


def _fastest_runner(device: torch.device) -> Runner:
    return CudaGraphs(device) if device.type == "cuda" else PlainCalls(device)


class PlainCalls:
    """Runs a step by calling it."""

    def __init__(self, device: torch.device) -> None:
        pass

    def __call__(self, key: Hashable, step: Callable[[], None]) -> None:
        """Calls the step."""
        step()


class CudaGraphs:
    """Records a step of each key as a CUDA graph, and repeats the graph.

    The first step of a key is called plainly, which also loads kernels and makes workspaces, as
    must not happen in a recording; the second one is recorded. Where it cannot be, all steps are
    called plainly.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph | None] = {}
        self._works = True

    def __call__(self, key: Hashable, step: Callable[[], None]) -> None:
        """Does the step's work, in the order of the current stream."""
        if key not in self._graphs:
            self._graphs[key] = None
            self._warm_up(step)
            return
        if self._graphs[key] is None and self._works:
            self._graphs[key] = self._record(step)
        graph = self._graphs[key]
        if graph is None:
            step()
        else:
            graph.replay()

    def _warm_up(self, step: Callable[[], None]) -> None:
        # On the stream of the recording, as workspaces belong to streams.
        current = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            step()
        current.wait_stream(self._stream)

    def _record(self, step: Callable[[], None]) -> torch.cuda.CUDAGraph | None:
        # Nothing of a step outlives it but what it wrote into tensors made before, so that all
        # graphs may share the memory between.
        pool = next((graph.pool() for graph in self._graphs.values() if graph is not None), None)
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads may use the device meanwhile; a failed recording leaves its stream.
            recording = torch.cuda.graph(
                graph, pool=pool, stream=self._stream, capture_error_mode="thread_local"
            )
            with torch.cuda.stream(self._stream), recording:
                step()
        except RuntimeError as error:
            self._works = False
            _tell_once(str(error).partition("\n")[0])
            return None
        return graph


@functools.cache
def _tell_once(reason: str) -> None:
    _LOG.warning("decode steps cannot be recorded as CUDA graphs and run slower: %s", reason)


_KEPT = "kept_static_decoder"  # in the model's own dict, beside its modules
_D = TypeVar("_D", bound=StaticDecoder)


@contextlib.contextmanager
def borrow_decoder(
    model: GPT, new_runner: NewRunner | None, key: Hashable, make: Callable[[], _D]
) -> Iterator[_D]:
    """A decoder for one call; on CUDA the last call's, whose graphs are there, if it fits.

    While it is lent it belongs to nobody else: a second call at the same time makes its own.

    Args:
        new_runner: as the caller was given it; with one nothing is kept.
        key: of all that the decoder was made for. Where the weights lie is looked at as well, as
            graphs read them there.
    """
    if new_runner is not None or model.device.type != "cuda":
        yield make()
        return
    key = (key, tuple(weight.data_ptr() for weight in model.parameters()))
    kept = vars(model).pop(_KEPT, None)
    if kept is None or kept[0] != key:
        kept = None  # frees its memory first
        kept = key, make()
    try:
        yield kept[1]
    finally:
        vars(model)[_KEPT] = kept


def drop_decoder(model: nn.Module) -> None:
    """Frees what `borrow_decoder` keeps for a model's next call, if it does."""
    vars(model).pop(_KEPT, None)


class Utterance(Protocol):
    """What `decode_windows` fills: `tokens` so far, and `n_steps`, how many it adds."""

    tokens: list[int]
    n_steps: int


def decode_windows(
    decoder: StaticDecoder,
    items: Sequence[Utterance],
    generators: Sequence[torch.Generator | None],
    open_window: Callable[[list[int], int], int],
    stop: threading.Event | None,
) -> Generator[int, None, None]:
    """Appends tokens to items of known lengths, a row each, window by window.

    Args:
        open_window: lets the decoder read the beginning of a window: takes the rows that are not
            done and the step's number, gives how many steps the window holds.
        stop: looked at before every few tokens.

    Yields:
        the number of steps after each look.
    """
    decoder.noise.start(generators)
    step = window_end = 0
    while live := [row for row, item in enumerate(items) if step < item.n_steps]:
        if stop is not None and stop.is_set():
            return
        if step == window_end:
            window_end += open_window(live, step)
        n_left = min(items[row].n_steps for row in live) - step
        n = min(STEPS_PER_LOOK, window_end - step, n_left)
        decoder.launch(n, live, step)
        made = decoder.look(n)
        for row in live:
            items[row].tokens.extend(made[row])
        step += n
        yield step
