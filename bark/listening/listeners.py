"""A listener who checks takes by their words: an interface with one method, and two of them."""

from __future__ import annotations

import dataclasses
import functools
import re
import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.signal import resample_poly

from ..errors import OptionError
from ..take import Take
from ..voices.digest import voice_digest
from ..voices.prompt import VoicePrompt
from .check import Examined, Finding, Look, examine
from .voice_print import VoicePrint, voice_print

if TYPE_CHECKING:
    from ..pipeline import Bark

LISTENERS = ("pocketsphinx", "faster-whisper")
_RATE_HZ = 16_000
_MAX_PRINTS = 64
_PEAK = 0.7  # of what a listener is given


class Listener(Protocol):
    """Writes down what it hears."""

    def hear(self, audio: np.ndarray, sample_rate: int) -> str:
        """The words in (n,) float audio within ±1."""


class PocketSphinx:
    """The light one: English only, about real time; `pip install bark-studio[listen]`."""

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise OptionError(_missing("pocketsphinx", "bark-studio[listen]")) from error
        self._decoder = Decoder(samprate=_RATE_HZ, loglevel="ERROR")
        self._turn = threading.Lock()  # the decoder hears one utterance at a time

    def hear(self, audio: np.ndarray, sample_rate: int) -> str:
        """The words in (n,) float audio within ±1."""
        samples = (_prepared(audio, sample_rate) * 32_767).astype(np.int16)
        with self._turn:
            self._decoder.start_utt()
            self._decoder.process_raw(samples.tobytes(), full_utt=True)
            self._decoder.end_utt()
            heard = self._decoder.hyp()
        return heard.hypstr if heard else ""


class FasterWhisper:
    """Whisper by CTranslate2, where the package and a model are on this disk.

    Args:
        model: a name in the Hub's cache, or a folder.
    """

    def __init__(self, model: str = "tiny.en") -> None:
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise OptionError(_missing("faster-whisper", "faster-whisper")) from error
        try:
            self._model = WhisperModel(model, device="cpu", local_files_only=True)
        except Exception as error:  # whatever the package raises where the model is missing
            raise OptionError(
                f"Whisper's model {model!r} is not on this disk ({error}); fetch it first, or "
                "listen with pocketsphinx."
            ) from error

    def hear(self, audio: np.ndarray, sample_rate: int) -> str:
        """The words in (n,) float audio within ±1."""
        samples = _prepared(audio, sample_rate).astype(np.float32)
        segments, _ = self._model.transcribe(samples, beam_size=1)
        return " ".join(segment.text for segment in segments)


def look_with(bark: Bark, name: str = "", max_word_error_rate: float = 0.5) -> Look:
    """The look at a model's takes: levels, lengths, the voice and, with a listener, the words.

    Args:
        bark: the model; it decodes the voices that takes are compared with.
        name: "" for no listener, or one of `LISTENERS`.
        max_word_error_rate: more is a failure.

    Raises:
        OptionError: an unknown listener, or one that is not installed.
    """
    look = _VoiceLook(bark)
    if not name:
        return look
    if name not in LISTENERS:
        raise OptionError(f"The listener {name!r} is none of {', '.join(LISTENERS)}.")
    return listening(_kept_listener(name), _reader(bark), max_word_error_rate, look)


@functools.lru_cache(maxsize=1)
def _kept_listener(name: str) -> Listener:
    """A listener that is loaded once; the last one stays in memory."""
    return PocketSphinx() if name == "pocketsphinx" else FasterWhisper()


class _VoiceLook:
    """Examines takes, remembering how each voice sounds."""

    def __init__(self, bark: Bark) -> None:
        self.bark = bark
        self._prints: dict[str, VoicePrint | None] = {}

    def __call__(self, take: Take, spoken: str) -> Examined:
        return examine(take, spoken, self._print(take.voice))

    def _print(self, voice: VoicePrompt | None) -> VoicePrint | None:
        if voice is None:
            return None
        key = voice_digest(voice)
        if key not in self._prints:
            if len(self._prints) >= _MAX_PRINTS:  # carried voices are a new one each chunk
                self._prints.clear()
            self._prints[key] = voice_print(self.bark.preview(voice), self.bark.sample_rate)
        return self._prints[key]


def listening(
    listener: Listener,
    read: Callable[[str], Sequence[str]],
    max_word_error_rate: float,
    look: Look = examine,
) -> Look:
    """A look that also counts the words that a listener missed.

    Args:
        read: a text as the words that are to be heard.
        max_word_error_rate: more is a failure; of several takes the best heard is kept.
        look: what else is looked at.
    """

    def listen(take: Take, spoken: str) -> Examined:
        seen = look(take, spoken)
        if any(finding.kind == "silent" for finding in seen.findings):
            return seen
        first, last = seen.speech
        heard = listener.hear(take.audio[first:last], take.sample_rate)
        rate = word_error_rate(read(spoken), plain_words(heard))
        findings = seen.findings
        if rate > max_word_error_rate:
            sentence = f"A listener missed {rate:.0%} of the words; heard: {heard[:80]!r}."
            findings = (*findings, Finding("words", sentence, 1 + rate))
        return dataclasses.replace(seen, findings=findings, word_error_rate=round(rate, 4))

    return listen


def plain_words(text: str) -> list[str]:
    """Lower-case words without punctuation; hyphens part words."""
    return re.sub(r"[^\w' ]", " ", text.lower().replace("-", " ").replace("’", "'")).split()


def word_error_rate(wanted: Sequence[str], heard: Sequence[str]) -> float:
    """Words to change, add or remove, over the words wanted; 0 where none were."""
    if not wanted:
        return 0.0
    row = list(range(len(heard) + 1))
    for i, want in enumerate(wanted, 1):
        previous, row[0] = row[0], i
        for j, got in enumerate(heard, 1):
            change = previous + (want != got)
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, change)
    return row[-1] / len(wanted)


def _reader(bark: Bark) -> Callable[[str], Sequence[str]]:
    """How a text is read: by nano's own rules ("42" is two words) where they are there."""
    lexicon = getattr(bark.tokenizer, "lexicon", None)
    if lexicon is None:
        return plain_words
    from ..text.english.normalize import normalize

    return lambda text: [word.text for word in normalize(text, lexicon.__contains__)]


def _prepared(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    share = Fraction(_RATE_HZ, sample_rate)
    resampled = resample_poly(audio, share.numerator, share.denominator)
    result: np.ndarray = resampled / max(1e-6, float(np.abs(resampled).max())) * _PEAK
    return result


def _missing(package: str, installed_by: str) -> str:
    return f"The listener needs {package}, which is not installed: pip install {installed_by}."
