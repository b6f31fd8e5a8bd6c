"""The teacher's parameters at nano's rates: what the codec and the coarse and fine models learn.

The four speakers are flite's three and one more, made from the clearest of them by moving its
pitch and its formants.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bark.codecs.vocoder import envelope_matrix
from bark.text.english.phones import N_KINDS, N_PAUSES, RATE_HZ, VOWELS

from .alignment import rising_questions, speech_to_semantic
from .corpus import (
    bible_sentences,
    fortune_sentences,
    phrases,
    training_part,
    wordnet_sentences,
)
from .teacher import FRAME_S, Speech, Teacher

CODEC_RATE_HZ = 75.0
QUESTION_RISE = 0.35
"""How much higher the voice is at the end of a question that asks for yes or no."""
QUIETEST = 1.5
"""Floor of the cepstrum's first number (log amplitude, loud vowels have 6 to 7)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Speaker:
    """One of nano's speakers.

    Attributes:
        name: of the voice prompt.
        teacher: flite's voice.
        pitch_ratio: its pitch is multiplied by this.
        pitch_stretch: and its movements, on a log scale, by this.
        formant_ratio: its envelope is stretched along the frequency axis by this.
    """

    name: str
    teacher: str
    pitch_ratio: float = 1.0
    pitch_stretch: float = 1.0
    formant_ratio: float = 1.0


SPEAKERS = (
    Speaker("alder", "rms"),
    Speaker("birch", "slt"),
    Speaker("cedar", "awb"),
    Speaker("elm", "rms", pitch_ratio=2.05, pitch_stretch=1.3, formant_ratio=1.16),
)
_LOWEST_HZ, _HIGHEST_HZ = 30.0, 500.0
_MOVEMENT_CENTRE_HZ = 103.0  # median pitch of rms, around which its movements are stretched


@dataclass(frozen=True, eq=False)
class Features:
    """Utterances of one speaker, one after the other.

    Attributes:
        semantic: (n,) int64, 37.5 Hz.
        cepstrum: (2 n, 25) float32, 75 Hz, of 16 kHz audio.
        f0: (2 n,) float32 in Hz, 0 where unvoiced.
        strengths: (2 n, 5) float32 voicing strengths.
        starts: (n_utterances + 1,) int64, where each begins in `semantic`, and the end.
    """

    semantic: np.ndarray
    cepstrum: np.ndarray
    f0: np.ndarray
    strengths: np.ndarray
    starts: np.ndarray


def extract(speech: Speech, speaker: Speaker) -> Features:
    """Turns one utterance into features of a speaker."""
    semantic = speech_to_semantic(speech)
    times = (np.arange(2 * len(semantic)) + 0.5) / CODEC_RATE_HZ  # centre of each frame
    source = times / FRAME_S - 0.5
    log_f0, voiced = _continuous_pitch(speech, speaker)
    nearest = np.clip(np.round(source).astype(int), 0, len(speech.f0) - 1)
    pitch = np.exp(np.interp(source, np.arange(len(log_f0)), log_f0))
    cepstrum = _resample(speech.cepstrum, source)
    if speaker.formant_ratio != 1.0:
        cepstrum = cepstrum @ formant_shift(speaker.formant_ratio)
    cepstrum[:, 0] = np.maximum(cepstrum[:, 0], QUIETEST)
    return Features(
        semantic=semantic,
        cepstrum=cepstrum.astype(np.float32),
        f0=np.where(voiced[nearest], pitch, 0).astype(np.float32),
        strengths=_resample(speech.strengths, source).astype(np.float32),
        starts=np.array([0, len(semantic)], np.int64),
    )


def formant_shift(ratio: float) -> np.ndarray:
    """(25, 25) float64 matrix that stretches an envelope along the frequency axis.

    `cepstrum @ formant_shift(1.16)` has its formants 16 % higher.
    """
    grid = np.linspace(0, 8_000, 400)
    basis = envelope_matrix(grid)  # (25, 400)
    stretched = envelope_matrix(grid / ratio)
    return np.linalg.lstsq(basis.T, stretched.T, rcond=None)[0].T


def make_features(
    sentences: Sequence[str], speaker: Speaker, out: Path, shard_size: int = 500
) -> None:
    """Writes features of a speaker's sentences to `out`, in files that a restart keeps.

    Args:
        sentences: what to say; those that the teacher finds nothing in are skipped.
        out: folder for `<speaker>-<number>.npz`.
        shard_size: sentences to a file.
    """
    out.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(speaker.teacher)
    for number, start in enumerate(range(0, len(sentences), shard_size)):
        path = out / f"{speaker.name}-{number:03d}.npz"
        if path.exists():
            continue
        made = []
        for sentence in sentences[start : start + shard_size]:
            try:
                made.append(extract(teacher.speak(sentence), speaker))
            except ValueError as error:
                log.info("skipped: %s", error)
        features = concatenate(made)
        _save(path, features)
        hours = len(features.semantic) / RATE_HZ / 3600
        log.info("%s: %d utterances, %.2f hours", path.name, len(made), hours)


