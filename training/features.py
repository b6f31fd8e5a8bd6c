"""What the codec and the models learn from: the teacher's sentences, in its own voice.

`training.speakers` bends other voices from it.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch

from bark.codecs.harmonics import HOP_LEN, Bands, speak
from bark.text.english.lexicon import Lexicon
from bark.text.english.normalize import Word, normalize, without_falling_questions
from bark.text.english.phones import N_KINDS, N_PAUSES, RATE_HZ, phones_to_semantic

from .alignment import speech_to_phones
from .analysis import analyse, log_mel
from .corpus import (
    bible_sentences,
    fortune_sentences,
    number_sentences,
    phrases,
    training_part,
    wordnet_sentences,
)
from .number_forms import more_number_sentences
from .questions import question_ramp, with_ramp
from .teacher import HOP_LEN as TEACHER_HOP_LEN
from .teacher import Speech, Teacher, voiced_pitch

SHARD_LEN = 50
"""Sentences to a file."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Utterance:
    """One sentence in one voice.

    Attributes:
        sentence: as it stands in the corpus.
        words: normalised, with the marks behind them.
        semantic: (T / 2,) int64, 37.5 Hz.
        bands: T frames, 75 Hz.
        mel: (T, 80) float32.
    """

    sentence: str
    words: tuple[Word, ...]
    semantic: np.ndarray
    bands: Bands
    mel: np.ndarray


def read_words(sentence: str, lexicon: Lexicon) -> list[Word]:
    """A sentence as nano's tokenizer reads it."""
    words = normalize(" ".join(sentence.split()), lexicon.__contains__)
    return without_falling_questions(words)


def to_utterance(sentence: str, speech: Speech) -> Utterance:
    """Analyses what the teacher said, in nano's frames; questions for yes or no are raised."""
    phones = speech_to_phones(speech)
    semantic = phones_to_semantic(phones)
    n_frames = 2 * len(semantic)
    sources = (speech.harmonic, speech.rest, speech.pulses)
    harmonic, rest, pulses = (_fit(signal, n_frames * HOP_LEN) for signal in sources)
    at = np.arange(n_frames) * HOP_LEN / TEACHER_HOP_LEN - 0.5
    if speech.bands is None:
        bands = analyse(harmonic, rest, pulses, voiced_pitch(speech.f0, at))
    else:
        bands = Bands(*(part[:n_frames] for part in vars(speech.bands).values()))
    ramp, audio = question_ramp(phones), harmonic + rest
    if ramp.any():
        bands = with_ramp(bands, ramp)
        audio = speak(bands, 0, n_frames)
    return Utterance(sentence, speech.words, semantic, bands, log_mel(audio, n_frames))


def make_features(sentences: Sequence[str], out: Path) -> None:
    """Writes the teacher's utterances to `out`, in files that a restart keeps.

    Args:
        sentences: what to say; those with a word that the lexicon does not know are skipped.
        out: folder for `<number>.npz`.
    """
    out.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(Lexicon.load())
    for first in range(0, len(sentences), SHARD_LEN):
        path = out / f"{first:06d}.npz"
        if path.exists():
            continue
        made = []
        for i, sentence in enumerate(sentences[first : first + SHARD_LEN], start=first):
            words = read_words(sentence, teacher.lexicon)
            try:
                made.append(to_utterance(sentence, teacher.speak(words, seed=i)))
            except ValueError as error:
                log.debug("skipped: %s", error)
        save_utterances(path, made)
        minutes = sum(len(u.semantic) for u in made) / RATE_HZ / 60
        log.info("%s: %d sentences, %.1f minutes", path.name, len(made), minutes)


def save_utterances(path: Path, utterances: Sequence[Utterance]) -> None:
    """Writes utterances to one file, in half precision, whole or not at all."""
    arrays = {
        f.name: np.concatenate([getattr(u.bands, f.name).numpy() for u in utterances])
        for f in fields(Bands)
    }
    meta = [[u.sentence, [[word.text, word.mark] for word in u.words]] for u in utterances]
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(
            file,
            meta=np.array(json.dumps(meta)),
            lengths=np.array([len(u.semantic) for u in utterances]),
            semantic=np.concatenate([u.semantic for u in utterances]).astype(np.int16),
            mel=np.concatenate([u.mel for u in utterances]).astype(np.float16),
            f0=arrays.pop("f0"),
            **{name: array.astype(np.float16) for name, array in arrays.items()},
        )
    partial.replace(path)


def load_utterances(path: Path) -> list[Utterance]:
    """Reads a file of `save_utterances`."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    ends = np.cumsum(arrays["lengths"])
    found = []
    for (sentence, words), length, end in zip(
        json.loads(str(arrays["meta"])), arrays["lengths"], ends, strict=True
    ):
        frames = slice(2 * (end - length), 2 * end)
        parts = {
            f.name: torch.from_numpy(arrays[f.name][frames].astype(np.float32))
            for f in fields(Bands)
        }
        found.append(
            Utterance(
                sentence,
                tuple(Word(text, 0, 0, mark) for text, mark in words),
                arrays["semantic"][end - length : end].astype(np.int64),
                Bands(**parts),
                arrays["mel"][frames].astype(np.float32),
            )
        )
    return found


def feature_files(folder: Path) -> list[Path]:
    """The files of `make_features`.

    Raises:
        FileNotFoundError: there are none.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise FileNotFoundError(f"no features in {folder}; run `python -m training data` first")
    return paths


def training_sentences(n: int, seed: int = 0) -> list[str]:
    """Sentences for the teacher, none of them held out.

    Of every eleven or twelve, six are the fortunes' modern prose, two the dictionary's examples,
    one a verse, two have numbers and half a one is a phrase, because people also type a single
    word.
    """
    rng = random.Random(seed)
    sources = (fortune_sentences, wordnet_sentences, bible_sentences)
    fortunes, examples, verses = (training_part(source()) for source in sources)
    for sentences in (fortunes, examples, verses):
        rng.shuffle(sentences)
    fortunes = [s for s in fortunes if 15 < len(s) < 140]
    examples = [s for s in examples if 20 < len(s) < 120]
    verses = [s for s in verses if 25 < len(s) < 130]
    numbers = training_part(dict.fromkeys(number_sentences(3_000, seed=seed + 5)))
    more = training_part(dict.fromkeys(more_number_sentences(3_000, seed=seed + 3)))
    cut = training_part(dict.fromkeys(phrases(fortunes + examples, 3_000, rng)))
    chosen: list[str] = []
    for i in range(len(fortunes) // 6):
        chosen += fortunes[6 * i : 6 * i + 6]
        chosen += [*examples[2 * i : 2 * i + 2], *verses[i : i + 1], *numbers[i : i + 1]]
        chosen += more[i : i + 1]
        chosen += cut[i : i + 1] if i % 2 else []
        if len(chosen) >= n:
            break
    return chosen[:n]


def is_pause(semantic: np.ndarray) -> np.ndarray:
    """Which semantic tokens are pauses: same shape, bool."""
    return semantic < N_KINDS * N_PAUSES


def _fit(signal: np.ndarray, n: int) -> np.ndarray:
    return np.pad(signal, (0, max(0, n - len(signal))))[:n]
