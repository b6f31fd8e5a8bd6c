"""What the text model learns from: normalised sentences and how the teacher says them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bark.stages.positions import MAX_PHONE_FRAMES
from bark.text.english.lexicon import Lexicon
from bark.text.english.normalize import Word
from bark.text.english.phones import N_PAUSES, Phone, phones_to_semantic

from .alignment import speech_to_phones
from .corpus import held_out_numbers, held_out_prose, held_out_words, text_items
from .features import read_words
from .teacher import Teacher

log = logging.getLogger(__name__)

SHARD_LEN = 1_000
MAX_SEMANTIC = 900
MAX_LEAD_FRAMES, MAX_TAIL_FRAMES = 4, 14


@dataclass(frozen=True, eq=False)
class TextItem:
    """A sentence, its words as they are spoken, and the teacher's semantic tokens.

    Attributes:
        sentence: as it stands in the corpus.
        words: normalised, with the marks behind them.
        semantic: (T,) int64, 37.5 Hz.
    """

    sentence: str
    words: tuple[Word, ...]
    semantic: np.ndarray


def say(teacher: Teacher, sentence: str) -> TextItem | None:
    """Let the teacher say a sentence; None where the lexicon lacks a word or it is too long."""
    words = read_words(sentence, teacher.lexicon)
    try:
        speech = teacher.speak(words)
    except ValueError:
        return None
    semantic = phones_to_semantic(with_short_pauses(speech_to_phones(speech)))
    if len(semantic) > MAX_SEMANTIC:
        return None
    return TextItem(sentence, tuple(words), semantic)


def with_short_pauses(said: list[Phone]) -> list[Phone]:
    """Cut the silence before and behind an utterance, and any phone to what a stage may hold.

    The teacher waits a third of a second before it speaks; who listens need not.
    """
    limits = [MAX_PHONE_FRAMES] * len(said)
    if said and said[0].index < N_PAUSES:
        limits[0] = MAX_LEAD_FRAMES
    if said and said[-1].index < N_PAUSES:
        limits[-1] = MAX_TAIL_FRAMES
    return [
        replace(phone, n_frames=min(phone.n_frames, limit))
        for phone, limit in zip(said, limits, strict=True)
    ]


def make_shards(folder: Path, n_items: int, seed: int = 0) -> None:
    """Make the training data in files of `SHARD_LEN` sentences; goes on where it stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(Lexicon.load())
    sentences = text_items(n_items, teacher.lexicon.words(), seed)
    for start in range(0, len(sentences), SHARD_LEN):
        path = folder / f"text_{seed}_{start // SHARD_LEN:04d}.jsonl"
        if path.is_file():
            continue
        part = sentences[start : start + SHARD_LEN]
        kept = write_items(path, (say(teacher, sentence) for sentence in part))
        log.info("%s: %d of %d sentences", path.name, kept, len(part))


def write_items(path: Path, items: Iterable[TextItem | None]) -> int:
    """Write items to a JSON-lines file, whole or not at all; returns how many."""
    lines = [
        json.dumps(
            {
                "sentence": item.sentence,
                "words": [[word.text, word.mark] for word in item.words],
                "semantic": item.semantic.tolist(),
            }
        )
        for item in items
        if item is not None
    ]
    partial = path.with_suffix(".part")
    partial.write_text("\n".join(lines) + "\n", encoding="utf8")
    partial.replace(path)
    return len(lines)


def read_items(path: Path) -> Iterator[TextItem]:
    """Read items back; the words' spans are not kept."""
    for line in path.read_text(encoding="utf8").splitlines():
        row = json.loads(line)
        words = tuple(Word(text, 0, 0, mark) for text, mark in row["words"])
        yield TextItem(row["sentence"], words, np.array(row["semantic"], dtype=np.int64))


def make_held_out(folder: Path, n_prose: int = 150, n_numbers: int = 30) -> None:
    """Let the teacher say the sentences kept for measuring, where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(Lexicon.load())
    sets = {
        "prose": held_out_prose(n_prose),
        "numbers": held_out_numbers(n_numbers),
        "words": held_out_words(teacher.lexicon.words()),
    }
    for name, sentences in sets.items():
        path = folder / f"held_out_{name}.jsonl"
        if not path.is_file():
            write_items(path, (say(teacher, sentence) for sentence in sentences))
