"""Bark on a Space with ZeroGPU, where a GPU is lent for the length of one function.

The package `spaces` runs that function in a forked process: its arguments and what it yields are
pickled, and the events that end a computation are not seen there. So only requests go in, and
Bark's own events come out; the process is ended when nobody reads them any more. CUDA graphs are
recorded in that process, since nothing is ever computed in the parent.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..batch import Batch
from ..errors import InvalidInputError, QueueFullError, WeightsNotFoundError
from ..events import Event
from ..pipeline import Bark
from ..request import Request
from ..spec import NANO
from ..text_count import expected_duration_s
from ..voices.prompt import Voice

log = logging.getLogger(__name__)

_START_S = 15.0
_SECONDS_PER_SECOND = 3.0  # of speech; generous, as what is not used is not charged
_LONGEST_S = 120.0


def import_spaces() -> Any:
    """The package `spaces`, which must be imported before torch is.

    Raises:
        WeightsNotFoundError: it is not installed, though the environment names ZeroGPU.
    """
    try:
        import spaces
    except ImportError as error:
        raise WeightsNotFoundError(
            "SPACES_ZERO_GPU is set, but the package spaces is not installed; "
            "add it to the requirements, or set BARK_MODEL=nano."
        ) from error
    return spaces


class ZeroGpuBark(Bark):
    """A `Bark` whose computations happen on a lent GPU, and on nano when none is left.

    It is made in the main thread before the server starts, as ZeroGPU wants it.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lent: Callable[..., Iterator[Event]] | None = None
        self._lent_preview: Callable[..., np.ndarray] | None = None
        self._nano: Bark | None = None

    def lend(self, spaces: Any) -> ZeroGpuBark:
        """Registers what runs on the GPU.

        Args:
            spaces: the package.
        """

        def compute(requests: Sequence[Request]) -> Iterator[Event]:
            yield from Bark._locked(self, Batch(self, requests))

        def preview(voice: Voice) -> np.ndarray:
            return Bark.preview(self, voice)

        self._lent = spaces.GPU(duration=self.needed_s)(compute)
        self._lent_preview = spaces.GPU(duration=round(_START_S))(preview)
        return self

    def needed_s(self, requests: Sequence[Request]) -> int:
        """For how long the GPU is asked for: what a listener will hear decides."""
        longest = max(expected_duration_s(request.text, self.spec) for request in requests)
        return round(min(_LONGEST_S, _START_S + _SECONDS_PER_SECOND * longest))

    def preview(self, voice: Voice) -> np.ndarray:
        """Decodes a voice's own tokens, as `Bark.preview`.

        Raises:
            QueueFullError: no GPU is left for this visitor.
        """
        assert self._lent_preview is not None
        prompt = self.voice(voice)
        if prompt is None:
            raise InvalidInputError("No voice was given; choose one to hear it.")
        try:
            return self._lent_preview(prompt)
        except Exception as error:
            if not _is_quota(error):
                raise
            raise QueueFullError(
                "No GPU time is left for you today, so this voice cannot be heard; come back later."
            ) from error

    def _locked(self, batch: Batch) -> Iterator[Event]:
        assert self._lent is not None
        requests = [  # with their voices' tokens: the process that computes looks nothing up
            dataclasses.replace(item.request, voice=item.voice) for item in batch.items
        ]
        try:
            yield from _until_stopped(self._lent(requests), batch)
        except Exception as error:
            goes_on = batch.first_stage != "semantic" or any(r.n_kept for r in requests)
            if not _is_quota(error) or goes_on:
                raise
            log.warning("no GPU is left for this visitor (%s); nano speaks", error)
            yield from self._instead(requests, batch)

    def _instead(self, requests: Sequence[Request], batch: Batch) -> Iterator[Event]:
        """Nano on the CPU; the take says that it was nano. Bark's tokens mean nothing to it."""
        if self._nano is None:
            self._nano = Bark.from_pretrained(NANO.name, device="cpu")
        plain = [dataclasses.replace(request, voice=None, given=None) for request in requests]
        yield from self._nano.stream_requests(plain, stop=batch.stop)


def _is_quota(error: Exception) -> bool:
    """Whether a fault says that the GPU is lent no more."""
    return "quota" in str(error).lower()


def _until_stopped(events: Iterator[Event], batch: Batch) -> Iterator[Event]:
    """Hands events on; the lent GPU is given back at the first one after a stop."""
    try:
        for event in events:
            yield event
            if batch.stopped:
                return
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()
