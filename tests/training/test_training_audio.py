"""Codec, coarse and fine training on made-up speech: what enters the models and what they learn."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bark.checkpoints.nano import read_stage
from bark.codecs.vocoder import N_CEPSTRUM, N_CORRECTIONS, Codebooks, VocoderCodec
from bark.models.conditioned import ConditionedGPT, ConditionedGPTConfig, frame_counts
from bark.models.fine import FineGPT
from bark.spec import NANO
from bark.text.english.phones import CONTINUATION, N_KINDS, N_SEMANTIC, ONSET, WORD_ONSET
from training.alignment import rising_questions, speech_to_phones
from training.coarse import CoarseTrainee, Crops, Stream, coarse_losses, train_coarse
from training.codec import build_codebooks, encode, kmeans, nearest
from training.export import export_coarse, export_fine
from training.features import Features, Speaker, concatenate, extract, formant_shift
from training.fine import FINE_CONFIG, FineTrainee, Windows, train_fine
from training.listener import closed_choice_rate, word_error_rate
from training.loop import Budget, train
from training.optim import orthogonalise
from training.teacher import Phone, Speech

TINY = ConditionedGPTConfig(
    block_size=64, position_sizes=(64, 4), n_layer=2, n_head=2, n_embd=32, condition_width=16
)


def made_up(seed: int, n: int = 900) -> Features:
    """A speaker whose envelopes and pitch depend on the phone, smoothly."""
    rng = np.random.default_rng(seed)
    phones = rng.integers(2, 12, n // 6).repeat(6)
    kinds = np.where(np.arange(len(phones)) % 6 == 0, ONSET, CONTINUATION)
    table = rng.standard_normal((12, N_CEPSTRUM)).astype(np.float32)
    table[:, 0] += 5
    held = table[phones.repeat(2)]
    moving = np.stack([np.convolve(column, np.ones(7) / 7, "same") for column in held.T], axis=1)
    cepstrum = moving + 0.02 * rng.standard_normal(moving.shape)
    return Features(
        semantic=N_KINDS * phones + kinds,
        cepstrum=cepstrum.astype(np.float32),
        f0=np.where(phones.repeat(2) % 3 == 0, 0, 100 + 40 * seed + phones.repeat(2)).astype(
            np.float32
        ),
        strengths=np.full((2 * len(phones), 5), 0.8, np.float32),
        starts=np.append(np.arange(0, len(phones), 60), len(phones)),
    )


@pytest.fixture(scope="module", name="speakers")
def _speakers() -> list[Features]:
    return [made_up(0), made_up(1)]


@pytest.fixture(scope="module", name="books")
def _books(speakers: list[Features]) -> Codebooks:
    return build_codebooks(speakers, iterations=3)


@pytest.fixture(scope="module", name="streams")
def _streams(speakers: list[Features], books: Codebooks) -> list[Stream]:
    return [Stream(f.semantic, encode(f, books), f.starts[:-1]) for f in speakers]


def spoken(words: list[str], marks: list[str]) -> Speech:
    """Each word is 'aa', with a pause before and after."""
    phones = [Phone("pau", 0.2, -1, False)]
    for i in range(len(words)):
        phones.append(Phone("aa", 0.4 + 0.2 * i, i, True))
    end = phones[-1].end_s + 0.2
    phones.append(Phone("pau", end, -1, False))
    n = round(end / 0.005)
    return Speech(
        words=tuple(words),
        punctuation=tuple(marks),
        phones=tuple(phones),
        f0=np.full(n, 100.0, np.float32),
        cepstrum=np.zeros((n, N_CEPSTRUM), np.float32),
        strengths=np.zeros((n, 5), np.float32),
        audio=None,
    )


def test_all_codebooks_are_nearer_to_the_features_than_two(
    speakers: list[Features], books: Codebooks
) -> None:
    codec = VocoderCodec(books)
    for features in speakers:
        codes = encode(features, books)
        assert codes.shape == (8, len(features.f0))
        assert codes.min() >= 0
        assert codes.max() < 1024
        errors = [
            float(((codec.frames(codes[:n]).cepstrum - features.cepstrum) ** 2).mean())
            for n in (2, 5, 8)
        ]
        assert errors[0] > errors[1] > errors[2]


def test_codebook_1_names_the_pitch(speakers: list[Features], books: Codebooks) -> None:
    features = speakers[1]
    level = encode(features, books, 2)[1] // N_CORRECTIONS
    np.testing.assert_array_equal(level == 0, features.f0 == 0)
    voiced = features.f0 > 0
    ratio = books.pitches[level[voiced]] / features.f0[voiced]
    assert np.abs(np.log(ratio)).max() < 0.03


def test_kmeans_finds_separate_clusters() -> None:
    centres = 10 * torch.eye(4)
    points = centres.repeat(50, 1) + 0.01 * torch.randn(200, 4)
    found = kmeans(points, 4, torch.Generator().manual_seed(2), 20)
    distances = torch.cdist(points, found).min(1).values
    assert float(distances.median()) < 0.1


def test_nearest_is_the_nearest() -> None:
    points, centres = torch.randn(3000, 7), torch.randn(40, 7)
    np.testing.assert_array_equal(nearest(points, centres), torch.cdist(points, centres).argmin(1))


def test_only_questions_for_yes_or_no_rise() -> None:
    def rising(words: str, *marks: str) -> dict[int, int]:
        return rising_questions(spoken(words.split(), list(marks)))

    assert rising("Is it so", "", "", "?") == {2: 0}
    assert rising("What is it", "", "", "?") == {}
    assert rising("But why now", "", "", "?") == {}
    assert rising("Yes You came", ".", "", "?") == {2: 1}
    assert rising("It is so", "", "", ".") == {}


def test_a_question_ends_higher_and_in_its_own_pause() -> None:
    speaker = Speaker("x", "rms")
    asked = extract(spoken(["Is", "it"], ["", "?"]), speaker)
    told = extract(spoken(["It", "is"], ["", "."]), speaker)
    last = 2 * (len(asked.semantic) - 8) - 1
    assert asked.f0[last] > 1.15 * told.f0[last]
    assert asked.f0[20] == pytest.approx(told.f0[20], rel=0.01)
    assert asked.semantic[-1] != told.semantic[-1]


def test_every_word_begins_with_a_word_onset() -> None:
    phones = speech_to_phones(spoken(["a", "b", "c"], ["", "", "."]))
    assert [p.begins_word for p in phones] == [False, True, True, True, False]


def test_formant_shift_moves_a_peak_up() -> None:
    from bark.codecs.vocoder import envelope_matrix

    frequencies = np.linspace(0, 8_000, 400)
    bump = np.exp(-(((frequencies - 1_500) / 400) ** 2))
    basis = envelope_matrix(frequencies)
    cepstrum = np.linalg.lstsq(basis.T, bump, rcond=None)[0]
    moved = cepstrum @ formant_shift(1.2) @ basis
    assert frequencies[int(moved.argmax())] == pytest.approx(1_800, abs=120)


def test_concatenated_features_keep_their_starts() -> None:
    parts = [made_up(3, 120), made_up(4, 240)]
    joined = concatenate(parts)
    assert joined.starts[-1] == len(joined.semantic) == sum(len(p.semantic) for p in parts)
    assert {0, 60, 120} <= set(joined.starts.tolist())


def test_frame_counts_count_within_the_phone() -> None:
    semantic = torch.tensor([[3 + WORD_ONSET, 3, 3, 6 + ONSET, 9 + ONSET, 9]])
    done, left = frame_counts(semantic, 16)
    assert done.tolist() == [[0, 1, 2, 0, 0, 1]]
    assert left.tolist() == [[2, 1, 0, 0, 1, 0]]


def test_condition_depends_on_phones_within_reach_only() -> None:
    torch.manual_seed(0)
    config = dataclasses.replace(TINY, condition_dilations=(1, 2))
    model = ConditionedGPT(config).eval()
    semantic = torch.randint(0, N_SEMANTIC, (1, 80))
    changed = semantic.clone()
    changed[0, 40] = (changed[0, 40] + N_KINDS) % N_SEMANTIC
    with torch.no_grad():
        moved = (model.condition(changed) - model.condition(semantic)).abs().sum(-1)[0] > 1e-6
    tokens = sorted({int(i) // 4 for i in moved.nonzero()})
    # Where the phone's length changes, its neighbours' frame counts do as well.
    assert 40 - config.condition_reach - 16 <= tokens[0] <= 40 <= tokens[-1]
    assert tokens[-1] <= 40 + config.condition_reach + 16
    assert model.condition(semantic).shape == (1, 320, config.n_embd)


def test_crops_predict_the_next_token_of_the_stream(streams: list[Stream]) -> None:
    crops = Crops(streams, TINY.condition_reach, seed=0, length=64)
    batch = crops.draw(32, corruption=0.0)
    started = batch.inputs[:, 0] == NANO.coarse_infer_token
    assert 0 < int(started.sum()) < 32
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    assert torch.equal(batch.targets // NANO.codebook_size, batch.phases % 2)
    assert torch.equal(batch.begins, (~started).long())
    flat = streams[int(batch.speakers[0])].flat
    windows = np.lib.stride_tricks.sliding_window_view(flat, 64)
    assert (windows == batch.targets[0].numpy()).all(1).any()


def test_corruption_spares_targets_and_codebooks(streams: list[Stream]) -> None:
    crops = Crops(streams, TINY.condition_reach, seed=0, length=64)
    batch = crops.draw(64, corruption=1.0)
    wrong = batch.inputs[:, 1:] != batch.targets[:, :-1]
    assert 0.3 < float(wrong.float().mean()) < 0.7
    kept = batch.inputs[:, 1:] // NANO.codebook_size == batch.targets[:, :-1] // NANO.codebook_size
    assert bool(kept.all())


def test_validation_crops_are_never_trained_on(streams: list[Stream]) -> None:
    long = [Stream(np.tile(s.semantic, 9), np.tile(s.codes, (1, 9)), s.starts) for s in streams]
    border = int(len(long[0].semantic) * 0.97)
    marked = [Stream(s.semantic.copy(), s.codes.copy(), s.starts) for s in long]
    for stream in marked:
        stream.codes[:, 2 * border :] = 1023
    crops = Crops(marked, TINY.condition_reach, seed=0, length=64)
    assert int((crops.draw(64).targets % 1024 == 1023).sum()) < 64 * 8
    unseen = crops.draw(16, validation=True)
    assert bool((unseen.targets % 1024 == 1023).all())


def test_coarse_training_learns_and_resumes(
    streams: list[Stream], books: Codebooks, tmp_path: Path
) -> None:
    long = [Stream(np.tile(s.semantic, 9), np.tile(s.codes, (1, 9)), s.starts) for s in streams]
    kinds = {"config": TINY, "batch_size": 8}
    log = train_coarse(long, books, tmp_path, Budget(steps=60), **kinds)
    assert log[-1]["codebook 0"] < log[0]["codebook 0"] - 0.05
    assert log[-1]["speaker"] < log[0]["speaker"]
    again = train_coarse(long, books, tmp_path, Budget(steps=64), **kinds)
    assert again[-1]["step"] == 64
    assert again[: len(log)] == log
    export_coarse(tmp_path, tmp_path / "nano", best_temperature=0.7, config=TINY)
    model = read_stage(tmp_path / "nano", "coarse")
    trainee = CoarseTrainee(TINY, 2)
    trainee.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True)["model"])
    batch = Crops(long, TINY.condition_reach, seed=5, length=64).draw(4)
    with torch.no_grad():
        trained = coarse_losses(trainee, batch)[0]
        trainee.gpt = model
        exported = coarse_losses(trainee, batch)[0]
    assert float(exported) == pytest.approx(float(trained), abs=0.01)


def test_fine_windows_spoil_the_coarse_codes_only(streams: list[Stream]) -> None:
    clean, wanted = Windows(streams, seed=0, length=48).draw(20, corruption=0.0)
    stream = streams[0].codes.T
    joined = torch.cat([clean, wanted], dim=-1)[0].numpy()
    windows = np.lib.stride_tricks.sliding_window_view(streams[0].codes, 48, axis=1)
    others = np.lib.stride_tricks.sliding_window_view(streams[1].codes, 48, axis=1)
    found = [(w.transpose(1, 2, 0) == joined).all((1, 2)).any() for w in (windows, others)]
    assert stream.shape[1] == joined.shape[1]
    assert any(found)
    spoiled, _ = Windows(streams, seed=0, length=48).draw(20, corruption=1.0)
    assert bool((spoiled >= 0).all())
    assert bool((spoiled < NANO.codebook_size).all())


def test_fine_training_learns_and_its_codes_are_the_nearest_to_what_it_expects(
    streams: list[Stream], books: Codebooks, tmp_path: Path
) -> None:
    config = dataclasses.replace(FINE_CONFIG, block_size=48, n_layer=1, n_head=2, n_embd=32)
    long = [Stream(np.tile(s.semantic, 9), np.tile(s.codes, (1, 9)), s.starts) for s in streams]
    log = train_fine(long, books, tmp_path, Budget(steps=60), config=config, batch_size=8)
    first, last = log[0], log[-1]
    assert first["codebook 2"] == pytest.approx(1.0, abs=0.01)
    assert sum(last[f"codebook {k}"] < first[f"codebook {k}"] for k in range(2, 8)) >= 4
    export_fine(tmp_path, tmp_path / "nano", books, config)
    model = read_stage(tmp_path / "nano", "fine")
    assert isinstance(model, FineGPT)
    trainee = FineTrainee(config, books)
    trainee.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True)["model"])
    codes = torch.full((1, 48, 8), NANO.fine_pad_token)
    codes[..., :2] = torch.from_numpy(streams[0].codes[:2, :48].T)
    with torch.no_grad():
        expected = trainee(codes[..., :2])[0]  # (48, 6, d)
        for k in range(2, 8):
            chosen = model(k, codes)[0, :, : NANO.codebook_size].argmax(-1)
            book = torch.from_numpy(books.fine[k - 2])
            distance = (book[chosen] - expected[:, k - 2]).norm(dim=-1)
            least = torch.cdist(expected[:, k - 2], book).min(-1).values
            # What the small embeddings of codes and padding add, and half precision, may differ.
            assert float((distance - least).mean()) < 0.2 * float(book.norm(dim=-1).mean())


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(3, 40, 24)))
    assert float(values.min()) > 0.3
    assert float(values.max()) < 1.4


def test_training_stops_at_its_steps_and_falls(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = nn.Linear(4, 1), torch.randn(64, 4)
    y = x @ torch.tensor([[1.0], [2.0], [-1.0], [0.5]])

    def loss(_: int) -> torch.Tensor:
        return ((model(x) - y) ** 2).mean()

    log = train(
        model, loss, lambda: {"error": float(loss(0))}, out=tmp_path, budget=Budget(steps=200)
    )
    assert log[-1]["step"] == 200
    assert log[-1]["error"] < 0.5 * log[0]["error"]


def test_word_error_rate_counts_edits() -> None:
    assert word_error_rate(["The cat, sat."], ["the cat sat"]) == 0
    assert word_error_rate(["one two three four"], ["one three four five"]) == 0.5
    assert word_error_rate(["one two"], [""]) == 1


def test_closed_choice_wants_the_right_sentence() -> None:
    wanted = ["the cat sat", "a dog ran away", "it is late"]
    assert closed_choice_rate(wanted, ["the cat sad", "dog ran", "is late"]) == 1
    assert closed_choice_rate(wanted, ["a dog ran away", "the cat", "late it"]) < 0.5
