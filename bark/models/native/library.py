"""The compiled library's functions and structures, as ctypes sees them."""

from __future__ import annotations

import ctypes
import functools
import logging
import sys
from ctypes import POINTER, c_int, c_int64, c_void_p
from pathlib import Path

import torch
from torch import Tensor

from ...environment import read_environment
from .compiler import CompilationError, built_library, compiled_library, remove_library
from .memory import HugeMemory, new_packed

log = logging.getLogger(__name__)

FLOAT32, INT8, INT4 = range(3)
KV_FLOAT32, KV_BF16, KV_INT8 = range(3)
_DONE = 0


class NativeMemoryError(MemoryError):
    """A call had no memory to work in and has computed nothing of use; torch's layers may."""


class LinearStruct(ctypes.Structure):
    """`linear` of transformer.c."""

    _fields_ = (
        ("kind", c_int64),
        ("n_out", c_int64),
        ("n_in", c_int64),
        ("weight", c_void_p),
        ("scale", c_void_p),
        ("offset", c_void_p),
        ("bias", c_void_p),
        ("limits", c_void_p),
    )


class LayerStruct(ctypes.Structure):
    """`layer` of transformer.c."""

    _fields_ = (
        ("norm1", c_void_p),
        ("norm1_bias", c_void_p),
        ("norm2", c_void_p),
        ("norm2_bias", c_void_p),
        ("qkv", LinearStruct),
        ("attention_out", LinearStruct),
        ("mlp_in", LinearStruct),
        ("mlp_out", LinearStruct),
    )


class ModelStruct(ctypes.Structure):
    """`model` of transformer.c."""

    _fields_ = (
        ("n_layers", c_int64),
        ("width", c_int64),
        ("n_heads", c_int64),
        ("layers", c_void_p),
        ("norm", c_void_p),
        ("norm_bias", c_void_p),
    )


class CacheStruct(ctypes.Structure):
    """`cache` of transformer.c."""

    _fields_ = (
        ("n_items", c_int64),
        ("n_new", c_int64),
        ("n_past", c_int64),
        ("max_len", c_int64),
        ("kind", c_int64),
        ("layers", c_void_p),
    )


_STRUCTS = (LinearStruct, LayerStruct, ModelStruct, CacheStruct)
_LINEAR, _MODEL, _CACHE = POINTER(LinearStruct), POINTER(ModelStruct), POINTER(CacheStruct)
_INTERFACE: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "struct_layout": (c_int, (POINTER(c_int64), c_int)),
    "panel_lanes": (c_int, ()),
    "has_tiles": (c_int, ()),
    "has_byte_products": (c_int, ()),
    "packed_size": (c_int64, (c_int, c_int64, c_int64)),
    "pack_int8": (None, (c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_void_p, c_int)),
    "pack_int4": (None, (c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_void_p, c_int)),
    "limits_length": (c_int64, (c_int64,)),
    "find_limits": (None, (_LINEAR, c_void_p, c_int)),
    "run_linear": (c_int, (_LINEAR, c_void_p, c_void_p, c_int, c_int)),
    "write_cache": (None, (_CACHE, c_int, c_int, c_int, c_void_p)),
    "read_cache": (None, (_CACHE, c_int, c_int, c_int, c_void_p)),
    "run_layers": (c_int, (_MODEL, _CACHE, c_void_p, c_void_p, c_int)),
    "run_layers_of_many": (c_int, (_MODEL, _CACHE, c_void_p, c_void_p, c_int, c_int, c_int)),
}
"""What each function returns and takes."""


def _open(path: Path) -> ctypes.CDLL:
    """The library with its functions' types declared; raises OSError where it is another."""
    dll = ctypes.CDLL(str(path))
    try:
        for name, (returns, takes) in _INTERFACE.items():
            function = getattr(dll, name)
            function.restype, function.argtypes = returns, takes
        expected = struct_layout()
        found = (c_int64 * len(expected))()
        if dll.struct_layout(found, len(expected)) != len(expected) or list(found) != expected:
            raise OSError(f"{path} lays its structures out otherwise than this package")
    except (AttributeError, OSError) as error:
        _close(dll)
        raise OSError(f"{path} is no library of this package: {error}") from error
    return dll


