"""A model in memory: its networks, tokenizer and codec on a device, and the voices it knows."""

from __future__ import annotations

import collections
import contextlib
import copy
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from .audio.files import names_audio
from .checkpoints.drafts import find_draft, fitting_draft, give_draft
from .checkpoints.generation_config import folder_options
from .checkpoints.registry import ModelFiles, ModelInfo, resolve_model
from .compute_lock import ComputeLock
from .decoding.static import drop_decoder
from .devices import choose_device, fitting_threads, memory_for
from .environment import read_environment
from .families import Codec, Tokenizer, family_of
from .files.whole_file import user_path
from .models.file_memory import MappedPages, give_back_freed_memory
from .models.gpt import GPT
from .models.quantize import apply_precision, choose_precision, computes_natively
from .spec import ModelSpec
from .take import Take
from .text_count import TextCount, count_text
from .voices.library import load_voice
from .voices.prompt import Voice, VoicePrompt

if TYPE_CHECKING:
    from typing_extensions import Self

_LARGE_BYTES = 256 << 20
_FILE_STAGE = {"semantic": "text", "coarse": "coarse", "fine": "fine"}


def _draft_of(
    files: ModelFiles, asked: str | Path | None, usual: str | None, device: torch.device
) -> ModelFiles | None:
    if asked is not None:
        return find_draft(asked, files, device)
    return None if usual is None else fitting_draft(usual, files, device)


class LoadedModel:
    """The networks of a model with its tokenizer, codec and voices, on a device.

    Attributes:
        name: "nano", "small", "large", or a folder's name.
        spec: token ids, rates and sizes of its family.
        device: where it computes.
        precision: "fp32", "fp16", "bf16", "int8" or "int4".
        lock: whom it computes for.
        offline: official voices are not downloaded.
        voices_dir: the folder of the user's own voices; None for the usual one.
        draft_files: of a smaller model that proposes its tokens; None for none.
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
        draft: ModelFiles | None = None,
    ) -> None:
        self.files = files
        self.name: str = Path(files.info.name).name  # of a folder: takes are handed on to others
        self.spec: ModelSpec = files.spec
        self.device = device
        self.precision = precision
        self.offload = offload and device.type != "cpu"
        self.offline = offline
        self.voices_dir = voices_dir
        self.draft_files = draft
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
        draft: str | Path | None = None,
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
                (exact), "fp16", "bf16", "int8", or "int4" (less memory, a little less exact, on
                a CPU with compiled layers); None takes BARK_PRECISION, else "auto".
            offload: keep models on the CPU between stages; None follows SUNO_OFFLOAD_CPU.
            offline: never download; None follows BARK_OFFLINE.
            voices_dir: the folder of the user's own voices; None for the usual one.
            draft: a smaller model of the family, on this disk, that proposes tokens which this
                one verifies, of takes that are made alone: no token changes. It pays only
                where the two mostly agree; a batch goes without. None
                takes BARK_DRAFT where that fits the model, else none.
            on_progress: called while downloading with a file's name, bytes done, bytes in all.
            stop: ends a download.
            lazy: load each stage when it is first used.

        Raises:
            OptionError: an unknown model, device or precision, or a draft that cannot propose.
            WeightsNotFoundError, DownloadError, CheckpointError: the weights cannot be had, or
                are not what they should be.
        """
        environment = read_environment()
        place = choose_device(device or environment.device, enable_mps=environment.enable_mps)
        precision = precision or environment.precision or "auto"
        files = resolve_model(model, offline=offline, on_progress=on_progress, stop=stop)
        loaded = cls(
            files,
            device=place,
            precision=choose_precision(
                precision, place, slow_by_torch=family_of(files.spec).is_slow_by_torch
            ),
            offload=environment.offload_cpu if offload is None else offload,
            offline=environment.offline if offline is None else offline,
            voices_dir=voices_dir,
            draft=_draft_of(files, draft, environment.draft, place),
        )
        if not lazy:
            loaded.load()
        return loaded

    def load(self) -> None:
        """Loads what is not loaded yet.

        Raises:
            MemoryShortError: it does not fit.
        """
        with self._freeing():
            for stage in _FILE_STAGE:
                self.model(stage)
            assert self.tokenizer is not None
            assert self.codec is not None

    def free_memory(self) -> None:
        """Gives back what is kept for the next computation; the weights stay."""
        for model in self._models.values():
            drop_decoder(model)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

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

    def with_tokenizer(self, tokenizer: Tokenizer) -> Self:
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
        with self._loading, self._fits():
            if self._codec is None:
                codec = self.files.load_codec()
                self._codec = codec if self.offload else codec.to(self.device)
            return self._codec

    def model(self, stage: str) -> nn.Module:
        """The model of "semantic", "coarse" or "fine", loaded when first used."""
        with self._loading, self._fits():
            if stage not in self._models:
                loaded = self.files.load_stage(_FILE_STAGE[stage])
                loaded = apply_precision(loaded, self.precision, self.device)
                if self.draft_files is not None and isinstance(loaded, GPT):
                    give_draft(loaded, self.draft_files, _FILE_STAGE[stage])
                self._models[stage] = loaded if self.offload else loaded.to(self.device)
            return self._models[stage]

    def _fits(self) -> contextlib.AbstractContextManager[None]:
        return memory_for(self.name, self.info.memory_bytes)

    @contextlib.contextmanager
    def use(self, stage: str) -> Iterator[nn.Module]:
        """The stage's model on the device; with offload it goes back to the CPU afterwards."""
        model = self.model(stage)
        threads = fitting_threads(self.info.memory_bytes, is_native=computes_natively(model))
        with self._freeing(model), self._on_its_device(stage, model), threads:
            yield model

    @contextlib.contextmanager
    def _freeing(self, model: nn.Module | None = None) -> Iterator[None]:
        """Gives back what a stage leaves behind; of a small model that is not worth the time."""
        try:
            yield
        finally:
            if self.device.type == "cpu" and self.info.memory_bytes > _LARGE_BYTES:
                if model is not None:
                    MappedPages.of_tables(model).give_back()
                give_back_freed_memory()

    @contextlib.contextmanager
    def use_codec(self) -> Iterator[Codec]:
        """The codec, with as many threads as serve it while the context lasts."""
        with self._freeing(), fitting_threads(self.info.memory_bytes):
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

    def count(self, text: str) -> TextCount:
        """Counts a text's tokens and names the words past the limit; "" counts as nothing."""
        return count_text(text, self.tokenizer, self.spec)

    def reading(self, text: str) -> str:
        """How a text is read: the words that are spoken, one blank between, marks left out.

        Nano says "$5" as "five dollars" and "FBI" as "eff bee eye". Official Bark reads a text as
        it stands, so for it this is the text with its white space normalised.
        """
        return self.tokenizer.reading(text)

    def readings(self, text: str) -> list[tuple[int, int, str]]:
        """What of a text is spoken otherwise than it is written, with nano for example numbers.

        Returns:
            first and last character of each stretch in the text with its white space normalised,
            and the words that are spoken for it; none for official Bark.
        """
        return self.tokenizer.readings(text)
