"""The floors of the package: modules import from their own floor or lower ones, never in a ring."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "bark"

FLOORS = (
    # 0: no idea of models
    "whole_file json_file archive_file spec errors text audio environment devices progress"
    " compute_lock interrupts proxies streams",
    # 1: the parts that models and voices are made of
    "downloads",
    # 2: networks, tokenizers and codecs
    "codecs models model model_fine",
    # 3: the stages, what families of models are, weights and voices from disk
    "stages decoding families checkpoints voices",
    # 4: one take
    "batch options take events pipeline",
    # 5: many takes
    "narration compare",
    # 6: what other programs import
    "default_models  generation api __init__",
    # 7: what programs call, on the server of a front end
    "server",
    # 8: front ends
    "cli __main__ ui",
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names.split()}


def modules() -> list[str]:
    """Top-level modules and packages of `bark`."""
    names = {path.stem for path in PACKAGE.glob("*.py")}
    return sorted(names | {path.parent.name for path in PACKAGE.glob("*/__init__.py")})


def files_of(module: str) -> list[Path]:
    folder = PACKAGE / module
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{module}.py"]


def imports_of(module: str) -> set[str]:
    """The other modules of `bark` that a module imports, wherever in its code."""
    found = {name for path in files_of(module) for name in imports_in(path)}
    return found - {module}


def imports_in(path: Path) -> Iterator[str]:
    # ("bark", "ui") for bark/ui/x.py: what one leading dot means there
    here = ("bark", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from top_module(tuple(alias.name.split(".")))
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            target = (*base, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                name = (alias.name,) if alias.name in modules() else ()
                yield from top_module(target if len(target) > 1 else (*target, *name))


def top_module(parts: tuple[str, ...]) -> Iterator[str]:
    if parts[:1] == ("bark",):
        yield parts[1] if len(parts) > 1 else "__init__"


def test_the_reader_of_imports_sees_every_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    (tmp_path / "ui").mkdir()
    for name in ("spec", "errors", "text", "take", "ui/__init__"):
        (tmp_path / f"{name}.py").write_text("")
    (tmp_path / "ui" / "page.py").write_text(
        "import os, bark.text\nfrom ..spec import BARK\nfrom . import other\n"
        "def f():\n    from .. import errors\n    from bark import Bark, take\n"
    )
    assert imports_of("ui") == {"spec", "errors", "text", "take", "__init__"}


def test_every_module_has_a_floor() -> None:
    assert [name for name in modules() if name not in FLOOR_OF] == []


@pytest.mark.parametrize("module", modules())
def test_imports_go_down(module: str) -> None:
    floor = FLOOR_OF.get(module, 0)
    upward = {name for name in imports_of(module) if FLOOR_OF.get(name, 0) > floor}
    assert upward == set(), f"{module} (floor {floor}) imports from a higher floor"


def test_no_ring_of_imports() -> None:
    order = graphlib.TopologicalSorter({module: imports_of(module) for module in modules()})
    assert len(list(order.static_order())) >= len(modules())
