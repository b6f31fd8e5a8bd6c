"""What a program's author and an assistant read of an endpoint: the words of its docstring, whole.

Gradio keeps only the first line of an argument's words and joins lines of what is returned by
commas; what `gr.api` offers is labelled "1st", "2nd", ... with "..." for an example. So a docstring
is written anew in lines that Gradio keeps, and the rest is filled in where Gradio tells of itself.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gradio.data_classes import APIInfo
from gradio.events import api

Function = TypeVar("Function", bound=Callable[..., Any])

_SECTIONS = ("Args:", "Returns:")
_ENTRY = re.compile(r"    (\w+): (.+)")
_KEPT_AT = "_described"  # on the function


@dataclasses.dataclass(frozen=True)
class Words:
    """What a docstring says.

    Attributes:
        summary: all that stands before the arguments.
        arguments: what each is, with its unit, range and default.
        returns: what each value is, by the name that it is told under.
        examples: values that may be sent; an argument without one is shown with its default.
    """

    summary: str
    arguments: Mapping[str, str]
    returns: Mapping[str, str]
    examples: Mapping[str, object]

    @property
    def description(self) -> str:
        """What the endpoint does, and what it returns."""
        return f"{self.summary} Returns: {' '.join(self.returns.values())}"


def described(**examples: object) -> Callable[[Function], Function]:
    """Marks what `offer` takes: its docstring names every argument and every returned value.

    Args:
        examples: values to show, by argument; the call that they make must run.
    """

    def mark(function: Function) -> Function:
        words = read_docstring(function.__doc__ or "", examples)
        setattr(function, _KEPT_AT, words)
        lines = [f"    {name}: {text}" for name, text in words.arguments.items()]
        function.__doc__ = "\n".join([words.summary, "", "Args:", *lines])
        return function

    return mark


def read_docstring(doc: str, examples: Mapping[str, object]) -> Words:
    """Reads a docstring whose arguments and returned values are entries `name: words`."""
    section, summary = "", list[str]()
    found: dict[str, dict[str, str]] = {name: {} for name in _SECTIONS}
    for line in inspect.cleandoc(doc).splitlines():
        entry = _ENTRY.fullmatch(line)
        if line in _SECTIONS:
            section = line
        elif not line.strip():
            continue
        elif not section:
            summary.append(line)
        elif entry:
            found[section][entry[1]] = entry[2]
        else:
            name = next(reversed(found[section]))
            found[section][name] += " " + line.strip()
    return Words(" ".join(summary), found["Args:"], found["Returns:"], examples)


def offer(function: Callable[..., Any], *, queue: bool = True) -> None:
    """Adds an endpoint that is `described`, under its own name, within an open `gr.Blocks`.

    Args:
        queue: whether its calls wait in Gradio's queue.
    """
    words: Words = getattr(function, _KEPT_AT)
    api(
        function,
        api_name=function.__name__,
        api_description=words.description,
        concurrency_limit=None,
        queue=queue,
    )


def with_words(info: APIInfo, functions: Mapping[str, Callable[..., Any] | None]) -> APIInfo:
    """What `gr.Blocks.get_api_info` tells, with the words of the functions that are described.

    The page "Use via API", its snippets, gradio_client and openapi.json are made from it.

    Args:
        functions: by the endpoint's name, with its "/".
    """
    for endpoint_name, endpoint in info["named_endpoints"].items():
        words: Words | None = getattr(functions.get(endpoint_name), _KEPT_AT, None)
        if words is None:
            continue
        for parameter in endpoint["parameters"]:
            name = parameter["parameter_name"]
            _tell(parameter, name, words.arguments.get(name, ""))
            default = parameter["parameter_default"]
            parameter["example_input"] = words.examples.get(name, default)
        for value, (name, text) in zip(endpoint["returns"], words.returns.items(), strict=False):
            _tell(value, name, text)
    return info


def _tell(value: Any, name: str, text: str) -> None:
    value["label"] = name
    value["type"] = {**value["type"], "description": text}
    value["python_type"] = {**value["python_type"], "description": text}
