"""Reading torch's and safetensors' files, mapped and never running what they hold."""

from __future__ import annotations

import pickle
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import CheckpointError, WeightsNotFoundError

_ALLOW_LIST_LOCK = threading.Lock()  # torch's allow-list is one for the whole process


def read_torch_file(path: Path) -> Any:
    """What `torch.save` wrote, with its tensors left in the file until they are read.

    The official checkpoints hold one thing besides tensors and plain values: the validation
    loss as a numpy scalar, which torch >= 2.6 refuses by itself. That one is let in, under the
    names that NumPy 1 and NumPy 2 give it; anything else is refused.

    Returns:
        Mostly a dict; tensors lie on the CPU.

    Raises:
        WeightsNotFoundError: there is no such file.
        CheckpointError: it is damaged, cut off, or holds more than tensors and plain values.
    """
    try:
        with path.open("rb") as stream:
            is_zip = stream.read(4) == b"PK\x03\x04"  # before torch 1.6 files were bare pickles
        with _ALLOW_LIST_LOCK, torch.serialization.safe_globals(_numpy_scalar()):
            return torch.load(path, map_location="cpu", mmap=is_zip, weights_only=True)
    except FileNotFoundError as error:
        raise WeightsNotFoundError(f"There is no weight file at {path}.") from error
    except pickle.UnpicklingError as error:
        name = re.search(r"GLOBAL ([\w.]+)", str(error))
        if name is None:
            raise _damaged(path) from error
        raise CheckpointError(
            f"{path} holds {name[1]}, which is neither a tensor nor a plain value; "
            "it was not opened, because loading it could run somebody's program."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError) as error:
        raise _damaged(path) from error
    except (AttributeError, TypeError, AssertionError, MemoryError) as error:
        raise _damaged(path) from error  # what torch's reader meets in arbitrary bytes


def read_safetensors(path: Path, *, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a .safetensors file whose names begin with `prefix`, mapped.

    Returns:
        Tensors on the CPU under their names without the prefix.

    Raises:
        WeightsNotFoundError: there is no such file.
        CheckpointError: it is damaged or cut off.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            return {name.removeprefix(prefix): file.get_tensor(name) for name in names}
    except FileNotFoundError as error:
        raise WeightsNotFoundError(f"There is no weight file at {path}.") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} is damaged or cut off ({path.stat().st_size / 1e6:.1f} MB); "
        "delete it and fetch it again."
    )


def _numpy_scalar() -> list[Any]:
    from numpy._core.multiarray import scalar

    return [
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        np.dtype,
        np.dtypes.Float64DType,
        np.dtypes.Float32DType,
    ]
