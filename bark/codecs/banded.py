"""Nano's codec: codes to bands of harmonics and noise by a small convolutional network.

Codebook 0 and the low five bits of codebook 1 quantise a latent, one after the other; the high
five bits of codebook 1 are the pitch (0 is unvoiced); codebooks 2 to 7 quantise what is left of the
latent. So two codebooks speak and the other six refine. The network sees a fixed stretch around
every frame and a voiced part's pulses begin with it, so any part of an utterance is decoded from
the codes near it, and sounds as it does in the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ..spec import NANO
from ..tokens import TokenRule, check_tokens
from .harmonics import (
    MARGIN_FRAMES,
    N_BANDS,
    N_NOISE_BANDS,
    SAMPLE_RATE_HZ,
    Bands,
    speak,
)

_CODES = TokenRule.fine(NANO, "codes", n_rows=range(2, NANO.n_codebooks + 1))

N_PITCHES = 32
N_CORRECTIONS = 32
LOWEST_HZ, HIGHEST_HZ = 60.0, 400.0
"""Centres of the first and the last pitch."""
PITCH_STEP = float(np.log(HIGHEST_HZ / LOWEST_HZ)) / (N_PITCHES - 2)
"""From one pitch to the next, in natural log of Hz."""

_WIDENING = 3  # of a block's hidden layer
_LEFT = 4  # frames before one that a block sees
_F0_RANGE_HZ = (45.0, 600.0)
_SHARPENING = 1.2, 0.7  # of harmonics and noise over frequency; regression flattens both
_REACHES = 12, 6  # bands each way
_BREATH_CUT_DB = 2.0  # off the noise of voiced frames
_SILENCE_LOG_POWER = -17.0  # noise of loudest bands below this is the floor of the training data


@dataclass(frozen=True)
class BandCodecConfig:
    """Sizes of the decoder.

    Attributes:
        latent_width: numbers that are quantised.
        width: channels of the network.
        taps: frames that each block sees: four before, the frame itself, those behind. Blocks
            that see none behind add depth, and nothing to how long a stream waits.
    """

    latent_width: int = 48
    width: int = 256
    taps: tuple[int, ...] = (7, 7, 5, 7, 5, 7, 5, 7, 5, 7)


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then a layer that looks at one frame (Liu et al., 2022).

    Args:
        width: channels.
        left, right: frames that it sees each way.
        widening: channels of the hidden layer over `width`.
    """

    def __init__(self, width: int, left: int, right: int, widening: int) -> None:
        super().__init__()
        self.left, self.right = left, right
        self.taps = nn.Parameter(torch.randn(left + right + 1, width) / (left + right + 1) ** 0.5)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, widening * width)
        self.down = nn.Linear(widening * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.3))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C); zeros are seen beyond the ends."""
        length = x.shape[1]
        padded = F.pad(x, (0, 0, self.left, self.right))
        y = torch.zeros_like(x)
        for i, tap in enumerate(self.taps):
            y = y + padded[:, i : i + length] * tap
        hidden = F.gelu(self.up(self.norm(y)), approximate="tanh")
        mixed: Tensor = x + self.scale * self.down(hidden)
        return mixed


class BandDecoder(nn.Module):
    """Codebooks, and the network from their sum and the pitch to bands."""

    def __init__(self, config: BandCodecConfig) -> None:
        super().__init__()
        self.config = config
        latent, width = config.latent_width, config.width
        sizes = [N_CORRECTIONS if i == 1 else 1_024 for i in range(8)]
        self.books = nn.ParameterList(
            nn.Parameter(torch.randn(size, latent), requires_grad=False) for size in sizes
        )
        self.pitch = nn.Embedding(N_PITCHES, width)
        self.dec_in = nn.Linear(latent, width)
        self.dec = nn.ModuleList(
            ConvNeXtBlock(width, _LEFT, taps - 1 - _LEFT, _WIDENING) for taps in config.taps
        )
        self.norm = nn.LayerNorm(width)
        self.sizes = [N_BANDS, N_BANDS, N_BANDS, 2 * N_NOISE_BANDS, 1]
        self.head = nn.Linear(width, sum(self.sizes))
        for name, n in (("size", N_BANDS), ("noise", 2 * N_NOISE_BANDS)):
            self.register_buffer(f"{name}_mean", torch.zeros(n))
            self.register_buffer(f"{name}_deviation", torch.ones(n))

    @property
    def left(self) -> int:
        """Frames before one that it depends on."""
        return _LEFT * len(self.dec)

    @property
    def right(self) -> int:
        """Frames behind one that it depends on."""
        return sum(taps - 1 - _LEFT for taps in self.config.taps)

    def latent(self, codes: Tensor) -> Tensor:
        """The sum of what codes (n, T) stand for: (T, latent_width)."""
        rows = [c % N_CORRECTIONS if i == 1 else c for i, c in enumerate(codes)]
        return torch.stack([book[c] for book, c in zip(self.books, rows, strict=False)]).sum(0)

    def forward(self, latent: Tensor, pitch: Tensor) -> tuple[Tensor, ...]:
        """Latents (B, T, latent_width) and pitches (B, T) in [0, 32) to the bands' numbers.

        Returns:
            log size, cosine and sine of the turn (B, T, 160 each), log power of the noise
            (B, T, 128) and log pitch (B, T), the latter meaningless where unvoiced.
        """
        x = self.dec_in(latent) + self.pitch(pitch)
        for block in self.dec:
            x = block(x)
        size, cosine, sine, noise, offset = self.head(self.norm(x)).split(self.sizes, dim=-1)
        log_f0 = np.log(LOWEST_HZ) + PITCH_STEP * (pitch - 1 + offset[..., 0])
        size = size * self.size_deviation + self.size_mean
        return size, cosine, sine, noise * self.noise_deviation + self.noise_mean, log_f0


class BandCodec:
    """Nano's codec: (8, T) codes at 75 Hz to audio at 24 kHz.

    Args:
        decoder: the trained network.
    """

    def __init__(self, decoder: BandDecoder) -> None:
        self.decoder = decoder.eval()
        self._sharpeners = [
            torch.from_numpy(sharpening_matrix(n, reach, more))
            for n, reach, more in zip((N_BANDS, N_NOISE_BANDS), _REACHES, _SHARPENING, strict=True)
        ]

    @classmethod
    def from_file(cls, path: Path) -> BandCodec:
        """Reads `codec.safetensors`; the sizes are those of its tensors.

        Raises:
            KeyError: a tensor is missing.
            ValueError: one has another shape.
        """
        tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
        width, latent = tensors["dec_in.weight"].shape
        n_blocks = len({name.split(".")[1] for name in tensors if name.startswith("dec.")})
        taps = tuple(len(tensors[f"dec.{i}.taps"]) for i in range(n_blocks))
        decoder = BandDecoder(BandCodecConfig(latent, width, taps))
        missing = decoder.state_dict().keys() ^ tensors.keys()
        if missing:
            raise KeyError(", ".join(sorted(missing)))
        try:
            decoder.load_state_dict(tensors)
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        return cls(decoder)

    def save(self, path: Path) -> None:
        """Writes `codec.safetensors` in half precision."""
        weights = self.decoder.state_dict()
        save_file({name: w.half().contiguous() for name, w in weights.items()}, path)
        path.chmod(0o644)  # save_file lets only its owner read

    @property
    def sample_rate(self) -> int:
        """Of the audio, in Hz."""
        return SAMPLE_RATE_HZ

    @property
    def look_ahead_frames(self) -> int:
        """Samples of a frame are final once this many frames behind it are known."""
        return self.decoder.right + MARGIN_FRAMES

    def to(self, device: torch.device | str) -> BandCodec:
        """Stays on the CPU, where a second of audio takes some twenty milliseconds."""
        return self

    @torch.inference_mode()
    def bands(self, codes: np.ndarray) -> Bands:
        """What the codes mean.

        Args:
            codes: (n, T) integers in [0, 1024), 75 Hz; the first 2 to 8 codebooks.

        Raises:
            InvalidInputError: the codes have another shape or range.
        """
        ids = torch.from_numpy(check_tokens(codes, _CODES, may_be_empty=True))
        pitch = ids[1] // N_CORRECTIONS
        latent = self.decoder.latent(ids)
        parts = self.decoder(latent[None], pitch[None])
        size, cosine, sine, noise, log_f0 = (part[0] for part in parts)
        voiced = pitch > 0
        harmonics, breath = self._sharpeners
        noise = noise.unflatten(-1, (2, N_NOISE_BANDS))
        silent = noise.amax((1, 2)) < _SILENCE_LOG_POWER
        cut = voiced * (_BREATH_CUT_DB * np.log(10) / 10) + silent * 20.0
        return Bands(
            f0=torch.where(voiced, log_f0.exp().clamp(*_F0_RANGE_HZ), 0.0),
            size=size @ harmonics.T,
            turn=torch.atan2(sine, cosine),
            noise=(noise - cut[:, None, None]) @ breath.T,
        )

    @torch.inference_mode()
    def decode(self, codes: np.ndarray, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Speaks codes.

        For streaming, give all codes so far and ask for the frames from `start` on; samples are
        final `look_ahead_frames` before the last frame. Only the codes near the asked part, and
        those of a voiced part that runs into it, are computed.

        Args:
            codes: (n, T) integers in [0, 1024), 75 Hz; the first 2 to 8 codebooks.
            start, stop: frames to speak; all of them by default.

        Returns:
            ((stop - start) * 320,) float32 at 24 kHz, within ±1.

        Raises:
            InvalidInputError: the codes have another shape or range.
        """
        codes = check_tokens(codes, _CODES, may_be_empty=True)
        stop = codes.shape[1] if stop is None else min(stop, codes.shape[1])
        if stop <= start:
            return np.zeros(0, np.float32)
        begin = _voiced_part_begin(codes[1], max(0, start - MARGIN_FRAMES))
        left = max(0, begin - self.decoder.left)
        right = min(codes.shape[1], stop + self.look_ahead_frames)
        bands = self.bands(codes[:, left:right])
        kept = Bands(*(getattr(bands, f.name)[begin - left :] for f in fields(bands)))
        audio = speak(kept, start - begin, stop - begin, first_frame=begin)
        within: np.ndarray = np.clip(audio, -1, 1)
        return within


