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
from .speakers import in_voice
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
    """Writes utterances of all voices to `out`, and of those bent from them, as files.

    The voices take turns with a file each and have sentences of their own, so that wherever it is
    stopped each has about as many. A restart keeps the files of a voice that has them all.

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
        number = f"{first:06d}"
        if _is_saved(out, number, voice):
            continue
        part = sentences[first : first + SHARD_LEN]
        made = [
            utterance
            for i, sentence in enumerate(part, start=first)
            if (utterance := _said(sentence, i, speak, lexicon, voice)) is not None
        ]
        if made:
            _save(out, number, voice, made)
        minutes = sum(len(u.semantic) for u in made) / RATE_HZ / 60
        log.info("%s %s: %d sentences, %.1f minutes", voice.name, number, len(made), minutes)


def record_prompts(
    text: str,
    speak: Speak,
    lexicon: Lexicon,
    out: Path,
    voices: Sequence[KokoroVoice] = KOKORO_VOICES,
) -> None:
    """All voices say a text, into `<voice>-prompt.npz`: what a voice prompt is made of.

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
        if not _is_saved(out, "prompt", voice):
            speech = speak(read_words(text, lexicon), voice, 1.0)
            _save(out, "prompt", voice, [to_utterance(text, speech)])


def recorded_voices(folder: Path) -> tuple[str, ...]:
    """Names of the voices that have `<voice>-*.npz` in a folder; who is bent follows the other."""
    names = (name for voice in KOKORO_VOICES for name in _names(voice))
    return tuple(name for name in names if any(folder.glob(f"{name}-*.npz")))


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


def _names(voice: KokoroVoice) -> tuple[str, ...]:
    return (voice.name, *(speaker.name for speaker in voice.bent))


def _is_saved(out: Path, number: str, voice: KokoroVoice) -> bool:
    return all((out / f"{name}-{number}.npz").exists() for name in _names(voice))


def _save(out: Path, number: str, voice: KokoroVoice, made: Sequence[Utterance]) -> None:
    """Files of what a voice said, and of the same in the voices that are bent from it."""
    save_utterances(out / f"{voice.name}-{number}.npz", made)
    for speaker in voice.bent:
        bent = [in_voice(utterance, speaker) for utterance in made]
        save_utterances(out / f"{speaker.name}-{number}.npz", bent)
