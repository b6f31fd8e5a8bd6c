"""The shipped nano speaks: small versions of the model card's measures, with room for chance."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from bark import Bark, Take
from bark.checkpoints.registry import packaged_nano_dir
from bark.spec import NANO
from bark.text.english.phones import semantic_to_phones
from bark.voices.library import draw_packaged_voice, load_voice
from training.corpus import (
    corpus_is_there,
    held_out_numbers,
    held_out_prose,
    is_held_out,
    text_items,
)
from training.listener import Listener, closed_choice_rate, word_error_rate

pytestmark = pytest.mark.processor

SENTENCES = (
    "The farmer sold his horse to a stranger.",
    "She opened the window and looked at the snow.",
    "Nobody in the village knew why the bell was ringing.",
    "We had to wait an hour for the next train.",
)
VOICES = (
    *("alder", "aspen", "birch", "cedar", "elm"),
    *("hazel", "hickory", "maple", "oak", "willow"),
)


@pytest.fixture(scope="module", name="bark")
def _bark() -> Bark:
    return Bark.from_pretrained("nano", device="cpu")


@pytest.fixture(scope="module", name="takes")
def _takes(bark: Bark) -> list[Take]:
    return bark.generate_batch(SENTENCES, voice="alder", seeds=[1, 2, 3, 4])


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


def test_says_the_teachers_phones_in_the_teachers_time(takes: list[Take]) -> None:
    pytest.importorskip("hibari", reason="needs requirements-training.txt")
    pytest.importorskip("onnx", reason="needs requirements-training.txt")
    from bark.text.english.lexicon import Lexicon
    from training.phone_errors import score
    from training.teacher import Teacher
    from training.text_data import say

    teacher = Teacher(Lexicon.load())
    wanted = [item.semantic for s in SENTENCES if (item := say(teacher, s)) is not None]
    found = score([take.tokens.semantic for take in takes], wanted)
    assert found.phone_error_rate <= 0.05
    assert 0.85 <= found.length_ratio <= 1.15
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
            f0 = bark.codec.bands(codes).f0.numpy()
            pitches.append(float(np.median(f0[f0 > 0])))
        assert pitches[1] == pytest.approx(pitches[0], rel=0.15), name


def test_an_utterance_streams_as_it_ends_up(bark: Bark, takes: list[Take]) -> None:
    codes, codec = takes[0].tokens.fine[:2], bark.codec
    whole, ahead = codec.decode(codes), codec.look_ahead_frames
    pieces = [codec.decode(codes[:, : i + 40 + ahead], i, i + 40) for i in range(0, 120, 40)]
    np.testing.assert_allclose(np.concatenate(pieces), whole[: 120 * 320], atol=1e-5)


def test_without_a_voice_each_is_drawn_as_often_as_the_others() -> None:
    drawn = [draw_packaged_voice(NANO, torch.Generator().manual_seed(seed)) for seed in range(200)]
    known = [load_voice(name, NANO) for name in VOICES]
    counts = [sum(np.array_equal(d.fine, k.fine) for d in drawn if d and k) for k in known]
    assert sum(counts) == 200
    assert chisquare(counts).pvalue > 0.01


def test_without_a_voice_it_speaks_in_one_of_its_own(bark: Bark) -> None:
    pitches = []
    for name in (*VOICES, None):
        texts = ["It is time to go home."] * (1 if name else 8)
        for take in bark.generate_batch(texts, voice=name, seeds=list(range(len(texts)))):
            f0 = bark.codec.bands(take.tokens.fine).f0.numpy()
            pitches.append(float(np.median(f0[f0 > 0])))
    own, free = np.array(pitches[: len(VOICES)]), np.array(pitches[len(VOICES) :])
    nearest = np.abs(np.log(free[:, None] / own)).min(1)
    assert nearest.max() < 0.15
    assert np.ptp(np.log(free)) > 0.15  # eight seeds, not all of one voice


def test_an_asked_question_ends_higher_than_a_told_one(bark: Bark) -> None:
    ends = []
    for text in ("Are you coming home?", "You are coming home."):
        takes = bark.generate_batch([text] * 8, voice="alder", seeds=range(8))
        pitches = [bark.codec.bands(take.tokens.fine).f0.numpy() for take in takes]
        voiced = [f0[f0 > 0] for f0 in pitches]
        ends.append(float(np.mean([f0[-12:].mean() / np.median(f0) for f0 in voiced])))
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
