"""The rooms of the house: each imports only from floors below its own, so there is no ring.

docs/ARCHITECTURE.md draws the same map for readers; this test holds both to the code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "bark"
MAP = PACKAGE.parent / "docs" / "ARCHITECTURE.md"

# From the ground up. A folder of bark/ is a room; ui/ and text/ have rooms inside.
FLOORS = (
    "errors",
    "terminal",
    "files",
    "environment devices",
    "audio text.english compute_lock downloads",
    "spec text",
    "models tokens",
    "codecs decoding model model_fine",
    "options stages",
    "families",
    "checkpoints voices",
    "suno styles take",
    "events request text_count",
    "loaded_model",
    "batch",
    "memory",
    "pipeline generation",
    "api compare huggingface listening",
    "narration",
    "__init__ server",
    "ui.state",
    "ui.page",
    "ui.actions",
    "ui.wiring",
    "ui cli",
    "__main__",
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names.split()}
INNER = {name.split(".")[0] for name in FLOOR_OF if "." in name}


def room_of(module: tuple[str, ...]) -> str:
    """The room or front-hall file that a module of `bark` belongs to, from its path below bark."""
    if not module:
        return "__init__"
    inner = ".".join(module[:2])
    return inner if module[0] in INNER and (PACKAGE / Path(*module[:2])).is_dir() else module[0]


def rooms() -> dict[str, list[Path]]:
    """Every room and the files in it."""
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("").parts
        module = module[:-1] if module[-1] == "__init__" else module
        found.setdefault(room_of(module), []).append(path)
    return found


def imports_of(room: str) -> set[str]:
    """The other rooms that a room imports, wherever in its code."""
    return {name for path in rooms()[room] for name in imports_in(path)} - {room}


def imports_in(path: Path) -> Iterator[str]:
    # ("bark", "ui") for bark/ui/x.py: what one leading dot means there
    here = ("bark", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            base = (*base, *(node.module.split(".") if node.module else ()))
            targets = [(*base, alias.name) for alias in node.names]
        else:
            continue
        for target in targets:
            if target[0] == "bark":
                yield room_of(_module_in(target[1:]))


def _module_in(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The part of a dotted name that is a module and not something in it."""
    while parts and not (PACKAGE / Path(*parts)).is_dir():
        if (PACKAGE / Path(*parts)).with_suffix(".py").is_file():
            break
        parts = parts[:-1]
    return parts


def test_the_reader_of_imports_sees_every_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    for folder in ("ui/page", "text/english"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("spec", "errors", "take", "text/__init__", "text/english/phones", "ui/__init__"):
        (tmp_path / f"{name}.py").write_text("")
    (tmp_path / "ui" / "page" / "layout.py").write_text(
        "import os, bark.text\nfrom ...spec import BARK\nfrom .. import other\n"
        "def f():\n    from ... import errors\n    from bark import Bark, take\n"
        "    from ...text.english.phones import PHONES\n"
    )
    assert imports_of("ui.page") == {
        *("spec", "errors", "text", "take", "__init__", "text.english", "ui"),
    }


def test_every_room_has_a_floor() -> None:
    assert set(rooms()) == set(FLOOR_OF)


@pytest.mark.parametrize("room", sorted(rooms()))
def test_a_room_imports_lower_rooms_only(room: str) -> None:
    floor = FLOOR_OF[room]
    upward = {name for name in imports_of(room) if FLOOR_OF[name] >= floor}
    assert upward == set(), f"{room} (floor {floor}) imports from its own floor or a higher one"


def test_the_front_hall_stays_small() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 24


def test_the_map_names_every_room_and_no_other() -> None:
    text = MAP.read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([a-z_./]+)`", text, re.MULTILINE))
    expected = {
        f"{name}.py" if (PACKAGE / f"{name}.py").is_file() else name.replace(".", "/") + "/"
        for name in FLOOR_OF
    }
    assert named == expected


def test_the_files_that_the_map_points_to_exist() -> None:
    text = MAP.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:bark|tests|training|benchmarks|docs)/[\w./]+)`", text)
    assert len(paths) > 10
    assert [path for path in paths if not (PACKAGE.parent / path).exists()] == []


def test_tests_mirror_the_rooms() -> None:
    folders = {path.parent.name for path in PACKAGE.parent.glob("tests/*/test_*.py")}
    assert folders <= {*FLOOR_OF, "ui", "benchmarks", "training", "trials"}


def test_the_places_to_change_exist() -> None:
    rows = re.findall(r"^\|[^|]+\| `([\w.]+)` in `([\w/.]+)`", MAP.read_text("utf-8"), re.MULTILINE)
    assert len(rows) >= 20
    missing = [(name, path) for name, path in rows if name not in _names_in(PACKAGE.parent / path)]
    assert missing == []


def _names_in(path: Path) -> set[str]:
    """What a module defines, and `Class.method` for what its classes do."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
            inner = node.body if isinstance(node, ast.ClassDef) else []
            names |= {
                f"{node.name}.{one.name}" for one in inner if isinstance(one, ast.FunctionDef)
            }
    return names
