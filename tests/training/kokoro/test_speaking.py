"""What Kokoro says becomes an utterance like any other teacher's."""

from __future__ import annotations

import numpy as np
import pytest

from bark.text.english.normalize import Word
from bark.text.english.phones import PHONES, semantic_to_phones
from training.features import to_utterance
from training.kokoro.british import BritishSpelling
from training.kokoro.speaking import KOKORO_VOICES, LEAD_STEPS, to_speech
from training.speakers import SPEAKERS
from training.teacher import spell_text

from ..made_up import LEXICON

VOCABULARY = {symbol: i for i, symbol in enumerate("kɑːt ˈ.a", start=1)}


def test_voices_have_names_of_their_own() -> None:
    names = [voice.name for voice in (*KOKORO_VOICES, *SPEAKERS)]
    assert len(set(names)) == len(names)


def test_an_r_that_is_not_said_takes_its_length_from_the_vowel() -> None:
    spell = BritishSpelling({"car": "kˈɑː"})
    words = (Word("car", 0, 0, "."),)
    text = spell_text(words, LEXICON, VOCABULARY, spell)
    assert [name for name, _ in text.phones] == ["k", "aa1", "r"]
    # pad, k, stress, vowel, length, mark, pad: 25 ms each
    durations = np.array([10, 4, 2, 6, 6, 8, 6])
    n = 600 * int(durations.sum())
    pitch = np.full(n // 300, 7.0, np.float32)
    pitch[28:56] = 120.0
    audio = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    speech = to_speech(words, text, KOKORO_VOICES[0], audio, durations, pitch)
    np.testing.assert_allclose(speech.audio, KOKORO_VOICES[0].gain * audio, atol=1e-5)
    utterance = to_utterance("Car.", speech)
    phones = semantic_to_phones(utterance.semantic)
    assert [PHONES[p.index] for p in phones] == ["pau", "k", "aa1", "r", "pau"]
    starts = np.cumsum([0, *(p.n_frames for p in phones)]) / 37.5
    ends = np.cumsum([10 - LEAD_STEPS, 4, 8, 6]) * 0.025
    np.testing.assert_allclose(starts[1:5], ends, atol=0.02)
    voiced = utterance.bands.f0.numpy() > 0
    assert voiced.mean() == pytest.approx(28 * 300 / n, abs=0.03)
