"""`Bark`: one loaded model with its device and precision, from text to takes."""

from __future__ import annotations

import collections
import contextlib
import copy
import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from .audio.files import names_audio
from .batch import Batch, expected_duration_s
from .checkpoints.generation_config import folder_options
from .checkpoints.registry import ModelFiles, ModelInfo, resolve_model
from .compute_lock import ComputeLock
from .decoding.static import drop_decoder
from .devices import choose_device, exact_float32, fitting_threads, same_threads
from .environment import read_environment
from .errors import BarkError, InvalidInputError
from .events import Event, TakeFailed, TakeReady
from .families import Codec, Tokenizer, family_of
from .files.whole_file import user_path
from .models.quantize import apply_precision, choose_precision, computes_natively
from .options import GenerationOptions, OptionChanges, SeededChanges
from .request import Request, redo_request, requests_for
from .spec import ModelSpec
from .take import Take
from .voices.library import load_voice
from .voices.prompt import Voice, VoicePrompt

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

_FILE_STAGE = {"semantic": "text", "coarse": "coarse", "fine": "fine"}


@dataclasses.dataclass(frozen=True)
class TextCount:
    """What a text amounts to before it is spoken.

    Attributes:
        n_tokens: text tokens; the model hears the first `max_tokens` of them.
        expected_s: a guess at its duration, of what is heard.
        cut_text: the words that would not be heard; "" when all would.
        unspoken: the stretches that the model cannot say, for example in another script.
    """

    n_tokens: int
    max_tokens: int
    expected_s: float
    cut_text: str
    unspoken: tuple[str, ...] = ()


