"""Runners that prove on a CPU what a GPU would be told to do."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from bark.decoding.cuda_graphs import NewRunner
from bark.decoding.engines import decode
from bark.decoding.stage import Engine
from bark.decoding.static import decode_static


def engine_of(runner: NewRunner | None) -> Engine:
    """The static driver with a runner, or the one that is chosen."""
    return decode if runner is None else functools.partial(decode_static, runner=runner)


class Recording(TorchDispatchMode):
    """Operations of one step, to be done again on the same memory, as a CUDA graph does them."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        assert "_local_scalar_dense" not in str(func), "a step asked for a number"
        self.operations.append((func, args, kwargs or {}, result))
        return result

    def replay(self) -> None:
        made: dict[int, Tensor] = {}  # of this time, by the id of the recorded one

        def now(value: Any) -> Any:
            return made.get(id(value), value)

        for func, args, kwargs, recorded in self.operations:
            result = func(*tree_map(now, args), **tree_map(now, kwargs))
            for old, new in zip(tree_leaves(recorded), tree_leaves(result), strict=True):
                made[id(old)] = new


class Repeater:
    """A runner that knows only what the first step of a key did."""

    def __init__(self, device: torch.device) -> None:
        self.recordings: dict[Hashable, Recording] = {}

    def __call__(self, key: Hashable, step: Callable[[], None]) -> None:
        if key in self.recordings:
            self.recordings[key].replay()
            return
        with Recording() as self.recordings[key]:
            step()


class OnOneDevice(TorchDispatchMode):
    """Fails where something moves between devices or the host asks for a number.

    So it does at float64, which Apple's GPUs do not have.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [x for x in tree_leaves((args, kwargs, result)) if isinstance(x, Tensor)]
        kinds = {x.device.type for x in tensors}
        assert kinds <= {"meta"}, f"{func} sees tensors of {kinds}"
        assert all(x.dtype != torch.float64 for x in tensors), f"{func} sees float64"
        assert not {"_local_scalar_dense", "nonzero", "equal"} & {func.overloadpacket.__name__}
        return result
