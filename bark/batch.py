"""One run of the stages over a batch of takes, as a generator of events."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from .audio.record import MAX_RECORD_CHARS
from .audio.tempo import require_stretching, stretch
from .errors import InvalidInputError, NothingGeneratedError
from .events import AudioPiece, Event, StageProgress, TakeFailed, TakeReady
from .families import Codec, Tokenizer, family_of
from .options import GenerationOptions
from .spec import ModelSpec
from .stages.coarse import CoarseWindows, coarse_len
from .stages.fine import generate_fine
from .stages.semantic import SemanticLimits, generate_semantic
from .take import STAGES, Take
from .text.english.phones import retime
from .text.splitting import normalize_whitespace
from .voices.library import draw_packaged_voice
from .voices.prompt import VoicePrompt

FIRST_PIECE_S = 0.4
PIECE_S = 1.0
"""How much sound the first and the later audio pieces hold at least."""

CHARS_PER_SECOND = 14.0
"""Of spoken English; only for estimates of how long a text will be."""


MAX_TEXT_LEN = MAX_RECORD_CHARS * 3 // 8
"""Of a take, as its record writes it: ASCII, and once more what was not heard."""


class Models(Protocol):
    """What a run needs of a `Bark`."""

    name: str
    spec: ModelSpec
    precision: str
    device: torch.device

    @property
    def tokenizer(self) -> Tokenizer:
        """Of the text model."""

    @property
    def codec(self) -> Codec:
        """Of the sound."""

    def use(self, stage: str) -> contextlib.AbstractContextManager[Any]:
        """The stage's model, on its device while the context lasts."""


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
    """What one take shall be.

    Attributes:
        options: with a seed.
        given: tokens of the stages before the first one that is run, for a take made anew.
    """

    text: str
    voice: VoicePrompt | None
    options: GenerationOptions
    given: VoicePrompt | None = None


@dataclasses.dataclass(eq=False)
class _Item:
    """A take in progress."""

    index: int
    request: Request
    generator: torch.Generator
    semantic: np.ndarray
    coarse: np.ndarray
    fine: np.ndarray
    cut_text: str = ""
    unspoken: tuple[str, ...] = ()
    stop_reason: str = "end"