class Bark:
    """A model that is ready to speak.

    One computation runs at a time: a second thread waits for the first, and streams of one thread
    take turns. Made by `Bark.from_pretrained`.

    Attributes:
        name: "nano", "small", "large", or a folder's name.
        spec: token ids, rates and sizes of its family.
        device: where it computes.
        precision: "fp32", "fp16", "bf16" or "int8".
        lock: whom it computes for.
        offline: official voices are not downloaded.
        voices_dir: the folder of the user's own voices; None for the usual one.
        default_options: what is taken where no options are given.
    """

    def __init__(
        self,
        files: ModelFiles,
        *,
        device: torch.device,
        precision: str,
        offload: bool = False,
        offline: bool = False,
        voices_dir: Path | None = None,
    ) -> None:
        self.files = files
        self.name: str = Path(files.info.name).name  # of a folder: takes are handed on to others
        self.spec: ModelSpec = files.spec
        self.device = device
        self.precision = precision
        self.offload = offload and device.type != "cpu"
        self.offline = offline
        self.voices_dir = voices_dir
        self.lock = ComputeLock()
        self.default_options = folder_options(files.info.own_folder, files.spec)
        self._models: dict[str, nn.Module] = {}
        self._on_device: collections.Counter[str] = collections.Counter()
        self._loading = threading.RLock()
        self._tokenizer: Tokenizer | None = None
        self._codec: Codec | None = None

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path = "nano",
        *,
        device: str | torch.device | None = None,
        precision: str | None = "auto",
        offload: bool | None = None,
        offline: bool | None = None,
        voices_dir: Path | None = None,
        on_progress: Callable[[str, int, int], None] | None = None,
        stop: threading.Event | None = None,
        lazy: bool = False,
    ) -> Self:
        """Loads a model, from disk where it is there, else from the Hub.

        A folder that transformers saved brings its own voices (`speaker_embeddings/`), and the
        sampling values of its `generation_config.json` become `default_options`: options given
        to `generate` win over them. "small" and "large" keep suno-ai/bark's.

        Args:
            model: "nano" (in this package), "small", "large", or a folder with checkpoints.
            device: a torch device; None takes BARK_DEVICE, else a CUDA device, else (with
                SUNO_ENABLE_MPS) Apple's, else the CPU.
            precision: "auto" (the fastest that was measured to be good on this machine), "fp32"
                (exact), "fp16", "bf16" or "int8"; None takes BARK_PRECISION, else "auto".
            offload: keep models on the CPU between stages; None follows SUNO_OFFLOAD_CPU.
            offline: never download; None follows BARK_OFFLINE.
            voices_dir: the folder of the user's own voices; None for the usual one.
            on_progress: called while downloading with a file's name, bytes done, bytes in all.
            stop: ends a download.
            lazy: load each stage when it is first used.

        Raises:
            OptionError: an unknown model, device or precision.
            WeightsNotFoundError, DownloadError, CheckpointError: the weights cannot be had, or
                are not what they should be.
        """
        environment = read_environment()
        place = choose_device(device or environment.device, enable_mps=environment.enable_mps)
        precision = precision or environment.precision or "auto"
        files = resolve_model(model, offline=offline, on_progress=on_progress, stop=stop)
        bark = cls(
            files,
            device=place,
            precision=choose_precision(
                precision, place, slow_by_torch=family_of(files.spec).is_slow_by_torch
            ),
            offload=environment.offload_cpu if offload is None else offload,
            offline=environment.offline if offline is None else offline,
            voices_dir=voices_dir,
        )
        if not lazy:
            bark.load()
        return bark

    def load(self) -> None:
        """Loads what is not loaded yet."""
        for stage in _FILE_STAGE:
            self.model(stage)
        assert self.tokenizer is not None
        assert self.codec is not None

    @property
    def info(self) -> ModelInfo:
        """Where the model lies and how large it is."""
        return self.files.info

    @property
    def sample_rate(self) -> int:
        """Of its audio, Hz."""
        return self.spec.sample_rate

    @property
    def tokenizer(self) -> Tokenizer:
        """Its tokenizer, loaded when first used."""
        with self._loading:
            if self._tokenizer is None:
                self._tokenizer = self.files.load_tokenizer()
            return self._tokenizer

    def with_tokenizer(self, tokenizer: Tokenizer) -> Bark:
        """The same model, its weights and its turn shared, that reads text another way.

        Args:
            tokenizer: of its family, for example with words added to its lexicon.
        """
        twin = copy.copy(self)
        twin._tokenizer = tokenizer
        return twin

    @property
    def codec(self) -> Codec:
        """Its codec, loaded when first used."""
        with self._loading:
            if self._codec is None:
                codec = self.files.load_codec()
                self._codec = codec if self.offload else codec.to(self.device)
            return self._codec

    def model(self, stage: str) -> nn.Module:
        """The model of "semantic", "coarse" or "fine", loaded when first used."""
        with self._loading:
            if stage not in self._models:
                loaded = self.files.load_stage(_FILE_STAGE[stage])
                loaded = apply_precision(loaded, self.precision, self.device)
                self._models[stage] = loaded if self.offload else loaded.to(self.device)
            return self._models[stage]

    @contextlib.contextmanager
    def use(self, stage: str) -> Iterator[nn.Module]:
        """The stage's model on the device; with offload it goes back to the CPU afterwards."""
        model = self.model(stage)
        threads = fitting_threads(self.info.memory_bytes, is_native=computes_natively(model))
        with self._on_its_device(stage, model), threads:
            yield model

    @contextlib.contextmanager
    def use_codec(self) -> Iterator[Codec]:
        """The codec, with as many threads as serve it while the context lasts."""
        with fitting_threads(self.info.memory_bytes):
            yield self.codec

    @contextlib.contextmanager
    def _on_its_device(self, stage: str, model: nn.Module) -> Iterator[None]:
        if not self.offload:
            yield
            return
        with self._loading:
            self._on_device[stage] += 1
            model.to(self.device)
        try:
            yield
        finally:
            with self._loading:  # another stream may be amid the same stage
                self._on_device[stage] -= 1
                if not self._on_device[stage]:
                    drop_decoder(model)
                    model.to("cpu")

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

        A take does not depend on its neighbours: each has a random stream of its own.

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
        voice: Voice | EllipsisType = ...,
        options: GenerationOptions | None = None,
        seed: int | None = None,
        stop: threading.Event | None = None,
        **short: Unpack[OptionChanges],
    ) -> Take:
        """Makes a take anew from a stage on, as `stream_redo` does."""
        events = self.stream_redo(
            take, from_stage=from_stage, voice=voice, options=options, seed=seed, stop=stop, **short
        )
        return _takes(events, 1)[0]

    def stream_redo(
        self,
        take: Take,
        *,
        from_stage: str,
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
            voice: another voice; left out, the take's own.
            options: others; None takes the take's own. The stage's random stream is seeded anew.

        Raises:
            InvalidInputError: an unknown stage.
            VoiceError: the take's tokens are not of this model's family.
        """
        chosen = GenerationOptions.chosen(options or take.options, short)
        if seed is not None:
            chosen = dataclasses.replace(chosen, seed=seed)
        prompt = take.voice if isinstance(voice, EllipsisType) else voice
        return self.stream_requests([redo_request(take, from_stage, prompt, chosen)], stop=stop)

    def voice(self, voice: Voice) -> VoicePrompt | None:
        """The voice prompt behind a name, a path, arrays or a take; None for None.

        Raises:
            VoiceError, VoiceNotFoundError: it is none, or there is none.
            AudioFileError: an audio file without a take's record.
        """
        if isinstance(voice, (str, Path)) and names_audio(voice):
            voice = Take.load(user_path(voice))
        return load_voice(
            voice,
            self.spec,
            offline=self.offline,
            voices_dir=self.voices_dir,
            model_folder=self.info.own_folder,
        )

    def preview(self, voice: Voice) -> np.ndarray:
        """Decodes a voice's own tokens: (n,) float32 within ±1."""
        prompt = self.voice(voice)
        if prompt is None:
            raise InvalidInputError("No voice was given; choose one to hear it.")
        with self.lock.alone(), self.use_codec() as codec:  # the samples of its take
            result: np.ndarray = np.clip(codec.decode(prompt.fine), -1, 1).astype(np.float32)
            return result

    def count(self, text: str) -> TextCount:
        """Counts a text's tokens and names the words past the limit; "" counts as nothing."""
        encoded = self.tokenizer.encode(text)
        words = encoded.text
        _, cut_text = self.tokenizer.cut(encoded, self.spec.text_len)
        spoken = words[: len(words) - len(cut_text)] if cut_text else words
        expected = expected_duration_s(spoken, self.spec) if words else 0.0
        return TextCount(len(encoded.ids), self.spec.text_len, expected, cut_text, encoded.unspoken)

    def reading(self, text: str) -> str:
        """How a text is read: the words that are spoken, one blank between, marks left out.

        Nano says "$5" as "five dollars" and "FBI" as "eff bee eye". Official Bark reads a text as
        it stands, so for it this is the text with its white space normalised.
        """
        return self.tokenizer.reading(text)

    @torch.inference_mode()  # entered anew for each step, so it never leaks to the caller
    def _locked(self, batch: Batch) -> Iterator[Event]:
        events = batch.events()
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
