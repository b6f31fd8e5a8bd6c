"""Decode steps whose small kernels torch.compile makes into fewer.

A step of one clip is some hundred small kernels between the large products, and on a fast GPU
starting them takes longer than what they read. torch.compile joins neighbours (norms, additions,
GELU, the mask and the draw); the step is then recorded as a CUDA graph like any other. Compiling
takes a while for every length and phase that a step has, so it is asked for by BARK_FUSE=1.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

import torch

from ..environment import read_environment

log = logging.getLogger(__name__)

BACKEND = "inductor"
_MOST_KINDS = 64  # of steps: 4 lengths, 2 phases, a few batch sizes and models


def step_for(step: Callable[..., None], device: torch.device) -> Callable[..., None]:
    """The step itself, or where it is asked for and can be had, a fused one."""
    if device.type != "cuda" or not read_environment().fuse:
        return step
    return fused(step, BACKEND)


@functools.cache
def fused(step: Callable[..., None], backend: str) -> Callable[..., None]:
    """The same step through torch.compile, as one graph; the plain one where that fails.

    Args:
        step: a function that reads and writes tensors alone.
        backend: of torch.compile.
    """
    return _Fused(step, backend)


class _Fused:
    def __init__(self, step: Callable[..., None], backend: str) -> None:
        self._step = step
        self._fused = torch.compile(step, fullgraph=True, dynamic=False, backend=backend)
        self._works = True

    def __call__(self, *args: object) -> None:
        if self._works:
            from torch._dynamo import config  # slow to import, and only needed here
            from torch._dynamo.exc import TorchDynamoException

            try:
                with config.patch(recompile_limit=_MOST_KINDS):
                    self._fused(*args)
            except TorchDynamoException as error:  # before anything was computed
                self._works = False
                reason = str(error).strip().partition("\n")[0]
                log.warning("decode steps cannot be fused and run as they are: %s", reason)
            else:
                return
        self._step(*args)
