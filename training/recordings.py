"""Sentences in the voices of people: what Kokoro says, for the codec and the models to learn."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from bark.text.english.lexicon import Lexicon
from bark.text.english.normalize import Word
from bark.text.english.phones import RATE_HZ

from .features import (
    SHARD_LEN,
    Utterance,
    feature_files,
    load_utterances,
    read_words,
    save_utterances,
    to_utterance,
)
from .kokoro.speaking import KOKORO_VOICES, KokoroVoice
from .teacher import Speech

SPEEDS = 0.92, 1.1
"""Range of the speeds that sentences are said at; drawn evenly."""

log = logging.getLogger(__name__)

Speak = Callable[[Sequence[Word], KokoroVoice, float], Speech]
"""Says words in a voice at a speed."""


def make_recordings(
    sentences: Sequence[str],
    speak: Speak,
    lexicon: Lexicon,
    out: Path,
    voices: Sequence[KokoroVoice] = KOKORO_VOICES,
) -> None:
    """Writes utterances of all voices to `out`, in files that a restart keeps.

    The voices take turns with a file each and have sentences of their own, so that wherever it is
    stopped each has about as many.

    Args:
        sentences: what to say; those with a word that a voice cannot say are skipped.
        speak: raises `ValueError` for such a word.
        lexicon: the words that are read.
        out: folder for `<voice>-<number>.npz`.
        voices: who speaks.
    """
    out.mkdir(parents=True, exist_ok=True)
    for turn, first in enumerate(range(0, len(sentences), SHARD_LEN)):
        voice = voices[turn % len(voices)]
        path = out / f"{voice.name}-{first:06d}.npz"
        if path.exists():
            continue
        part = sentences[first : first + SHARD_LEN]
        made = [
            utterance
            for number, sentence in enumerate(part, start=first)
            if (utterance := _said(sentence, number, speak, lexicon, voice)) is not None
        ]
        if made:
            save_utterances(path, made)
        minutes = sum(len(u.semantic) for u in made) / RATE_HZ / 60
        log.info("%s: %d sentences, %.1f minutes", path.name, len(made), minutes)


def record_prompts(
    text: str,
    speak: Speak,
    lexicon: Lexicon,
    out: Path,
    voices: Sequence[KokoroVoice] = KOKORO_VOICES,
) -> None:
    """Each voice says a text, into `<voice>-prompt.npz`: what its voice prompt is made of.

    Args:
        text: words that every voice can say.
        speak, lexicon: as for `make_recordings`.
        out: folder; a restart keeps what is there.
        voices: who speaks.

    Raises:
        ValueError: a voice does not know a word.
    """
    out.mkdir(parents=True, exist_ok=True)
    for voice in voices:
        path = out / f"{voice.name}-prompt.npz"
        if not path.exists():
            speech = speak(read_words(text, lexicon), voice, 1.0)
            save_utterances(path, [to_utterance(text, speech)])


def recorded_voices(folder: Path) -> tuple[str, ...]:
    """Names of the voices that have `<voice>-*.npz` in a folder, in `KOKORO_VOICES`' order."""
    return tuple(v.name for v in KOKORO_VOICES if any(folder.glob(f"{v.name}-*.npz")))


def read_recordings(folder: Path, voice: str = "*") -> list[Utterance]:
    """All utterances of `make_recordings`, or those of one voice."""
    paths = [path for path in feature_files(folder) if path.match(f"{voice}-*.npz")]
    return [utterance for path in paths for utterance in load_utterances(path)]


def _said(
    sentence: str, number: int, speak: Speak, lexicon: Lexicon, voice: KokoroVoice
) -> Utterance | None:
    speed = random.Random(number).uniform(*SPEEDS)
    try:
        return to_utterance(sentence, speak(read_words(sentence, lexicon), voice, speed))
    except ValueError as error:
        log.debug("skipped: %s", error)
        return None
