"""A grid of takes: made in one call, kept in a folder, reopened from it."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import AudioFileError, BarkError, InvalidInputError
from ..files.whole_file import whole_file
from ..options import GenerationOptions, SeededChanges
from ..take import Take
from .axes import Axis, Value, parse_axis
from .make import CellFailed, CellReady, GridEvent, make_cells
from .plan import BATCH_SIZE, Cell, GridPlan

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..pipeline import Bark
    from ..voices.library import VoiceInfo
    from ..voices.prompt import Voice, VoicePrompt

GRID_VERSION = 1
GRID_FILE = "grid.json"
_MAX_GRID_BYTES = 4 << 20
_BESIDE = "-new"  # behind the names of takes that would write over those of an older grid

Written = Mapping[str, str | Sequence[Value]] | None


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """A plan and what became of its cells.

    Attributes:
        takes: by the cells' index.
        failures: a sentence for each cell that came to nothing.
    """

    plan: GridPlan
    takes: Mapping[int, Take]
    failures: Mapping[int, str] = dataclasses.field(default_factory=dict)

    def take(self, across: int = 0, down: int = 0, page: int = 0) -> Take | None:
        """The take at a place, counted from 0; None where it failed or was not reached."""
        width, height, pages = self.plan.shape
        if not (0 <= across < width and 0 <= down < height and 0 <= page < pages):
            raise InvalidInputError(
                f"The grid has {width} × {height} × {pages} places, and none at "
                f"({across}, {down}, {page})."
            )
        return self.takes.get((page * height + down) * width + across)

    def save(self, folder: str | Path, format: str = "wav") -> Path:
        """Writes the takes and a `grid.json` into a folder, which is made.

        A grid that lies there gives way to this one: of its takes none is left beside the new ones.
        It stays whole until this one is, so that no moment has takes of both. Other files stay.

        Returns:
            where grid.json lies; `Grid.load` reads it.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        old = _takes_in(folder)
        files = {index: f"{cell_stem(index)}.{format}" for index in self.takes}
        if old.intersection(files.values()):
            beside = {index: f"{cell_stem(index)}{_BESIDE}.{format}" for index in self.takes}
            self._write(folder, beside)
            old.update(beside.values())
        written = self._write(folder, files)
        for name in old.difference(files.values()):
            (folder / name).unlink(missing_ok=True)
        return written

    def _write(self, folder: Path, files: Mapping[int, str]) -> Path:
        for index, name in files.items():
            self.takes[index].save(folder / name)
        return write_grid_file(folder / GRID_FILE, self.plan, files, self.failures)

    @classmethod
    def load(cls, path: str | Path) -> Grid:
        """Reads a grid back from its folder or its grid.json.

        Raises:
            InvalidInputError: it is no grid. AudioFileError: one of its takes cannot be read.
        """
        path = Path(path)
        path = path / GRID_FILE if path.is_dir() else path
        plan, files, failures = read_grid_file(path)
        takes = {index: Take.load(path.parent / name) for index, name in files.items()}
        return cls(plan, takes, failures)


def grid(
    text: str,
    *,
    across: Written = None,
    down: Written = None,
    pages: Written = None,
    model: str | Bark = "nano",
    voice: Voice = None,
    options: GenerationOptions | None = None,
    same_seed: bool = True,
    batch_size: int = BATCH_SIZE,
    stop: threading.Event | None = None,
    on_event: Callable[[GridEvent], None] | None = None,
    **short: Unpack[SeededChanges],
) -> Grid:
    """Makes a take for every combination of up to three settings.

    >>> grid("Hello.", across={"text_temperature": "0.5-0.9 (+0.2)"}, down={"seed": "7-9"})

    Args:
        text: what to say; `{calm|angry}` in it makes an axis of words where none is given.
        across, down, pages: one setting each with its values, as text or as a list
            (see `bark.compare.axes`).
        model: a name, or a loaded `Bark`.
        voice: of all cells, unless an axis names voices.
        options, short: of all cells; see `Bark.generate`.
        stop: ends it; the takes made so far are in the grid.
        on_event: told of every batch, its progress and every cell.

    Raises:
        OptionError, InvalidInputError: an axis or an option is wrong.
    """
    from ..voices.library import list_voices

    opened = _Models(model, voice)
    voices = list_voices(opened.model(None).spec)
    plan = GridPlan.of(
        text,
        [_axis(written, voices) for written in (across, down, pages)],
        voice=opened.voice_name,
        options=GenerationOptions.chosen(options, short),
        same_seed=same_seed,
    )
    takes: dict[int, Take] = {}
    failures: dict[int, str] = {}
    events = make_cells(
        plan,
        open_model=opened.model,
        load_voice=opened.voice,
        stop=stop,
        batch_size=batch_size,
    )
    for event in events:
        if isinstance(event, CellReady):
            takes[event.cell.index] = event.take
        elif isinstance(event, CellFailed):
            failures[event.cell.index] = str(event.error)
        if on_event is not None:
            on_event(event)
    return Grid(plan, dict(sorted(takes.items())), failures)


