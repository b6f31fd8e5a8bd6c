"""Runners of decode steps: called plainly, or recorded as CUDA graphs and replayed."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Hashable

import torch

log = logging.getLogger(__name__)

Runner = Callable[[Hashable, Callable[[], None]], None]
"""Runs a step of one decoder; steps of one key do the same work on the same memory."""

NewRunner = Callable[[torch.device], Runner]
"""Makes a decoder's runner."""


def new_runner(device: torch.device) -> Runner:
    """The quickest runner of a device."""
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
    log.warning("decode steps cannot be recorded as CUDA graphs and run slower: %s", reason)
