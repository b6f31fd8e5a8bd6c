"""Speech that nobody said, for the tests of the training."""

from __future__ import annotations

import numpy as np
import torch

from bark.codecs.harmonics import N_BANDS, N_NOISE_BANDS, Bands, speak
from bark.text.english.lexicon import Lexicon
from bark.text.english.normalize import Word
from bark.text.english.phones import (
    CONTINUATION,
    N_KINDS,
    ONSET,
)
from training.analysis import log_mel
from training.features import Utterance
from training.teacher import Speech, spell_text

LEXICON = Lexicon.load()
ALPHABET = ("ɑæʌɔWəIɛɹAɪiOYʊubʧdðfɡhʤklmnŋpsʃtθvwjzʒTᵊɐɜˈ",)


def spoken(*words: Word, durations: list[int], quiet_from_s: float = 99.0) -> Speech:
    """What a teacher might make of words: a loud hum until some time, then silence."""
    vocabulary = {c: i for i, c in enumerate(sorted(set("".join(ALPHABET))), start=17)}
    text = spell_text(words, LEXICON, {**vocabulary, " ": 16, ".": 4, ",": 3, "?": 6})
    assert len(text.ids) == len(durations)
    audio = np.ones(sum(durations) * 600, np.float32)
    audio[round(quiet_from_s * 24_000) :] = 0.0
    silence = np.zeros_like(audio)
    f0 = np.full(2 * sum(durations), 100.0, np.float32)
    return Speech(words, text, np.array(durations), audio, silence, silence, f0)


def made_up(seed: int, n_phones: int = 40) -> Utterance:
    """An utterance whose bands and pitch depend on the phone."""
    rng = np.random.default_rng(seed)
    phones = rng.integers(2, 12, n_phones).repeat(6)
    kinds = np.where(np.arange(len(phones)) % 6 == 0, ONSET, CONTINUATION)
    held = phones.repeat(2)
    centres = np.linspace(0, 1, N_BANDS)
    size = -4 - 30 * (centres - held[:, None] / 14) ** 2
    noise = np.full((len(held), 2, N_NOISE_BANDS), -12.0) + 0.2 * held[:, None, None]
    f0 = np.where(held % 3 == 0, 0, 120 + 4 * held)
    parts = (f0, size, np.zeros_like(size), noise)
    bands = Bands(*(torch.from_numpy(part.astype(np.float32)) for part in parts))
    mel = log_mel(speak(bands, 0, len(held)), len(held))
    return Utterance(f"made up {seed}", (), N_KINDS * phones + kinds, bands, mel)
