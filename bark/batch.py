"""One run of the stages over a batch of takes, as a generator of events."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch

from .audio.tempo import require_stretching, stretch
from .errors import InvalidInputError, NothingGeneratedError
from .events import AudioPiece, Event, StageProgress, TakeFailed, TakeReady
from .families import Codec, family_of
from .loaded_model import LoadedModel
from .models.fine import FineGPT
from .models.gpt import GPT
from .request import Request
from .spec import ModelSpec
from .stages.coarse import CoarseWindows, coarse_len
from .stages.fine import generate_fine
from .stages.semantic import SemanticLimits, generate_semantic
from .take import STAGES, Take
from .text.english.phones import retime
from .text_count import expected_duration_s, nothing_to_speak
from .voices.library import draw_packaged_voice
from .voices.prompt import VoicePrompt, check_given

FIRST_PIECE_S = 0.4
PIECE_S = 1.0
"""How much sound the first and the later audio pieces hold at least."""


@dataclasses.dataclass(eq=False)
class _Item:
    """A take in progress."""

    index: int
    request: Request
    voice: VoicePrompt | None
    given: VoicePrompt | None
    generator: torch.Generator
    semantic: np.ndarray
    coarse: np.ndarray
    fine: np.ndarray
    cut_text: str = ""
    unspoken: tuple[str, ...] = ()
    stop_reason: str = "end"

    @property
    def kept_semantic(self) -> np.ndarray:
        """(T_k,) int64, the semantic tokens that stay."""
        given, n = self.given, self.request.n_kept
        return np.zeros(0, np.int64) if given is None else given.semantic[:n]

    def kept_codes(self, spec: ModelSpec) -> np.ndarray:
        """(n, t) int64, the codes that belong to the tokens that stay, n as many as were given."""
        if self.given is None:
            return np.zeros((spec.n_codebooks, 0), np.int64)
        n_frames = coarse_len(spec, self.request.n_kept) // spec.n_coarse_codebooks
        return self.given.fine[:, :n_frames]

    def n_kept_fine(self, spec: ModelSpec) -> int:
        """Frames of which all codebooks stay; none of a take that was stopped before its last."""
        kept = self.kept_codes(spec)
        return kept.shape[1] if kept.shape[0] == spec.n_codebooks else 0


def _check_kept(request: Request, spec: ModelSpec) -> None:
    """Raises InvalidInputError where all that the take may last would stay as it is.

    A slow take of nano's is longer than what the model says in one go.
    """
    if request.first_stage != "semantic" or not request.n_kept:
        return
    seconds, asked = request.n_kept / spec.semantic_rate_hz, request.options.max_duration_s
    longest = spec.max_duration_s if asked is None else min(asked, spec.max_duration_s)
    if longest <= seconds:
        raise InvalidInputError(
            f"{seconds:.2f} s of the take would stay, and it may last {longest:.4g} s at most; "
            "begin earlier, or allow more where you set the limit."
        )


class Batch:
    """Takes of several requests on their way through the stages.

    Options that shape the computation (sampling, windows, limits) are those of the first request;
    seed, text and voice are each request's own.

    Args:
        model: what computes.
        requests: at least one; their `Request.shared` is equal.
        stop: ends it at the next token.
        preview: yields audio pieces of the first take before its end.

    Raises:
        VoiceError, VoiceNotFoundError: a voice is none.
        InvalidInputError: tokens of earlier stages are not of this family.
    """

    def __init__(
        self,
        model: LoadedModel,
        requests: Sequence[Request],
        *,
        stop: threading.Event | None = None,
        preview: bool = True,
    ) -> None:
        self.model, self.spec, self.stop = model, model.spec, stop
        self.options, self.first_stage, self.last_stage = requests[0].shared
        is_stretched = self.options.speed != 1 and not self.spec.aligned_coarse
        if is_stretched:
            require_stretching()
        self.preview = preview and not is_stretched
        self.timings: dict[str, float] = {}
        voices = {id(request.voice): model.voice(request.voice) for request in requests}
        self.items = [
            self._item(i, request, voices[id(request.voice)]) for i, request in enumerate(requests)
        ]

    def _item(self, index: int, request: Request, voice: VoicePrompt | None) -> _Item:
        given = None if request.given is None else check_given(request.given, self.spec)
        _check_kept(request, self.spec)
        n, empty = self.spec.n_coarse_codebooks, np.zeros(0, np.int64)
        return _Item(
            index=index,
            request=request,
            voice=voice,
            given=given,
            generator=torch.Generator(self.model.device).manual_seed(request.seed),
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
        if self.last_stage != STAGES[-1]:
            for item in self.items:
                yield TakeReady(self._take(item, np.zeros(0, np.float32), {}), item.index)

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
        ids = yield from self._encode()
        if not self.items:
            return
        limits = SemanticLimits(options.min_eos_p, options.max_duration_s, options.allow_early_stop)
        seconds = max(expected_duration_s(item.request.text, spec) for item in self.items)
        expected = min(round(seconds * spec.semantic_rate_hz), limits.max_tokens(spec))
        with self.model.use("semantic") as model:
            steps = generate_semantic(
                cast(GPT, model),
                spec,
                ids,
                histories=[v.semantic if (v := item.voice) else None for item in self.items],
                sampling=options.semantic,
                limits=limits,
                generators=[item.generator for item in self.items],
                kept=[item.kept_semantic for item in self.items],
                stop=self.stop,
            )
            made = yield from self._steps("semantic", steps, lambda n: max(n, expected))
        for item, result in zip(self.items, made, strict=True):
            new, item.stop_reason = result.tokens, result.stop_reason
            if spec.aligned_coarse and item.request.options.speed != 1:
                new = retime(new, item.request.options.speed)
            item.semantic = np.concatenate([item.kept_semantic, new])
        n_frames = [i.kept_codes(spec).shape[1] * spec.n_coarse_codebooks for i in self.items]
        lengths = [coarse_len(spec, len(i.semantic)) for i in self.items]
        nothing_new = [n <= kept for n, kept in zip(lengths, n_frames, strict=True)]
        yield from self._drop([i for i, it in zip(self.items, nothing_new, strict=True) if it])

    def _encode(self) -> Generator[Event, None, list[np.ndarray]]:
        """Returns the takes' text tokens; drops the takes of which nothing can be said."""
        ids = []
        for item in list(self.items):
            text = item.request.text
            encoded = self.model.tokenizer.encode(text)  # as typed: line ends may be pauses
            heard, item.cut_text = self.model.tokenizer.cut(encoded, self.spec.text_len)
            item.unspoken = encoded.unspoken
            if len(heard.ids):
                ids.append(heard.ids)
                continue
            self.items.remove(item)
            reason = nothing_to_speak(text, encoded.unspoken, self.spec)
            yield TakeFailed(InvalidInputError(reason), item.index)
        return ids

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
        with self.model.use("coarse") as model:
            steps = generate(
                model,
                spec,
                [item.semantic for item in self.items],
                histories=[self._coarse_history(item) for item in self.items],
                sampling=options.coarse,
                windows=CoarseWindows(options.max_coarse_history, options.sliding_window_len),
                generators=[item.generator for item in self.items],
                kept=[item.kept_codes(spec)[: spec.n_coarse_codebooks] for item in self.items],
                stop=self.stop,
                on_window=(lambda codes: latest.append(codes[0])) if self.preview else None,
            )
            total = sum({coarse_len(spec, len(i.semantic)) for i in self.items})
            pieces = _Pieces(self.model.codec, spec)
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
        """The voice to go on in. Nano knows its own only, and without one takes one of them.

        Behind a beginning that is kept the voice is that of the beginning.
        """
        voice = item.voice
        if voice is None and self.spec.aligned_coarse and not item.request.n_kept:
            voice = draw_packaged_voice(self.spec, item.generator)
        return (voice.semantic, voice.coarse) if voice else None

    def _fine(self) -> Iterator[Event]:
        options, spec = self.options, self.spec
        temperature = options.fine_temperature
        with self.model.use("fine") as model:
            steps = generate_fine(
                cast(FineGPT, model),
                spec,
                [item.coarse[:, item.n_kept_fine(spec) :] for item in self.items],
                histories=[self._fine_history(item) for item in self.items],
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
            kept = item.kept_codes(spec)[:, : item.n_kept_fine(spec)]
            item.fine = np.concatenate([kept, codes], axis=1) if kept.size else codes

    def _fine_history(self, item: _Item) -> np.ndarray | None:
        """The voice's codes, and behind them those of the beginning that is kept."""
        voice = item.voice
        parts = [] if voice is None else [voice.fine]
        if n := item.n_kept_fine(self.spec):
            parts.append(item.kept_codes(self.spec)[:, :n])
        return np.concatenate(parts, axis=1) if parts else None

    def _decode(self) -> Iterator[Event]:
        for done, item in enumerate(self.items):
            started = time.perf_counter()
            with self.model.use_codec() as codec:
                audio = np.clip(codec.decode(item.fine), -1, 1).astype(np.float32)
            speed = item.request.options.speed
            if speed != 1 and not self.spec.aligned_coarse:
                audio = np.clip(stretch(audio, self.spec.sample_rate, speed), -1, 1)
            spent = time.perf_counter() - started
            yield StageProgress("decode", done + 1, len(self.items), n_items=len(self.items))
            yield TakeReady(self._take(item, audio, {"decode": spent}), item.index)

    def _take(self, item: _Item, audio: np.ndarray, timings: dict[str, float]) -> Take:
        request = item.request
        return Take(
            audio=audio,
            sample_rate=self.spec.sample_rate,
            tokens=VoicePrompt(item.semantic, item.coarse, item.fine),
            voice=item.voice,
            options=request.options,
            text=request.text,
            model=self.model.name,
            precision=self.model.precision,
            stop_reason=item.stop_reason,
            timings={**self.timings, **timings},
            cut_text=item.cut_text,
            unspoken=item.unspoken,
            redone_from=self._redone_from(item),
            redone_from_s=request.n_kept / self.spec.semantic_rate_hz if request.n_kept else None,
        )

    def _redone_from(self, item: _Item) -> str | None:
        is_whole = self.first_stage == "semantic" and not item.request.n_kept
        return None if is_whole else self.first_stage


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
