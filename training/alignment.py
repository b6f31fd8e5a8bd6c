"""From the teacher's phones to nano's semantic tokens."""

from __future__ import annotations

import re

import numpy as np

from bark.text.english.phones import (
    PAUSE,
    PHONE_INDEX,
    QUESTION_PAUSE,
    Phone,
    ends_to_frames,
    phone_name,
    phones_to_semantic,
)

from .teacher import Speech

_QUESTION_WORDS = frozenset("what who whom whose which when where why how".split())
_BEFORE_QUESTION_WORD = frozenset("and but so or then for in at to on of by from with".split())
_SENTENCE_END = re.compile(r"[.!?]")


def rising_questions(speech: Speech) -> dict[int, int]:
    """Finds the questions at whose end a voice rises: those that ask for yes or no.

    Returns:
        The last word's index -> the first word's index, for each such question.
    """
    found, first = {}, 0
    for last, mark in enumerate(speech.punctuation):
        if not _SENTENCE_END.search(mark):
            continue
        opening = [word.lower() for word in speech.words[first : last + 1]]
        while len(opening) > 1 and opening[0] in _BEFORE_QUESTION_WORD:
            opening.pop(0)
        if "?" in mark and opening[0].partition("'")[0] not in _QUESTION_WORDS:
            found[last] = first
        first = last + 1
    return found


def speech_to_phones(speech: Speech) -> list[Phone]:
    """Phones with stress, length in frames and word starts.

    A pause behind a question at whose end the voice rises is `QUESTION_PAUSE`.
    """
    frames = ends_to_frames([phone.end_s for phone in speech.phones])
    rising = rising_questions(speech)
    aligned, word = [], -1
    for phone, n_frames in zip(speech.phones, frames, strict=True):
        begins_word = phone.word >= 0 and phone.word != word
        word = max(word, phone.word)
        name = phone_name(phone.name, int(phone.stressed))
        if name == PAUSE and word in rising:
            name = QUESTION_PAUSE
        aligned.append(Phone(PHONE_INDEX[name], n_frames, begins_word))
    return aligned


def speech_to_semantic(speech: Speech) -> np.ndarray:
    """Semantic tokens of what the teacher said: (T,) int64, 37.5 Hz."""
    return phones_to_semantic(speech_to_phones(speech))
