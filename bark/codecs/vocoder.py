"""Nano's codec: codes name an envelope and a pitch, and a source-filter vocoder speaks them.

Pulses at the pitch and noise, each filtered frame by frame by the minimum-phase filter of a
mel-cepstral envelope, overlap and add up to the audio. Nothing here is trained but the codebooks:
codebook 0 holds envelopes, codebook 1 pitch levels times coarse corrections of the envelope, and
codebooks 2 to 7 each a few principal directions of what is left, pitch included.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from ..spec import NANO

SAMPLE_RATE_HZ = 24_000
HOP_LEN = 320
FFT_LEN = 2_048
N_CEPSTRUM = 25
N_PITCHES = 32
N_CORRECTIONS = 32
LOOK_AHEAD_FRAMES = 8
"""Samples of a frame are final once this many frames behind it are known."""

_WARPING = 0.42  # all-pass constant of the teacher's mel-cepstra
_TEACHER_NYQUIST_HZ = 8_000.0
_TOP_SLOPE_DB_PER_KHZ = 5.0  # how the envelope falls above what the teacher knows
_BAND_CENTRES_HZ = (500.0, 1_500.0, 3_000.0, 5_000.0, 7_000.0)
_PITCH_SMOOTHING = 4  # frames each way
_GAIN = float(np.exp(-10.2))  # the teacher's amplitudes are those of 16-bit samples
_SHARPENING = 1.2  # of the formants: a listener made 2 to 7 points fewer errors with it
_PIECE_LEN = 256  # frames filtered at once


@dataclass(frozen=True, eq=False)
class Codebooks:
    """The codec's constants, all float32.

    Attributes:
        mean: (25,) mean mel-cepstrum.
        envelopes: (1024, 25) codebook 0, added to the mean.
        strengths: (1024, 5) voicing strength per band of each entry of codebook 0.
        pitches: (32,) Hz; the first is 0, unvoiced.
        corrections: (32, 25) added to the envelope; codebook 1 is 32 * pitch + correction.
        fine: (6, 1024, d) codebooks 2 to 7.
        directions: (6, d, 26) what their numbers mean: 25 of cepstrum, one of log pitch.
    """

    mean: np.ndarray
    envelopes: np.ndarray
    strengths: np.ndarray
    pitches: np.ndarray
    corrections: np.ndarray
    fine: np.ndarray
    directions: np.ndarray

    @classmethod
    def load(cls, path: Path) -> Codebooks:
        """Reads `codec.safetensors`.

        Raises:
            KeyError: it lacks a part. ValueError: a part has another shape.
        """
        tensors = load_file(path)
        width = tensors["fine"].shape[-1] if tensors["fine"].ndim else 0
        for name, shape in _shapes(width).items():
            if tensors[name].shape != shape:
                raise ValueError(f"{name} is {tensors[name].shape}, not {shape}")
        return cls(**{f.name: tensors[f.name].astype(np.float32) for f in fields(cls)})

    def save(self, path: Path) -> None:
        """Writes `codec.safetensors`, halves where that loses nothing audible."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        save_file({name: np.ascontiguousarray(t, np.float16) for name, t in tensors.items()}, path)
        path.chmod(0o644)  # save_file lets only its owner read


