"""Recordings of several voices, and a codec that learns them without forgetting."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from bark.codecs.banded import BandCodecConfig, BandDecoder
from bark.codecs.harmonics import speak
from bark.text.english.normalize import Word
from training.codec import CodecTrainee
from training.codec_training import codec_losses, train_codec
from training.decoder import Coded, CodedCrops, settle_decoder
from training.export import packaged_voices, write_voice
from training.features import SHARD_LEN, Utterance, save_utterances
from training.kokoro.speaking import KOKORO_VOICES, KokoroVoice
from training.loop import Budget
from training.recordings import (
    SPEEDS,
    make_recordings,
    read_recordings,
    record_prompts,
    recorded_voices,
)
from training.speakers import PITCHES, SPEAKERS, Speaker, in_voice, otherwise
from training.streams import encode_features, encode_recordings, load_streams
from training.teacher import Speech
from training.voices import median_pitch, train_classifier
from training.widening import widen_codec

from .made_up import LEXICON, made_up, spoken


def test_voices_take_turns_and_say_what_they_can(tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []

    def say(words: Sequence[Word], voice: KokoroVoice, speed: float) -> Speech:
        said.append((voice.name, words[0].text))
        assert SPEEDS[0] <= speed <= SPEEDS[1]
        if words[0].text == "dog":
            raise ValueError("no such word")
        return spoken(Word("cat", 0, 0, "."), durations=[10, 4, 2, 6, 3, 5, 3])

    sentences = ["Cat.", "Dog."] * (SHARD_LEN // 2) * 2
    make_recordings(sentences, say, LEXICON, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {
        "hazel-000000.npz",
        "oak-000000.npz",
        f"hickory-{SHARD_LEN:06d}.npz",
    }
    hers, his = read_recordings(tmp_path, "hazel"), read_recordings(tmp_path, "oak")
    assert [u.sentence for u in hers] == [u.sentence for u in his] == ["Cat."] * (SHARD_LEN // 2)
    np.testing.assert_array_equal(his[0].semantic, hers[0].semantic)
    assert median_pitch(his[0].bands.f0.numpy()) < 0.7 * median_pitch(hers[0].bands.f0.numpy())
    before = len(said)
    make_recordings(sentences, say, LEXICON, tmp_path)
    assert len(said) == before
    (tmp_path / "oak-000000.npz").unlink()
    make_recordings(sentences, say, LEXICON, tmp_path)
    assert len(said) == before + SHARD_LEN
    assert (tmp_path / "oak-000000.npz").exists()


@pytest.fixture(scope="module", name="known")
def _known() -> list[Utterance]:
    return [made_up(seed) for seed in range(8)]


@pytest.fixture(scope="module", name="new")
def _new() -> list[Utterance]:
    """Somebody with a deeper and hoarser voice."""
    somebody = Speaker("somebody", 0.6, 0.8, breath_db=6.0)
    return [in_voice(made_up(seed), somebody) for seed in range(20, 28)]


@pytest.fixture(scope="module", name="trained")
def _trained(known: list[Utterance], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A codec that knows one voice."""
    out = tmp_path_factory.mktemp("codec")
    config = BandCodecConfig(latent_width=16, width=24, taps=(7,))
    train_codec(known, out, Budget(steps=340), config=config, batch_size=3)
    return out


def test_a_codec_learns_new_voices_and_its_codes_keep_their_meaning(
    known: list[Utterance], new: list[Utterance], trained: Path, tmp_path: Path
) -> None:
    before, codec = CodecTrainee.load(trained), CodecTrainee.load(trained)
    log = widen_codec(known, new, codec, tmp_path / "widened", Budget(steps=120), batch_size=6)

    def error(entry: dict[str, float], who: str) -> float:
        return sum(entry[f"{who} {part}"] for part in ("size", "turn", "noise"))

    assert error(log[-1], "new") < 0.95 * error(log[0], "new")
    assert error(log[-1], "known") < 0.25 * error(log[0], "new")
    for book, was in zip(codec.decoder.books, before.decoder.books, strict=True):
        assert torch.equal(book, was)
    again = widen_codec(known, new, codec, tmp_path / "widened", Budget(steps=120), batch_size=6)
    assert again == log


def test_a_widened_decoder_settles_on_what_either_encoder_says(
    known: list[Utterance], new: list[Utterance], trained: Path, tmp_path: Path
) -> None:
    before, codec = CodecTrainee.load(trained), CodecTrainee.load(trained)
    with torch.no_grad():
        codec.encoder.enc_out.weight.mul_(0.7)  # it gives codes of its own
    spoken = [Coded(known, before), Coded(new, codec)]
    log = settle_decoder(spoken, codec, tmp_path, Budget(steps=150), batch_size=6)
    assert log[-1]["size"] < 0.6 * log[0]["size"]

    def size(group: Coded, decoder: BandDecoder) -> float:
        crops = CodedCrops(group.utterances, group.codec, 1).draw(decoder, 6, n_books=2)
        return float(codec_losses(decoder, *crops)["size"].detach())

    assert size(spoken[1], codec.decoder) < 0.6 * size(spoken[1], before.decoder)
    assert size(spoken[0], codec.decoder) < 0.2 * size(spoken[1], before.decoder)