def check_text(text: str) -> str:
    """The text with its white space normalised, as the models read it.

    Raises:
        InvalidInputError: there is nothing in it, or more than an audio file's record can keep.
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"The text is a {type(text).__name__}; it must be a str.")
    if len(json.dumps(text)) > MAX_TEXT_LEN:  # so the take, once made, can be saved
        raise InvalidInputError(
            f"The text has {len(text):,} characters, and a take keeps at most {MAX_TEXT_LEN:,} "
            "with what it did not hear; split it and speak the parts."
        )
    words = normalize_whitespace(text)
    if not words:
        raise InvalidInputError("The text is empty; write what shall be spoken.")
    return words


def nothing_to_speak(text: str, unspoken: Sequence[str], spec: ModelSpec) -> str:
    """The sentence for a text of which nothing can be said."""
    if not unspoken:
        return f"There is nothing to speak in {text!r}; write words."
    listed = ", ".join(f"“{stretch}”" for stretch in unspoken)
    return f"The model {spec.name} cannot say {listed}; there is nothing to speak, write words."


def expected_duration_s(text: str, spec: ModelSpec) -> float:
    """A guess at how long a text will be when it is spoken, in seconds."""
    return min(spec.max_duration_s, 0.5 + len(text) / CHARS_PER_SECOND)


class Run:
    """Takes a batch of requests through the stages.

    Options that shape the computation (sampling, windows, limits) are those of the first request;
    seed, text and voice are each request's own.

    Args:
        first_stage: where it begins; earlier tokens are the requests' `given` ones.
        last_stage: where it ends; before "decode" no take is made, the tokens are in `items`.
        preview: yields audio pieces of the first take before its end.
    """

    def __init__(
        self,
        models: Models,
        requests: Sequence[Request],
        *,
        first_stage: str = "semantic",
        last_stage: str = "decode",
        stop: threading.Event | None = None,
        preview: bool = True,
    ) -> None:
        self.models, self.spec, self.stop = models, models.spec, stop
        self.first_stage, self.last_stage = first_stage, last_stage
        self.options = requests[0].options
        is_stretched = self.options.speed != 1 and not self.spec.aligned_coarse
        if is_stretched:
            require_stretching()
        self.preview = preview and not is_stretched
        self.timings: dict[str, float] = {}
        self.items = [self._item(i, request) for i, request in enumerate(requests)]

    def _item(self, index: int, request: Request) -> _Item:
        given, n = request.given, self.spec.n_coarse_codebooks
        empty = np.zeros(0, np.int64)
        return _Item(
            index=index,
            request=request,
            generator=torch.Generator(self.models.device).manual_seed(request.options.seed or 0),
            semantic=empty if given is None else given.semantic,
            coarse=np.zeros((n, 0), np.int64) if given is None else given.coarse,
            fine=np.zeros((n, 0), np.int64) if given is None else given.fine,
        )

    @property
    def stopped(self) -> bool:
        """Whether somebody has asked for an end."""
        return self.stop is not None and self.stop.is_set()

    def events(self) -> Generator[Event, None, None]:
        """Runs the stages.

        Yields:
            progress and audio pieces; then for each take that it is ready, or that it failed.
        """
        stages = {
            "semantic": self._semantic,
            "coarse": self._coarse,
            "fine": self._fine,
            "decode": self._decode,
        }
        for name in STAGES[STAGES.index(self.first_stage) : STAGES.index(self.last_stage) + 1]:
            if not self.items:
                return
            if self.stopped and name == "fine":
                continue  # the coarse codes alone can be heard; the fine stage takes too long
            started = time.perf_counter()
            for event in stages[name]():
                self.timings[name] = time.perf_counter() - started
                yield event

    def _steps(
        self, stage: str, steps: Generator[Any, None, Any], total: Callable[[int], int]
    ) -> Generator[Event, None, Any]:
        """Yields progress for each step of a stage's generator and returns its result."""
        while True:
            try:
                done = next(steps)
            except StopIteration as end:
                return end.value
            n_done, n_total = done if isinstance(done, tuple) else (done, total(done))
            yield StageProgress(stage, n_done, n_total, n_items=len(self.items))

    def _semantic(self) -> Iterator[Event]:
        spec, options = self.spec, self.options
        ids = [self._encode(item) for item in self.items]
        limits = SemanticLimits(options.min_eos_p, options.max_duration_s, options.allow_early_stop)
        seconds = max(expected_duration_s(item.request.text, spec) for item in self.items)
        expected = min(round(seconds * spec.semantic_rate_hz), limits.max_tokens(spec))
        with self.models.use("semantic") as model:
            steps = generate_semantic(
                model,
                spec,
                ids,
                histories=[v.semantic if (v := i.request.voice) else None for i in self.items],
                sampling=options.semantic,
                limits=limits,
                generators=[item.generator for item in self.items],
                stop=self.stop,
            )
            made = yield from self._steps("semantic", steps, lambda n: max(n, expected))
        for item, result in zip(self.items, made, strict=True):
            item.semantic, item.stop_reason = result.tokens, result.stop_reason
            if spec.aligned_coarse and item.request.options.speed != 1:
                item.semantic = retime(item.semantic, item.request.options.speed)
        yield from self._drop([i for i in self.items if coarse_len(spec, len(i.semantic)) == 0])

    def _encode(self, item: _Item) -> np.ndarray:
        text = item.request.text
        check_text(text)
        encoded = self.models.tokenizer.encode(text)  # as typed: line ends may be pauses
        heard, item.cut_text = self.models.tokenizer.cut(encoded, self.spec.text_len)
        item.unspoken = encoded.unspoken
        if not len(heard.ids):
            raise InvalidInputError(nothing_to_speak(text, encoded.unspoken, self.spec))
        return heard.ids

    def _drop(self, items: list[_Item]) -> Iterator[Event]:
        for item in items:
            self.items.remove(item)
            if self.stopped:
                error = NothingGeneratedError("Stopped before there was any sound.")
            else:
                error = NothingGeneratedError(
                    "The model stopped before it began; try another seed or a longer text."
                )
            yield TakeFailed(error, item.index)

    def _coarse(self) -> Iterator[Event]:
        spec, options = self.spec, self.options
        latest: list[np.ndarray] = []
        generate = family_of(spec).generate_coarse
        with self.models.use("coarse") as model:
            steps = generate(
                model,
                spec,
                [item.semantic for item in self.items],
                histories=[self._coarse_history(item) for item in self.items],
                sampling=options.coarse,
                windows=CoarseWindows(options.max_coarse_history, options.sliding_window_len),
                generators=[item.generator for item in self.items],
                stop=self.stop,
                on_window=(lambda codes: latest.append(codes[0])) if self.preview else None,
            )
            total = sum({coarse_len(spec, len(i.semantic)) for i in self.items})
            pieces = _Pieces(self.models.codec, spec)
            progress = self._steps("coarse", steps, lambda n: max(n, total))
            while True:
                try:
                    yield next(progress)
                except StopIteration as end:
                    made = end.value
                    break
                if latest:
                    yield from pieces.next(latest[-1], self.items[0].index)
                    latest.clear()
        for item, codes in zip(self.items, made, strict=True):
            item.coarse = item.fine = codes
            if self.stopped:
                item.stop_reason = "stopped"
        yield from self._drop([item for item in self.items if not item.coarse.shape[1]])

    def _coarse_history(self, item: _Item) -> tuple[np.ndarray, np.ndarray] | None:
        """The voice to go on in. Nano knows its own only, and without one takes one of them."""
        voice = item.request.voice
        if voice is None and self.spec.aligned_coarse:
            voice = draw_packaged_voice(self.spec, item.generator)
        return (voice.semantic, voice.coarse) if voice else None

    def _fine(self) -> Iterator[Event]:
        options, spec = self.options, self.spec
        temperature = options.fine_temperature
        with self.models.use("fine") as model:
            steps = generate_fine(
                model,
                spec,
                [item.coarse for item in self.items],
                histories=[v.fine if (v := item.request.voice) else None for item in self.items],
                temperature=spec.fine_temperature if temperature is None else temperature,
                generators=[item.generator for item in self.items],
                stop=self.stop,
            )
            made = yield from self._steps("fine", steps, lambda n: n)
        if made is None:
            for item in self.items:
                item.stop_reason = "stopped"
            return
        for item, codes in zip(self.items, made, strict=True):
            item.fine = codes

    def _decode(self) -> Iterator[Event]:
        for done, item in enumerate(self.items):
            started = time.perf_counter()
            audio = np.clip(self.models.codec.decode(item.fine), -1, 1).astype(np.float32)
            speed = item.request.options.speed
            if speed != 1 and not self.spec.aligned_coarse:
                audio = np.clip(stretch(audio, self.spec.sample_rate, speed), -1, 1)
            spent = time.perf_counter() - started
            yield StageProgress("decode", done + 1, len(self.items), n_items=len(self.items))
            yield TakeReady(self._take(item, audio, spent), item.index)

    def _take(self, item: _Item, audio: np.ndarray, decode_s: float) -> Take:
        request = item.request
        return Take(
            audio=audio,
            sample_rate=self.spec.sample_rate,
            tokens=VoicePrompt(item.semantic, item.coarse, item.fine),
            voice=request.voice,
            options=request.options,
            text=request.text,
            model=self.models.name,
            precision=self.models.precision,
            stop_reason=item.stop_reason,
            timings={**self.timings, "decode": decode_s},
            cut_text=item.cut_text,
            unspoken=item.unspoken,
            redone_from=None if self.first_stage == "semantic" else self.first_stage,
        )


class _Pieces:
    """Decodes coarse codes to sound while more of them are being made."""

    def __init__(self, codec: Codec, spec: ModelSpec) -> None:
        self.codec, self.spec = codec, spec
        self.sent = 0  # frames

    def next(self, codes: np.ndarray, item: int) -> Iterator[AudioPiece]:
        """Yields a piece when enough new codes (2, t) are there."""
        rate = self.spec.codec_rate_hz
        enough = (PIECE_S if self.sent else FIRST_PIECE_S) * rate
        # What is not known yet would still be heard in the last frames: they wait for it.
        end = codes.shape[1] - self.codec.look_ahead_frames
        if end - self.sent < enough:
            return
        audio = self.codec.decode(codes, self.sent, end)
        start_s = self.sent / rate
        self.sent = end
        yield AudioPiece(np.clip(audio, -1, 1).astype(np.float32), start_s, item)