def load_features(folder: Path, speaker: str) -> Features:
    """Reads all shards of a speaker.

    Raises:
        FileNotFoundError: there are none.
    """
    paths = sorted(folder.glob(f"{speaker}-*.npz"))
    if not paths:
        raise FileNotFoundError(
            f"no features of {speaker!r} in {folder}; run `python -m training data` first"
        )
    return concatenate([_load(path) for path in paths])


def concatenate(parts: Sequence[Features]) -> Features:
    """Joins utterances into one, keeping where each began."""
    lengths = np.concatenate([np.diff(part.starts) for part in parts])
    return Features(
        semantic=np.concatenate([part.semantic for part in parts]),
        cepstrum=np.concatenate([part.cepstrum for part in parts]),
        f0=np.concatenate([part.f0 for part in parts]),
        strengths=np.concatenate([part.strengths for part in parts]),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )


def _save(path: Path, features: Features) -> None:
    partial = path.with_suffix(".partial.npz")
    np.savez(
        partial,
        semantic=features.semantic.astype(np.int16),
        cepstrum=features.cepstrum.astype(np.float16),
        f0=features.f0,
        strengths=features.strengths.astype(np.float16),
        starts=features.starts,
    )
    partial.replace(path)


def _load(path: Path) -> Features:
    with np.load(path, allow_pickle=False) as file:
        return Features(
            semantic=file["semantic"].astype(np.int64),
            cepstrum=file["cepstrum"].astype(np.float32),
            f0=file["f0"],
            strengths=file["strengths"].astype(np.float32),
            starts=file["starts"],
        )


def _continuous_pitch(speech: Speech, speaker: Speaker) -> tuple[np.ndarray, np.ndarray]:
    """Natural log of the pitch without gaps, and where it is voiced: (n_frames,) each."""
    # The teacher very rarely gives a frame a pitch that is none.
    voiced = (speech.f0 > _LOWEST_HZ) & (speech.f0 < _HIGHEST_HZ)
    frames = np.arange(len(voiced))
    if not voiced.any():
        return np.full(len(voiced), np.log(_MOVEMENT_CENTRE_HZ)), voiced
    log_f0 = np.interp(frames, frames[voiced], np.log(speech.f0[voiced]))
    if speaker.pitch_stretch != 1.0:
        centre = np.log(_MOVEMENT_CENTRE_HZ)
        log_f0 = centre + speaker.pitch_stretch * (log_f0 - centre)
    log_f0 = log_f0 + np.log(speaker.pitch_ratio)
    for last in rising_questions(speech):
        log_f0 = log_f0 + _question_rise(speech, last, len(frames))
    return log_f0, voiced


def _question_rise(speech: Speech, last_word: int, n_frames: int) -> np.ndarray:
    """(n_frames,) log of the rise from the last stressed vowel to the end of the question."""
    ends = [phone.end_s for phone in speech.phones]
    said = [i for i, phone in enumerate(speech.phones) if 0 <= phone.word <= last_word]
    stressed = [i for i in said if speech.phones[i].stressed and speech.phones[i].name in VOWELS]
    onset = stressed[-1] if stressed else said[-1]
    start_s, end_s = (ends[onset - 1] if onset else 0.0), ends[said[-1]]
    times = np.arange(n_frames) * FRAME_S
    rise = np.clip((times - start_s) / (end_s - start_s), 0, 1) * np.log1p(QUESTION_RISE)
    return np.where(times <= end_s + FRAME_S, rise, 0.0)


def _resample(values: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Linear interpolation of (n, d) rows at fractional row numbers."""
    low = np.clip(np.floor(source).astype(int), 0, len(values) - 1)
    high = np.minimum(low + 1, len(values) - 1)
    share = np.clip(source - low, 0, 1)[:, None]
    return values[low].astype(np.float64) * (1 - share) + values[high] * share


def training_sentences(n: int, seed: int = 0) -> list[str]:
    """Distinct sentences for the speakers, none of them held out, shuffled.

    Two thirds are the fortunes' modern prose, the rest dictionary examples, verses of the Bible
    and phrases cut from all of them, because people also type a single word.
    """
    rng = random.Random(seed)
    fortunes, wordnet, bible = (
        training_part(source())
        for source in (fortune_sentences, wordnet_sentences, bible_sentences)
    )
    drawn = rng.sample(fortunes, min(n * 2 // 3, len(fortunes)))
    drawn += rng.sample(wordnet, min(n // 6, len(wordnet)))
    drawn += rng.sample(bible, min(n // 16, len(bible)))
    drawn += phrases(fortunes + wordnet, max(n - len(drawn), n // 12), rng)
    distinct = training_part(dict.fromkeys(drawn))
    rng.shuffle(distinct)
    return distinct[:n]


def is_pause(semantic: np.ndarray) -> np.ndarray:
    """Which semantic tokens are pauses: same shape, bool."""
    return semantic < N_KINDS * N_PAUSES
