"""Looking through a checkpoint's pickle before anything of it is carried out.

torch's own reader refuses to call what it does not know, but it knows more than checkpoints need:
a byte array of any length, sparse and nested tensors, tuples of tuples as keys whose hash takes
for ever. Here only what `torch.save` writes for named tensors and plain values passes.
"""

from __future__ import annotations

import pickletools
from typing import Any, BinaryIO

MAX_OPERATIONS = 300_000  # an official checkpoint has some 20,000
_MAX_TEXT_CHARS = 1 << 16

_OPERATIONS = frozenset(
    "PROTO STOP MARK GLOBAL REDUCE BUILD APPEND APPENDS SETITEM SETITEMS TUPLE TUPLE1 TUPLE2"
    " TUPLE3 NONE NEWTRUE NEWFALSE EMPTY_TUPLE EMPTY_LIST EMPTY_DICT BINPERSID BININT BININT1"
    " BININT2 BINFLOAT BINUNICODE SHORT_BINSTRING LONG1 BINGET LONG_BINGET BINPUT"
    " LONG_BINPUT".split()
)
_STORAGES = "Float Half BFloat16 Double Long Int Short Char Byte Bool".split()
_NAMES = frozenset(
    [
        "collections OrderedDict",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        "torch Size",
        "numpy.core.multiarray scalar",
        "numpy._core.multiarray scalar",
        "numpy dtype",
        "_codecs encode",  # how older protocols write bytes
        *(f"torch {kind}Storage" for kind in _STORAGES),
    ]
)
_EMPTY, _PLAIN, _OTHER = "an empty tuple", "a key", "a value"
_PLAIN_OPERATIONS = frozenset("BINUNICODE SHORT_BINSTRING BININT BININT1 BININT2 LONG1".split())
_ONE_MORE = frozenset("NONE NEWTRUE NEWFALSE EMPTY_LIST EMPTY_DICT BINFLOAT".split())
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class ForbiddenNameError(ValueError):
    """The pickle names something to call that is no part of a checkpoint; the name is its text."""


def check_pickle(stream: BinaryIO) -> None:
    """Follows one pickle without carrying it out, up to its end.

    Raises:
        ForbiddenNameError: it names what no checkpoint needs.
        ValueError: it is no pickle, too long, or does what `torch.save` does not.
    """
    stack = _Stack()
    for n, (operation, argument, _) in enumerate(pickletools.genops(stream)):
        if operation.name not in _OPERATIONS or n > MAX_OPERATIONS:
            raise ValueError(f"a checkpoint has no {operation.name} there")
        if isinstance(argument, str) and len(argument) > _MAX_TEXT_CHARS:
            raise ValueError("a text of it is too long")
        stack.follow(operation.name, argument)


class _Stack:
    """What a pickle's reader would hold, told apart only as far as it matters."""

    def __init__(self) -> None:
        self._items: list[str] = []
        self._marks: list[int] = []
        self._memo: dict[int, str] = {}

    def follow(self, name: str, argument: Any) -> None:
        if name in _PLAIN_OPERATIONS:
            self._items.append(_PLAIN)
        elif name in _ONE_MORE:
            self._items.append(_OTHER)
        elif name == "EMPTY_TUPLE":
            self._items.append(_EMPTY)
        elif name in _TUPLES:
            self._take(_TUPLES[name])
            self._items.append(_OTHER)
        elif name == "TUPLE":
            self._items.append(_OTHER if self._take_marked() else _EMPTY)
        elif name == "MARK":
            self._marks.append(len(self._items))
        elif name in ("BINGET", "LONG_BINGET"):
            self._items.append(self._memo[argument])
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = self._items[-1]
        elif name == "GLOBAL":
            if argument not in _NAMES:
                raise ForbiddenNameError(argument.replace(" ", "."))
            self._items.append(argument)
        elif name not in ("PROTO", "STOP"):
            self._change(name)

    def _change(self, name: str) -> None:
        if name == "REDUCE":
            called, arguments = self._take(2)
            if called not in _NAMES or (called.endswith("OrderedDict") and arguments != _EMPTY):
                raise ValueError("it calls what is no part of a checkpoint")
            self._items.append(_OTHER)
        elif name == "BINPERSID":
            self._take(1)
            self._items.append(_OTHER)
        elif name in ("SETITEM", "SETITEMS"):
            pairs = self._take(2) if name == "SETITEM" else self._take_marked()
            if any(key != _PLAIN for key in pairs[::2]):
                raise ValueError("a key of it is neither a text nor a number")
        elif name == "APPENDS":
            self._take_marked()
        else:  # APPEND and BUILD change what lies below
            self._take(1)

    def _take(self, n: int) -> list[str]:
        if len(self._items) < n or (self._marks and len(self._items) - n < self._marks[-1]):
            raise ValueError("it takes more than there is")
        taken = self._items[-n:]
        del self._items[-n:]
        return taken

    def _take_marked(self) -> list[str]:
        if not self._marks:
            raise ValueError("it lacks a mark")
        start = self._marks.pop()
        taken = self._items[start:]
        del self._items[start:]
        return taken
