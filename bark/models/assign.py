"""Putting named tensors into a module: every key and shape checked, nothing copied needlessly."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import CheckpointError

_N_NAMED = 3  # keys that an error lists
_MAX_KEY_CHARS = 100


@contextlib.contextmanager
def empty_modules() -> Iterator[None]:
    """Modules made in this block have names and shapes but take neither memory nor random numbers.

    `assign_weights` then fills them.
    """
    with torch.device("meta"), _NoFirstValues():
        yield


class _NoFirstValues(TorchFunctionMode):
    """Leaves out the setting of first values.

    On the meta device it would set nothing, but it would load torch's reference operators and
    its compiler for it, which takes longer than loading a small model.
    """

    _SETTERS = frozenset("uniform_ normal_ fill_ zero_ kaiming_uniform_".split())

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in self._SETTERS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def assign_weights(module: nn.Module, weights: Mapping[str, Tensor], *, source: str) -> None:
    """Makes the tensors the module's own, as float32, and readies it for inference.

    The module is best made inside `empty_modules`. float32 tensors are used as they are, so that
    those of a mapped file stay in the file until they are read; of others only one is converted
    at a time.

    Args:
        module: its `state_dict` says which names and shapes are expected.
        weights: exactly these names.
        source: what an error names, for example the file.

    Raises:
        CheckpointError: names are missing or too many, or a shape or dtype does not fit.
    """
    expected = module.state_dict()
    check_keys(expected, weights, source=source)
    converted = {}
    for name, slot in expected.items():
        tensor = weights[name]
        if tensor.shape != slot.shape:
            raise CheckpointError(
                f"{source} has {name} of shape {tuple(tensor.shape)}; "
                f"this model needs {tuple(slot.shape)}."
            )
        if not tensor.is_floating_point():
            raise CheckpointError(f"{source} has {name} of dtype {tensor.dtype}; floats were due.")
        converted[name] = tensor.to(torch.float32).contiguous()
    module.load_state_dict(converted, assign=True)
    module.requires_grad_(False).eval()


def check_keys(expected: Collection[str], found: Collection[str], *, source: str) -> None:
    """Compares names.

    Raises:
        CheckpointError: with the first few of those that are missing or too many.
    """
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected))
    faults = []
    if missing:
        faults.append(f"lacks {_some(missing)}")
    if extra:
        faults.append(f"has {_some(extra)} that this model does not know")
    if faults:
        raise CheckpointError(f"{source} {' and '.join(faults)}; it is no file of this model.")


def _some(keys: list[str]) -> str:
    named = ", ".join(key[:_MAX_KEY_CHARS] for key in keys[:_N_NAMED])
    return named if len(keys) <= _N_NAMED else f"{named} and {len(keys) - _N_NAMED} more"


def count_parameters(*modules: nn.Module) -> int:
    """Parameters of these modules, one that is shared inside a module counted once."""
    return sum(p.numel() for module in modules for p in module.parameters())


def apply_and_forget_copies(model: Any, apply: Callable[[], object]) -> None:
    """Moves or converts a model's weights; what read them where they were is let go if they move.

    Args:
        model: whose `native` blocks, `of_many` and `draft` point at its weights.
        apply: does it.
    """
    before = [(p.data_ptr(), p.dtype) for p in model.parameters()]
    apply()
    if before != [(p.data_ptr(), p.dtype) for p in model.parameters()]:
        model.native = model.of_many = None
        if hasattr(model, "draft"):
            model.draft = None
