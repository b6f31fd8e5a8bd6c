"""The shipped nano speaks: small versions of the model card's measures, with room for chance."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from bark import Bark, Take
from bark.checkpoints.registry import packaged_nano_dir
from bark.text.english.phones import semantic_to_phones
from training.corpus import (
    corpus_is_there,
    held_out_numbers,
    held_out_prose,
    is_held_out,
    text_items,
)
from training.listener import Listener, closed_choice_rate, word_error_rate
from training.measure import envelope_distance, measure_voices, movement, speak_semantic
from training.phone_errors import score
from training.teacher import Speech, Teacher

pytestmark = pytest.mark.processor

SENTENCES = (
    "The farmer sold his horse to a stranger.",
    "She opened the window and looked at the snow.",
    "Nobody in the village knew why the bell was ringing.",
    "We had to wait an hour for the next train.",
)
VOICES = ("alder", "birch", "cedar", "elm")


def has_flite() -> bool:
    try:
        Teacher("rms")
    except FileNotFoundError:
        return False
    return True


needs_flite = pytest.mark.skipif(not has_flite(), reason="needs Debian's libflite1")


@pytest.fixture(scope="module", name="bark")
def _bark() -> Bark:
    return Bark.from_pretrained("nano", device="cpu")


@pytest.fixture(scope="module", name="takes")
def _takes(bark: Bark) -> list[Take]:
    return bark.generate_batch(SENTENCES, voice="alder", seeds=[1, 2, 3, 4])


@pytest.fixture(scope="module", name="wanted")
def _wanted() -> list[Speech]:
    return [Teacher("rms").speak(sentence) for sentence in SENTENCES]


def test_files_are_small_enough_for_a_space() -> None:
    sizes = {path.name: path.stat().st_size for path in packaged_nano_dir().iterdir()}
    assert max(sizes.values()) < 10_000_000
    assert sum(sizes.values()) < 40_000_000


def test_loads_in_two_seconds() -> None:
    started = time.process_time()  # the machine's other work does not count
    Bark.from_pretrained("nano", device="cpu").load()
    assert time.process_time() - started < 2


@pytest.mark.skipif(
    not corpus_is_there(), reason="needs Debian's fortunes, bible-kjv and wordnet-base"
)
def test_these_sentences_may_have_been_trained_on_but_the_measured_ones_were_not() -> None:
    measured = {*held_out_prose(100), *held_out_numbers(30)}
    assert len(measured) == 130
    assert all(map(is_held_out, measured))
    assert not measured & set(text_items(2_000, ["word"], seed=0))


@pytest.mark.slow
def test_a_listener_understands_it(takes: list[Take]) -> None:
    pytest.importorskip("pocketsphinx")
    listener = Listener()
    heard = [listener.hear(take.audio, take.sample_rate) for take in takes]
    assert word_error_rate(SENTENCES, heard) < 0.45  # the teacher has up to 0.2
    assert closed_choice_rate(SENTENCES, heard) == 1


@needs_flite
def test_says_the_teachers_phones_in_the_teachers_time(
    takes: list[Take], wanted: list[Speech]
) -> None:
    from training.alignment import speech_to_semantic

    found = score([take.tokens.semantic for take in takes], [speech_to_semantic(s) for s in wanted])
    assert found.phone_error_rate <= 0.12
    assert 0.8 <= found.length_ratio <= 1.2
    assert found.lost_or_cut == 0


def test_every_word_is_begun_once(takes: list[Take]) -> None:
    for take in takes:
        begun = sum(phone.begins_word for phone in semantic_to_phones(take.tokens.semantic))
        assert begun == len(take.text.split())


def test_follows_the_pitch_of_its_voices(bark: Bark) -> None:
    for name in VOICES:
        voice = bark.voice(name)
        assert voice is not None
        take = bark.generate("It is time to go home.", voice=name, seed=5)
        pitches = []
        for codes in (voice.fine, take.tokens.fine):
            f0 = bark.codec.frames(codes).f0
            pitches.append(float(np.median(f0[f0 > 0])))
        assert pitches[1] == pytest.approx(pitches[0], rel=0.15), name


@needs_flite
@pytest.mark.slow
def test_a_classifier_knows_its_voices(bark: Bark) -> None:
    found = measure_voices(bark, SENTENCES[:2])
    assert found.recognised >= 0.75
    assert found.pitch_within >= 0.75


@needs_flite
def test_the_fine_stage_earns_its_place(bark: Bark, wanted: list[Speech]) -> None:
    from training.features import SPEAKERS, extract

    features = [extract(speech, SPEAKERS[0]) for speech in wanted[:2]]
    coarse, fine = speak_semantic(bark, [f.semantic for f in features])
    for two, eight, own in zip(coarse, fine, features, strict=True):
        np.testing.assert_array_equal(eight[:2], two)
        without, with_it = (bark.codec.frames(codes).cepstrum for codes in (two, eight))
        nearer = envelope_distance(with_it, own) < envelope_distance(without, own)
        livelier = abs(movement(with_it, own) - 1) < abs(movement(without, own) - 1)
        assert nearer or livelier


def test_an_asked_question_ends_higher_than_a_told_one(bark: Bark) -> None:
    ends = []
    for text in ("Are you coming home?", "You are coming home."):
        rises = []
        for seed in range(3):
            take = bark.generate(text, voice="alder", seed=seed)
            f0 = bark.codec.frames(take.tokens.fine).f0
            voiced = f0[f0 > 0]
            rises.append(voiced[-12:].mean() / np.median(voiced))
        ends.append(float(np.mean(rises)))
    assert ends[0] > ends[1] * 1.05


def test_same_seed_same_samples(bark: Bark) -> None:
    first, second = (bark.generate("Hello there.", voice="elm", seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.audio, second.audio)


def test_a_take_of_a_batch_is_the_take_it_is_alone(bark: Bark, takes: list[Take]) -> None:
    alone = bark.generate(SENTENCES[1], voice="alder", seed=2)
    for name, tokens in alone.token_arrays().items():
        np.testing.assert_array_equal(takes[1].token_arrays()[name], tokens, err_msg=name)


def test_voices_are_shipped_for_it() -> None:
    folder = Path(__file__).parents[1] / "assets" / "prompts" / "nano"
    assert sorted(path.stem for path in folder.glob("*.npz")) == sorted(VOICES)
