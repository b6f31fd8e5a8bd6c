"""Public signatures say what they take and give, so that an editor and mypy can help."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "bark"

# Where objects of a library without types pass, and JSON whose shape is judged by the reader.
UNTYPED = {
    "checkpoints/torch_file.py": "what a checkpoint holds",
    "codecs/encodec.py": "the encodec package's modules",
    "downloads/proxies.py": "urllib's answer",
    "files/json_file.py": "JSON",
    "generation.py": "suno-ai/bark's dict of models holds what programs put in",
    "models/assign.py": "attributes that nn.Module does not declare",
    "server/routes.py": "ASGI",
    "server/zero_gpu.py": "the package spaces",
    "suno": "what programs put into suno-ai/bark's dict",
    "ui/build.py": "what gradio's launch takes",
    "ui/state/callers.py": "ASGI",
    "ui/wiring": "values and events of gradio's components",
}
# What programs call: not even a part of a type is left open there.
SPELLED_OUT = ("api.py", "pipeline.py", "request.py", "narration/api.py", "compare/grid.py")


def open_parts(source: str, *, deep: bool) -> Iterator[str]:
    """Names of public functions with `Any` for a parameter or result, or with `deep` within one."""

    def walk(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from walk(node.body, f"{prefix}{node.name}.")
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name.startswith("_") and node.name not in ("__init__", "__call__"):
                continue
            given = node.args
            every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            hints = [arg.annotation for arg in every if arg and arg.annotation]
            hints += [node.returns] if node.returns else []
            parts = [part for hint in hints for part in (ast.walk(hint) if deep else [hint])]
            if any(isinstance(part, ast.Name) and part.id == "Any" for part in parts):
                yield prefix + node.name

    yield from walk(ast.parse(source).body, "")


def test_the_reader_of_signatures_sees_every_place() -> None:
    source = (
        "class A:\n    def __init__(self, x: Any) -> None: ...\n    def _no(self, x: Any): ...\n"
        "def b(*, x: int, **y: Any) -> int: ...\ndef c() -> Any: ...\ndef d(x: list[Any]): ...\n"
        "class _E:\n    def f(self, x: Any): ...\n"
    )
    assert list(open_parts(source, deep=False)) == ["A.__init__", "b", "c"]
    assert list(open_parts(source, deep=True)) == ["A.__init__", "b", "c", "d"]


def test_no_public_signature_says_any() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if any(name == place or name.startswith(f"{place}/") for place in UNTYPED):
            continue
        deep = name in SPELLED_OUT
        found += [f"{name} {one}" for one in open_parts(path.read_text("utf-8"), deep=deep)]
    assert found == []


def test_the_exceptions_are_needed() -> None:
    for place in UNTYPED:
        paths = [PACKAGE / place] if place.endswith(".py") else (PACKAGE / place).rglob("*.py")
        assert any(list(open_parts(path.read_text("utf-8"), deep=False)) for path in paths), place
