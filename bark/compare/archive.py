"""A grid as one ZIP for other people: the audio files, a page that plays them offline, a CSV."""

from __future__ import annotations

import csv
import html
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template
from typing import Any, BinaryIO

from ..take import Take
from .grid import Grid, cell_facts, cell_stem
from .plan import Cell, GridPlan

_PAGE = Path(__file__).with_name("grid_page.html")
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a ZIP knows: equal grids give equal bytes


def write_archive(grid: Grid, file: str | Path | BinaryIO, *, format: str = "wav") -> None:
    """Writes a grid as a ZIP: `index.html`, `grid.csv`, `grid.json` and an audio file a take.

    Args:
        file: a path, or a binary file open for writing.
        format: "wav", "flac", "ogg" or "mp3".

    Raises:
        OSError: the file cannot be written.
    """
    stored = zipfile.ZIP_STORED if format != "wav" else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(file, "w", compression=stored, compresslevel=6) as archive:

        def add(name: str, data: str | bytes) -> None:
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), data, compress_type=stored)

        add_grid(grid.plan, grid.takes, grid.failures, add, format)


def add_grid(
    plan: GridPlan,
    takes: Mapping[int, Take],
    failures: Mapping[int, str],
    add: Callable[[str, str | bytes], None],
    format: str = "wav",
) -> None:
    """Hands over the files of an archive one after another; `takes` may load them when asked."""
    files = {index: f"{cell_stem(index)}.{format}" for index in takes}
    facts: dict[int, dict[str, Any]] = {}
    for index, name in files.items():
        take = takes[index]
        facts[index] = _take_facts(take)
        add(name, take.encode(format))
    record = {
        "bark_grid": 1,
        "plan": plan.to_dict(),
        "files": {str(index): name for index, name in files.items()},
        "failures": {str(index): why for index, why in failures.items()},
    }
    add("grid.json", json.dumps(record, ensure_ascii=False, indent=1))
    add("grid.csv", table(plan, files, facts, failures))
    add("index.html", page(plan, files, facts, failures))


def table(
    plan: GridPlan,
    files: Mapping[int, str],
    facts: Mapping[int, Mapping[str, Any]],
    failures: Mapping[int, str],
) -> str:
    """The grid as CSV: a line a cell, with what its axes say, its settings and its file."""
    axes = [axis.label for axis in plan.axes]
    columns = ["cell", *axes, "text", "voice", "seed", "seconds", "made_s", "file", "failure"]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for cell in plan.cells():
        row: dict[str, Any] = {**cell_facts(plan, cell), **facts.get(cell.index, {})}
        row |= {
            "cell": cell.index + 1,
            "text": cell.text,
            "voice": cell.voice or "",
            "seed": cell.options.seed,
            "file": files.get(cell.index, ""),
            "failure": failures.get(cell.index, ""),
        }
        writer.writerow({name: _harmless(row.get(name, "")) for name in columns})
    return out.getvalue()


def page(
    plan: GridPlan,
    files: Mapping[int, str],
    facts: Mapping[int, Mapping[str, Any]],
    failures: Mapping[int, str],
) -> str:
    """The grid as a page that needs nothing but the audio files beside it."""
    cells = {cell.place: cell for cell in plan.cells()}
    tables = "".join(
        _table_html(plan, number, cells, files, facts, failures) for number in range(plan.shape[2])
    )
    template = Template(_PAGE.read_text(encoding="utf-8"))
    return template.substitute(text=html.escape(plan.text), tables=tables, n=str(len(files)))


def _table_html(
    plan: GridPlan,
    number: int,
    cells: Mapping[tuple[int, int, int], Cell],
    files: Mapping[int, str],
    facts: Mapping[int, Mapping[str, Any]],
    failures: Mapping[int, str],
) -> str:
    across, down, _ = plan.shape
    tops = "".join(f'<th scope="col">{html.escape(top)}</th>' for top in plan.headings(0))
    rows = []
    for y, side in zip(range(down), plan.headings(1), strict=False):
        row = "".join(
            _cell_html(cells[x, y, number], files, facts, failures) for x in range(across)
        )
        rows.append(f'<tr><th scope="row">{html.escape(side)}</th>{row}</tr>')
    labels = [axis.label for axis in plan.axes]
    corner = " · ".join(labels[:2][::-1]) or "Take"
    title = ""
    if len(labels) == 3:
        title = f"<h2>{html.escape(labels[2])} {html.escape(plan.headings(2)[number])}</h2>"
    return (
        f'{title}<table><thead><tr><th scope="col">{html.escape(corner)}</th>{tops}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _cell_html(
    cell: Cell,
    files: Mapping[int, str],
    facts: Mapping[int, Mapping[str, Any]],
    failures: Mapping[int, str],
) -> str:
    if cell.index not in files:
        return f'<td class="failed">{html.escape(failures.get(cell.index, "not made"))}</td>'
    seconds = facts[cell.index]["seconds"]
    source = html.escape(files[cell.index], quote=True)
    return (
        f'<td><button type="button" data-src="{source}">▶ {seconds:.1f} s</button>'
        f'<a href="{source}" download>seed {cell.options.seed}</a></td>'
    )


def _take_facts(take: Take) -> dict[str, Any]:
    return {
        "seconds": round(take.duration_s, 2),
        "made_s": round(sum(take.timings.values()), 2),
    }


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets an apostrophe before it."""
    is_formula = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if is_formula else value
