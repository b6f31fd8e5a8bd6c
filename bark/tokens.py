"""One check of token arrays that come from outside."""

from __future__ import annotations

from typing import Any

import numpy as np


def whole_numbers(values: Any) -> np.ndarray | None:
    """An array's whole numbers as int64; None where it holds others.

    Programs for suno-ai/bark hand over floats (np.zeros, torch's defaults), which are taken where
    every one of them is whole.

    Args:
        values: an array of any shape and dtype, or what numpy makes one of.
    """
    array = np.asarray(values)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind != "f" or not np.isfinite(array).all() or (np.abs(array) > 2**31).any():
        return None
    whole = np.rint(array)
    return whole.astype(np.int64) if np.array_equal(whole, array) else None
