"""Reading torch's and safetensors' files, mapped and never running what they hold.

Both kinds come from strangers: what they list is looked through before torch sees it.
"""

from __future__ import annotations

import io
import itertools
import pickle
import pickletools
import struct
import threading
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from ..devices import memory_for
from ..errors import CheckpointError, MemoryShortError, WeightsNotFoundError
from ..files.archive_file import open_archive
from ..files.whole_file import open_regular
from .pickle_check import ForbiddenNameError, check_pickle

_MAX_BYTES = 1 << 40
_MAX_DIRECTORY_BYTES = 4 << 20
_MAX_PICKLE_BYTES = 4 << 20
_MAX_HEADER_BYTES = 4 << 20  # of a .safetensors file; a thousand tensors take 120 kB
_MAX_GROWTH = 4
_MAX_NAME_CHARS = 80
_MAX_REASON_CHARS = 120
_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of a file from before torch 1.6
_N_PICKLES = 5  # of such a file: magic number, version, system, content, names of the storages
_DAMAGE = (  # what readers meet in arbitrary bytes
    zipfile.BadZipFile,
    struct.error,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    ArithmeticError,
    AttributeError,
    TypeError,
    AssertionError,
    MemoryError,
)

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
        MemoryShortError: there is no room for what it holds.
    """
    try:
        is_zip = _check(path)
        room = memory_for(str(path), path.stat().st_size)
        with room, _ALLOW_LIST_LOCK, torch.serialization.safe_globals(_numpy_scalar()):
            return torch.load(path, map_location="cpu", mmap=is_zip, weights_only=True)
    except FileNotFoundError as error:
        raise WeightsNotFoundError(f"There is no weight file at {path}.") from error
    except ForbiddenNameError as error:
        raise CheckpointError(
            f"{path} holds {str(error)[:_MAX_NAME_CHARS]}, which is neither a tensor nor a plain "
            "value; it was not opened, because loading it could run somebody's program."
        ) from error
    except MemoryShortError:
        raise
    except (pickle.UnpicklingError, *_DAMAGE) as error:
        raise _damaged(path, error) from error


def named_tensors(values: object, path: Path) -> dict[str, Tensor]:
    """A checkpoint's weights, once they are known to be what their names say and no more.

    Args:
        values: what the file holds in their place.

    Raises:
        CheckpointError: it is no dict of dense tensors by name, or the tensors claim to be
            several times as large as the file.
    """
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds a {type(values).__name__}; a dict was expected.")
    n_bytes = 0
    for name, value in values.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(
                f"{path} holds {str(name)[:_MAX_NAME_CHARS]!r} of type {type(value).__name__} "
                "among its weights; only named tensors are accepted."
            )
        if value.layout is not torch.strided or value.device.type != "cpu" or value.is_quantized:
            raise CheckpointError(f"{path} has a {name} that is no plain tensor on the CPU.")
        n_bytes += value.numel() * value.element_size()
    # Tied tensors share their bytes; a few bytes that stand for a million would be copied out.
    if n_bytes > _MAX_GROWTH * path.stat().st_size:
        raise CheckpointError(
            f"{path} says that its tensors take {n_bytes:,} bytes, many times what it holds; "
            "it is no checkpoint that can be trusted."
        )
    return values


def read_safetensors(path: Path, *, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a .safetensors file whose names begin with `prefix`, mapped.

    Returns:
        Tensors on the CPU under their names without the prefix.

    Raises:
        WeightsNotFoundError: there is no such file.
        CheckpointError: it is damaged or cut off.
        MemoryShortError: there is no room for what it holds.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with open_regular(path, max_bytes=_MAX_BYTES) as file:
            header_bytes = int.from_bytes(file.read(8), "little")
        if header_bytes > _MAX_HEADER_BYTES:
            raise ValueError(f"its header has {header_bytes:,} bytes")
        room = memory_for(str(path), path.stat().st_size)
        with room, safe_open(path, framework="pt", device="cpu") as tensors:
            names = [name for name in tensors.keys() if name.startswith(prefix)]  # noqa: SIM118
            return {name.removeprefix(prefix): tensors.get_tensor(name) for name in names}
    except FileNotFoundError as error:
        raise WeightsNotFoundError(f"There is no weight file at {path}.") from error
    except MemoryShortError:
        raise
    except (SafetensorError, *_DAMAGE) as error:
        raise _damaged(path, error) from error


def _check(path: Path) -> bool:
    """Looks through a torch file; returns whether it is an archive, and so can be mapped."""
    with open_regular(path, max_bytes=_MAX_BYTES) as file:
        is_zip = file.read(4) == b"PK\x03\x04"
        file.seek(0)
        if is_zip:
            _check_archive(file)
        else:  # before torch 1.6: pickles one after another, and the bytes of the tensors
            first = [argument for _, argument, _ in itertools.islice(pickletools.genops(file), 3)]
            if first[1:] != [_MAGIC, None]:
                raise ValueError("it does not begin as torch's files do")
            for _ in range(_N_PICKLES - 1):
                check_pickle(file)
        return is_zip


def _check_archive(file: BinaryIO) -> None:
    size = file.seek(0, 2)
    with open_archive(file, max_directory_bytes=_MAX_DIRECTORY_BYTES) as archive:
        entries = archive.infolist()
        names = {entry.filename for entry in entries}
        folders = {name.partition("/")[0] for name in names}
        if len(names) < len(entries) or len(folders) != 1:
            raise ValueError("its entries are not those of one checkpoint")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("torch does not compress")
        if sum(entry.file_size for entry in entries) > size:
            raise ValueError("it lists more than it holds")
        pickled = archive.getinfo(f"{folders.pop()}/data.pkl")
        if pickled.file_size > _MAX_PICKLE_BYTES:
            raise ValueError(f"its pickle has {pickled.file_size:,} bytes")
        check_pickle(io.BytesIO(archive.read(pickled)))


def _damaged(path: Path, error: Exception) -> CheckpointError:
    size = f"{path.stat().st_size / 1e6:.1f} MB" if path.is_file() else "no regular file"
    reason = " ".join(str(error).split())[:_MAX_REASON_CHARS]
    return CheckpointError(
        f"{path} is damaged or cut off ({size}); delete it and fetch it again. ({reason})"
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
