"""The first two codebooks to all eight: the third stage."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..decoding.referee import is_near_tie, without_aids
from ..decoding.sampling import SamplingOptions, noise_for, pick, token_probabilities
from ..models.fine import FineGPT
from ..spec import ModelSpec


class _Item:
    """One utterance: its codes with the voice in front and padding behind, filled in place.

    They stay on the model's device until the end, so that no pass waits for the one before it.
    """

    def __init__(
        self,
        spec: ModelSpec,
        device: torch.device,
        coarse: np.ndarray,
        history: np.ndarray | None,
        generator: torch.Generator | None,
    ) -> None:
        self.generator = generator
        n_given, n_frames = coarse.shape
        codes = np.full((spec.n_codebooks, n_frames), spec.fine_pad_token, dtype=np.int64)
        codes[:n_given] = coarse
        self.n_history = 0
        if history is not None:
            self.n_history = min(spec.fine_history_len, history.shape[1])
            past = np.asarray(history, dtype=np.int64)[:, history.shape[1] - self.n_history :]
            codes = np.concatenate([past, codes], axis=1)
        self.n_real = codes.shape[1]
        if spec.pads_fine and codes.shape[1] < spec.fine_window_len:
            pad = spec.fine_window_len - codes.shape[1]
            codes = np.pad(codes, ((0, 0), (0, pad)), constant_values=spec.fine_pad_token)
        self.codes = torch.from_numpy(np.ascontiguousarray(codes.T)).to(device)  # (T, 8)
        self.windows = _windows(spec, len(self.codes), self.n_history, n_frames)

    def result(self) -> np.ndarray:
        """(8, T) int64 without history and padding."""
        return self.codes[self.n_history : self.n_real].T.contiguous().cpu().numpy()


@dataclasses.dataclass(frozen=True)
class _Window:
    start: int  # first frame that the model sees
    end: int
    fill: int  # first frame that it fills in


def _windows(spec: ModelSpec, length: int, n_history: int, n_frames: int) -> list[_Window]:
    """Overlapping windows as the reference lays them; later ones predict their overlap anew."""
    size, hop = spec.fine_window_len, spec.fine_history_len
    n_windows = max(0, math.ceil((n_frames - (size - n_history)) / hop)) + 1
    windows = []
    for n in range(n_windows):
        start = max(0, min(n * hop, length - size))
        fill = min(n_history + n * hop, max(n_history, length - hop))
        windows.append(_Window(start, min(start + size, length), fill))
    return windows


def generate_fine(
    model: FineGPT,
    spec: ModelSpec,
    coarse: Sequence[np.ndarray],
    *,
    histories: Sequence[np.ndarray | None],
    temperature: float | None,
    generators: Sequence[torch.Generator | None],
    stop: threading.Event | None = None,
) -> Generator[tuple[int, int], None, list[np.ndarray] | None]:
    """All codebooks for a batch of utterances.

    Args:
        coarse: per item (n, T) int in [0, codebook_size), 1 <= n < 8 codebooks.
        histories: per item a voice's (8, T) codes, or None.
        temperature: None or 0 takes the most probable code.
        generators: per item; None follows `torch.manual_seed`.
        stop: looked at before every pass.

    Yields:
        (passes done, passes in all), a pass being one codebook of one window; on other devices
        than a CPU it may still be going on.

    Returns:
        per item (8, T) int64, or None when stopped.
    """
    items = [
        _Item(spec, model.device, *args) for args in zip(coarse, histories, generators, strict=True)
    ]
    sampling = SamplingOptions(temperature=temperature or 0.0)
    first = coarse[0].shape[0]
    total = max(len(item.windows) for item in items) * (spec.n_codebooks - first)
    done = 0
    for n in range(max(len(item.windows) for item in items)):
        live = [item for item in items if n < len(item.windows)]
        for codebook in range(first, spec.n_codebooks):
            if stop is not None and stop.is_set():
                return None
            for group in _groups(live, n, model.device):
                _fill(model, spec, group, n, codebook, sampling)
            done += 1
            yield done, total
    return [item.result() for item in items]


def _groups(items: list[_Item], n: int, device: torch.device) -> list[list[_Item]]:
    """Which items go through the model together.

    On a CPU each goes alone: a window fills the processor as it is, and an item's codes are then
    the same whatever is beside it. Elsewhere those with an n-th window of one length go together.
    """
    if device.type == "cpu":
        return [[item] for item in items]
    groups: dict[int, list[_Item]] = {}
    for item in items:
        window = item.windows[n]
        groups.setdefault(window.end - window.start, []).append(item)
    return list(groups.values())


def _fill(
    model: FineGPT,
    spec: ModelSpec,
    items: list[_Item],
    n: int,
    codebook: int,
    sampling: SamplingOptions,
) -> None:
    """Predicts one codebook of the items' n-th windows.

    The model reads the array that is being filled, so an overlap is predicted with the earlier
    prediction of the same codebook as input, and every row is sampled, padding included: both
    as the reference, where skipping a row would change the random stream.
    """
    windows = [item.windows[n] for item in items]
    codes = torch.stack(  # (B, T, 8)
        [item.codes[w.start : w.end] for item, w in zip(items, windows, strict=True)]
    )
    n_last = max(w.end - w.fill for w in windows)
    if sampling.temperature == 0 and model.of_many is not None:
        model = without_aids(model)
    hidden = model.trunk(codebook, codes, n_last)

    def odds_of(states: Tensor, window: _Window) -> Tensor:
        logits = model.head(codebook, states[n_last - (window.end - window.fill) :])
        return token_probabilities(logits[:, : spec.codebook_size], sampling)

    for row, (item, window) in enumerate(zip(items, windows, strict=True)):
        odds = odds_of(hidden[row], window)
        noise = None if sampling.temperature == 0 else noise_for(odds, item.generator)
        if model.of_many is not None and noise is not None and is_near_tie(odds, noise):
            again = without_aids(model).trunk(codebook, codes[row : row + 1], n_last)
            odds = odds_of(again[0], window)
        item.codes[window.fill : window.end, codebook] = (
            odds.argmax(dim=-1) if noise is None else pick(odds, noise)
        )