def _close(dll: ctypes.CDLL) -> None:
    """Lets a library go; while it is open, its path stands for it, whatever file lies there."""
    if sys.platform != "win32":
        from _ctypes import dlclose

        dlclose(dll._handle)


def struct_layout() -> list[int]:
    """Size and members' offsets of each structure, as `struct_layout` of transformer.c."""
    layout = []
    for struct in _STRUCTS:
        layout.append(ctypes.sizeof(struct))
        layout += [getattr(struct, name).offset for name, *_ in struct._fields_]
    return layout


class Library:
    """The functions.

    Args:
        path: of the compiled library.

    Attributes:
        n_threads: that compute at most; as many as torch has when this is made. They are its
            own: torch's would go on waiting for work on the same cores for a while.
        panel_lanes: outputs that lie together in the codes of a packed layer.
        has_tiles: whether many rows go through tiles.
        has_byte_products: whether eight-bit layers are fast here.

    Raises:
        OSError: it is none, not of this system, or not of this version of the package.
    """

    def __init__(self, path: Path) -> None:
        self._dll = _open(path)
        self.n_threads = torch.get_num_threads()
        self.panel_lanes = int(self._dll.panel_lanes())
        self.has_tiles = bool(self._dll.has_tiles())
        self.has_byte_products = bool(self._dll.has_byte_products())

    def packed_size(self, kind: int, n_out: int, n_in: int) -> int:
        """Bytes of the codes of a weight (N, K)."""
        return int(self._dll.packed_size(kind, n_out, n_in))

    def pack(self, kind: int, weight: Tensor, codes: Tensor, scale: Tensor, offset: Tensor) -> None:
        """Fills codes, scales and offsets of a float32 weight (N, K); `kind` is INT8 or INT4."""
        n_out, n_in = weight.shape
        pack = self._dll.pack_int8 if kind == INT8 else self._dll.pack_int4
        pack(
            pointer(weight),
            n_out,
            n_in,
            pointer(codes),
            pointer(scale),
            pointer(offset),
            self.n_threads,
        )

    def set_limits(self, layer: LinearStruct) -> Tensor:
        """Finds what a packed layer of eight bits can add up in sixteen, where that is asked.

        Returns:
            What the layer points at from then on, to be kept as long as it; empty where the
            processor adds up more bits.
        """
        limits = torch.empty(self._dll.limits_length(layer.n_in), dtype=torch.int32)
        if len(limits):
            self._dll.find_limits(layer, pointer(limits), self.n_threads)
            layer.limits = limits.data_ptr()
        return limits

    def run_linear(self, layer: LinearStruct, x: Tensor, y: Tensor) -> None:
        """One layer: x (M, K) float32 into y (M, N), both contiguous.

        Raises:
            NativeMemoryError: memory is short; `y` holds nothing of use.
        """
        status = self._dll.run_linear(
            ctypes.byref(layer), pointer(x), pointer(y), len(x), self.n_threads
        )
        _check(status)

    def write_cache(self, cache: CacheStruct, layer: int, key_value: Tensor) -> None:
        """Puts new positions (2, B, H, T, D) float32 into a layer's cache of eight bits."""
        _, _, n_head, _, size = key_value.shape
        self._dll.write_cache(ctypes.byref(cache), layer, n_head, size, pointer(key_value))

    def read_cache(self, cache: CacheStruct, layer: int, key_value: Tensor) -> None:
        """All that it holds then, into (2, B, H, n_past + n_new, D) float32."""
        _, _, n_head, _, size = key_value.shape
        self._dll.read_cache(ctypes.byref(cache), layer, n_head, size, pointer(key_value))

    def run_layers(self, model: ModelStruct, cache: CacheStruct, x: Tensor, y: Tensor) -> None:
        """All layers for a few new positions: x (B, T, C) is used up, y (B, T, C) is filled.

        Raises:
            NativeMemoryError: memory is short; `y` holds nothing of use.
        """
        status = self._dll.run_layers(
            ctypes.byref(model),
            ctypes.byref(cache),
            pointer(x),
            pointer(y),
            self.n_threads,
        )
        _check(status)

    def run_layers_of_many(
        self,
        model: ModelStruct,
        cache: CacheStruct,
        x: Tensor,
        y: Tensor,
        *,
        causal: bool,
        n_last: int,
    ) -> None:
        """The same for many; of packed layers, and heads of a multiple of `2 * panel_lanes`.

        Of y only the last n_last positions of each item are filled.
        """
        status = self._dll.run_layers_of_many(
            ctypes.byref(model),
            ctypes.byref(cache),
            pointer(x),
            pointer(y),
            int(causal),
            n_last,
            self.n_threads,
        )
        _check(status)


