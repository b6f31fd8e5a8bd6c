"""Turns measurements into a table."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping
from typing import Any

from .workload import STAGES, Workload

_HEADER = ("stage", "implementation", "clips", "s", "CPU s", "tokens/s", "RTF", "peak MiB", "ratio")


@dataclasses.dataclass(frozen=True)
class Sample:
    """One measurement; `clips` 0 is the loading of a stage.

    Attributes:
        name: of the implementation.
        peak_mib: of the whole process until then.
    """

    name: str
    stage: str
    clips: int
    wall_s: float
    cpu_s: float
    peak_mib: float

    @classmethod
    def of(cls, name: str, stage: str, clips: int, answer: Mapping[str, Any]) -> Sample:
        """From a worker's answer."""
        return cls(name, stage, clips, answer["wall_s"], answer["cpu_s"], answer["peak_mib"])


def format_table(samples: list[Sample], workload: Workload) -> str:
    """A Markdown table: medians per stage and for all stages together.

    The ratio is that of the first implementation's median time for a clip to the row's; RTF is
    the time for a second of audio. CPU seconds count what the process itself computed, so with
    one thread they hold on a machine that does other work too.
    """
    rows = [_HEADER, tuple("---" for _ in _HEADER)]
    names = list(dict.fromkeys(sample.name for sample in samples))
    stages = [stage for stage in STAGES if any(s.stage == stage for s in samples)]
    batches = sorted({sample.clips for sample in samples if sample.clips})
    for stage in [*stages, "all"]:
        base = None
        for name, clips in ((name, clips) for clips in batches for name in names):
            times = _medians(samples, name, clips, stages if stage == "all" else [stage])
            if times is None:
                continue
            base = base or times[0]
            rows.append(_row(stage, name, clips, times, base, workload, samples))
    rows.extend(_loading(samples, names))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _medians(
    samples: list[Sample], name: str, clips: int, stages: list[str]
) -> tuple[float, float] | None:
    """Wall and CPU seconds for one clip, summed over the stages."""
    wall = cpu = 0.0
    for stage in stages:
        found = [s for s in samples if (s.name, s.stage, s.clips) == (name, stage, clips)]
        if not found:
            return None
        wall += statistics.median(s.wall_s for s in found) / clips
        cpu += statistics.median(s.cpu_s for s in found) / clips
    return wall, cpu


def _row(
    stage: str,
    name: str,
    clips: int,
    times: tuple[float, float],
    base: float,
    workload: Workload,
    samples: list[Sample],
) -> tuple[str, ...]:
    wall, cpu = times
    n_tokens = f"{workload.n_tokens(stage) / wall:.0f}" if stage != "all" else ""
    peak = max(s.peak_mib for s in samples if s.name == name and s.clips <= clips)
    return (
        stage,
        name,
        str(clips),
        f"{wall:.2f}",
        f"{cpu:.2f}",
        n_tokens,
        f"{wall / workload.duration_s:.2f}",
        f"{peak:.0f}" if stage == "all" else "",
        f"{base / wall:.2f}",
    )


def _loading(samples: list[Sample], names: list[str]) -> list[tuple[str, ...]]:
    rows = []
    for name in names:
        loads = [s for s in samples if s.name == name and s.clips == 0]
        wall, cpu = sum(s.wall_s for s in loads), sum(s.cpu_s for s in loads)
        peak = max(s.peak_mib for s in loads)
        rows.append(("load", name, "", f"{wall:.2f}", f"{cpu:.2f}", "", "", f"{peak:.0f}", ""))
    return rows
