"""Questions that ask for yes or no rise at their end; the teacher lets all sentences fall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bark.codecs.harmonics import Bands
from bark.text.english.phones import N_PAUSES, PHONE_INDEX, PHONES, QUESTION_PAUSE, Phone

QUESTION_RISE = 0.6
"""How much higher the voice is at the end than it would be."""


def question_ramp(phones: Sequence[Phone]) -> np.ndarray:
    """Natural log of the rise at every codec frame: (2 T,) float32, 0 outside questions.

    It begins with the last stressed vowel before a questioning pause, grows to the pause, and
    stays through it.
    """
    starts = 2 * np.cumsum([0, *(phone.n_frames for phone in phones)])
    ramp = np.zeros(starts[-1], np.float32)
    for i, phone in enumerate(phones):
        if phone.index != PHONE_INDEX[QUESTION_PAUSE] or i == 0:
            continue
        first, end = starts[_last_stressed(phones, i)], starts[i]
        ramp[first:end] = np.linspace(0, 1, end - first)
        ramp[end : starts[i + 1]] = 1.0
    return ramp * np.float32(np.log1p(QUESTION_RISE))


def with_ramp(bands: Bands, ramp: np.ndarray) -> Bands:
    """Raises the pitch by a log ramp (T,); fewer harmonics carry the same power."""
    rise = torch.from_numpy(ramp)
    size = bands.size + 0.5 * rise[:, None]
    return Bands(bands.f0 * rise.exp(), size, bands.turn, bands.noise)


def _last_stressed(phones: Sequence[Phone], pause: int) -> int:
    """The last stressed vowel before a pause, at least the phone before it."""
    for i in range(pause - 1, -1, -1):
        if phones[i].index < N_PAUSES:
            break
        if PHONES[phones[i].index].endswith("1"):
            return i
    return pause - 1
