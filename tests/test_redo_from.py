"""A take made anew from a word on: what is before stays token for token, the rest is another."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from bark.errors import InvalidInputError
from bark.narration.word_times import word_times
from bark.options import GenerationOptions
from bark.pipeline import Bark
from bark.take import Take
from bark.voices.prompt import VoicePrompt
from tests.test_pipeline import SHORT, folder, same_tokens

__all__ = ["folder"]  # a fixture

TEXT = "The old man looked at the sea."


@pytest.fixture(scope="module")
def nano() -> Bark:
    return Bark.from_pretrained("nano", device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def said(nano: Bark) -> Take:
    return nano.generate(TEXT, voice="birch", seed=3)


@pytest.fixture(scope="module")
def official(folder: Path) -> Bark:
    """Random weights in official Bark's shape."""
    return Bark.from_pretrained(folder, device="cpu", precision="fp32")


def word_start(bark: Bark, take: Take, number: int) -> float:
    return word_times(bark, take, take.text)[number][2]


@pytest.mark.parametrize("voice", ["birch", None])
@pytest.mark.parametrize("stage", ["semantic", "coarse", "fine"])
def test_all_before_the_word_stays_token_for_token(
    nano: Bark, stage: str, voice: str | None
) -> None:
    take = nano.generate(TEXT, voice=voice, seed=3)
    start_s = word_start(nano, take, 4)
    redone = nano.redo(  # nano's own fine temperature is 0, which draws nothing
        take, from_stage=stage, from_s=start_s, seed=99, fine_temperature=1.0
    )
    n = take.n_tokens_before(start_s, nano.spec)
    assert n == round(start_s * nano.spec.semantic_rate_hz) > 10
    assert np.array_equal(redone.tokens.semantic[:n], take.tokens.semantic[:n])
    assert np.array_equal(redone.tokens.coarse[:, : 2 * n], take.tokens.coarse[:, : 2 * n])
    assert np.array_equal(redone.tokens.fine[:, : 2 * n], take.tokens.fine[:, : 2 * n])
    assert not np.array_equal(redone.tokens.fine[:, 2 * n :], take.tokens.fine[:, 2 * n :])
    assert redone.tokens.fine.shape == (8, 2 * len(redone.tokens.semantic))
    kept_stages = {"semantic": (), "coarse": ("semantic",), "fine": ("semantic", "coarse")}
    for earlier in kept_stages[stage]:
        assert np.array_equal(getattr(redone.tokens, earlier), getattr(take.tokens, earlier))
    assert (redone.redone_from, redone.redone_from_s) == (stage, pytest.approx(start_s, abs=1e-3))


def test_every_word_is_still_said_once(nano: Bark, said: Take) -> None:
    n_words = len(word_times(nano, said, TEXT))
    for number in (1, 3, n_words - 1):
        redone = nano.redo(said, from_stage="semantic", from_s=word_start(nano, said, number))
        new, old = word_times(nano, redone, TEXT), word_times(nano, said, TEXT)
        assert len(new) == n_words
        assert [word[2] for word in new[:number]] == [word[2] for word in old[:number]]
        assert new[number][2] >= old[number][2]  # the word before may be held a little longer


def test_the_joint_is_no_click(nano: Bark, said: Take) -> None:
    start_s = word_start(nano, said, 4)
    redone = nano.redo(said, from_stage="semantic", from_s=start_s, seed=99)
    at = round(start_s * redone.sample_rate)
    steps = np.abs(np.diff(redone.audio))
    assert steps[at - 120 : at + 120].max() <= steps.max() * 0.9
    near = redone.sample_rate // 20  # what the codec hears ahead
    assert np.abs(redone.audio[: at - near] - said.audio[: at - near]).max() < 0.05


def test_the_record_says_how_to_make_it_again(nano: Bark, said: Take, tmp_path: Path) -> None:
    start_s = word_start(nano, said, 2)
    redone = nano.redo(said, from_stage="semantic", from_s=start_s, seed=41)
    restored = Take.load(redone.save(tmp_path / "take.flac"))
    assert restored.redone_from == "semantic"
    assert restored.redone_from_s == redone.redone_from_s
    assert restored.options.seed == 41
    again = nano.redo(restored, from_stage="semantic", from_s=restored.redone_from_s)
    assert same_tokens(again, redone)


