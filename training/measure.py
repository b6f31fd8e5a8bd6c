"""Measures nano as it is shipped against the teacher, on sentences that no training saw."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bark import Bark, Take
from bark.codecs.vocoder import VocoderCodec, VocoderFrames
from bark.decoding.sampling import SamplingOptions
from bark.spec import NANO
from bark.stages.coarse import CoarseWindows
from bark.stages.coarse_aligned import generate_coarse_aligned
from bark.stages.fine import generate_fine
from bark.text.english.lexicon import Lexicon
from bark.text.english.normalize import normalize, spoken_text

from .alignment import speech_to_semantic
from .codec import WEIGHTS
from .features import SPEAKERS, Features, extract, is_pause, training_sentences
from .listener import Listener, closed_choice_rate, word_error_rate
from .phone_errors import score
from .teacher import SAMPLE_RATE_HZ, Teacher
from .voices import median_pitch, say, train_classifier

VOICE = SPEAKERS[0]
BATCH_SIZE = 13
TEMPERATURE = 0.7
_DB_PER_NEPER = 20 / np.log(10)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Heard:
    """What the listener made of a set of sentences.

    Attributes:
        word_error_rate: of nano's audio.
        teacher_word_error_rate: of the teacher's own audio of the same sentences.
        closed_choice: share recognised among 20 sentences.
        phone_error_rate, length_ratio, lost_or_cut: of the semantic tokens against the teacher's.
    """

    word_error_rate: float
    teacher_word_error_rate: float
    closed_choice: float
    phone_error_rate: float
    length_ratio: float
    lost_or_cut: float


def spoken_form(sentence: str, lexicon: Lexicon) -> str:
    """The sentence in words and marks, numbers spelled out, as the teacher is to read it."""
    return spoken_text(normalize(" ".join(sentence.split()), lexicon.__contains__))


def measure_speech(bark: Bark, sentences: Sequence[str], kept: Path) -> Heard:
    """Lets nano and the teacher say the sentences, and the listener write them down.

    Args:
        bark: nano.
        sentences: held out.
        kept: JSON file that keeps what was heard from the teacher, which never changes.
    """
    lexicon, listener, teacher = Lexicon.load(), Listener(), Teacher(VOICE.teacher)
    spoken = [spoken_form(sentence, lexicon) for sentence in sentences]
    from_teacher = _teacher_heard(spoken, listener, teacher, kept)
    wanted = [speech_to_semantic(teacher.speak(text)) for text in spoken]
    takes = speak_sentences(bark, sentences)
    heard = [listener.hear(take.audio, take.sample_rate) for take in takes]
    for text, a, b in zip(spoken, from_teacher, heard, strict=True):
        log.info("%s | teacher: %s | nano: %s", text, a, b)
    phones = score([take.tokens.semantic for take in takes], wanted)
    return Heard(
        word_error_rate=word_error_rate(spoken, heard),
        teacher_word_error_rate=word_error_rate(spoken, from_teacher),
        closed_choice=closed_choice_rate(spoken, heard),
        phone_error_rate=phones.phone_error_rate,
        length_ratio=phones.length_ratio,
        lost_or_cut=phones.lost_or_cut,
    )


def speak_sentences(bark: Bark, sentences: Sequence[str]) -> list[Take]:
    """Takes in the first speaker's voice, with the seeds 0, 1, ... in the sentences' order."""
    takes: list[Take] = []
    for start in range(0, len(sentences), BATCH_SIZE):
        batch = sentences[start : start + BATCH_SIZE]
        seeds = range(start, start + len(batch))
        takes += bark.generate_batch(batch, voice=VOICE.name, seeds=seeds)
        log.info("spoken: %d of %d", len(takes), len(sentences))
    return takes


def _teacher_heard(
    spoken: Sequence[str], listener: Listener, teacher: Teacher, kept: Path
) -> list[str]:
    known: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    for text in spoken:
        if text not in known:
            audio = teacher.speak(text, audio=True).audio
            assert audio is not None
            known[text] = listener.hear(audio, SAMPLE_RATE_HZ)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(known, indent=1))
    return [known[text] for text in spoken]


@dataclass(frozen=True)
class VoiceScores:
    """How well nano follows its voice prompts.

    Attributes:
        pitch_error: largest relative error of a voice's median pitch against the teacher's.
        pitch_within: share of the takes whose median pitch is within 15 % of their voice's.
        recognised: share of the takes that the classifier gives to the right speaker.
        teacher_recognised: the same of the teacher's speech of these sentences.
        drawn: how many different speakers were heard in takes without a voice.
    """

    pitch_error: float
    pitch_within: float
    recognised: float
    teacher_recognised: float
    drawn: int


def measure_voices(bark: Bark, sentences: Sequence[str]) -> VoiceScores:
    """Lets every voice say the sentences, and a classifier of the teacher's speech judge."""
    classifier = train_classifier(training_sentences(80, seed=7))
    lexicon = Lexicon.load()
    errors, within, right, teacher_right = [], [], [], []
    for speaker in SPEAKERS:
        teacher = Teacher(speaker.teacher)
        spoken = [spoken_form(sentence, lexicon) for sentence in sentences]
        features = [extract(teacher.speak(text), speaker) for text in spoken]
        own = median_pitch(np.concatenate([f.f0 for f in features]))
        seeds = list(range(len(sentences)))
        takes = bark.generate_batch(list(sentences), voice=speaker.name, seeds=seeds)
        pitches = [_take_pitch(bark.codec, take.tokens.fine) for take in takes]
        errors.append(abs(float(np.median(pitches)) / own - 1))
        within += [abs(pitch / own - 1) <= 0.15 for pitch in pitches]
        right += [classifier.name_speaker(take.audio) == speaker.name for take in takes]
        teacher_right += [classifier.name_speaker(_said(f)) == speaker.name for f in features]
    free = bark.generate_batch(["Nobody told me who I am."] * 12, seeds=list(range(12)))
    drawn = {classifier.name_speaker(take.audio) for take in free}
    return VoiceScores(
        pitch_error=max(errors),
        pitch_within=float(np.mean(within)),
        recognised=float(np.mean(right)),
        teacher_recognised=float(np.mean(teacher_right)),
        drawn=len(drawn),
    )


