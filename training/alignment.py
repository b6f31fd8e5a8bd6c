"""From the teacher's durations to nano's phones."""

from __future__ import annotations

import numpy as np

from bark.text.english.phones import (
    PAUSE,
    PHONE_INDEX,
    QUESTION_PAUSE,
    Phone,
    ends_to_frames,
)

from .teacher import BEFORE, HOP_LEN, STEP_S, Speech

_FRAMES_PER_STEP = 2
_QUIET_DB = 36.0  # below the loudest: nothing is said
_LONGEST_STEPS = 3  # a phone before a mark that is longer may hold part of the pause
_MIN_SAID_FRAMES = 4
_MIN_PAUSE_STEPS = 3.5  # behind a mark
_MIN_BARE_PAUSE_STEPS = 7.0  # between words without one


def speech_to_phones(speech: Speech) -> list[Phone]:
    """Phones with word starts and lengths in frames of 1 / 37.5 s.

    A pause behind a question mark is `QUESTION_PAUSE`.
    """
    said, gaps = _lengths(speech)
    names, ends, begins, now, word = [], [], [], 0.0, -1
    carried = 0.0

    def add(name: str, steps: float, begins_word: bool) -> None:
        nonlocal now
        now += steps * STEP_S
        names.append(name)
        ends.append(now)
        begins.append(begins_word)

    if gaps[0] >= 1:
        add(PAUSE, gaps[0], False)
    else:
        carried = gaps[0]
    for i, (name, begins_word) in enumerate(speech.text.phones):
        word += begins_word
        is_last_of_word = i + 1 == len(said) or speech.text.phones[i + 1][1]
        gap = gaps[word + 1] if is_last_of_word else 0.0
        mark, is_end = speech.words[word].mark, i + 1 == len(said)
        pauses = is_last_of_word and (
            is_end or gap >= (_MIN_PAUSE_STEPS if mark else _MIN_BARE_PAUSE_STEPS)
        )
        add(name, said[i] + carried + (0.0 if pauses else gap), begins_word)
        carried = 0.0
        if pauses:
            add(QUESTION_PAUSE if mark == "?" else PAUSE, gap, False)
    frames = ends_to_frames(ends)
    return [
        Phone(PHONE_INDEX[name], n, b) for name, n, b in zip(names, frames, begins, strict=True)
    ]


def _lengths(speech: Speech) -> tuple[np.ndarray, np.ndarray]:
    """Steps of each phone (n_phones,), and of what is between words (n_words + 1,).

    The teacher lets the sound before a mark run on into the silence; from where it is quiet
    that counts as the gap's.
    """
    durations = speech.durations.astype(np.float64)
    lead = min(speech.lead_steps, max(0.0, durations[0] - 1))
    durations[0] -= lead
    durations[-1] += lead
    loud = _is_loud(speech.audio)
    said, gaps = np.zeros(len(speech.text.phones)), np.zeros(len(speech.words) + 1)
    ends = np.cumsum(durations)
    owners = speech.text.owners
    for i, (owner, length) in enumerate(zip(owners, durations, strict=True)):
        if owner == BEFORE:
            gaps[0] += length
        elif owner < 0:
            gaps[-owner] += length
        else:
            following = owners[i + 1]
            if following < 0 and _is_marked(speech, following) and length > _LONGEST_STEPS:
                first = int(_FRAMES_PER_STEP * (ends[i] - length))
                last = int(_FRAMES_PER_STEP * ends[i])
                n = _said_frames(loud, first, last) / _FRAMES_PER_STEP
                gaps[-following] += length - n
                length = n
            said[owner] += length
    return said, gaps


def _is_marked(speech: Speech, owner: int) -> bool:
    word = -1 - owner
    return bool(speech.words[word].mark) or word + 1 == len(speech.words)


def _is_loud(audio: np.ndarray) -> np.ndarray:
    """(n / 300,) bool."""
    frames = audio[: len(audio) // HOP_LEN * HOP_LEN].reshape(-1, HOP_LEN)
    level = 10 * np.log10((frames**2).mean(1) + 1e-10)
    return level > np.quantile(level, 0.98) - _QUIET_DB


def _said_frames(loud: np.ndarray, first: int, last: int) -> int:
    """How many frames from `first` on end with the last loud one before `last`."""
    heard = np.flatnonzero(loud[first : min(last, len(loud))])
    return max(_MIN_SAID_FRAMES, int(heard[-1]) + 1 if len(heard) else 0)