def test_official_bark_goes_on_from_any_moment(official: Bark) -> None:
    options = dataclasses.replace(SHORT, max_duration_s=1.0)
    take = official.generate("Hello world.", options=options, seed=5)
    from_s = take.duration_s * 0.4
    for stage in ("semantic", "coarse", "fine"):
        redone = official.redo(take, from_stage=stage, from_s=from_s, seed=77)
        n = take.n_tokens_before(from_s, official.spec)
        n_frames = math.floor(n * 75 / official.spec.semantic_rate_hz)
        assert 0 < n_frames < take.tokens.coarse.shape[1]
        assert np.array_equal(redone.tokens.semantic[:n], take.tokens.semantic[:n])
        for key in ("coarse", "fine"):
            new, old = getattr(redone.tokens, key), getattr(take.tokens, key)
            assert np.array_equal(new[:, :n_frames], old[:, :n_frames])
        assert not np.array_equal(redone.tokens.fine, take.tokens.fine)
        assert same_tokens(
            official.redo(redone, from_stage=stage, from_s=redone.redone_from_s), redone
        )


def test_from_the_beginning_is_the_take_made_in_one_go(nano: Bark, said: Take) -> None:
    again = nano.redo(said, from_stage="semantic", from_s=0.0, seed=3)
    assert same_tokens(again, said)
    assert (again.redone_from, again.redone_from_s) == (None, None)


def test_what_is_kept_keeps_its_pace_beside_another_speed(nano: Bark, said: Take) -> None:
    start_s = word_start(nano, said, 3)
    n = said.n_tokens_before(start_s, nano.spec)
    slow = nano.redo(said, from_stage="semantic", from_s=start_s, seed=3, speed=0.5)
    fast = nano.redo(said, from_stage="semantic", from_s=start_s, seed=3, speed=2.0)
    assert np.array_equal(slow.tokens.semantic[:n], fast.tokens.semantic[:n])
    assert slow.duration_s > fast.duration_s + 0.5


def test_a_take_that_was_stopped_goes_on_from_where_it_has_codes(nano: Bark, said: Take) -> None:
    tokens = dataclasses.replace(said.tokens, fine=said.tokens.coarse)  # as after Stop
    stopped = dataclasses.replace(said, tokens=tokens, stop_reason="stopped")
    start_s = word_start(nano, said, 3)
    whole = nano.redo(stopped, from_stage="coarse", from_s=start_s, seed=9)
    n = 2 * said.n_tokens_before(start_s, nano.spec)
    assert whole.tokens.fine.shape[0] == 8
    assert np.array_equal(whole.tokens.coarse[:, :n], said.tokens.coarse[:, :n])


@pytest.mark.parametrize("from_s", [-1.0, 1e9, math.nan, math.inf, 60.0])
def test_a_moment_that_is_none_is_a_sentence(nano: Bark, said: Take, from_s: float) -> None:
    with pytest.raises(InvalidInputError, match=r"no moment of a take|nothing is behind"):
        nano.redo(said, from_stage="semantic", from_s=from_s)


def test_what_cannot_be_is_refused_before_it_begins(nano: Bark, said: Take) -> None:
    with pytest.raises(InvalidInputError, match="decodes a take as a whole"):
        nano.redo(said, from_stage="decode", from_s=0.5)
    with pytest.raises(InvalidInputError, match=r"may last 0\.4 s at most"):
        nano.redo(said, from_stage="semantic", from_s=1.0, max_duration_s=0.4)


def test_a_beginning_longer_than_the_model_speaks_is_refused(nano: Bark, said: Take) -> None:
    """As a slow take of nano's has one."""
    n = -(-1_200 // len(said.tokens.semantic))
    arrays = (said.tokens.semantic, said.tokens.coarse, said.tokens.fine)
    tokens = VoicePrompt(*(np.concatenate([array] * n, axis=-1) for array in arrays))
    slow = dataclasses.replace(said, tokens=tokens, audio=np.tile(said.audio, n))
    with pytest.raises(InvalidInputError, match=r"may last 27\.31 s at most"):
        nano.redo(slow, from_stage="semantic", from_s=28.0)


def test_a_stretched_takes_sound_is_counted_as_it_is_heard(official: Bark) -> None:
    options = dataclasses.replace(SHORT, max_duration_s=1.0)
    take = official.generate("Hello world.", options=options, seed=5)
    fast = dataclasses.replace(take, options=dataclasses.replace(take.options, speed=2.0))
    assert fast.n_tokens_before(0.2, official.spec) == take.n_tokens_before(0.4, official.spec)


@pytest.mark.parametrize("value", ["soon", -1, True, 1e9])
def test_a_record_with_another_moment_is_damaged(said: Take, tmp_path: Path, value: object) -> None:
    from bark.errors import AudioFileError

    record = {**said.to_record(), "redone_from_s": value}
    with pytest.raises((AudioFileError, ValueError)):
        Take._from_record(record, said.token_arrays(), said.audio, said.sample_rate)


def test_options_of_another_seed_draw_another_rest(nano: Bark, said: Take) -> None:
    start_s = word_start(nano, said, 2)
    one, other = (
        nano.redo(
            said,
            from_stage="semantic",
            from_s=start_s,
            options=GenerationOptions(seed=seed),
        )
        for seed in (1, 2)
    )
    assert not same_tokens(one, other)
