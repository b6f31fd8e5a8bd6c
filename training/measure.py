"""Measures nano as it is shipped against the teacher, on sentences that no training saw."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bark import Bark, Take
from bark.codecs.banded import BandCodec
from bark.spec import NANO
from bark.text.english.lexicon import Lexicon

from .analysis import log_mel
from .export import packaged_voices
from .features import feature_files, load_utterances, read_words
from .judges import Judges, Verdict
from .phone_errors import score
from .recordings import read_recordings, recorded_voices
from .speakers import SPEAKERS
from .teacher import SAMPLE_RATE_HZ, Teacher
from .text_data import say
from .voices import median_pitch, train_classifier

BATCH_SIZE = 10
N_CLASSIFIER_SENTENCES = 80

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scores:
    """One set of sentences.

    Attributes:
        nano, teacher: what the judges say of both.
        phone_error_rate, length_ratio, lost_or_cut: of nano's semantic tokens against the
            teacher's.
    """

    nano: Verdict
    teacher: Verdict
    phone_error_rate: float
    length_ratio: float
    lost_or_cut: float


def measure_speech(
    bark: Bark, sentences: Sequence[str], judges: Judges, voice: str | None = None
) -> Scores:
    """Lets nano and the teacher say the sentences, and the judges listen.

    Args:
        bark: nano.
        sentences: held out; those with words that the lexicon lacks are left out.
        judges: loaded.
        voice: of nano; None draws one for each sentence.
    """
    teacher = Teacher(Lexicon.load())
    said = [(s, item) for s in sentences if (item := say(teacher, s)) is not None]
    kept = [sentence for sentence, _ in said]
    spoken = [
        teacher.speak(read_words(sentence, teacher.lexicon), seed=i).audio
        for i, sentence in enumerate(kept)
    ]
    takes = speak_sentences(bark, kept, voice)
    phones = score([take.tokens.semantic for take in takes], [item.semantic for _, item in said])
    return Scores(
        nano=judges.judge(kept, [take.audio for take in takes], NANO.sample_rate),
        teacher=judges.judge(kept, spoken, SAMPLE_RATE_HZ),
        phone_error_rate=phones.phone_error_rate,
        length_ratio=phones.length_ratio,
        lost_or_cut=phones.lost_or_cut,
    )


def speak_sentences(bark: Bark, sentences: Sequence[str], voice: str | None) -> list[Take]:
    """Takes with the seeds 0, 1, ... in the sentences' order."""
    takes: list[Take] = []
    for start in range(0, len(sentences), BATCH_SIZE):
        batch = list(sentences[start : start + BATCH_SIZE])
        seeds = range(start, start + len(batch))
        takes += bark.generate_batch(batch, voice=voice, seeds=seeds)
        log.info("spoken: %d of %d", len(takes), len(sentences))
    return takes


@dataclass(frozen=True)
class VoiceScores:
    """How well nano keeps to its voices.

    Attributes:
        pitch_error: largest relative error of a voice's median pitch to its prompt's.
        recognised: share of the takes that the classifier gives to the right voice.
        drawn: how many of each voice the classifier heard in takes without one.
    """

    pitch_error: float
    recognised: float
    drawn: dict[str, int]


def measure_voices(
    bark: Bark, sentences: Sequence[str], features: Path, recordings: Path, *, n_drawn: int = 40
) -> VoiceScores:
    """Lets every packaged voice say the sentences, and a classifier of its teachers judge.

    Args:
        bark: nano.
        sentences: to say.
        features, recordings: folders of the teachers' speech; the second may be missing.
        n_drawn: takes without a voice.
    """
    known = load_utterances(feature_files(features)[0])[:N_CLASSIFIER_SENTENCES]
    names = packaged_voices()
    recorded = [name for name in recorded_voices(recordings) if name in names]
    classifier = train_classifier(known, {n: read_recordings(recordings, n) for n in recorded})
    errors, right = [], []
    for name in names:
        prompt = bark.voice(name)
        assert prompt is not None
        takes = speak_sentences(bark, sentences, name)
        wanted = _pitch(bark.codec, prompt.fine)
        heard = float(np.median([_pitch(bark.codec, take.tokens.fine) for take in takes]))
        errors.append(abs(heard / wanted - 1))
        right += [classifier.name_speaker(take.audio) == name for take in takes]
    free = speak_sentences(bark, ["Nobody told me who I am."] * n_drawn, None)
    heard_as = [classifier.name_speaker(take.audio) for take in free]
    drawn = {name: heard_as.count(name) for name in names}
    return VoiceScores(max(errors), float(np.mean(right)), drawn)


def _pitch(codec: BandCodec, codes: np.ndarray) -> float:
    return median_pitch(codec.bands(codes).f0.numpy())


def mel_distance_db(codec: BandCodec, codes: np.ndarray, mel: np.ndarray) -> float:
    """Root mean square difference in dB of what codes (n, T) sound like to a log mel (T, 80)."""
    found = log_mel(codec.decode(codes), codes.shape[1])
    return 20 / float(np.log(10)) * float(np.sqrt(((found - mel) ** 2).mean()))


def real_time_factor(bark: Bark, *, repeats: int = 3) -> float:
    """Seconds of computing per second of speech, the best of some repeats."""
    text = "The old man walked slowly down to the harbour, and looked out over the sea."
    takes = [bark.generate(text, voice=SPEAKERS[0].name, seed=i) for i in range(repeats)]
    return min(sum(take.timings.values()) / take.duration_s for take in takes)
