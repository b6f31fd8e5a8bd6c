"""Parts Kokoro's sound into harmonics and the rest, by the phase that it was made from.

Kokoro's vocoder is driven by a sine whose pitch it predicts before, and by its multiples. Their
phase is the running sum of that pitch, so the harmonics of the sound are known to be at multiples
of it exactly, and no pulse has to be looked for in the sound.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

SAMPLE_RATE_HZ = 24_000
PITCH_HOP_LEN = 300
"""Samples to a value of the predicted pitch."""
TOP_HZ = 11_000.0
"""Harmonics are looked for below this."""

_LOWEST_HZ = 55.0  # below, Kokoro's voice is silent or on its way there
_FEWEST_VALUES = 2
_MARGIN_LEN = 900  # samples around a voiced stretch that its windows may see
_HOP_LEN = 160
_N_PERIODS, _WINDOW_S = 3.0, 0.022  # of a window, the longer of the two
_SMALL_SINE = 1e-3


@dataclass(frozen=True, eq=False)
class Stretch:
    """Voiced sound without a gap.

    Attributes:
        start, stop: its samples.
        first: the sample that `cycles` begins with, `start` or earlier.
        cycles: (m,) periods of the voice so far, float64; goes on beyond both ends.
        frequency: (m,) Hz.
    """

    start: int
    stop: int
    first: int
    cycles: np.ndarray
    frequency: np.ndarray

    def inner(self, values: np.ndarray) -> np.ndarray:
        """Those of (m,) values that belong to samples `start` to `stop`."""
        return values[self.start - self.first : self.stop - self.first]


def voiced_only(predicted: np.ndarray) -> np.ndarray:
    """The predicted pitch (n,) where there is a voice, else 0: float32 Hz."""
    voiced = predicted > _LOWEST_HZ
    for first, last in _runs(voiced):
        voiced[first:last] = last - first >= _FEWEST_VALUES
    return np.where(voiced, predicted, 0).astype(np.float32)


def stretches(predicted: np.ndarray, n_samples: int) -> list[Stretch]:
    """The voiced stretches of a sound.

    Args:
        predicted: (n,) Hz, one value for every 300 samples, as the model drives its vocoder.
        n_samples: of the sound.
    """
    counted = np.cumsum(predicted.astype(np.float64) * PITCH_HOP_LEN / SAMPLE_RATE_HZ)
    found = []
    for first, last in _runs(voiced_only(predicted) > 0):
        start, stop = first * PITCH_HOP_LEN, min(last * PITCH_HOP_LEN, n_samples)
        begin, end = max(0, start - _MARGIN_LEN), min(n_samples, stop + _MARGIN_LEN)
        at = (np.arange(begin, end) + 0.5) / PITCH_HOP_LEN - 0.5  # values stand in the middle
        index, pitch = np.arange(first, last), predicted[first:last].astype(np.float64)
        per_value = pitch * PITCH_HOP_LEN / SAMPLE_RATE_HZ
        cycles = np.interp(at, index, counted[first:last])
        cycles += np.minimum(at - first, 0) * per_value[0]
        cycles += np.maximum(at - (last - 1), 0) * per_value[-1]
        frequency = np.exp(np.interp(at, index, np.log(pitch)))
        if stop > start:
            found.append(Stretch(start, stop, begin, cycles, frequency))
    return found


def split(
    audio: np.ndarray, predicted: np.ndarray, *, shift: float = 0.0, turn: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Harmonics, the rest, and the pulses that the harmonics are turned and shaped from.

    Args:
        audio: (n,) float32, 24 kHz.
        predicted: as in `stretches`.
        shift: where in a period the pulses are, in periods behind the excitation's zero.
        turn: radians that all harmonics of the pulses are turned back by.

    Returns:
        Three arrays (n,) float32; the first two make up the audio.
    """
    harmonic, pulses = np.zeros_like(audio), np.zeros_like(audio)
    for stretch in stretches(predicted, len(audio)):
        inside = slice(stretch.start, stretch.stop)
        at = np.arange(-(-stretch.start // _HOP_LEN) * _HOP_LEN, stretch.stop, _HOP_LEN)
        if len(at):
            harmonic[inside] = _joined(stretch, at, amplitudes(audio, stretch, at)[0])
        pulses[inside] = _unit_harmonics(stretch, shift, turn)
    return harmonic, audio - harmonic, pulses


def amplitudes(
    audio: np.ndarray, stretch: Stretch, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What is at each multiple of the pitch.

    A Hann window of three periods, in the voice's own time, is 0 at all other multiples.

    Args:
        audio: (n,) float32, 24 kHz.
        stretch: of it.
        at: (m,) samples in the stretch.

    Returns:
        (m, n_harmonics) complex64, 0 above 11 kHz, and (m,) float64 the power that white noise of
        variance 1 gives each.
    """
    n_harmonics = int(TOP_HZ / stretch.inner(stretch.frequency).min())
    found, shares = np.zeros((len(at), n_harmonics), np.complex64), np.zeros(len(at))
    for row, sample in enumerate(at):
        here = sample - stretch.first
        cycle, frequency = stretch.cycles[here], stretch.frequency[here]
        half = max(_N_PERIODS, _WINDOW_S * frequency) / 2
        low, high = np.searchsorted(stretch.cycles, (cycle - half, cycle + half))
        near = slice(int(low), int(high))
        distance = (stretch.cycles[near] - cycle) / half
        window = stretch.frequency[near] * (1 + np.cos(np.pi * distance))
        piece = audio[stretch.first + near.start : stretch.first + near.stop]
        window = window / window.sum()
        shares[row] = 4 * (window**2).sum()
        weighted = (window * piece).astype(np.float32)
        n = max(1, int(TOP_HZ / frequency))
        found[row, : min(n, n_harmonics)] = (
            2 * (_multiples(-stretch.cycles[near], n) @ weighted)[:n_harmonics]
        )
    return found, shares


def _joined(stretch: Stretch, at: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The harmonics' sound; complex sizes go from one to the next in a straight line."""
    cycles = stretch.inner(stretch.cycles)
    audio = np.zeros(len(cycles), np.float32)
    edges = [0, *(at[1:] - stretch.start), len(cycles)]
    for i, (low, high) in enumerate(itertools.pairwise(edges)):
        waves = _multiples(cycles[low:high], sizes.shape[1])
        left, right = sizes[i], sizes[min(i + 1, len(at) - 1)]
        share = (stretch.start + np.arange(low, high) - at[i]).clip(min=0) / _HOP_LEN
        audio[low:high] = ((left @ waves) * (1 - share) + (right @ waves) * share).real
    return audio


def _multiples(cycles: np.ndarray, n: int) -> np.ndarray:
    """(n, len(cycles)) complex64: a wave and its multiples, each doubling from those before."""
    waves = np.empty((n, len(cycles)), np.complex64)
    waves[0] = np.exp(2j * np.pi * cycles)
    done = 1
    while done < n:
        count = min(done, n - done)
        np.multiply(waves[:count], waves[done - 1], out=waves[done : done + count])
        done += count
    return waves


def _unit_harmonics(stretch: Stretch, shift: float, turn: float) -> np.ndarray:
    """The sum over k of cos(k * phase - turn), all below 11 kHz, in closed form."""
    phase = 2 * np.pi * ((stretch.inner(stretch.cycles) - shift) % 1.0)
    count = np.floor(TOP_HZ / stretch.inner(stretch.frequency))
    below = 2 * np.sin(phase / 2)
    at_peak = np.abs(below) < _SMALL_SINE
    upper, lower = np.sin((count + 0.5) * phase - turn), np.sin(phase / 2 - turn)
    ratio = (upper - lower) / np.where(at_peak, 1.0, below)
    return np.where(at_peak, count * np.cos(turn), ratio).astype(np.float32)


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """First and one behind last of every stretch of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
