"""How the training reads speech: phones with their lengths, pitch, bands."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from bark.codecs.harmonics import N_BANDS, N_NOISE_BANDS, Bands, pulse_train, speak
from bark.text.english.normalize import Word
from bark.text.english.phones import (
    PHONES,
    QUESTION_PAUSE,
)
from training.alignment import speech_to_phones
from training.analysis import analyse, bend
from training.features import to_utterance
from training.questions import QUESTION_RISE
from training.speakers import SPEAKERS, in_voice, speakers_of, with_breath, with_melody, with_tilt
from training.spelling import spell_word
from training.teacher import BEFORE, SpelledText, spell_text, voiced_pitch

from .made_up import ALPHABET, LEXICON, made_up, spoken


def said(phones: list) -> list[tuple[str, int, bool]]:  # type: ignore[type-arg]
    return [(PHONES[p.index], p.n_frames, p.begins_word) for p in phones]


def test_a_word_is_spelled_as_it_is_spoken() -> None:
    def spell(word: str, **how: bool) -> str:
        names = [PHONES[i] for i in LEXICON.phones(word) or ()]
        return "".join(spell_word(word, names, **how))

    assert spell("better") == "bˈɛTəɹ"
    assert spell("button") == "bˈʌtən"
    assert spell("people") == "pˈipᵊl"
    assert spell("was") == "wʌz"
    assert spell("the") == "ðə"
    assert spell("the", vowel_follows=True) == "ði"
    assert spell("nurse") == "nˈɜɹs"


def test_every_id_belongs_to_a_phone_or_a_gap() -> None:
    words = (Word("the", 0, 0), Word("cat", 0, 0, "."))
    vocabulary = {c: ord(c) for c in "".join(ALPHABET) + " ."}
    text = spell_text(words, LEXICON, vocabulary)
    assert isinstance(text, SpelledText)
    assert text.owners == (BEFORE, 0, 1, -1, 2, 3, 3, 4, -2, -2)
    assert [name for name, _ in text.phones] == ["dh", "ax0", "k", "ae1", "t"]
    assert [begins for _, begins in text.phones] == [True, False, True, False, False]


def test_a_word_outside_the_lexicon_is_no_data() -> None:
    with pytest.raises(ValueError, match="qzxv"):
        spell_text([Word("qzxv", 0, 0)], LEXICON, {})


def test_phones_last_as_long_as_the_teacher_says_and_begin_with_its_sound() -> None:
    # pad, k, stress, ae, t, mark, pad: steps of 25 ms, the sound 50 ms ahead of them
    speech = spoken(Word("cat", 0, 0, "."), durations=[10, 4, 2, 6, 3, 5, 3])
    phones = said(speech_to_phones(speech))
    assert [name for name, _, _ in phones] == ["pau", "k", "ae1", "t", "pau"]
    assert [begins for _, _, begins in phones] == [False, True, False, False, False]
    starts = np.cumsum([0, *(n for _, n, _ in phones)]) / 37.5
    np.testing.assert_allclose(starts, np.cumsum([0, 8, 4, 8, 3, 10]) * 0.025, atol=0.014)


def test_silence_within_the_last_phone_belongs_to_the_pause() -> None:
    durations = [3, 4, 2, 6, 20, 3, 1]
    speech = spoken(Word("cat", 0, 0, "."), durations=durations, quiet_from_s=0.45)
    phones = said(speech_to_phones(speech))
    assert phones[-2][1] <= 5
    assert phones[-1][1] >= 20
    assert sum(n for _, n, _ in phones) == pytest.approx(sum(durations) * 0.025 * 37.5, abs=1)


def test_a_question_ends_in_its_own_pause() -> None:
    speech = spoken(Word("cat", 0, 0, "?"), durations=[3, 4, 2, 6, 3, 8, 3])
    assert said(speech_to_phones(speech))[-1][0] == QUESTION_PAUSE


def test_a_question_rises_from_its_last_stressed_vowel_on() -> None:
    asked, told = (
        to_utterance("Cat", spoken(Word("cat", 0, 0, mark), durations=[3, 4, 2, 6, 3, 8, 3]))
        for mark in "?."
    )
    rise = (asked.bands.f0 / told.bands.f0.clamp(min=1)).numpy()
    voiced = told.bands.f0.numpy() > 0
    assert rise[voiced][0] == pytest.approx(1)
    assert rise[voiced][-1] == pytest.approx(1 + QUESTION_RISE, rel=0.01)
    assert (np.diff(rise[voiced]) > -1e-5).all()


def test_pitch_is_read_between_the_teachers_frames() -> None:
    f0 = np.array([0, 100, 200, 0], np.float32)
    found = voiced_pitch(f0, np.array([0.0, 1.0, 1.5, 2.0, 3.0, 9.0]))
    np.testing.assert_allclose(found, [0, 100, 141.42, 200, 0, 0], rtol=1e-3)


def test_analysis_finds_the_bands_a_sound_was_made_of() -> None:
    n = 60
    centres = np.linspace(0, 1, N_BANDS)
    size = torch.from_numpy(np.tile(-3 - 2 * centres, (n, 1)).astype(np.float32))
    made = Bands(
        torch.full((n,), 140.0), size, torch.full((n, N_BANDS), 0.7),
        torch.full((n, 2, N_NOISE_BANDS), -7.0),
    )  # fmt: skip
    silent = dataclasses.replace(made, noise=torch.full_like(made.noise, -60.0))
    rest = dataclasses.replace(made, f0=torch.zeros(n))
    pulses = pulse_train(made.f0).numpy()
    harmonic = speak(silent, 0, n)
    breath = speak(rest, 0, n)
    found = analyse(harmonic, breath, pulses, made.f0.numpy())
    inner = slice(5, -5)
    np.testing.assert_allclose(found.size[inner, 4:140], size[inner, 4:140], atol=0.05)
    np.testing.assert_allclose(found.turn[inner, 4:140], 0.7, atol=0.05)
    assert float(found.noise[inner].mean()) == pytest.approx(-7.0 - 0.58, abs=0.5)


def test_bending_moves_pitch_and_formants() -> None:
    utterance = made_up(3)
    bent = bend(utterance.bands, 0.6, 0.8)
    torch.testing.assert_close(bent.f0, utterance.bands.f0 * 0.6)
    peak, moved = (bands.size[0].argmax() for bands in (utterance.bands, bent))
    assert moved < peak
    assert in_voice(utterance, SPEAKERS[0]) is utterance
    assert in_voice(utterance, SPEAKERS[1]).mel.shape == utterance.mel.shape


def test_a_livelier_voice_keeps_its_mean_pitch_and_its_power() -> None:
    bands = made_up(4).bands
    voiced = bands.f0 > 0
    lively = with_melody(bands, 1.5)
    before, after = (b.f0[voiced].log() for b in (bands, lively))
    torch.testing.assert_close(after.mean(), before.mean())
    torch.testing.assert_close(after.std(), 1.5 * before.std())
    assert (lively.f0[~voiced] == 0).all()
    power = (bands.size - 0.5 * bands.f0[:, None].clamp(min=1).log())[voiced]
    torch.testing.assert_close((lively.size - 0.5 * lively.f0[:, None].log())[voiced], power)


def test_a_bright_voice_is_louder_above_and_softer_below() -> None:
    bands = made_up(5).bands
    bright = with_tilt(bands, dataclasses.replace(SPEAKERS[0], tilt_db=2.0))
    steps_db = (bright.size - bands.size)[0] * 20 / np.log(10)
    assert steps_db[0] == pytest.approx(-4, abs=0.01)
    assert steps_db[-1] == pytest.approx(6, abs=0.01)
    assert ((bright.noise - bands.noise)[0, 0] * 10 / np.log(10))[-1] == pytest.approx(6, abs=0.01)


def test_a_breathy_voice_is_so_only_where_it_is_voiced() -> None:
    bands = made_up(6).bands
    louder = (with_breath(bands, 3.0).noise - bands.noise) * 10 / np.log(10)
    assert louder[bands.f0 > 0] == pytest.approx(3, abs=1e-4)
    assert louder[bands.f0 == 0] == pytest.approx(0)


def test_every_voice_says_as_many_sentences_as_any_other() -> None:
    n = 10 * (len(SPEAKERS) - 1)
    said = [speaker.name for i in range(n) for speaker in speakers_of(i)]
    assert said.count(SPEAKERS[0].name) == n
    assert {said.count(speaker.name) for speaker in SPEAKERS[1:]} == {20}
