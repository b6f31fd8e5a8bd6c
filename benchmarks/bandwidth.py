"""How near the decode loops on a device come to their limit, the reading of weights and cache."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Sequence

import torch

from bark.spec import BARK
from bark.stages.coarse import CoarseWindows

from .measure import Case, Sample, rounds
from .report import Row
from .workload import STAGES, config, n_tokens

_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
_COPIED_BYTES = 1 << 30
_N_COPIES = 20


def copy_rate(device: str, n_bytes: int = _COPIED_BYTES) -> float:
    """Bytes a second that a device reads and writes while it copies its own memory."""
    source = torch.ones(n_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    wait = getattr(torch, source.device.type).synchronize
    times = []
    for _ in range(_N_COPIES):
        wait()
        started = time.perf_counter()
        target.copy_(source)
        wait()
        times.append(time.perf_counter() - started)
    return 2 * n_bytes / statistics.median(times)


def step_bytes(size: str, stage: str, precision: str, case: Case) -> float:
    """What a step of a decode loop has to read, on average: weights once, a cache for each clip."""
    n_bytes = _BYTES[precision]
    sizes = config(size, {"semantic": "text"}.get(stage, stage))
    n_rows = BARK.semantic_vocab_size if stage == "semantic" else BARK.codebook_size
    n_weights = 12 * sizes.n_layer * sizes.n_embd**2 + n_rows * sizes.n_embd
    n_cached = statistics.mean(_positions(stage, case)) * 2 * sizes.n_layer * sizes.n_embd
    return n_bytes * (n_weights + case.clips * n_cached)


def _positions(stage: str, case: Case) -> list[int]:
    """How many positions the attention of each step reads."""
    steps = range(n_tokens(case.workload, stage))
    if stage == "semantic":
        return [BARK.text_len + 1 + step for step in steps]
    windows = CoarseWindows()
    n_past = windows.max_history_len if case.workload.voice else 0
    return [
        BARK.semantic_window_len
        + 1
        + min(windows.max_history_len, n_past + step - step % windows.window_len)
        + step % windows.window_len
        for step in steps
    ]


def limit_rows(
    samples: Sequence[Sample],
    cases: Sequence[Case],
    *,
    size: str,
    precisions: Sequence[str],
    rate: float,
) -> list[Row]:
    """A row for each stage, case and precision of ours, and for all stages together.

    Medians; the first repetition on a device also loads its kernels and records its graphs.

    Args:
        rate: as `copy_rate` measured it.
    """
    stages = [stage for stage in STAGES if any(s.stage == stage for s in samples)]
    rows = []
    for label, case, precision in itertools.product([*stages, "all"], cases, precisions):
        name, parts = f"ours {precision}", stages if label == "all" else [label]
        made = rounds(samples, name, case.clips, case.seconds, parts)
        if not made:
            continue
        wall_s = statistics.median(sum(s.wall_s for s in repetition) for repetition in made)
        row = {"stage": label, "implementation": name, "clips": str(case.clips)}
        row["times real time"] = f"{case.seconds / wall_s:.1f}"
        row |= dict.fromkeys(("ms a step", "MB a step", "of the copy rate"), "")
        if label in ("semantic", "coarse"):
            step_s = wall_s / n_tokens(case.workload, label)
            moved = step_bytes(size, label, precision, case)
            row["ms a step"], row["MB a step"] = f"{1e3 * step_s:.3f}", f"{moved / 1e6:.0f}"
            row["of the copy rate"] = f"{moved / step_s / rate:.0%}"
        rows.append(row)
    return rows