def _shapes(width: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the codec's constants, whose fine codebooks are `width` numbers wide."""
    n_entries, n_fine = NANO.codebook_size, NANO.n_codebooks - NANO.n_coarse_codebooks
    return {
        "mean": (N_CEPSTRUM,),
        "envelopes": (n_entries, N_CEPSTRUM),
        "strengths": (n_entries, len(_BAND_CENTRES_HZ)),
        "pitches": (N_PITCHES,),
        "corrections": (N_CORRECTIONS, N_CEPSTRUM),
        "fine": (n_fine, n_entries, width),
        "directions": (n_fine, width, N_CEPSTRUM + 1),
    }


@dataclass(frozen=True, eq=False)
class VocoderFrames:
    """What the vocoder speaks, one row a frame of 320 samples.

    Attributes:
        cepstrum: (T, 25) mel-cepstrum.
        f0: (T,) Hz, 0 where unvoiced.
        strengths: (T, 5) voicing strength per band, 0 to 1.
    """

    cepstrum: np.ndarray
    f0: np.ndarray
    strengths: np.ndarray


def envelope_matrix(frequencies_hz: np.ndarray) -> np.ndarray:
    """Maps mel-cepstra to log amplitudes: (25, n) float64 for n frequencies.

    Above 8 kHz, which the teacher does not know, the envelope stays what it is at 8 kHz.
    """
    omega = np.pi * np.minimum(frequencies_hz, _TEACHER_NYQUIST_HZ) / _TEACHER_NYQUIST_HZ
    bend = np.arctan(_WARPING * np.sin(omega) / (1 - _WARPING * np.cos(omega)))
    return np.cos(np.outer(np.arange(N_CEPSTRUM), omega + 2 * bend))


class Vocoder:
    """Speaks `VocoderFrames`; deterministic, and free of state between calls."""

    def __init__(self) -> None:
        frequencies = np.linspace(0, SAMPLE_RATE_HZ / 2, FFT_LEN // 2 + 1)
        basis = envelope_matrix(frequencies)
        basis[2:] *= _SHARPENING  # loudness and tilt stay
        over_khz = np.maximum(frequencies - _TEACHER_NYQUIST_HZ, 0) / 1_000
        top = -over_khz * _TOP_SLOPE_DB_PER_KHZ * np.log(10) / 20
        self._log_amplitude = torch.from_numpy(basis).float()  # (25, K)
        self._phase = torch.from_numpy(_minimum_phase(basis)).float()
        self._top_log_amplitude = torch.from_numpy(top).float()  # (K,)
        self._top_phase = torch.from_numpy(_minimum_phase(top[None])[0]).float()
        self._bands = torch.from_numpy(_band_weights(frequencies)).float()  # (5, K)
        self._window = torch.hann_window(2 * HOP_LEN)

    @torch.inference_mode()
    def speak(self, frames: VocoderFrames, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Audio of the frames from `start` to `stop`.

        All frames so far must be given, because the pulses' phase runs on through them; only
        the asked part is filtered. Asked for in parts, the audio is the same as in one.

        Args:
            frames: T frames.
            start, stop: in frames; all of them by default.

        Returns:
            ((stop - start) * 320,) float32 at 24 kHz, mostly within ±1, not clipped.
        """
        stop = len(frames.f0) if stop is None else stop
        tail = -(-FFT_LEN // HOP_LEN)  # earlier frames that still ring
        first = max(0, start - tail)
        last = min(len(frames.f0), stop + 1)  # the next frame's window reaches back
        pulses, noise = _excitation(frames.f0)
        out = torch.zeros((last - first + 1) * HOP_LEN + FFT_LEN)
        for begin in range(first, last, _PIECE_LEN):
            end = min(begin + _PIECE_LEN, last)
            pieces = self._filter(frames, (pulses, noise), begin, end)  # (n, FFT_LEN)
            for i, piece in enumerate(pieces, start=begin - first):
                out[i * HOP_LEN : i * HOP_LEN + FFT_LEN] += piece
        # A frame's window begins half a hop before the frame.
        offset = (start - first) * HOP_LEN + HOP_LEN // 2
        return out[offset : offset + (stop - start) * HOP_LEN].numpy()

    def _filter(
        self, frames: VocoderFrames, sources: tuple[np.ndarray, np.ndarray], begin: int, end: int
    ) -> torch.Tensor:
        cepstrum = torch.from_numpy(frames.cepstrum[begin:end]).float()
        strengths = torch.from_numpy(frames.strengths[begin:end]).float()
        voiced = torch.from_numpy(frames.f0[begin:end] > 0)[:, None]
        amplitude = torch.exp(cepstrum @ self._log_amplitude + self._top_log_amplitude) * _GAIN
        response = torch.polar(amplitude, cepstrum @ self._phase + self._top_phase)  # (n, K)
        harmonic = torch.where(voiced, strengths @ self._bands, 0.0)
        pulses, noise = (self._spectra(source, begin, end) for source in sources)
        mixed = pulses * harmonic + noise * (1 - harmonic)
        return torch.fft.irfft(mixed * response, FFT_LEN)

    def _spectra(self, source: np.ndarray, begin: int, end: int) -> torch.Tensor:
        signal = torch.from_numpy(source).float()
        windows = signal.unfold(0, 2 * HOP_LEN, HOP_LEN)[begin:end] * self._window
        return torch.fft.rfft(windows, FFT_LEN)


class VocoderCodec:
    """Nano's codec: (8, T) codes at 75 Hz to audio at 24 kHz.

    Args:
        codebooks: the codec's constants.
    """

    def __init__(self, codebooks: Codebooks) -> None:
        self.codebooks = codebooks
        self._vocoder = Vocoder()

    @classmethod
    def from_file(cls, path: Path) -> VocoderCodec:
        """Reads `codec.safetensors`."""
        return cls(Codebooks.load(path))

    @property
    def sample_rate(self) -> int:
        """Of the audio, in Hz."""
        return SAMPLE_RATE_HZ

    def to(self, device: torch.device | str) -> VocoderCodec:
        """Stays on the CPU, where a second of audio takes four milliseconds."""
        return self

    def frames(self, codes: np.ndarray) -> VocoderFrames:
        """What the codes mean.

        Args:
            codes: (n, T) integers in [0, 1024), 75 Hz; the first 2 to 8 codebooks.

        Raises:
            ValueError: the codes have another shape or range.
        """
        codes = _checked(codes)
        books = self.codebooks
        pitch, correction = np.divmod(codes[1], N_CORRECTIONS)
        residual = np.zeros((codes.shape[1], N_CEPSTRUM + 1), np.float32)
        for fine, book, directions in zip(codes[2:], books.fine, books.directions, strict=False):
            residual += book[fine] @ directions
        envelope = books.mean + books.envelopes[codes[0]] + books.corrections[correction]
        log_f0 = np.log(np.maximum(books.pitches[pitch], 1)) + residual[:, N_CEPSTRUM]
        return VocoderFrames(
            cepstrum=envelope + residual[:, :N_CEPSTRUM],
            f0=np.where(pitch > 0, np.exp(_smooth_pitch(log_f0, pitch > 0)), 0),
            strengths=books.strengths[codes[0]],
        )

    def decode(self, codes: np.ndarray, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Speaks codes.

        For streaming, give all codes so far and ask for the frames from `start` on; samples are
        final `LOOK_AHEAD_FRAMES` before the last frame.

        Args:
            codes: (n, T) integers in [0, 1024), 75 Hz; the first 2 to 8 codebooks.
            start, stop: frames to speak; all of them by default.

        Returns:
            ((stop - start) * 320,) float32 at 24 kHz, within ±1.

        Raises:
            ValueError: the codes have another shape or range.
        """
        if not _checked(codes).size:
            return np.zeros(0, np.float32)
        return np.clip(self._vocoder.speak(self.frames(codes), start, stop), -1, 1)


def _checked(codes: np.ndarray) -> np.ndarray:
    codes = np.asarray(codes)
    if codes.ndim != 2 or not 2 <= len(codes) <= 8:
        raise ValueError(
            f"codes of shape {codes.shape} came, expected (2 to 8, T); transpose them?"
        )
    if codes.size and (codes.min() < 0 or codes.max() >= 1024):
        raise ValueError(
            f"codes from {codes.min()} to {codes.max()} came, expected 0 to 1023; "
            "remove padding before decoding"
        )
    return codes


def _smooth_pitch(log_f0: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """Weighted mean of the voiced neighbours, so that the levels are not heard as steps."""
    weights = np.hanning(2 * _PITCH_SMOOTHING + 3)[1:-1]
    # Not mode "same", whose result is longer than a signal shorter than the weights.
    here = slice(_PITCH_SMOOTHING, _PITCH_SMOOTHING + len(log_f0))
    total = np.convolve(np.where(voiced, log_f0, 0), weights)[here]
    count = np.convolve(voiced, weights)[here]
    return np.where(voiced, total / np.maximum(count, 1e-9), 0)


def _excitation(f0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pulses and noise of unit power, half a hop of silence around: ((T + 1) * 320,) each."""
    n_frames = len(f0)
    n = n_frames * HOP_LEN
    noise = np.random.default_rng(0).standard_normal(n)
    pulses = np.zeros(n + 1)
    voiced = f0 > 0
    if voiced.any():
        centres = np.flatnonzero(voiced)
        at = np.arange(n) / HOP_LEN - 0.5
        frequency = np.exp(np.interp(at, centres, np.log(f0[centres])))
        cycles = np.cumsum(frequency / SAMPLE_RATE_HZ)
        wraps = np.flatnonzero(np.diff(np.floor(cycles)) > 0)
        # The pulse lies between two samples, where the phase is a whole number.
        share = (np.floor(cycles[wraps + 1]) - cycles[wraps]) / (cycles[wraps + 1] - cycles[wraps])
        height = np.sqrt(SAMPLE_RATE_HZ / frequency[wraps]) * voiced[wraps // HOP_LEN]
        np.add.at(pulses, wraps, height * (1 - share))
        np.add.at(pulses, wraps + 1, height * share)
    margin = (HOP_LEN // 2, HOP_LEN // 2)
    return np.pad(pulses[:n], margin), np.pad(noise, margin)


def _minimum_phase(log_amplitude: np.ndarray) -> np.ndarray:
    """Phase of the minimum-phase filters with these log amplitudes: (n, FFT_LEN / 2 + 1)."""
    cepstrum = np.fft.irfft(log_amplitude, FFT_LEN, axis=1)
    fold = np.zeros(FFT_LEN)
    fold[0] = fold[FFT_LEN // 2] = 1
    fold[1 : FFT_LEN // 2] = 2
    return np.fft.rfft(cepstrum * fold, axis=1).imag


def _band_weights(frequencies_hz: np.ndarray) -> np.ndarray:
    """(5, n) linear interpolation between the centres of the bands."""
    unit = np.eye(len(_BAND_CENTRES_HZ))
    return np.stack([np.interp(frequencies_hz, _BAND_CENTRES_HZ, row) for row in unit])