def _take_pitch(codec: VocoderCodec, codes: np.ndarray) -> float:
    return median_pitch(codec.frames(codes).f0)


def _said(features: Features) -> np.ndarray:
    return say(VocoderFrames(features.cepstrum, features.f0, features.strengths))


@dataclass(frozen=True)
class FineScores:
    """What the fine stage adds, from the teacher's semantic tokens.

    Attributes:
        distance_db, coarse_distance_db: of the envelope to the teacher's, all and two codebooks.
        movement, coarse_movement: its variance over time, over the teacher's.
        word_error_rate, coarse_word_error_rate: the listener's.
    """

    distance_db: float
    coarse_distance_db: float
    movement: float
    coarse_movement: float
    word_error_rate: float
    coarse_word_error_rate: float


@torch.inference_mode()
def measure_fine(bark: Bark, sentences: Sequence[str]) -> FineScores:
    """Speaks the teacher's own semantic tokens with and without the fine stage."""
    lexicon, listener, teacher = Lexicon.load(), Listener(), Teacher(VOICE.teacher)
    spoken = [spoken_form(sentence, lexicon) for sentence in sentences]
    wanted = [extract(teacher.speak(text), VOICE) for text in spoken]
    coarse, fine = speak_semantic(bark, [features.semantic for features in wanted])
    codec: VocoderCodec = bark.codec
    rates, distances, movements = [], [], []
    for codes in (fine, coarse):
        frames = [codec.frames(c).cepstrum for c in codes]
        heard = [listener.hear(codec.decode(c), NANO.sample_rate) for c in codes]
        rates.append(word_error_rate(spoken, heard))
        distances.append(
            _mean([envelope_distance(a, b) for a, b in zip(frames, wanted, strict=True)])
        )
        movements.append(_mean([movement(a, b) for a, b in zip(frames, wanted, strict=True)]))
    return FineScores(*distances, *movements, *rates)


def speak_semantic(
    bark: Bark, semantic: Sequence[np.ndarray], temperature: float = TEMPERATURE
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Coarse (2, T) and fine (8, T) codes of semantic tokens, in the first speaker's voice."""
    voice = bark.voice(VOICE.name)
    assert voice is not None
    n = len(semantic)
    with bark.use("coarse") as model:
        coarse = _result(
            generate_coarse_aligned(
                model,
                NANO,
                semantic,
                histories=[(voice.semantic, voice.coarse)] * n,
                sampling=SamplingOptions(temperature),
                windows=CoarseWindows(),
                generators=[torch.Generator().manual_seed(i) for i in range(n)],
            )
        )
    with bark.use("fine") as model:
        fine = _result(
            generate_fine(
                model,
                NANO,
                coarse,
                histories=[voice.fine] * n,
                temperature=NANO.fine_temperature,
                generators=[None] * n,
            )
        )
    return coarse, fine


def envelope_distance(cepstrum: np.ndarray, wanted: Features) -> float:
    """Mean root-mean-square difference in dB of the log envelopes, outside pauses."""
    spoken = ~is_pause(wanted.semantic).repeat(2)
    difference = (cepstrum - wanted.cepstrum) * WEIGHTS
    return _DB_PER_NEPER * float(np.sqrt((difference**2).sum(1))[spoken].mean())


def movement(cepstrum: np.ndarray, wanted: Features) -> float:
    """Variance over time of the envelope, outside pauses, over that of the teacher's."""
    spoken = ~is_pause(wanted.semantic).repeat(2)
    return float(
        ((cepstrum[spoken] * WEIGHTS).var(0).sum())
        / (wanted.cepstrum[spoken] * WEIGHTS).var(0).sum()
    )


def real_time_factor(bark: Bark, *, repeats: int = 3) -> float:
    """Seconds of computing per second of speech, the best of some repeats."""
    text = "The old man walked slowly down to the harbour, and looked out over the sea."
    takes = [bark.generate(text, voice=VOICE.name, seed=i) for i in range(repeats)]
    return min(sum(take.timings.values()) / take.duration_s for take in takes)


def _result(steps: Generator[Any, None, Any]) -> Any:
    """What a stage's generator returns, run to its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