def sharpening_matrix(n: int, reach: int, more: float) -> np.ndarray:
    """(n, n) float32 that moves each band away from the weighted mean of its neighbours.

    Args:
        n: bands.
        reach: neighbours each way.
        more: 0 changes nothing, 1 doubles a band's distance from the mean.
    """
    weights = np.hanning(2 * reach + 3)[1:-1]
    smooth = np.zeros((n, n))
    for i in range(n):
        neighbours = np.clip(np.arange(i - reach, i + reach + 1), 0, n - 1)
        np.add.at(smooth[i], neighbours, weights / weights.sum())
    return ((1 + more) * np.eye(n) - more * smooth).astype(np.float32)


def pitch_index(f0: Tensor) -> Tensor:
    """The pitch (codebook 1's high five bits) nearest to f0 in Hz, 0 where that is 0; int64."""
    level = (f0.clamp(min=1.0).log() - np.log(LOWEST_HZ)) / PITCH_STEP
    return torch.where(f0 > 0, level.round().clamp(0, N_PITCHES - 2) + 1, 0.0).long()


def _voiced_part_begin(second: np.ndarray, frame: int) -> int:
    """The first frame of the voiced part that `frame` lies in, or itself where unvoiced."""
    unvoiced = np.flatnonzero(second[: frame + 1] < N_CORRECTIONS)
    if len(unvoiced) == 0:
        return 0
    return int(unvoiced[-1])
