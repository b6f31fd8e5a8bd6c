"""The model picker: what there is, what it would download, and changing it."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import BarkError
from ...models.native.compiler import is_compiling
from ...pipeline import Bark
from ..page import status, words
from ..state.access import Access
from ..state.sessions import Session
from ..state.studio import Studio
from ..state.worker import run_in_worker

Choice = tuple[str, str]


def model_line(studio: Studio) -> str:
    """The header's line: model, device, precision."""
    state, bark = studio.engine.state, studio.engine.bark
    name = Path(state.model).name
    if state.phase == "failed":
        return f'<p class="model failed" role="alert">{html.escape(state.message)}</p>'
    if bark is None:
        return f'<p class="model">{html.escape(words.loading(name, is_compiling()))} …</p>'
    parts = [f"<b>{html.escape(name)}</b>", bark.device.type.upper(), bark.precision]
    return f'<p class="model">{" · ".join(parts)}</p>'


def model_choices(access: Access) -> list[Choice]:
    """Every model, with what choosing it would fetch."""
    choices = []
    for info in access.models():
        there = "here" if info.on_disk else f"{status.size(info.download_bytes)} to fetch"
        memory = f"{status.size(info.memory_bytes)} of memory"
        choices.append((f"{info.name} · {there} · {memory}", str(info.name)))
    return choices


def change(studio: Studio, session: Session, model: str | None) -> Iterator[tuple[str, bool]]:
    """Fetches and loads a model.

    Yields:
        the status, and whether the new model is in place.
    """
    access = studio.access(session.visit)
    if not access.can_change_model or not model:
        yield status.fault("The model cannot be changed here."), False
        return
    if model not in {name for _, name in model_choices(access)}:
        yield status.fault("There is no such model; choose one of the list."), False
        return
    session.stop_download.clear()
    yield status.bar(f"Looking for {model}", None), False

    def work(hand_over: Callable[[tuple[str, int, int]], None]) -> None:
        studio.engine.switch(model, session.stop_download, lambda *step: hand_over(step))

    download = _Download()
    try:
        for step in run_in_worker(work, session.stop_download):
            if step is not None:
                yield download.line(*step), False
        bark = studio.engine.ready()
        yield status.note(f"{_name(bark)} is ready."), True
    except BarkError as error:
        yield status.fault(str(error)), False


def _name(bark: Bark) -> str:
    return bark.name.capitalize()


class _Download:
    """Speed and time left of the file that is being fetched."""

    def __init__(self) -> None:
        self._name = ""
        self._start_s = 0.0
        self._start_bytes = 0

    def line(self, name: str, done: int, total: int) -> str:
        now = time.monotonic()
        if name != self._name:
            self._name, self._start_s, self._start_bytes = name, now, done
        if total <= 0 or done >= total:
            return status.bar(f"Loading {name}", None)
        detail = f"{status.size(done)} of {status.size(total)}"
        spent = now - self._start_s
        rate = (done - self._start_bytes) / spent if spent > 0.5 else 0.0
        if rate > 0:
            left = status.seconds((total - done) / rate)
            detail += f" · {status.size(rate)}/s · {left} left"
        return status.bar(f"Fetching {name}", done / total, detail)
