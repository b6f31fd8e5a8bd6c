"""`Bark`: one loaded model with its device and precision, from text to takes."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator, Sequence
from types import EllipsisType
from typing import TYPE_CHECKING

import numpy as np
import torch

from .batch import Batch
from .devices import exact_float32, same_threads
from .errors import BarkError, InvalidInputError
from .events import Event, TakeFailed, TakeReady
from .loaded_model import LoadedModel
from .memory import in_what_fits
from .options import GenerationOptions, OptionChanges, SeededChanges
from .request import Request, redo_request, requests_for
from .take import Take
from .voices.prompt import Voice

if TYPE_CHECKING:
    from typing_extensions import Unpack

_FILE_STAGE = {"semantic": "text", "coarse": "coarse", "fine": "fine"}


class Bark(LoadedModel):
    """A model that is ready to speak.

    One computation runs at a time: a second thread waits for the first, and streams of one thread
    take turns. Made by `Bark.from_pretrained`; its attributes are `LoadedModel`'s.
    """

    def generate(
        self,
        text: str,
        *,
        voice: Voice = None,
        options: GenerationOptions | None = None,
        seed: int | None = None,
        stop: threading.Event | None = None,
        **short: Unpack[OptionChanges],
    ) -> Take:
        """Speaks a text.

        Args:
            text: what to say; white space is normalised, and words past the model's limit are
                not heard (`Take.cut_text` names them).
            voice: a voice's name, an .npz file, the audio file of a take, a `VoicePrompt`, a dict
                of its arrays, a `Take` to go on in its voice, or None for a new voice each seed.
            options: how; None takes `default_options`.
            seed: in place of the options' own.
            stop: ends it at the next token; what is there becomes the take.
            short: single options by name (text_temperature, waveform_temperature, ...), on top of
                `options`.

        Raises:
            InvalidInputError, VoiceError, VoiceNotFoundError: something given is wrong.
            NothingGeneratedError: the model ended before it began.
            MemoryShortError: the take does not fit into memory.
        """
        events = self.stream(text, voice=voice, options=options, seed=seed, stop=stop, **short)
        return _takes(events, 1)[0]

    def make(self, request: Request, *, stop: threading.Event | None = None) -> Take:
        """Makes the take of a request.

        Raises:
            as `generate`.
        """
        return _takes(self.stream_requests([request], stop=stop), 1)[0]

    def generate_batch(
        self,
        texts: Sequence[str],
        *,
        voice: Voice = None,
        options: GenerationOptions | None = None,
        seeds: Sequence[int] | None = None,
        stop: threading.Event | None = None,
        **short: Unpack[SeededChanges],
    ) -> list[Take]:
        """Speaks several texts together, which takes hardly longer than one.

        A take does not depend on its neighbours: each has a random stream of its own. Where
        memory is short, fewer are made together.

        Args:
            texts: what to say; the same text several times gives several readings.
            voice: of all of them.
            seeds: one each; None counts up from the options' seed, or from a drawn one.

        Returns:
            one take a text.

        Raises:
            as `generate`; `stream_batch` lets the other takes live when one fails.
        """
        events = self.stream_batch(
            texts, voice=voice, options=options, seeds=seeds, stop=stop, **short
        )
        return _takes(events, len(texts))

    def stream(
        self,
        text: str,
        *,
        voice: Voice = None,
        options: GenerationOptions | None = None,
        seed: int | None = None,
        stop: threading.Event | None = None,
        **short: Unpack[OptionChanges],
    ) -> Iterator[Event]:
        """Speaks a text as `generate` does, yielding progress and sound on the way.

        Mistakes in what is given raise here, before the first event; the last event is a
        `TakeReady` or a `TakeFailed`.
        """
        seeds = None if seed is None else [seed]
        return self.stream_batch(
            [text], voice=voice, options=options, seeds=seeds, stop=stop, **short
        )

    def stream_batch(
        self,
        texts: Sequence[str],
        *,
        voice: Voice = None,
        options: GenerationOptions | None = None,
        seeds: Sequence[int] | None = None,
        stop: threading.Event | None = None,
        **short: Unpack[SeededChanges],
    ) -> Iterator[Event]:
        """Speaks several texts as `generate_batch` does, yielding events on the way."""
        if not texts:
            return iter(())
        chosen = GenerationOptions.chosen(options or self.default_options, short)
        return self.stream_requests(requests_for(texts, voice, chosen, seeds), stop=stop)

    def stream_requests(
        self, requests: Sequence[Request], *, stop: threading.Event | None = None
    ) -> Iterator[Event]:
        """Speaks takes of different texts, voices and seeds together, yielding events on the way.

        A take of a request whose last stage comes before "decode" has tokens and no sound.

        Args:
            requests: one a take; what their options say apart from the seed must be the same.

        Raises:
            InvalidInputError: the options differ.
            VoiceError, VoiceNotFoundError: a voice is none.
        """
        if not requests:
            return iter(())
        if len({request.shared for request in requests}) > 1:
            raise InvalidInputError(
                "Takes that are made together differ in text, voice and seed only; "
                "make those with other options on their own."
            )
        return self._locked(Batch(self, requests, stop=stop))

    def redo(
        self,
        take: Take,
        *,
        from_stage: str,
        from_s: float | None = None,
        voice: Voice | EllipsisType = ...,
        options: GenerationOptions | None = None,
        seed: int | None = None,
        stop: threading.Event | None = None,
        **short: Unpack[OptionChanges],
    ) -> Take:
        """Makes a take anew from a stage on, as `stream_redo` does."""
        events = self.stream_redo(
            take,
            from_stage=from_stage,
            from_s=from_s,
            voice=voice,
            options=options,
            seed=seed,
            stop=stop,
            **short,
        )
        return _takes(events, 1)[0]

    def stream_redo(
        self,
        take: Take,
        *,
        from_stage: str,
        from_s: float | None = None,
        voice: Voice | EllipsisType = ...,
        options: GenerationOptions | None = None,
        seed: int | None = None,
        stop: threading.Event | None = None,
        **short: Unpack[OptionChanges],
    ) -> Iterator[Event]:
        """Makes a take anew from a stage on, with the tokens that it had before that stage.

        Args:
            from_stage: "semantic" (all of it), "coarse" (the same reading, another sound),
                "fine", or "decode" (only the codec).
            from_s: a moment of the take's sound, for example where a word begins: what is before
                it stays token for token, and the model goes on from there.
            voice: another voice; left out, the take's own.
            options: others; None takes the take's own. The stage's random stream is seeded anew.

        Raises:
            InvalidInputError: an unknown stage, or a moment that is none of the take's.
            VoiceError: the take's tokens are not of this model's family.
        """
        chosen = GenerationOptions.chosen(options or take.options, short)
        if seed is not None:
            chosen = dataclasses.replace(chosen, seed=seed)
        prompt = take.voice if isinstance(voice, EllipsisType) else voice
        n_kept = 0 if from_s is None else take.n_tokens_before(from_s, self.spec)
        request = redo_request(take, from_stage, prompt, chosen, n_kept=n_kept)
        return self.stream_requests([request], stop=stop)

    def preview(self, voice: Voice) -> np.ndarray:
        """Decodes a voice's own tokens: (n,) float32 within ±1."""
        prompt = self.voice(voice)
        if prompt is None:
            raise InvalidInputError("No voice was given; choose one to hear it.")
        with self.lock.alone(), self.use_codec() as codec:  # the samples of its take
            result: np.ndarray = np.clip(codec.decode(prompt.fine), -1, 1).astype(np.float32)
            return result

    @torch.inference_mode()  # entered anew for each step, so it never leaks to the caller
    def _locked(self, batch: Batch) -> Iterator[Event]:
        events = in_what_fits(batch)
        with self.lock.computation() as computation:
            try:
                while True:
                    with computation.step(), self._settings():
                        event = next(events, None)
                    if event is None:
                        return
                    yield event
            finally:
                with same_threads():
                    events.close()

    @contextlib.contextmanager
    def _settings(self) -> Iterator[None]:
        """What torch is set to while it computes, and not between two steps."""
        with exact_float32(self.precision, self.device):
            yield


def _takes(events: Iterator[Event], n: int) -> list[Take]:
    takes: dict[int, Take] = {}
    failures: list[BarkError] = []
    for event in events:
        if isinstance(event, TakeReady):
            takes[event.item] = event.take
        elif isinstance(event, TakeFailed):
            failures.append(event.error)
    if failures:
        raise failures[0]
    return [takes[i] for i in range(n)]
