"""The same place in the sentence in another take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def matching_time(
    time_s: float,
    one: Sequence[tuple[float, float]],
    other: Sequence[tuple[float, float]],
    durations_s: tuple[float, float],
) -> float:
    """The place in another take where the same thing is said.

    Args:
        time_s: in the first take.
        one, other: (start, end) of the words of the two takes, in seconds, in order; where they
            are not as many, or not known, the share of the length decides.
        durations_s: how long the two takes are.

    Returns:
        seconds in the other take, within its length.
    """
    lengths = [max(length, 1e-9) for length in durations_s]
    if not one or len(one) != len(other):
        return min(max(time_s, 0.0) / lengths[0], 1.0) * lengths[1]
    marks = [[0.0], [0.0]]
    for side, words in enumerate((one, other)):
        for start_s, end_s in words:
            marks[side] += [start_s, end_s]
        marks[side].append(lengths[side])
    return float(np.interp(time_s, marks[0], marks[1]))
