"""Bark for programs that come from transformers: `BarkModel`, `AutoProcessor`, a pipeline.

They call the stages of this package, so a folder that transformers saved speaks as it does there,
but for the order of temperature and top-k, which is suno-ai/bark's.
"""

from __future__ import annotations

import logging
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from .checkpoints.generation_config import SETTINGS, longest_of, read_settings, sampling_of
from .decoding.engines import decode
from .errors import InvalidInputError
from .families import family_of
from .models.fine import FineGPT
from .models.gpt import GPT
from .pipeline import Bark
from .spec import BARK
from .stages.coarse import CoarseWindows
from .stages.fine import generate_fine
from .stages.semantic import SemanticLimits, generate_semantic
from .suno.history import History, coarse_history, fine_history, load_history, semantic_history
from .voices.prompt import Voice

logger = logging.getLogger(__name__)

_HUB_NAMES = {"suno/bark": "large", "suno/bark-small": "small"}
Setting = float | bool | None
"""A value of a setting of transformers' `generate`."""

_STAGES = ("semantic", "coarse", "fine")


class Inputs(dict[str, Any]):
    """What a processor gives: input_ids and attention_mask (B, 256), history_prompt or None."""

    def to(self, device: str | torch.device) -> Inputs:
        """Itself: the stages take their inputs to where they compute."""
        return self


class AutoProcessor:
    """Text and a voice's name to a model's inputs.

    Args:
        bark: whose tokenizer reads the text.
    """

    def __init__(self, bark: Bark) -> None:
        self._bark = bark

    @classmethod
    def from_pretrained(cls, name: str | Path, **_: object) -> AutoProcessor:
        """Of "suno/bark", "suno/bark-small", or a folder; other arguments change nothing."""
        return cls(_open(name, "cpu", "fp32"))

    def __call__(
        self, text: str | Sequence[str], voice_preset: Voice = None, **_: object
    ) -> Inputs:
        """The inputs of one text or several; `voice_preset` is any voice, by name or as arrays."""
        texts = [text] if isinstance(text, str) else list(text)
        shape = (len(texts), BARK.text_len)
        ids, mask = torch.zeros(shape, dtype=torch.int64), torch.zeros(shape, dtype=torch.int64)
        for row, one in enumerate(texts):
            read = self._bark.tokenizer.encode(one).ids[: BARK.text_len]
            ids[row, : len(read)], mask[row, : len(read)] = torch.from_numpy(read), 1
        history = load_history(voice_preset, BARK, model_folder=self._bark.info.own_folder)
        return Inputs(input_ids=ids, attention_mask=mask, history_prompt=history)