def test_recordings_are_encoded_under_their_names_and_in_versions(
    known: list[Utterance], tmp_path: Path
) -> None:
    (tmp_path / "recordings").mkdir()
    save_utterances(tmp_path / "recordings" / "hazel-000000.npz", known[:2])
    codec = CodecTrainee(BandCodecConfig(latent_width=16, width=24, taps=(7,))).eval()
    out = tmp_path / "codes"
    encode_recordings(tmp_path / "recordings", codec, out, n_versions=2)
    names = ["hazel-000000.npz", "hazel-000000-0.npz", "hazel-000000-1.npz"]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    codes = []
    for name in names:
        with np.load(out / name) as file:
            codes.append(file["codes"])
            assert file["codes"].shape == (8, sum(len(u.mel) for u in known[:2]))
            assert file["lengths"].tolist() == [len(u.semantic) for u in known[:2]]
    assert all((a != b).any() for a, b in itertools.combinations(codes, 2))
    written = [(out / name).stat().st_mtime_ns for name in names]
    encode_recordings(tmp_path / "recordings", codec, out, n_versions=2)
    assert [(out / name).stat().st_mtime_ns for name in names] == written


def test_a_version_of_a_sentence_is_the_same_voice_and_the_same_words(
    known: list[Utterance],
) -> None:
    again = otherwise(known[0], np.random.default_rng(3))
    np.testing.assert_array_equal(again.semantic, known[0].semantic)
    was, now = known[0].bands.f0, again.bands.f0
    assert torch.equal(was > 0, now > 0)
    change = (now[was > 0].log().mean() - was[was > 0].log().mean()).exp()
    assert PITCHES[0] <= change <= PITCHES[1]
    assert change != 1


def test_recorded_voices_are_learned_behind_the_bent_ones(
    known: list[Utterance], tmp_path: Path
) -> None:
    codec = CodecTrainee(BandCodecConfig(latent_width=16, width=24, taps=(7,))).eval()
    for folder, name in (("features", "000000"), ("recordings", "oak-000000")):
        (tmp_path / folder).mkdir()
        save_utterances(tmp_path / folder / f"{name}.npz", known)
    encode_features(tmp_path / "features", codec, tmp_path / "codes")
    encode_recordings(tmp_path / "recordings", codec, tmp_path / "recorded_codes", n_versions=0)
    assert recorded_voices(tmp_path / "recorded_codes") == ("oak",)
    streams = load_streams(tmp_path / "codes", tmp_path / "recorded_codes")
    assert len(streams) == len(SPEAKERS) + 1
    np.testing.assert_array_equal(streams[-1].codes, streams[0].codes)  # the same was said
    assert len(load_streams(tmp_path / "codes", tmp_path / "none")) == len(SPEAKERS)
    assert len(load_streams(tmp_path / "codes")) == len(SPEAKERS)


def test_what_a_recorded_voice_says_becomes_its_prompt(tmp_path: Path) -> None:
    said: list[str] = []

    def say(words: Sequence[Word], voice: KokoroVoice, speed: float) -> Speech:
        said.append(voice.name)
        assert speed == 1
        return spoken(Word("cat", 0, 0, "."), durations=[10, 4, 2, 6, 3, 5, 3])

    for _ in range(2):
        record_prompts("Cat.", say, LEXICON, tmp_path)
    assert said == [voice.name for voice in KOKORO_VOICES]
    assert recorded_voices(tmp_path) == ("hazel", "oak", "hickory")
    utterance = read_recordings(tmp_path, "oak")[0]
    codec = CodecTrainee(BandCodecConfig(latent_width=16, width=24, taps=(7,))).eval()
    write_voice(tmp_path / "oak.npz", utterance, codec)
    with np.load(tmp_path / "oak.npz") as prompt:
        n = len(prompt["semantic_prompt"])
        assert 0 < n <= len(utterance.semantic)
        np.testing.assert_array_equal(prompt["semantic_prompt"], utterance.semantic[:n])
        assert prompt["fine_prompt"].shape == (8, 2 * n)
        np.testing.assert_array_equal(prompt["coarse_prompt"], prompt["fine_prompt"][:2])


def test_a_classifier_knows_a_recorded_voice_from_the_bent_ones(known: list[Utterance]) -> None:
    somebody = Speaker("somebody", 0.6, 0.7, breath_db=9.0)
    recorded = [in_voice(made_up(seed), somebody) for seed in range(40, 43)]
    classifier = train_classifier([*known, *map(made_up, range(30, 36))], {"oak": recorded})
    assert classifier.names == (*(speaker.name for speaker in SPEAKERS), "oak")
    again = in_voice(made_up(50), somebody)
    assert classifier.name_speaker(speak(again.bands, 0, len(again.mel))) == "oak"


def test_the_packaged_voices_are_those_that_lie_in_the_package() -> None:
    names = packaged_voices()
    assert names[0] == SPEAKERS[0].name
    assert len(set(names)) == len(names) >= len(SPEAKERS)
