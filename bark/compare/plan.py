"""A grid before it is made: its cells, and the batches in which they are made."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InvalidInputError
from ..options import GenerationOptions
from .axes import LABELS, NO_VOICE, Axis, Value, shown, with_value
from .prompts import combinations

MAX_CELLS = 512
BATCH_SIZE = 8
"""Cells that are made together, unless somebody says otherwise."""

PLACES = ("across", "down", "pages")


@dataclasses.dataclass(frozen=True)
class Cell:
    """One take of a grid.

    Attributes:
        index: in reading order: across, then down, then the pages.
        place: (across, down, page), from 0.
        values: what each axis says here, in the order of the plan's axes.
        voice: as the plan or its axis names it; None for no voice.
        model: None for the model that is loaded.
        options: with the seed.
    """

    index: int
    place: tuple[int, int, int]
    values: tuple[Value, ...]
    text: str
    voice: str | None
    model: str | None
    options: GenerationOptions


@dataclasses.dataclass(frozen=True)
class GridPlan:
    """What a grid will be.

    Attributes:
        text: the prompt; `{a|b}` in it needs an axis of words. Where that axis was given values
            of its own, they stand where the prompt says `{}`.
        axes: across, down, pages; at most three, each setting once.
        voice: of all cells, unless an axis names voices.
        model: of all cells, unless an axis names models; None for the loaded one.
        options: of all cells, with a seed.
        same_seed: the same seed in every cell; False counts up from it.
    """

    text: str
    axes: tuple[Axis, ...]
    voice: str | None = None
    model: str | None = None
    options: GenerationOptions = dataclasses.field(default_factory=GenerationOptions)
    same_seed: bool = True

    def __post_init__(self) -> None:
        names = [axis.name for axis in self.axes]
        if len(names) > len(PLACES):
            raise InvalidInputError(f"A grid has up to three axes, not {len(names)}.")
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            label = LABELS[twice[0]]
            raise InvalidInputError(f"Two axes change {label}; let one of them change another.")
        if self.n_cells > MAX_CELLS:
            raise InvalidInputError(
                f"The grid has {self.n_cells:,} takes; at most {MAX_CELLS} are made in one go."
            )
        if not self.text.strip():
            raise InvalidInputError("The text is empty; write what shall be spoken.")

    @classmethod
    def of(
        cls,
        text: str,
        axes: Sequence[Axis | None],
        *,
        voice: str | None = None,
        model: str | None = None,
        options: GenerationOptions | None = None,
        same_seed: bool = True,
    ) -> GridPlan:
        """A plan whose options have a seed, and whose prompt's alternatives have an axis.

        Args:
            axes: across, down, pages; None for one that is not used.
            voice, model, options, same_seed: the other attributes.

        Raises:
            InvalidInputError: the prompt has alternatives, and no axis is free for them.
        """
        used = [axis for axis in axes if axis is not None]
        words = [choice.label for choice in combinations(text)]
        if len(words) > 1 and not any(axis.name == "words" for axis in used):
            if len(used) == len(PLACES):
                raise InvalidInputError(
                    "The prompt has {a|b} in it; leave one of the three axes free for its words."
                )
            used.append(Axis("words", tuple(dict.fromkeys(words))))
        options = (options or GenerationOptions()).seeded()
        return cls(text, tuple(used), voice, model, options, same_seed)

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many across, down and on how many pages."""
        sizes = [len(axis.values) for axis in self.axes]
        across, down, pages = (*sizes, 1, 1, 1)[:3]
        return across, down, pages

    @property
    def n_cells(self) -> int:
        """How many takes it has."""
        across, down, pages = self.shape
        return across * down * pages

    def cells(self) -> list[Cell]:
        """All cells in reading order.

        Raises:
            InvalidInputError: a value does not fit its setting, or the prompt has no place for
                the words of an axis.
        """
        across, down, pages = self.shape
        places = itertools.product(range(pages), range(down), range(across))
        return [self._cell(i, (x, y, page)) for i, (page, y, x) in enumerate(places)]

    def _cell(self, index: int, place: tuple[int, int, int]) -> Cell:
        values = {axis.name: axis.values[i] for axis, i in zip(self.axes, place, strict=False)}
        options = self.options
        if not self.same_seed:
            options = options.with_seed_after(index)
        for name, value in values.items():
            options = with_value(options, name, value)
        voice = str(values["voice"]) if "voice" in values else self.voice
        model = str(values["model"]) if "model" in values else self.model
        text = self._text(str(values["words"])) if "words" in values else self.text
        voice = None if voice in (NO_VOICE, "") else voice
        return Cell(index, place, tuple(values.values()), text, voice, model, options)

    def _text(self, words: str) -> str:
        for choice in combinations(self.text):
            if choice.chosen and choice.label == words:
                return choice.text
        if "{}" in self.text:
            return self.text.replace("{}", words)
        raise InvalidInputError(
            f"The prompt has no place for {words!r}: write {{a|b}} or {{}} where the words stand."
        )

    def headings(self, axis: int) -> list[str]:
        """The values of an axis as its headings show them; [""] where there is no such axis."""
        if axis >= len(self.axes):
            return [""]
        return [shown(value) for value in self.axes[axis].values]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, which `from_dict` reads."""
        return {
            "text": self.text,
            "axes": [{"name": axis.name, "values": list(axis.values)} for axis in self.axes],
            "voice": self.voice,
            "model": self.model,
            "options": self.options.to_dict(),
            "same_seed": self.same_seed,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GridPlan:
        """Reads what `to_dict` gave; the values may come from a stranger's file.

        Raises:
            InvalidInputError: it is no plan of a grid.
        """
        try:
            return cls(
                text=str(values["text"]),
                axes=tuple(
                    Axis(str(axis["name"]), tuple(axis["values"])) for axis in values["axes"]
                ),
                voice=None if values.get("voice") is None else str(values["voice"]),
                model=None if values.get("model") is None else str(values["model"]),
                options=GenerationOptions.from_dict(values["options"]),
                same_seed=bool(values.get("same_seed", True)),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInputError(f"This is no plan of a grid: {error!r} is missing.") from error


def batches(cells: Sequence[Cell], size: int = BATCH_SIZE) -> list[list[Cell]]:
    """Cells that can be made together, in groups of at most `size`.

    Together go cells of one model whose options differ in nothing but the seed; texts and voices
    may differ. Equal texts stand side by side, since these keep in step the longest.
    """
    alike: dict[tuple[str | None, GenerationOptions], list[Cell]] = {}
    for cell in cells:
        key = (cell.model, dataclasses.replace(cell.options, seed=None))
        alike.setdefault(key, []).append(cell)
    groups = []
    for group in alike.values():
        texts = list(dict.fromkeys(cell.text for cell in group))
        ordered = sorted(group, key=lambda cell: (texts.index(cell.text), cell.index))
        groups += [ordered[i : i + size] for i in range(0, len(ordered), size)]
    models = list(dict.fromkeys(cell.model for cell in cells))
    return sorted(groups, key=lambda group: (models.index(group[0].model), group[0].index))
