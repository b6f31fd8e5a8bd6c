"""What voices sound like: their own tokens, decoded once for each model and kept."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import threading

import numpy as np

from ...audio.files import encode_audio
from ...listening.voice_print import voice_print
from ...pipeline import Bark
from ...voices.prompt import VoicePrompt

MAX_SAMPLE_S = 6.0
_MAX_KEPT = 64  # about 300 kB each
_MAX_PITCHES = 10_000
_FADE_S = 0.05


@dataclasses.dataclass(frozen=True)
class VoiceSample:
    """A voice to be heard.

    Attributes:
        wav: a whole WAV file of at most `MAX_SAMPLE_S`.
        pitch_hz: the median; None where hardly anything is voiced.
        duration_s: of the voice's own tokens.
    """

    wav: bytes
    pitch_hz: float | None
    duration_s: float


class VoiceSamples:
    """The samples that were asked for last, by the voice's own tokens: a name may change hands."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: collections.OrderedDict[str, VoiceSample] = collections.OrderedDict()
        self._pitches: dict[str, float | None] = {}

    def sample(self, bark: Bark, voice: VoicePrompt) -> VoiceSample:
        """The sample of a voice, decoded where it is not known yet."""
        known = self.known(bark, voice)
        if known is not None:
            return known
        made = _make(bark, voice)
        with self._lock:
            key = _key(bark, voice)
            self._kept[key] = made
            self._pitches[key] = made.pitch_hz
            while len(self._pitches) > _MAX_PITCHES:
                self._pitches.pop(next(iter(self._pitches)))
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return made

    def known(self, bark: Bark, voice: VoicePrompt) -> VoiceSample | None:
        """The sample of a voice if it was made before."""
        key = _key(bark, voice)
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def known_pitch(self, bark: Bark, voice: VoicePrompt) -> tuple[bool, float | None]:
        """Whether the pitch of a voice was measured, and what it is; kept longer than samples."""
        key = _key(bark, voice)
        with self._lock:
            return key in self._pitches, self._pitches.get(key)


def _key(bark: Bark, voice: VoicePrompt) -> str:
    digest = hashlib.blake2b(np.ascontiguousarray(voice.fine, np.int64).tobytes(), digest_size=16)
    return f"{bark.name}/{digest.hexdigest()}"


def _make(bark: Bark, voice: VoicePrompt) -> VoiceSample:
    rate = bark.spec.sample_rate
    audio = bark.preview(voice)
    heard = audio[: round(MAX_SAMPLE_S * rate)].copy()
    fade = min(len(heard), round(_FADE_S * rate))
    if fade and len(heard) < len(audio):
        heard[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    found = voice_print(audio, rate)
    pitch_hz = None if found is None else found.pitch_hz
    return VoiceSample(encode_audio(heard, rate, format="wav"), pitch_hz, voice.duration_s)
