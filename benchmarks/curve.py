"""What a second of audio costs as the text grows: `python -m benchmarks.curve`.

A text that lasts longer than one take can is spoken in parts of at most 13 seconds, as the studio
splits it, all parts together in one batch.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

from .machine import describe_machine
from .measure import Case, Sample, measure, own_commands, rounds
from .options import add_stage_options, numbers, parser_of, weights_folder
from .report import Row, keep, markdown, spread
from .weights import make_model
from .workload import STAGES, make_workload

_PART_S = 13
_BAR_WIDTH = 50


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a table and a chart for each setting."""
    parser = parser_of("benchmarks.curve", __doc__)
    add_stage_options(parser)
    parser.add_argument("--seconds", type=numbers, default=[2, 5, 10, 13, 30, 60], metavar="N,N")
    args = parser.parse_args(argv)
    cases = [_case(seconds, voice=args.voice) for seconds in args.seconds]
    kept = {}
    print(describe_machine())
    with weights_folder(args.folder) as folder:
        for size, n_threads in itertools.product(args.sizes, args.threads):
            samples = measure(
                own_commands(make_model(size, folder), args.precisions, args.device),
                cases,
                folder,
                stages=STAGES,
                n_threads=n_threads,
                repeats=args.repeats,
            )
            title = f"{size}, {n_threads} thread(s), {'a' if args.voice else 'no'} voice"
            rows = curve_rows(samples, cases)
            print(f"\n{title}: seconds for a second of audio\n\n{markdown(rows)}")
            print(f"\n{chart(rows)}", flush=True)
            kept[title] = samples
            keep(args, kept)


def _case(seconds: float, *, voice: bool) -> Case:
    n_parts = math.ceil(seconds / _PART_S)
    return Case(make_workload(seconds=seconds / n_parts, voice=voice, one_text=False), n_parts)


def curve_rows(samples: Sequence[Sample], cases: Sequence[Case]) -> list[Row]:
    """A row for each length and implementation: what a second of audio takes, and each stage's."""
    rows = []
    for name, case in itertools.product(dict.fromkeys(s.name for s in samples), cases):
        made = rounds(samples, name, case.clips, case.seconds, STAGES)
        costs = [[s.wall_s / case.seconds for s in stages] for stages in made]
        if costs:
            middles = [f"{statistics.median(stage):.2f}" for stage in zip(*costs, strict=True)]
            rows.append(
                {
                    "implementation": name,
                    "audio": f"{case.seconds:.1f} s",
                    "parts": str(case.clips),
                    "s for a second": spread([sum(cost) for cost in costs]),
                    **dict(zip(STAGES, middles, strict=True)),
                    "peak MiB": f"{max(s.peak_mib for s in itertools.chain(*made)):.0f}",
                }
            )
    return rows


def chart(rows: Sequence[Row]) -> str:
    """A bar for each row, as long as a second of audio takes."""
    costs = [float(row["s for a second"].split()[0]) for row in rows]
    return "\n".join(
        f"{row['implementation']:>12} {row['audio']:>7} {'#' * length} {cost:.2f}"
        for row, cost in zip(rows, costs, strict=True)
        for length in [round(_BAR_WIDTH * cost / max(costs))]
    )


if __name__ == "__main__":
    main()
