"""When each sentence of a finished chunk is said.

Where the model's own tokens know when each word is said (nano), times are exact to a token. Else
the sentences are put at the silences between them: of all pauses that are heard, those are chosen
which lie nearest to where the sentences' lengths expect them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..audio import read_audio
from ..text import sentence_ends
from ..text.speaking_time import speaking_time_s
from .states import ChunkState

_FRAME_S = 0.02
_QUIET = 0.03  # of the mean power: a pause
_LEAST_PAUSE_S = 0.08
# Chosen on 176 sentences' ends inside a book's chunks by nano, whose tokens know the truth.
_NEAR_S, _LENGTH_WEIGHT, _LONG_PAUSE_S, _FAR_S = 0.5, 4.0, 0.5, 0.9


def sentences_of(text: str) -> list[tuple[int, int]]:
    """The sentences of a chunk: first character and behind the last, blanks between left out."""
    spans, start = [], 0
    for end in [*sentence_ends(text), len(text)]:
        said = text[start:end]
        if said.strip():
            first = start + len(said) - len(said.lstrip())
            spans.append((first, first + len(said.strip())))
        start = max(start, end)
    return spans


def sentence_times(state: ChunkState) -> list[tuple[float, float]]:
    """Start and end in seconds of each of `sentences_of` a finished chunk, its silence trimmed.

    Raises:
        AudioFileError: the chunk's file cannot be read.
    """
    text = state.chunk.text
    return part_times(state, [text[start:end] for start, end in sentences_of(text)])


def part_times(state: ChunkState, parts: Sequence[str]) -> list[tuple[float, float]]:
    """Start and end in seconds of the parts of a finished chunk, its silence trimmed.

    Args:
        parts: stretches of its text in order, blanks alone left out between them.
    """
    assert state.info is not None
    if len(parts) < 2:
        return [(0.0, state.info.heard_s)] * len(parts)
    bounds = _bounds_by_words(state, parts) or _bounds_by_silence(state, parts)
    starts = [0.0, *(start for _, start in bounds)]
    ends = [*(end for end, _ in bounds), state.info.heard_s]
    return list(zip(starts, ends, strict=True))


def _bounds_by_words(state: ChunkState, parts: Sequence[str]) -> list[tuple[float, float]] | None:
    """End of a part and start of the next, from the words' own times."""
    info, chunk = state.info, state.chunk
    assert info is not None
    if not info.words or chunk.text != chunk.spoken:
        return None
    offset = -info.speech[0] / info.sample_rate
    bounds: list[tuple[float, float]] = []
    place = 0
    for part in parts[:-1]:
        place = chunk.text.index(part, place) + len(part)
        before = [word for word in info.words if word[1] <= place]
        after = [word for word in info.words if word[0] >= place]
        if not before or not after:
            return None
        bounds.append((before[-1][3] + offset, after[0][2] + offset))
    return bounds


def _bounds_by_silence(state: ChunkState, parts: Sequence[str]) -> list[tuple[float, float]]:
    """End of a part and start of the next, from the pauses that are heard."""
    assert state.info is not None
    assert state.path is not None
    audio, rate = read_audio(state.path)
    first, last = state.info.speech
    length_s = (last - first) / rate
    pauses = heard_pauses(audio[first:last], rate)
    times = [speaking_time_s(part) for part in parts]
    expected = np.cumsum(times)[:-1] / max(sum(times), 1e-9) * length_s
    return nearest_pauses(pauses, expected)


def heard_pauses(audio: np.ndarray, sample_rate: int) -> list[tuple[float, float]]:
    """Start and end in seconds of every pause of 80 ms or more inside (n,) audio."""
    frame = max(1, int(_FRAME_S * sample_rate))
    n = len(audio) // frame
    if n < 3:
        return []
    power = (audio[: n * frame].astype(np.float64).reshape(n, frame) ** 2).mean(axis=1)
    quiet = np.concatenate([[False], power < _QUIET * power.mean(), [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [
        (start * frame / sample_rate, end * frame / sample_rate)
        for start, end in runs
        if (end - start) * _FRAME_S >= _LEAST_PAUSE_S and start > 0 and end < n
    ]


def nearest_pauses(
    pauses: Sequence[tuple[float, float]], expected: np.ndarray
) -> list[tuple[float, float]]:
    """A pause for every expected place, in order: near, and rather long than short.

    A place without a pause nearby, or with too few pauses around, stands for itself.

    Args:
        expected: (k,) seconds, ascending.

    Returns:
        k pairs (start, end) in seconds, ascending.
    """
    k, n = len(expected), len(pauses)
    places = [(float(place), float(place)) for place in expected]
    if n < k:
        return places
    middle = np.array([(start + end) / 2 for start, end in pauses])
    lengths = np.array([end - start for start, end in pauses])
    cost = np.abs(middle[None, :] - expected[:, None]) / _NEAR_S
    cost = cost - _LENGTH_WEIGHT * np.minimum(lengths, _LONG_PAUSE_S)[None, :]
    best = np.full((k, n), np.inf)
    source = np.zeros((k, n), int)
    best[0] = cost[0]
    for i in range(1, k):
        for j in range(1, n):
            source[i, j] = int(np.argmin(best[i - 1][:j]))
            best[i, j] = cost[i, j] + best[i - 1][source[i, j]]
    chosen = [int(np.argmin(best[-1]))]
    for i in range(k - 1, 0, -1):
        chosen.append(int(source[i, chosen[-1]]))
    found = [pauses[j] for j in reversed(chosen)]
    near = np.abs(middle[chosen[::-1]] - expected) <= _FAR_S
    if not near.all():  # all stand for themselves, so that none overtakes another
        return places
    return found