def cell_stem(index: int) -> str:
    """The name of a cell's file, without its ending."""
    return f"cell-{index + 1:03d}"


def _takes_in(folder: Path) -> set[str]:
    """Names of the takes of the grid in a folder; none where its grid.json cannot be read."""
    try:
        _, files, _ = read_grid_file(folder / GRID_FILE)
    except BarkError:
        return set()
    # a grid.json that a stranger wrote may name any file
    stems = {index: (cell_stem(index), f"{cell_stem(index)}{_BESIDE}") for index in files}
    return {name for index, name in files.items() if Path(name).stem in stems[index]}


def write_grid_file(
    path: Path, plan: GridPlan, files: Mapping[int, str], failures: Mapping[int, str]
) -> Path:
    """Writes a grid's plan and the names of its takes' files, whole or not at all."""
    record = {
        "bark_grid": GRID_VERSION,
        "plan": plan.to_dict(),
        "files": {str(index): name for index, name in sorted(files.items())},
        "failures": {str(index): why for index, why in sorted(failures.items())},
    }
    with whole_file(path) as file:
        file.write(json.dumps(record, ensure_ascii=False, indent=1).encode())
    return path


def read_grid_file(path: Path) -> tuple[GridPlan, dict[int, str], dict[int, str]]:
    """Reads what `write_grid_file` wrote; the file may come from a stranger.

    Returns:
        the plan, the names of files in the same folder by cell, and the failures.

    Raises:
        InvalidInputError: it is no grid. AudioFileError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_GRID_BYTES + 1)
    except OSError as error:
        raise AudioFileError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        if len(data) > _MAX_GRID_BYTES:
            raise ValueError(f"it is longer than {_MAX_GRID_BYTES:,} bytes")
        record = json.loads(data)
        version = record["bark_grid"]
        if version != GRID_VERSION:
            raise ValueError(f"it is of version {version}, and this program reads {GRID_VERSION}")
        files = {int(index): str(name) for index, name in record["files"].items()}
        failures = {int(index): str(why) for index, why in record["failures"].items()}
        if any(Path(name).name != name or name in ("", ".", "..") for name in files.values()):
            raise ValueError("it names a file outside its folder")
        return GridPlan.from_dict(record["plan"]), files, failures
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInputError(f"{path.name} is no grid: {error}.") from error


def cell_facts(plan: GridPlan, cell: Cell) -> dict[str, str]:
    """What its axes say of a cell, by their labels."""
    return {axis.label: plan.headings(i)[cell.place[i]] for i, axis in enumerate(plan.axes)}


def _axis(written: Written, voices: Sequence[VoiceInfo]) -> Axis | None:
    if written is None:
        return None
    if len(written) != 1:
        raise InvalidInputError(
            f"An axis takes one setting, for example {{'seed': '7-14'}}, not {len(written)}."
        )
    ((name, values),) = written.items()
    return parse_axis(name, values, voices=voices)


class _Models:
    """The models and the voice of a call, each opened when it is first needed."""

    def __init__(self, model: str | Bark, voice: Voice) -> None:
        self._model, self._voice = model, voice
        self._opened: dict[str | None, Bark] = {}
        self.voice_name = (
            None if voice is None else str(getattr(voice, "name", None) or voice)[:200]
        )

    def model(self, name: str | None) -> Bark:
        """The model of a name, or for None the call's."""
        if name not in self._opened:
            self._opened[name] = _opened(self._model if name is None else name)
        return self._opened[name]

    def voice(self, name: str | None, bark: Bark) -> VoicePrompt | None:
        """The voice of a name; the call's own may be more than a name."""
        return bark.voice(self._voice if name == self.voice_name else name)


def _opened(model: str | Bark) -> Bark:
    if not isinstance(model, str):
        return model
    from ..pipeline import Bark

    return Bark.from_pretrained(model)
