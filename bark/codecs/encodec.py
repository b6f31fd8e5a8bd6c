"""EnCodec at 24 kHz through the encodec package: codes to audio and back."""

from __future__ import annotations

import importlib
import importlib.machinery
import re
import sys
import threading
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InvalidInputError
from ..models.assign import assign_weights, empty_modules
from ..models.file_memory import give_back
from ..spec import BARK
from ..tokens import TokenRule, check_tokens

_CODES = TokenRule.fine(BARK, "codes", n_rows=range(1, BARK.n_codebooks + 1))

_IMPORT_LOCK = threading.Lock()

_N_RECURRENT = 2  # the decoder's first layers: a convolution and the LSTM
_CONVOLUTION_REACH = 2  # frames that the layers behind them look back
_FRAMES_AT_ONCE = 150  # through these layers on a CPU: two seconds, whose numbers take 50 MB

_CODEBOOK = re.compile(r"quantizer\.vq\.layers\.(\d+)\._codebook\.(\w+)")
# Of the codebooks' state only `embed` is read outside of training.
_TRAINING_STATE = ("inited", "cluster_size", "embed_avg")
# The two parts of a weight-normalised weight, as older and newer versions of torch name them.
_NORM_PARTS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)


class EncodecCodec:
    """The codec, its weight norm folded in, and as a rule only Bark's eight of 32 codebooks."""

    sample_rate = BARK.sample_rate

    def __init__(self, encoder: nn.Module, decoder: nn.Module, quantizer: nn.Module) -> None:
        self._parts = nn.ModuleDict(
            {"encoder": encoder, "decoder": decoder, "quantizer": quantizer}
        )

    @property
    def encoder(self) -> Any:
        """Audio (B, 1, n) to (B, 128, T)."""
        return self._parts["encoder"]

    @property
    def decoder(self) -> Any:
        """(B, 128, T) to audio (B, 1, n)."""
        return self._parts["decoder"]

    @property
    def quantizer(self) -> Any:
        """(B, 128, T) to codes (K, B, T) and back."""
        return self._parts["quantizer"]

    @property
    def _layers(self) -> nn.Sequential:
        return self._parts["decoder"].model  # type: ignore[return-value]

    @classmethod
    def from_weights(
        cls, weights: Mapping[str, Tensor], *, source: str, all_codebooks: bool = False
    ) -> EncodecCodec:
        """Builds the codec from encodec's names (`decoder.model.0.conv.conv.weight_g`, ...).

        Args:
            weights: with weight norm under its older or newer names, or already folded.
            source: what an error names, for example the file.
            all_codebooks: as many as there are weights for, not only Bark's eight.

        Raises:
            CheckpointError: names are missing or too many, or a shape does not fit.
        """
        modules, quantization = _import_encodec()
        n_codebooks = BARK.n_codebooks
        if all_codebooks:
            n_codebooks = max(n_codebooks, _count_codebooks(weights))
        with empty_modules():
            encoder = modules.SEANetEncoder(norm="none", causal=True)
            decoder = modules.SEANetDecoder(norm="none", causal=True)
            quantizer = quantization.ResidualVectorQuantizer(
                dimension=encoder.dimension, n_q=n_codebooks, bins=BARK.codebook_size
            )
        codec = cls(encoder, decoder, quantizer)
        for codebook in quantizer.vq.layers:
            for name in _TRAINING_STATE:
                delattr(codebook._codebook, name)
        assign_weights(codec._parts, _inference_weights(weights, n_codebooks), source=source)
        return codec

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self._parts.parameters()).device

    @property
    def look_ahead_frames(self) -> int:
        """None: a frame sounds the same whatever follows it."""
        return 0

    def to(self, device: torch.device | str) -> EncodecCodec:
        """Moves the weights and returns the codec."""
        self._parts.to(device)
        return self

    @torch.inference_mode()
    def decode(self, codes: np.ndarray, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Turns codes into audio, all of it or the part that some frames speak.

        The decoder is causal, so a part is what the whole has there, however many frames follow.
        Its recurrent layers hear everything before `start`; the much slower convolutions behind
        them begin only as many frames earlier as they reach back.

        Args:
            codes: (K, T) integers in [0, 1024), 75 Hz; the first K of the eight codebooks.
            start, stop: frames to decode; all of them by default.

        Returns:
            ((stop - start) * 320,) float32, 24 kHz; not clipped.

        Raises:
            InvalidInputError: another shape, dtype or range.
        """
        codes = check_tokens(codes, _CODES)[:, :stop]
        ids = torch.from_numpy(codes).to(self.device)[:, None]  # (K, 1, T)
        hidden = self.quantizer.decode(ids)  # (1, 128, T)
        hidden = self._layers[:_N_RECURRENT](hidden)  # (1, 512, T)
        n_at_once = _FRAMES_AT_ONCE if self.device.type == "cpu" else codes.shape[1]
        firsts = range(start, codes.shape[1], n_at_once)
        pieces = [self._convolve(hidden, first, first + n_at_once) for first in firsts]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def _convolve(self, hidden: Tensor, start: int, stop: int) -> np.ndarray:
        """What the layers behind the recurrent ones make of some frames."""
        begin = max(0, start - _CONVOLUTION_REACH)
        audio = self._layers[_N_RECURRENT:](hidden[..., begin:stop])
        wanted: np.ndarray = audio[0, 0, (start - begin) * BARK.hop_len :].float().cpu().numpy()
        return wanted

    @torch.inference_mode()
    def encode(self, audio: np.ndarray) -> np.ndarray:
        """Turns audio into codes.

        Args:
            audio: (n,) float, 24 kHz, mono, within ±1.

        Returns:
            (8, T) int64 in [0, 1024), 75 Hz; T is n / 320, rounded up.

        Raises:
            InvalidInputError: no samples, more than one channel, or values that are no numbers.
        """
        audio = np.asarray(audio)
        if audio.ndim != 1 or audio.size == 0 or audio.dtype.kind != "f":
            raise InvalidInputError(
                f"The audio has shape {audio.shape} and dtype {audio.dtype}; "
                "the codec needs (n,) floats within ±1 at 24 kHz."
            )
        if not np.isfinite(audio).all():
            raise InvalidInputError("The audio holds values that are no numbers; clean it first.")
        samples = torch.from_numpy(audio.astype(np.float32)).to(self.device)
        hidden = self._parts["encoder"](samples[None, None])  # (1, 128, T)
        codes = self.quantizer.encode(hidden, int(BARK.codec_rate_hz))  # (K, 1, T)
        kept: np.ndarray = codes[: BARK.n_codebooks, 0].cpu().numpy()
        return kept


def encodec_model_class() -> Any:
    """The encodec package's `EncodecModel`."""
    _import_encodec()
    return importlib.import_module("encodec.model").EncodecModel


def new_encodec_model() -> nn.Module:
    """The encodec package's own 24 kHz model with random weights, for tests and benchmarks."""
    model: nn.Module = encodec_model_class().encodec_model_24khz(pretrained=False)
    return model


def _count_codebooks(weights: Mapping[str, Tensor]) -> int:
    return len({match[1] for name in weights if (match := _CODEBOOK.fullmatch(name))})


def _inference_weights(weights: Mapping[str, Tensor], n_codebooks: int) -> dict[str, Tensor]:
    """Leaves out what decoding and encoding do not read, and folds the weight norm."""
    kept: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        codebook = _CODEBOOK.fullmatch(name)
        if codebook and (int(codebook[1]) >= n_codebooks or codebook[2] in _TRAINING_STATE):
            continue
        kept[name] = tensor
    for magnitude, direction in _NORM_PARTS:
        for name in [name for name in kept if name.endswith("." + magnitude)]:
            stem = name.removesuffix(magnitude)
            if stem + direction in kept:
                g, v = kept.pop(name).float(), kept.pop(stem + direction).float()
                norm = v.flatten(1).norm(dim=1).view(-1, 1, 1)
                kept[stem + "weight"] = v * (g / norm)
                give_back(v)
    return kept


class _LateTorchaudio(types.ModuleType):
    """Stands for torchaudio while encodec is imported, and imports the real one when it is used.

    encodec imports torchaudio at its top for resampling and for saving files, which Bark never
    calls; on many machines it is not there, or was built for another torch and cannot be loaded.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or sys.modules.get("torchaudio") is self:
            raise AttributeError(name)
        return getattr(importlib.import_module("torchaudio"), name)


def _import_encodec() -> tuple[types.ModuleType, types.ModuleType]:
    """encodec.modules and encodec.quantization, whatever the state of torchaudio."""
    with _IMPORT_LOCK:
        stand_in = None
        if "encodec" not in sys.modules and "torchaudio" not in sys.modules:
            stand_in = _LateTorchaudio("torchaudio")
            stand_in.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
            sys.modules["torchaudio"] = stand_in
        try:
            modules = importlib.import_module("encodec.modules")
            quantization = importlib.import_module("encodec.quantization")
        finally:
            if stand_in is not None and sys.modules.get("torchaudio") is stand_in:
                del sys.modules["torchaudio"]
    return modules, quantization
