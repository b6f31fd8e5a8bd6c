"""Codec, coarse and fine training on made-up speech: what enters the models and what they learn."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bark.checkpoints.nano import read_stage
from bark.codecs.banded import N_CORRECTIONS, BandCodec, BandCodecConfig, pitch_index
from bark.codecs.harmonics import HOP_LEN, N_BANDS
from bark.models.conditioned import ConditionedGPT, ConditionedGPTConfig, frame_counts
from bark.models.fine import FineGPT
from bark.spec import NANO
from bark.text.english.normalize import Word
from bark.text.english.phones import (
    N_KINDS,
    N_SEMANTIC,
    ONSET,
    WORD_ONSET,
)
from training.coarse import CoarseTrainee, Crops, coarse_losses, train_coarse
from training.codec import CodecTrainee, Quantiser, cheapest_path, nearest
from training.codec_training import train_codec
from training.decoder import Coded, settle_decoder
from training.export import export_coarse, export_fine
from training.features import Utterance, load_utterances, save_utterances, to_utterance
from training.fine import FINE_CONFIG, FineTrainee, Windows, fine_books, train_fine
from training.listener import closed_choice_rate, word_error_rate
from training.loop import Budget, load_weights, train
from training.optim import orthogonalise
from training.streams import Stream, encode_features, load_streams

from .made_up import made_up, spoken

TINY = ConditionedGPTConfig(
    block_size=64,
    position_sizes=(64, 4),
    n_layer=2,
    n_head=2,
    n_embd=32,
    condition_width=16,
    condition_dilations=(1, 2),
)
SMALL_CODEC = BandCodecConfig(latent_width=16, width=24, taps=(7,))


@pytest.fixture(scope="module", name="utterances")
def _utterances() -> list[Utterance]:
    return [made_up(seed) for seed in range(12)]


@pytest.fixture(scope="module", name="trained")
def _trained(
    utterances: list[Utterance], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[dict[str, float]]]:
    out = tmp_path_factory.mktemp("codec")
    log = train_codec(utterances, out, Budget(steps=340), config=SMALL_CODEC, batch_size=3)
    return out, log


@pytest.fixture(scope="module", name="codec")
def _codec(trained: tuple[Path, list[dict[str, float]]]) -> CodecTrainee:
    return CodecTrainee.load(trained[0])


@pytest.fixture(scope="module", name="streams")
def _streams(
    utterances: list[Utterance], codec: CodecTrainee, tmp_path_factory: pytest.TempPathFactory
) -> list[Stream]:
    folder = tmp_path_factory.mktemp("data")
    (folder / "features").mkdir()
    save_utterances(folder / "features" / "000000.npz", utterances)
    encode_features(folder / "features", codec, folder / "codes")
    return load_streams(folder / "codes")


def long(streams: list[Stream]) -> list[Stream]:
    """Two of the streams, said nine times over."""
    return [
        Stream(
            np.tile(s.semantic, 9), np.tile(s.codes, (1, 9)), np.tile(s.latent, (9, 1)), s.starts
        )
        for s in streams[:2]
    ]


def test_an_utterance_has_two_codec_frames_a_semantic_token() -> None:
    speech = spoken(Word("cat", 0, 0, "."), durations=[10, 4, 2, 6, 3, 5, 3])
    utterance = to_utterance("Cat.", speech)
    n_frames = 2 * len(utterance.semantic)
    assert utterance.mel.shape == (n_frames, 80)
    assert utterance.bands.size.shape == (n_frames, N_BANDS)
    assert n_frames * HOP_LEN == pytest.approx(len(speech.audio), abs=2 * HOP_LEN)


def test_saved_utterances_come_back(utterances: list[Utterance], tmp_path: Path) -> None:
    save_utterances(tmp_path / "a.npz", utterances[:3])
    again = load_utterances(tmp_path / "a.npz")
    assert [u.sentence for u in again] == [u.sentence for u in utterances[:3]]
    np.testing.assert_array_equal(again[1].semantic, utterances[1].semantic)
    torch.testing.assert_close(again[2].bands.size, utterances[2].bands.size, atol=0.01, rtol=0)


def test_the_codec_learns_and_more_codebooks_are_nearer(
    trained: tuple[Path, list[dict[str, float]]], utterances: list[Utterance]
) -> None:
    out, log = trained
    assert sum(log[-1][k] for k in ("size", "noise")) < sum(log[0][k] for k in ("size", "noise"))
    codec, decoder = CodecTrainee.load(out), BandCodec.from_file(out / "codec.safetensors")
    utterance = utterances[0]
    codes, latent = codec.encode(utterance.mel, utterance.bands.f0.numpy(), change_cost=0.0)
    assert codes.shape == (8, len(utterance.mel))
    assert codes.min() >= 0
    assert codes.max() < 1024
    errors = [
        float((decoder.decoder.latent(torch.from_numpy(codes[:n])) - torch.from_numpy(latent))
              .square().mean()) for n in (1, 2, 8)
    ]  # fmt: skip
    assert errors[0] > errors[1] > errors[2]
    level = torch.from_numpy(codes[1] // N_CORRECTIONS)
    assert torch.equal(level, pitch_index(utterance.bands.f0))


def test_every_fine_codebook_has_a_silent_code(codec: CodecTrainee) -> None:
    assert bool((fine_books(codec.decoder).square().sum(-1) == 0).any(-1).all())


def test_a_settled_decoder_is_nearer_through_two_codebooks_and_its_codes_stay(
    trained: tuple[Path, list[dict[str, float]]], utterances: list[Utterance], tmp_path: Path
) -> None:
    before, codec = CodecTrainee.load(trained[0]), CodecTrainee.load(trained[0])
    spoken = [Coded(utterances, before)]
    log = settle_decoder(spoken, codec, tmp_path, Budget(steps=60), batch_size=4)
    errors = [sum(entry[part] for part in ("size", "turn", "noise")) for entry in log]
    assert errors[-1] < 0.97 * errors[0]
    mel, f0 = utterances[0].mel, utterances[0].bands.f0.numpy()
    np.testing.assert_array_equal(codec.encode(mel, f0)[0], before.encode(mel, f0)[0])
    codec.save(tmp_path)
    assert settle_decoder(spoken, codec, tmp_path, Budget(steps=60), batch_size=4) == log


def test_nearest_is_the_nearest() -> None:
    points, centres = torch.randn(3000, 7), torch.randn(40, 7)
    assert torch.equal(nearest(points, centres), torch.cdist(points, centres).argmin(1))


def test_the_quantiser_finds_separate_clusters() -> None:
    torch.manual_seed(0)
    points = 10 * torch.eye(4).repeat(50, 1) + 0.01 * torch.randn(200, 4)
    quantiser = Quantiser([torch.zeros(8, 4), torch.zeros(4, 4)])
    quantiser.start(points, rounds=20)
    left = points - quantiser.quantise(points)[0]
    assert float(left.norm(dim=1).median()) < 0.1


def test_the_cheapest_path_changes_only_where_it_pays() -> None:
    distances = np.array([[0, 1], [0.9, 0.8], [0, 1], [9, 0], [9, 0]], np.float32)
    assert cheapest_path(distances, 0.0).tolist() == [0, 1, 0, 1, 1]
    assert cheapest_path(distances, 0.5).tolist() == [0, 0, 0, 1, 1]


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
    streams = long(streams)
    crops = Crops(streams, TINY.condition_reach, seed=0, length=64)
    batch = crops.draw(32, corruption=0.0)
    started = batch.inputs[:, 0] == NANO.coarse_infer_token
    assert 0 < int(started.sum()) < 32
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    phases = torch.arange(64) + batch.begins[:, None]
    assert torch.equal(batch.targets // NANO.codebook_size, phases % 2)
    assert torch.equal(batch.begins, (~started).long())
    flat = streams[int(batch.speakers[0])].flat
    windows = np.lib.stride_tricks.sliding_window_view(flat, 64)
    assert (windows == batch.targets[0].numpy()).all(1).any()


def test_crops_carry_the_latent_of_their_frames(streams: list[Stream]) -> None:
    batch = Crops(long(streams), TINY.condition_reach, seed=0, length=64).draw(8, corruption=0.0)
    for row in range(8):
        stream = streams[int(batch.speakers[row])]
        second = batch.targets[row][batch.targets[row] >= 1024][:20] - 1024
        skipped = int(batch.begins[row])
        pitches = batch.pitch[row, :20].long()
        assert torch.equal(second // N_CORRECTIONS, pitches), skipped
        assert batch.latent.shape == (8, 34, stream.latent.shape[1])


def test_corruption_spares_targets_and_codebooks(streams: list[Stream]) -> None:
    crops = Crops(long(streams), TINY.condition_reach, seed=0, length=64)
    batch = crops.draw(64, corruption=1.0)
    wrong = batch.inputs[:, 1:] != batch.targets[:, :-1]
    assert 0.3 < float(wrong.float().mean()) < 0.7
    kept = batch.inputs[:, 1:] // NANO.codebook_size == batch.targets[:, :-1] // NANO.codebook_size
    assert bool(kept.all())


def test_validation_crops_are_never_trained_on(streams: list[Stream]) -> None:
    marked = long(streams)
    for stream in marked:
        border = int(len(stream.semantic) * 0.97)
        stream.codes[:, 2 * border :] = 1023
    crops = Crops(marked, TINY.condition_reach, seed=0, length=64)
    assert int((crops.draw(64).targets % 1024 == 1023).sum()) < 64 * 8
    unseen = crops.draw(16, validation=True)
    assert bool((unseen.targets % 1024 == 1023).all())


def test_coarse_training_learns_and_resumes(
    streams: list[Stream], codec: CodecTrainee, tmp_path: Path
) -> None:
    many, decoder = long(streams), codec.decoder
    how = {"config": TINY, "batch_sizes": (2, 8)}
    log = train_coarse(many, decoder, tmp_path, Budget(steps=40), Budget(steps=60), **how)
    first = (tmp_path / "encoder" / "log.jsonl").read_text().splitlines()
    assert len(first) == 2
    assert log[-1]["codebook 0"] < log[0]["codebook 0"] - 0.05
    assert log[-1]["regression"] < log[0]["regression"]
    again = train_coarse(many, decoder, tmp_path, Budget(steps=40), Budget(steps=64), **how)
    assert again[-1]["step"] == 64
    assert again[: len(log)] == log
    export_coarse(tmp_path, tmp_path / "nano", best_temperature=0.7, config=TINY)
    model = read_stage(tmp_path / "nano", "coarse")
    latent = many[0].latent
    trainee = CoarseTrainee(TINY, 2, (latent.mean(0), latent.std(0)))
    trainee.load_state_dict(load_weights(tmp_path / "blocks" / "checkpoint.pt"))
    batch = Crops(many, TINY.condition_reach, seed=5, length=64).draw(4)
    with torch.no_grad():
        expected = coarse_losses(trainee, batch, with_blocks=True).first
        trainee.gpt = model
        exported = coarse_losses(trainee, batch, with_blocks=True).first
    assert float(exported) == pytest.approx(float(expected), abs=0.01)


def test_fine_windows_spoil_the_coarse_codes_only(streams: list[Stream]) -> None:
    streams = long(streams)
    clean, wanted = Windows(streams, seed=0, length=48).draw(20, corruption=0.0)
    joined = torch.cat([clean, wanted], dim=-1)[0].numpy()
    windows = (np.lib.stride_tricks.sliding_window_view(s.codes, 48, axis=1) for s in streams)
    assert any((w.transpose(1, 2, 0) == joined).all((1, 2)).any() for w in windows)
    spoiled, _ = Windows(streams, seed=0, length=48).draw(20, corruption=1.0)
    assert bool((spoiled >= 0).all())
    assert bool((spoiled < NANO.codebook_size).all())


def test_fine_training_learns_and_its_codes_are_the_nearest_to_what_it_expects(
    streams: list[Stream], codec: CodecTrainee, tmp_path: Path
) -> None:
    config = dataclasses.replace(FINE_CONFIG, n_layer=1, n_head=2, n_embd=32)
    decoder = codec.decoder
    log = train_fine(
        long(streams), decoder, tmp_path, Budget(steps=60), config=config, batch_size=8
    )
    first, last = log[0], log[-1]
    assert first["codebook 2"] == pytest.approx(1.0, abs=0.05)
    assert sum(last[f"codebook {k}"] < first[f"codebook {k}"] for k in range(2, 8)) >= 4
    export_fine(tmp_path, tmp_path / "nano", decoder, config)
    model = read_stage(tmp_path / "nano", "fine")
    assert isinstance(model, FineGPT)
    trainee = FineTrainee(config, decoder)
    trainee.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True)["model"])
    codes = torch.full((1, 48, 8), NANO.fine_pad_token)
    codes[..., :2] = torch.from_numpy(streams[0].codes[:2, :48].T)
    with torch.no_grad():
        expected = trainee(codes[..., :2])[0]  # (48, 6, d)
        for k in range(2, 8):
            chosen = model(k, codes)[0, :, : NANO.codebook_size].argmax(-1)
            book = fine_books(decoder)[k - 2]
            distance = (book[chosen] - expected[:, k - 2]).norm(dim=-1)
            least = torch.cdist(expected[:, k - 2], book).min(-1).values
            # What the small embeddings of codes and padding add, and half precision, may differ.
            assert float((distance - least).mean()) < 0.2 * float(book.norm(dim=-1).mean())


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(3, 40, 24)))
    assert float(values.min()) > 0.3
    assert float(values.max()) < 1.4


def test_the_average_of_the_weights_is_what_is_kept_and_it_goes_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = nn.Linear(4, 1), torch.randn(64, 4)
    seen: list[torch.Tensor] = []

    def loss(_: int) -> torch.Tensor:
        seen.append(model.weight.detach().clone())
        return (model(x) - x.sum(1, keepdim=True)).square().mean()

    def run(steps: int) -> torch.Tensor:
        train(model, loss, dict, out=tmp_path, budget=Budget(steps=steps), averaging=0.9)
        return load_weights(tmp_path / "checkpoint.pt")["weight"]

    kept = run(20)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["model"]["weight"]
    weights = [*seen[1:], state]  # after each step
    expected = seen[0]
    for step, weight in enumerate(weights):
        expected = torch.lerp(expected, weight, 1 - min(0.9, (1 + step) / (10 + step)))
    torch.testing.assert_close(kept, expected)
    torch.testing.assert_close(model.weight.detach(), expected)
    run(21)
    torch.testing.assert_close(seen[20], state)


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
