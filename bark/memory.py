"""Takes made in fewer at a time, where memory is short."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Generator

from .batch import Batch
from .devices import is_short_of_memory
from .errors import MemoryShortError
from .events import Event, StageProgress, TakeFailed, TakeReady


def in_what_fits(batch: Batch) -> Generator[Event, None, None]:
    """Runs a batch; where memory is short, what is not yet made of it in halves.

    A take does not depend on its neighbours, so it has the same tokens in a half.

    Args:
        batch: not yet begun.

    Yields:
        its events; a `TakeFailed` for a take that does not fit on its own.
    """
    requests = [item.request for item in batch.items]
    waiting = [list(range(len(requests)))]
    model, stop, is_heard = batch.model, batch.stop, batch.preview
    while waiting:
        places = waiting.pop(0)
        if len(places) < len(requests):  # the first take alone is heard while it is made
            some = [requests[place] for place in places]
            batch = Batch(model, some, stop=stop, preview=is_heard and places[0] == 0)
        left = dict.fromkeys(places)
        is_short = False
        try:
            for event in batch.events():
                if isinstance(event, StageProgress):
                    yield event
                    continue
                place = places[event.item]
                if isinstance(event, (TakeReady, TakeFailed)):
                    del left[place]
                yield dataclasses.replace(event, item=place)
        except (MemoryError, RuntimeError, OSError) as error:
            if not is_short_of_memory(error):
                raise
            is_short = True
        if is_short:  # out here the error is gone, and with it the arrays in its frames
            del batch
            model.free_memory()
            gc.collect()
            if len(places) > 1:
                waiting[:0] = _halves(list(left))
            elif left:
                yield TakeFailed(_too_large(), places[0])


def _halves(places: list[int]) -> list[list[int]]:
    middle = (len(places) + 1) // 2
    return [half for half in (places[:middle], places[middle:]) if half]


def _too_large() -> MemoryShortError:
    return MemoryShortError(
        "There is not enough memory to make this take, even on its own; close other programs, "
        "choose a smaller model or give a shorter text."
    )
