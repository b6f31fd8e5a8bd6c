"""Turns measurements into tables, and keeps them."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from .machine import describe_machine
from .measure import Case, Sample, rounds
from .workload import STAGES, duration_s, n_tokens

Row = Mapping[str, str]
"""A table's row by the names of its columns."""


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and where there are several the least and the most."""
    middle, *ends = (
        f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values))
    )
    return middle if len(values) == 1 else f"{middle} ({' to '.join(ends)})"


def markdown(rows: Sequence[Row]) -> str:
    """A Markdown table of rows that have the same columns."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def keep(args: argparse.Namespace, results: Mapping[str, Sequence[Any]]) -> None:
    """Writes dataclasses or rows by the titles of their tables to `args.json`, where it is given.

    Beside them the machine and the command line.
    """
    if args.json is not None:
        plain = {
            title: [dataclasses.asdict(r) if dataclasses.is_dataclass(r) else r for r in rows]
            for title, rows in results.items()
        }
        content = {"machine": describe_machine(), "arguments": vars(args), "results": plain}
        args.json.write_text(json.dumps(content, indent=1, default=str) + "\n")


def stage_rows(samples: Sequence[Sample], cases: Sequence[Case]) -> list[Row]:
    """A row for each stage, case and implementation, for all stages together, and for loading.

    Seconds are those of one clip; RTF is the time for a second of audio; the ratio is that of the
    first row's median to this one's. The peak of "all" includes loading.
    """
    stages = [stage for stage in STAGES if any(s.stage == stage for s in samples)]
    names = list(dict.fromkeys(sample.name for sample in samples))
    rows = []
    for label in (*stages, "all", "load"):
        parts = [label] if label in stages else stages
        base = None
        for case, name in itertools.product([None] if label == "load" else cases, names):
            key = (case.clips, case.seconds) if case else (0, 0)
            made = rounds(samples, name, *key, parts)
            if made:
                loads = [s for s in samples if s.name == name and not s.clips]
                row = _Row(label, case, made, loads if label == "all" else [])
                base = base or row.wall_s
                rows.append(row.cells(base))
    return rows


@dataclasses.dataclass(frozen=True)
class _Row:
    """A row of the table of stages.

    Attributes:
        label: a stage, "all" or "load".
        case: None for "load".
        made: for each repetition the samples of its stages.
        loads: further samples that its peak counts.
    """

    label: str
    case: Case | None
    made: Sequence[tuple[Sample, ...]]
    loads: Sequence[Sample]

    def per_clip(self, field: str) -> list[float]:
        """Seconds of each repetition."""
        clips = self.case.clips if self.case else 1
        return [sum(getattr(s, field) for s in made) / clips for made in self.made]

    @property
    def wall_s(self) -> float:
        """Their median."""
        return statistics.median(self.per_clip("wall_s"))

    def cells(self, base: float) -> Row:
        """By the names of the columns; `base` is what the ratio is to."""
        first, stage = self.made[0][0], self.label in STAGES
        counted = [*itertools.chain(*self.made), *self.loads]
        cells = {
            "stage": self.label,
            "implementation": first.name,
            "clips": str(first.clips or ""),
            "s": spread(self.per_clip("wall_s")),
            "CPU s": f"{statistics.median(self.per_clip('cpu_s')):.2f}",
            "tokens/s": "",
            "RTF": "",
            "peak MiB": f"{max(s.peak_mib for s in counted):.0f}",
            "ratio": f"{base / self.wall_s:.2f}",
            "same tokens": f"{first.same:.0%}" if stage and first.same is not None else "",
        }
        if self.case:
            cells["RTF"] = f"{self.wall_s / duration_s(self.case.workload):.2f}"
            if stage:
                cells["tokens/s"] = f"{n_tokens(self.case.workload, self.label) / self.wall_s:.0f}"
        return cells
