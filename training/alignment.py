"""From the teacher's phones to nano's semantic tokens."""

from __future__ import annotations

import numpy as np

from bark.phones import (
    PAUSE,
    PHONE_INDEX,
    QUESTION_PAUSE,
    Phone,
    ends_to_frames,
    phone_name,
    phones_to_semantic,
)

from .teacher import Speech


def speech_to_phones(speech: Speech) -> list[Phone]:
    """Phones with stress, length in frames and word starts.

    A pause behind a word that carries a question mark becomes the question's own pause.
    """
    frames = ends_to_frames([phone.end_s for phone in speech.phones])
    aligned, word = [], -1
    for phone, n_frames in zip(speech.phones, frames, strict=True):
        begins_word = phone.word >= 0 and phone.word != word
        word = max(word, phone.word)
        name = phone_name(phone.name, int(phone.stressed))
        if name == PAUSE and word >= 0 and "?" in speech.punctuation[word]:
            name = QUESTION_PAUSE
        aligned.append(Phone(PHONE_INDEX[name], n_frames, begins_word))
    return aligned


def speech_to_semantic(speech: Speech) -> np.ndarray:
    """Semantic tokens of what the teacher said: (T,) int64, 37.5 Hz."""
    return phones_to_semantic(speech_to_phones(speech))