class BarkModel:
    """Official Bark with transformers' `generate`.

    Args:
        bark: what computes.
    """

    def __init__(self, bark: Bark) -> None:
        self._bark = bark
        self._defaults = read_settings(bark.files.info.location)
        self.generation_config = types.SimpleNamespace(sample_rate=bark.sample_rate)
        self.config = types.SimpleNamespace(sample_rate=bark.sample_rate)

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        torch_dtype: torch.dtype | None = None,
        dtype: torch.dtype | None = None,
        **_: object,
    ) -> BarkModel:
        """Loads "suno/bark", "suno/bark-small", or a folder, in float32 or the dtype given."""
        names = {torch.float16: "fp16", torch.bfloat16: "bf16"}
        return cls(_open(name, None, names.get(dtype or torch_dtype or torch.float32, "fp32")))

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._bark.device

    def to(self, device: str | torch.device) -> BarkModel:
        """Itself, computing there from now on."""
        if torch.device(device) != self.device:
            self._bark = Bark.from_pretrained(
                self._bark.files.info.name, device=device, precision=self._bark.precision
            )
        return self

    def eval(self) -> BarkModel:
        """Itself, which never trains."""
        return self

    @torch.inference_mode()
    def generate(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        history_prompt: Voice = None,
        **settings: Setting,
    ) -> Tensor:
        """Audio of a processor's inputs.

        Args:
            settings: temperature, top_k, top_p, do_sample, max_new_tokens and min_eos_p, for all
                stages or with semantic_, coarse_ or fine_ in front for one.

        Returns:
            (B, n) float32, 24 kHz, shorter rows filled with zeros.

        Raises:
            InvalidInputError, VoiceError: a setting or the voice is none.
        """
        spec = self._bark.spec
        chosen = _settings(settings, self._defaults)
        history = load_history(history_prompt, spec, model_folder=self._bark.info.own_folder)
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        texts = [
            row[keep.bool()].cpu().numpy().astype(np.int64)
            for row, keep in zip(input_ids, mask, strict=True)
        ]
        with self._bark.lock.alone():
            codes = self._codes(texts, history, chosen)
            with self._bark.use_codec() as codec:
                audio = [torch.from_numpy(codec.decode(one)) for one in codes]
        return torch.nn.utils.rnn.pad_sequence(audio, batch_first=True)

    def _codes(
        self,
        texts: list[np.ndarray],
        history: History | None,
        chosen: Mapping[str, dict[str, Any]],
    ) -> list[np.ndarray]:
        """All codes (8, T) of texts, with torch's own random numbers as in transformers."""
        spec, n = self._bark.spec, len(texts)
        generators: list[torch.Generator | None] = [None] * n
        with self._bark.use("semantic") as model:
            semantic = _result(
                generate_semantic(
                    cast(GPT, model),
                    spec,
                    texts,
                    histories=[semantic_history(history, spec)] * n,
                    sampling=sampling_of(chosen["semantic"]),
                    limits=_limits(chosen["semantic"]),
                    generators=generators,
                    engine=decode,
                )
            )
        with self._bark.use("coarse") as model:
            coarse = _result(
                family_of(spec).generate_coarse(
                    model,
                    spec,
                    [made.tokens for made in semantic],
                    histories=[coarse_history(history, spec)] * n,
                    sampling=sampling_of(chosen["coarse"]),
                    windows=CoarseWindows(),
                    generators=generators,
                    engine=decode,
                )
            )
        with self._bark.use("fine") as model:
            fine: list[np.ndarray] = _result(
                generate_fine(
                    cast(FineGPT, model),
                    spec,
                    coarse,
                    histories=[fine_history(history, spec)] * n,
                    temperature=sampling_of(chosen["fine"]).temperature,
                    generators=generators,
                )
            )
        return fine


class TextToAudio:
    """transformers' text-to-speech pipeline: a text to a dict of audio and its rate.

    Args:
        model: that speaks.
        processor: that reads.
    """

    def __init__(self, model: BarkModel, processor: AutoProcessor) -> None:
        self.model, self.processor = model, processor

    @classmethod
    def from_pretrained(cls, name: str | Path) -> TextToAudio:
        """Of "suno/bark", "suno/bark-small", or a folder."""
        model = BarkModel.from_pretrained(name)
        return cls(model, AutoProcessor(model._bark))

    def __call__(
        self, text: str, *, voice_preset: Voice = None, **settings: Setting
    ) -> dict[str, Any]:
        """{"audio": (1, n) float32, "sampling_rate": 24000}; settings as `BarkModel.generate`."""
        inputs = self.processor(text, voice_preset=voice_preset)
        audio = self.model.generate(
            inputs["input_ids"], inputs["attention_mask"], inputs["history_prompt"], **settings
        ).numpy()
        return {"audio": audio, "sampling_rate": self.model.generation_config.sample_rate}


def _open(name: str | Path, device: str | None, precision: str) -> Bark:
    model = _HUB_NAMES.get(str(name), name)
    return Bark.from_pretrained(model, device=device, precision=precision, lazy=True)


def _settings(
    given: Mapping[str, Setting], defaults: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The settings of each stage: those with its name in front win over those for all."""
    chosen = {stage: dict(values) for stage, values in defaults.items()}
    for key, value in sorted(given.items(), key=lambda item: item[0].startswith(_STAGES)):
        stage, _, name = key.partition("_")
        stages, name = ([stage], name) if stage in _STAGES else (list(_STAGES), key)
        if name not in SETTINGS:
            raise InvalidInputError(
                f"generate does not know {key}; it takes {', '.join(SETTINGS)}, with semantic_, "
                "coarse_ or fine_ in front for one stage."
            )
        for one in stages:
            chosen[one][name] = value
    return chosen


def _limits(settings: dict[str, Any]) -> SemanticLimits:
    return SemanticLimits(settings["min_eos_p"], longest_of(settings, BARK))


def _result(steps: Any) -> Any:
    """What a stage returns once it is run to its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
