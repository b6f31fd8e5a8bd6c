"""A stand-in for `Bark` that hums: same methods and events, no weights, the same sound a seed."""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bark.audio.files import names_audio
from bark.compute_lock import ComputeLock
from bark.errors import NothingGeneratedError
from bark.events import AudioPiece, Event, StageProgress, TakeFailed, TakeReady
from bark.options import GenerationOptions
from bark.request import Request
from bark.spec import NANO, ModelSpec
from bark.take import Take
from bark.text.nano import NanoTokenizer
from bark.text_count import TextCount
from bark.voices.library import load_voice
from bark.voices.prompt import VoicePrompt

SILENT_TEXT = "silence"  # what makes nothing, as a model that ends before it begins
_STEPS = 10


class FakeBark:
    """Hums a tune of 0.05 s a character.

    Args:
        pace_s: how long each of its steps takes.
    """

    def __init__(self, name: str = "nano", *, spec: ModelSpec = NANO, pace_s: float = 0.0) -> None:
        self.name = name
        self.spec = dataclasses.replace(spec, text_len=40)  # words, as it counts them
        self.pace_s = pace_s
        self.device = torch.device("cpu")
        self.precision = "fp32"
        self.lock = ComputeLock()
        self.n_steps = 0  # counted, so that a test sees when the work has ended
        self.before_fine: Callable[[], object] | None = None  # a test may wait in it

    @property
    def sample_rate(self) -> int:
        return self.spec.sample_rate

    @functools.cached_property
    def tokenizer(self) -> NanoTokenizer:
        return NanoTokenizer.from_file()

    def voice(self, voice: Any) -> VoicePrompt | None:
        if isinstance(voice, str | Path) and names_audio(voice):
            voice = Take.load(voice)
        return load_voice(voice, self.spec)

    def count(self, text: str) -> TextCount:
        words = text.split()
        limit = self.spec.text_len
        return TextCount(
            len(words),
            limit,
            0.05 * len(" ".join(words[:limit])),
            " ".join(words[limit:]),
            self.tokenizer.encode(text).unspoken,
        )

    def reading(self, text: str) -> str:
        return self.tokenizer.reading(text)

    def readings(self, text: str) -> list[tuple[int, int, str]]:
        return self.tokenizer.readings(text)

    def preview(self, voice: VoicePrompt) -> np.ndarray:
        return _hum(1.0, 1)

    def generate(self, text: str, *, options: GenerationOptions) -> Take:
        return self.make(Request(text, options=options))

    def make(self, request: Request, *, stop: threading.Event | None = None) -> Take:
        last = list(self.stream_requests([request], stop=stop))[-1]
        if isinstance(last, TakeFailed):
            raise last.error
        assert isinstance(last, TakeReady)
        return last.take

    def stream_requests(
        self, requests: Sequence[Request], *, stop: threading.Event | None = None
    ) -> Iterator[Event]:
        stop = stop or threading.Event()
        n = len(requests)
        waves = [
            _hum(max(0.5, 0.05 * len(request.text)), request.options.seed or 0)
            for request in requests
        ]
        made = 0
        for stage in ("semantic", "coarse", "fine"):
            if stage == "fine" and self.before_fine is not None:
                self.before_fine()
            for step in range(_STEPS):
                if stop.is_set():
                    break
                time.sleep(self.pace_s)
                self.n_steps += 1
                yield StageProgress(stage, step + 1, _STEPS, n)
                if stage == "coarse":
                    made = step + 1
                    size = len(waves[0]) // _STEPS
                    start = step * size
                    yield AudioPiece(waves[0][start : start + size] * 0.8, start / 24_000)
        for i, request in enumerate(requests):
            if request.text == SILENT_TEXT or (stop.is_set() and made == 0):
                yield TakeFailed(NothingGeneratedError("Bark stopped before it began."), i)
                continue
            audio = waves[i]
            if stop.is_set():
                audio = audio[: made * len(audio) // _STEPS]
            take = self._take(request, audio, stop.is_set())
            if request.given is not None:
                tokens = dataclasses.replace(take.tokens, semantic=request.given.semantic)
                take = dataclasses.replace(take, tokens=tokens, redone_from=request.first_stage)
            yield TakeReady(take, i)

    def _take(self, request: Request, audio: np.ndarray, stopped: bool) -> Take:
        n_semantic = max(2, int(len(audio) / 24_000 * self.spec.semantic_rate_hz))
        n_frames = int(n_semantic * self.spec.codec_rate_hz / self.spec.semantic_rate_hz)
        rng = np.random.default_rng(request.options.seed)
        fine = rng.integers(0, self.spec.codebook_size, (8, n_frames))
        semantic = rng.integers(0, self.spec.semantic_vocab_size, n_semantic)
        return Take(
            audio=audio,
            sample_rate=24_000,
            tokens=VoicePrompt(semantic, fine[:2], fine),
            voice=self.voice(request.voice),
            options=request.options,
            text=request.text,
            model=self.name,
            stop_reason="stopped" if stopped else "end",
            timings={"semantic": 0.1, "coarse": 0.2, "fine": 0.1},
            cut_text=self.count(request.text).cut_text,
            unspoken=self.tokenizer.encode(request.text).unspoken,
        )


def _hum(seconds: float, seed: int) -> np.ndarray:
    """Syllables of a voiced sound whose pitch and loudness wander; (n,) float32 within ±1."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * 24_000)) / 24_000
    n = int(seconds * 5) + 2
    at = np.linspace(0, seconds, n)
    pitch = np.interp(time_s, at, rng.uniform(90, 220, n))
    loud = np.interp(time_s, at, rng.uniform(0.05, 0.8, n))
    bright = np.interp(time_s, at, rng.uniform(0.5, 1.6, n))
    loud = loud * (0.55 - 0.45 * np.cos(2 * np.pi * 4.5 * time_s))
    phase = 2 * np.pi * np.cumsum(pitch) / 24_000
    voiced = sum(np.sin(k * phase) / k**bright for k in range(1, 24))
    noise = 0.02 * rng.standard_normal(len(time_s))
    return (0.35 * loud * (voiced / 2 + noise)).astype(np.float32)