def _check(status: int) -> None:
    if status != _DONE:
        raise NativeMemoryError("the compiled layers had no memory to work in")


def pointer(tensor: Tensor) -> c_void_p:
    """Where a contiguous tensor on the CPU lies."""
    assert tensor.is_contiguous()
    assert tensor.device.type == "cpu"
    return c_void_p(tensor.data_ptr())


@functools.cache
def load_library() -> Library | None:
    """The library, compiled if need be; None where it cannot be had, with the reason in the log.

    BARK_NATIVE=0 leaves it out. It is asked for a product once before anybody relies on it.
    """
    environment = read_environment()
    if not environment.native:
        return None
    try:
        library = open_built(environment.native_built) or open_or_rebuild(
            environment.native_dir, environment.compiler
        )
    except (CompilationError, OSError) as error:
        log.info("torch's layers compute instead of compiled ones: %s", error)
        return None
    if not library.has_byte_products:
        log.info("torch's layers compute: this processor has no products of bytes")
        return None
    if not computes_exactly(library):
        log.warning("the compiled layers do not compute what they should; torch's are used")
        return None
    return library


def open_built(folder: Path | None) -> Library | None:
    """A library that came with the package or its image; None where none fits this processor.

    Args:
        folder: BARK_NATIVE_BUILT; None looks into the package.
    """
    path = built_library(folder or Path(__file__).parent / "built")
    if path is None:
        return None
    try:
        return Library(path)
    except OSError as error:
        log.info("%s is of no use here: %s", path.name, error)
        return None


def open_or_rebuild(folder: Path, compiler: str | None) -> Library:
    """The library of a folder; one that turns out to be another's is compiled anew.

    Raises:
        CompilationError: it cannot be compiled. OSError: nor is the new one of use.
    """
    path = compiled_library(folder, compiler=compiler)
    try:
        return Library(path)
    except OSError as error:
        log.info("the compiled layers are compiled anew: %s", error)
        remove_library(path)
        return Library(compiled_library(folder, compiler=compiler))


def computes_exactly(library: Library) -> bool:
    """Whether sums of eight and four bits come out as whole numbers do, also the largest."""
    generator = torch.Generator().manual_seed(0)
    n_rows, n_out, n_in = 43, 24, 80
    x = torch.randint(-127, 128, (n_rows, n_in), generator=generator).float()
    x[20:] = (x[20:] / 4).trunc()  # many rows are computed by what they hold
    weight = torch.randint(-127, 128, (n_out, n_in), generator=generator).float()
    x[:, 0] = weight[:, 0] = 127  # so that both scales are 1
    x[0], weight[0], weight[1] = 127, 127, -127
    coarse = torch.randint(-8, 8, (n_out, n_in), generator=generator).float()
    coarse[:, 32:64] *= 15
    coarse[:, 32] = coarse[0] = -120
    return _is_product(library, INT8, x, weight) and _is_product(library, INT4, x, coarse)


def _is_product(library: Library, kind: int, x: Tensor, weight: Tensor) -> bool:
    """Whether a layer of whole numbers, which have codes, multiplies them as they are."""
    n_out, n_in = weight.shape
    codes, scale, offset = new_packed(n_out, library.packed_size(kind, n_out, n_in), HugeMemory())
    library.pack(kind, weight, codes, scale, offset)
    layer = LinearStruct(
        kind, n_out, n_in, codes.data_ptr(), scale.data_ptr(), offset.data_ptr(), None
    )
    _limits = library.set_limits(layer) if kind == INT8 else None
    y, few = torch.empty(len(x), n_out), 11
    for part in (slice(few), slice(few, None)):
        library.run_linear(layer, x[part], y[part])
    return bool(torch.equal(y, x @ weight.T))
