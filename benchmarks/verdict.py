"""Holds kept figures to what the project wants to reach: `python -m benchmarks.verdict FILE …`.

The files are those that `python -m benchmarks --json FILE` keeps, the reference among what was
measured. Ratios are of processor time where one thread computed, which other work on the machine
changes least, else of the clock's.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .report import Row, markdown
from .workload import STAGES

REFERENCE = "suno-ai/bark"
_LIMITS_MIB = {"small": 800, "large": 1_600}  # of int8
_LARGE_SHARE = 0.8  # of small's ratios


def wanted_ratio(*, precision: str, size: str, clips: int, voice: bool, has_tiles: bool) -> float:
    """How many times as fast as the reference a clip is to be."""
    if precision == "fp32":
        ratio = 2.0 if voice else 2.5
    elif clips >= 8:
        ratio = 20.0 if has_tiles else 12.0
    elif voice:
        ratio = 6.0
    else:
        ratio = 9.0 if has_tiles else 7.0
    return ratio * (_LARGE_SHARE if size == "large" else 1.0)


def verdict_rows(kept: Mapping[str, Any]) -> list[Row]:
    """A row for each claim that the figures of one file can be held to."""
    voice, has_tiles = bool(kept["arguments"].get("voice")), "amx_int8" in kept["machine"]
    rows = []
    for title, samples in kept["results"].items():
        size, threads = title.split(",")[0], title.split(",")[1].split()[0]
        field = "cpu_s" if threads == "1" else "wall_s"
        base = _clip_s(samples, REFERENCE, 1, field)
        for name, clips in dict.fromkeys((s["name"], s["clips"]) for s in samples if s["clips"]):
            precision = name.removeprefix("ours ")
            took = _clip_s(samples, name, clips, field)
            if name == precision or base is None or took is None:
                continue
            case = {"size": size, "implementation": name, "clips": str(clips)}
            wanted = wanted_ratio(
                precision=precision, size=size, clips=clips, voice=voice, has_tiles=has_tiles
            )
            rows.append(_row(case, "times as fast", base / took, wanted, base / took >= wanted))
            own = [s for s in samples if (s["name"], s["clips"]) == (name, clips)]
            if precision == "int8" and size in _LIMITS_MIB:
                peak, limit = max(s["peak_mib"] for s in own), _LIMITS_MIB[size]
                rows.append(_row(case, "peak MiB", peak, limit, peak < limit))
            shares = [s["same"] for s in own if s["same"] is not None]
            if precision == "fp32" and shares:
                rows.append(_row(case, "same tokens", min(shares), 1.0, min(shares) == 1))
    return rows


def _clip_s(
    samples: Sequence[Mapping[str, Any]], name: str, clips: int, field: str
) -> float | None:
    """Seconds of one clip through all stages, medians added up; None where one is missing."""
    total = 0.0
    for stage in STAGES:
        own = [s for s in samples if (s["name"], s["stage"], s["clips"]) == (name, stage, clips)]
        if not own:
            return None
        total += statistics.median(s[field] for s in own) / clips
    return total


def _row(case: Row, what: str, found: float, wanted: float, holds: bool) -> Row:
    verdict = "reached" if holds else "missed"
    return {**case, "what": what, "found": f"{found:.4g}", "wanted": f"{wanted:g}", "": verdict}


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a table for each file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdict", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    for path in parser.parse_args(argv).files:
        kept = json.loads(path.read_text())
        rows = verdict_rows(kept)
        table = markdown(rows) if rows else "Nothing here can be held to a claim."
        print(f"{path.name}: {kept['machine']}\n\n{table}\n")


if __name__ == "__main__":
    main()
