"""A take: audio with everything that made it, kept inside its own audio file."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, overload

import numpy as np

from .audio.files import encode_audio, read_audio, write_audio
from .audio.marks import MADE_AT
from .audio.record import read_record
from .errors import AudioFileError, InvalidInputError
from .options import GenerationOptions
from .spec import ModelSpec
from .text.splitting import valid_text
from .voices.prompt import VoicePrompt

MAX_FRAMES = 1 << 23  # nearly six minutes at 24 kHz, many times what a model says in one go

STAGES = ("semantic", "coarse", "fine", "decode")
"""The stages in their order; a take may be redone from any of them."""

_TOKEN_KEYS = ("semantic", "coarse", "fine")
_VOICE_PREFIX = "voice_"
_ROUNDING = 0.01  # of a token: times of words are told to a tenth of a millisecond
_MAX_TIMINGS = 32  # stages of a take, and more than there are
_MAX_TIMING_S = 1e9


@dataclasses.dataclass(frozen=True, eq=False)
class Take:
    """One utterance as it was generated.

    Attributes:
        audio: (n,) float32 within ±1.
        sample_rate: Hz.
        tokens: its own semantic, coarse and fine tokens; after an early stop `fine` may hold the
            coarse codebooks only.
        voice: the voice prompt that was given, or None.
        options: with the seed that was used.
        text: as it was given.
        model: "nano", "small", "large", or the name of a folder.
        precision: in which it was computed, for example "fp32" or "int8".
        stop_reason: "end", "length" (a limit ended it) or "stopped" (somebody did).
        timings: seconds spent in each stage.
        cut_text: the words past the model's limit, which it did not hear; "" when it heard all.
        unspoken: the stretches of the text that the model cannot say, for example in another
            script; it was spoken without them.
        redone_from: the stage from which it was made anew, the tokens before it being another
            take's; None for a take made in one go.
        redone_from_s: where in the sound it was made anew from, what is before it being another
            take's; None where it was from the beginning.
    """

    audio: np.ndarray
    sample_rate: int
    tokens: VoicePrompt
    voice: VoicePrompt | None
    options: GenerationOptions
    text: str
    model: str
    precision: str = "fp32"
    stop_reason: str = "end"
    timings: Mapping[str, float] = dataclasses.field(default_factory=dict)
    cut_text: str = ""
    redone_from: str | None = None
    unspoken: tuple[str, ...] = ()
    redone_from_s: float | None = None

    @property
    def duration_s(self) -> float:
        """Length of the audio in seconds."""
        return len(self.audio) / self.sample_rate

    def n_tokens_before(self, seconds: float, spec: ModelSpec) -> int:
        """How many of its semantic tokens are said before a moment of its sound.

        Args:
            seconds: from its beginning; the beginning of a token counts as behind it.

        Raises:
            InvalidInputError: it is no moment of the take, or nothing is behind it.
        """
        if not 0 <= seconds < MAX_FRAMES:
            raise InvalidInputError(f"{seconds} s is no moment of a take; give 0 or more seconds.")
        is_stretched = self.options.speed != 1 and not spec.aligned_coarse
        moment = seconds * self.options.speed if is_stretched else seconds
        n = int(moment * spec.semantic_rate_hz + _ROUNDING)
        n_frames = int(n * spec.codec_rate_hz / spec.semantic_rate_hz)
        if n >= len(self.tokens.semantic) or n_frames >= self.tokens.coarse.shape[1]:
            raise InvalidInputError(
                f"The take ends at {self.duration_s:.2f} s, so nothing is behind {seconds:.2f} s."
            )
        return n

    def to_record(self) -> dict[str, Any]:
        """All but audio and tokens, as JSON values."""
        return {
            "text": valid_text(self.text),
            "model": self.model,
            "precision": self.precision,
            "options": self.options.to_dict(),
            "voice": None if self.voice is None else valid_text(self.voice.name or ""),
            "stop_reason": self.stop_reason,
            "timings": dict(self.timings),
            "cut_text": self.cut_text,
            "unspoken": list(self.unspoken),
            "redone_from": self.redone_from,
            "redone_from_s": self.redone_from_s,
            "sample_rate": self.sample_rate,
        }

    def token_arrays(self) -> dict[str, np.ndarray]:
        """Its own tokens and its voice's, by name."""
        arrays = {key: getattr(self.tokens, key) for key in _TOKEN_KEYS}
        if self.voice is not None:
            arrays |= {_VOICE_PREFIX + key: getattr(self.voice, key) for key in _TOKEN_KEYS}
        return arrays

    @overload
    def save(self, path: str | Path, format: str | None = None, *, dated: bool = False) -> Path: ...
    @overload
    def save(self, path: BinaryIO, format: str | None = None, *, dated: bool = False) -> None: ...
    def save(
        self, path: str | Path | BinaryIO, format: str | None = None, *, dated: bool = False
    ) -> Path | None:
        """Writes audio and record into one file; `Take.load` reads both.

        Args:
            path: its suffix names the format unless `format` does; or a file that is open for
                bytes, which gets a WAV file where `format` is None.
            format: "wav", "flac", "ogg" or "mp3".
            dated: the file tells when it was saved; without it the same take gives the same bytes.

        Returns:
            where it lies; None for an open file.

        Raises:
            InvalidInputError: an unknown format. OSError: the file cannot be written; what was
                there before stays whole.
        """
        if not isinstance(path, (str, Path)):
            path.write(self.encode(format or "wav", dated=dated))
            return None
        return write_audio(
            path,
            self.audio,
            self.sample_rate,
            format=format,
            record=self._file_record(dated),
            tokens=self.token_arrays(),
        )

    def encode(self, format: str = "wav", *, dated: bool = False) -> bytes:
        """The bytes of the file that `save` writes."""
        return encode_audio(
            self.audio,
            self.sample_rate,
            format=format,
            record=self._file_record(dated),
            tokens=self.token_arrays(),
        )

    def _file_record(self, dated: bool) -> dict[str, Any]:
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        return {**self.to_record(), **({MADE_AT: now} if dated else {})}

    @classmethod
    def load(cls, path: str | Path) -> Take:
        """Reads a take back from its audio file.

        The tokens are what the file says; whoever feeds them to a model checks them first.

        Raises:
            AudioFileError: it is no audio file, has no record, or a damaged one.
        """
        found = read_record(path)
        if found is None:
            raise AudioFileError(
                f"{Path(path).name} has no record of a take; only files saved by this program do."
            )
        record, tokens = found
        audio, sample_rate = read_audio(path, max_frames=MAX_FRAMES)
        try:
            return cls._from_record(record, tokens, audio, sample_rate)
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise AudioFileError(
                f"The record in {Path(path).name} is damaged ({error}); it cannot be restored."
            ) from error

    @classmethod
    def _from_record(
        cls,
        record: Mapping[str, Any],
        tokens: Mapping[str, np.ndarray],
        audio: np.ndarray,
        sample_rate: int,
    ) -> Take:
        voice = None
        if record["voice"] is not None:
            name = _text(record["voice"]) or None
            voice = _prompt(tokens, _VOICE_PREFIX, name)
        redone_from = record.get("redone_from")
        return cls(
            audio=audio,
            sample_rate=sample_rate,
            tokens=_prompt(tokens, ""),
            voice=voice,
            options=GenerationOptions.from_dict(record["options"]),
            text=_text(record["text"]),
            model=_text(record["model"]),
            precision=_text(record.get("precision", "fp32")),
            stop_reason=_text(record.get("stop_reason", "end")),
            timings=_timings(record.get("timings", {})),
            cut_text=_text(record.get("cut_text", "")),
            redone_from=redone_from if redone_from in STAGES else None,
            unspoken=_texts(record.get("unspoken", [])),
            redone_from_s=_seconds(record.get("redone_from_s")),
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is no text")
    return valid_text(value)


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"{str(values)[:40]!r} is no list of texts")
    return tuple(_text(value) for value in values)


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
        raise ValueError(f"{str(value)[:40]!r} is no time within a take")
    return float(value)


def _timings(values: Mapping[str, Any]) -> dict[str, float]:
    seconds = {_text(stage): float(value) for stage, value in values.items()}
    if len(seconds) > _MAX_TIMINGS or not all(0 <= s <= _MAX_TIMING_S for s in seconds.values()):
        raise ValueError("its timings are no seconds of stages")
    return seconds


def _prompt(tokens: Mapping[str, np.ndarray], prefix: str, name: str | None = None) -> VoicePrompt:
    semantic, coarse, fine = (tokens[prefix + key] for key in _TOKEN_KEYS)
    return VoicePrompt(semantic, coarse, fine, name)
