"""Nano's phones and its semantic and text tokens: one list for training and inference.

Nano's semantic tokens are frames of 1 / 37.5 s that name the phone being spoken and say whether
the frame goes on with it, begins it, or begins it together with a word. Word starts are part of
the tokens because the text model counts words from them (see `bark.stages.positions`).
"""

from dataclasses import dataclass

import numpy as np

RATE_HZ = 37.5
"""Semantic tokens a second; each covers exactly two codec frames."""

PAUSE = "pau"
QUESTION_PAUSE = "pau?"
"""A pause that follows a question, so that later stages can hear the question coming."""

VOWELS = tuple("aa ae ah ao aw ax ay eh er ey ih iy ow oy uh uw".split())
CONSONANTS = tuple("b ch d dh f g hh jh k l m n ng p r s sh t th v w y z zh".split())

PHONES: tuple[str, ...] = (
    PAUSE,
    QUESTION_PAUSE,
    # "ax", the schwa, is never stressed
    *(vowel + stress for vowel in VOWELS for stress in "01" if vowel + stress != "ax1"),
    *CONSONANTS,
)
N_PHONES = len(PHONES)
PHONE_INDEX: dict[str, int] = {phone: index for index, phone in enumerate(PHONES)}
N_PAUSES = 2
"""The pauses are the first `N_PAUSES` phones, so a phone is a pause iff its index is below."""

N_KINDS = 3
CONTINUATION, ONSET, WORD_ONSET = range(N_KINDS)
"""What a frame does: goes on with the phone, begins it, begins it and a word."""

N_SEMANTIC = N_KINDS * N_PHONES
"""Semantic ids, each `N_KINDS * phone + kind`."""

END_TOKEN = N_SEMANTIC
"""The id behind them, which ends an utterance."""


def phone_name(phone: str, stress: int) -> str:
    """Return the entry of `PHONES` for flite's bare phone name and a stress of 0 or 1.

    Raises:
        KeyError: the phone is none of flite's US English set.
    """
    if phone in VOWELS:
        name = phone + ("1" if stress and phone != "ax" else "0")
    else:
        name = phone
    if name not in PHONE_INDEX:
        raise KeyError(f"unknown phone {phone!r}; expected one of flite's US English phones")
    return name


@dataclass(frozen=True)
class Phone:
    """One spoken phone: its index in `PHONES`, its length in frames, and whether a word begins."""

    index: int
    n_frames: int
    begins_word: bool = False


def phones_to_semantic(phones: list[Phone]) -> np.ndarray:
    """Spell phones out as semantic tokens.

    Returns:
        (T,) int64 in [0, END_TOKEN), 37.5 Hz; T is the sum of `n_frames`, each at least 1.
    """
    tokens: list[int] = []
    for phone in phones:
        first = N_KINDS * phone.index + (WORD_ONSET if phone.begins_word else ONSET)
        tokens.append(first)
        tokens.extend([N_KINDS * phone.index + CONTINUATION] * (phone.n_frames - 1))
    return np.asarray(tokens, dtype=np.int64)


def semantic_to_phones(semantic: np.ndarray) -> list[Phone]:
    """Read phones back from semantic tokens, the inverse of `phones_to_semantic`.

    A continuation that does not go on with the phone before it (a model may sample one) counts
    as an onset. Tokens from the first `END_TOKEN` on are ignored.
    """
    phones: list[Phone] = []
    for token in np.asarray(semantic, dtype=np.int64).tolist():
        if token >= END_TOKEN:
            break
        index, kind = divmod(token, N_KINDS)
        if kind == CONTINUATION and phones and phones[-1].index == index:
            last = phones[-1]
            phones[-1] = Phone(index, last.n_frames + 1, last.begins_word)
        else:
            phones.append(Phone(index, 1, kind == WORD_ONSET))
    return phones


def ends_to_frames(ends_s: list[float]) -> list[int]:
    """Turn phone end times in seconds into whole numbers of frames, at least one a phone.

    A phone pushed late by a predecessor that needed its one frame is shortened, so the total
    stays within a frame or two of the last end time.
    """
    frames: list[int] = []
    done = 0
    for end in ends_s:
        n = max(1, round(end * RATE_HZ) - done)
        frames.append(n)
        done += n
    return frames


def retime(semantic: np.ndarray, speed: float) -> np.ndarray:
    """Makes every phone shorter or longer, by the same share, at least one frame each.

    Args:
        semantic: (T,) int64 in [0, END_TOKEN).
        speed: 2 halves the durations.

    Returns:
        (about T / speed,) int64.
    """
    phones = semantic_to_phones(semantic)
    ends = np.cumsum([phone.n_frames for phone in phones]) / RATE_HZ / speed
    lengths = ends_to_frames(ends.tolist())
    return phones_to_semantic(
        [
            Phone(phone.index, n_frames, phone.begins_word)
            for phone, n_frames in zip(phones, lengths, strict=True)
        ]
    )


LETTERS = tuple("abcdefghijklmnopqrstuvwxyz'")
MARKS = tuple(",.?!;:")
"""Punctuation that nano hears; everything else is turned into one of these or dropped."""

TEXT_SYMBOLS: tuple[str, ...] = (*PHONES[N_PAUSES:], *LETTERS)
"""What a word is written in: its phones where they are known, else its letters."""
# "b" is a phone and a letter: the two ranges are told apart by index, never by name.

N_TEXT = 2 * len(TEXT_SYMBOLS) + len(MARKS)
"""Text ids without offset: `2 * symbol + begins_word`, then the marks."""
_FIRST_MARK = 2 * len(TEXT_SYMBOLS)


def text_phone_id(phone: int, begins_word: bool) -> int:
    """Return the text id of a phone, given as its index in `PHONES` (no pause)."""
    return 2 * (phone - N_PAUSES) + begins_word


def text_letter_id(letter: str, begins_word: bool) -> int:
    """Return the text id of one of `LETTERS`."""
    return 2 * (N_PHONES - N_PAUSES + LETTERS.index(letter)) + begins_word


def text_mark_id(mark: str) -> int:
    """Return the text id of one of `MARKS`."""
    return _FIRST_MARK + MARKS.index(mark)


def text_begins_word(ids: np.ndarray) -> np.ndarray:
    """Say of text ids (n,) int64 without offset which begin a word; (n,) bool."""
    found: np.ndarray = (ids % 2 == 1) & (ids < _FIRST_MARK)
    return found


def text_is_phone(ids: np.ndarray) -> np.ndarray:
    """Say of text ids (n,) int64 without offset which are phones; (n,) bool."""
    return ids < 2 * (N_PHONES - N_PAUSES)
