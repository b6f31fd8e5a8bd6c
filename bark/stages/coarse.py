"""Semantic tokens to the first two codebooks: the second stage."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Sequence

import numpy as np
import torch

from ..decoding.sampling import SamplingOptions
from ..decoding.static import NewRunner, decodes_statically
from ..models.gpt import GPT
from ..spec import ModelSpec
from .coarse_loops import CoarseDecoder
from .coarse_task import CoarseItem, CoarseWindows


def coarse_len(spec: ModelSpec, n_semantic: int) -> int:
    """Flattened coarse tokens that belong to that many semantic tokens: whole frames."""
    n = spec.n_coarse_codebooks
    return round(math.floor(n_semantic * spec.coarse_per_semantic / n) * n)


def flatten_codes(spec: ModelSpec, codes: np.ndarray) -> np.ndarray:
    """(n, T) codes of the coarse codebooks -> (n T,) tokens of the coarse model, frame by frame."""
    offsets = spec.codebook_size * np.arange(spec.n_coarse_codebooks)[:, None]
    return (np.asarray(codes, dtype=np.int64) + offsets).T.reshape(-1) + spec.coarse_offset


def _history(
    spec: ModelSpec, history: tuple[np.ndarray, np.ndarray] | None, max_semantic_history: int
) -> tuple[np.ndarray, np.ndarray]:
    """The part of a voice that fits the window: semantic tokens and flattened coarse tokens."""
    if history is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    semantic = np.asarray(history[0], dtype=np.int64)
    flat = flatten_codes(spec, history[1])
    ratio = spec.coarse_per_semantic
    n_semantic = min(
        max_semantic_history, len(semantic) - len(semantic) % 2, math.floor(len(flat) / ratio)
    )
    n_coarse = round(n_semantic * ratio)
    semantic = semantic[len(semantic) - n_semantic :]
    flat = flat[len(flat) - n_coarse :]
    # As the reference: the last frame of the history is dropped.
    return semantic, flat[: max(0, len(flat) - 2)]


def generate_coarse(
    model: GPT,
    spec: ModelSpec,
    semantic: Sequence[np.ndarray],
    *,
    histories: Sequence[tuple[np.ndarray, np.ndarray] | None],
    sampling: SamplingOptions,
    windows: CoarseWindows,
    generators: Sequence[torch.Generator | None],
    stop: threading.Event | None = None,
    use_cache: bool = True,
    on_window: Callable[[list[np.ndarray]], None] | None = None,
    new_runner: NewRunner | None = None,
) -> Generator[int, None, list[np.ndarray]]:
    """Codes of the coarse codebooks for a batch of utterances.

    Items with equally long histories are decoded together, a group after the other.

    Args:
        semantic: per item (T_s,) int in [0, semantic_vocab_size), at least one token.
        histories: per item a voice's (semantic (T_s,), coarse (2, T)), or None.
        generators: per item; None follows `torch.manual_seed`.
        stop: looked at before every token, or before every few on other devices than a CPU; what
            is there is returned.
        use_cache: False reads the whole window for every token; the oracle of the fast path.
        on_window: called after every window with the codes so far, per item (2, t).
        new_runner: of the steps on other devices than a CPU, see static_decode.py; with one they
            are taken on a CPU too.

    Yields:
        flattened tokens made so far by the longest item of each group, summed over the groups,
        after every look at them.

    Returns:
        per item (2, T) int64 in [0, codebook_size), `codec_rate_hz`.
    """
    windows.check(model, spec)
    max_semantic_history = spec.max_semantic_history(windows.max_history_len)
    items = [
        CoarseItem.behind(
            _history(spec, history, max_semantic_history), tokens, coarse_len(spec, len(tokens))
        )
        for tokens, history in zip(semantic, histories, strict=True)
    ]
    done = 0
    for length in dict.fromkeys(item.n_history for item in items):
        rows = [i for i, item in enumerate(items) if item.n_history == length]
        group = [items[i] for i in rows]
        decoder = CoarseDecoder(model, spec, windows, sampling, use_cache)
        own = [generators[i] for i in rows]
        if use_cache and decodes_statically(model, new_runner):
            steps = decoder.run_static(group, own, stop, new_runner)
        elif use_cache and model.draft is not None and len(group) == 1:
            steps = decoder.run_by_drafts(group[0], own[0], stop)
        else:
            steps = decoder.run(group, own, stop)
        n_steps = max(item.n_steps for item in group)
        n_shown = 0
        for step in steps:
            yield done + step
            if on_window is not None and step // windows.window_len > n_shown:
                n_shown = step // windows.window_len
                on_window([item.codes(spec) for item in items])
        done += n_steps
    return [item.codes(spec) for item in items]
