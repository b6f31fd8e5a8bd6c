"""Nano's codec: codes to bands to sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bark.codecs.banded import (
    LOWEST_HZ,
    N_CORRECTIONS,
    N_PITCHES,
    PITCH_STEP,
    BandCodec,
    BandCodecConfig,
    BandDecoder,
    pitch_index,
    sharpening_matrix,
)
from bark.codecs.harmonics import HOP_LEN

SMALL = BandCodecConfig(latent_width=8, width=16, taps=(7, 5))


@pytest.fixture(name="codec")
def _codec() -> BandCodec:
    torch.manual_seed(0)
    decoder = BandDecoder(SMALL)
    torch.nn.init.normal_(decoder.head.weight, 0, 0.1)
    decoder.size_mean.fill_(-5.0)
    decoder.noise_mean.fill_(-9.0)
    return BandCodec(decoder)


@pytest.fixture(name="codes")
def _codes() -> np.ndarray:
    """Sixty frames of which a third is unvoiced."""
    codes = np.random.default_rng(1).integers(0, 1024, (8, 60))
    codes[1, 12:32] %= N_CORRECTIONS
    return codes


def test_every_frame_is_320_samples(codec: BandCodec, codes: np.ndarray) -> None:
    for n in (1, 2, 59):
        assert codec.decode(codes[:, :n]).shape == (n * HOP_LEN,)
    assert codec.decode(codes[:, :0]).shape == (0,)


def test_same_codes_same_samples(codec: BandCodec, codes: np.ndarray) -> None:
    np.testing.assert_array_equal(codec.decode(codes), codec.decode(codes))


@pytest.mark.parametrize("length", [1, 7, 25])
def test_pieces_join_without_a_seam(codec: BandCodec, codes: np.ndarray, length: int) -> None:
    whole = codec.decode(codes)
    pieces = []
    for start in range(0, 60, length):
        known = codes[:, : start + length + codec.look_ahead_frames]
        pieces.append(codec.decode(known, start, start + length))
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-5)


def test_a_stream_waits_only_for_blocks_that_see_what_is_behind() -> None:
    assert BandDecoder(SMALL).right == 2
    longer = BandDecoder(BandCodecConfig(latent_width=8, width=16, taps=(7, 5, 5, 5)))
    assert (longer.left, longer.right) == (16, 2)


def test_samples_are_final_only_once_the_frames_ahead_are_known(
    codec: BandCodec, codes: np.ndarray
) -> None:
    whole, early = codec.decode(codes), codec.decode(codes[:, :40])
    n = (40 - codec.look_ahead_frames) * HOP_LEN
    np.testing.assert_allclose(early[:n], whole[:n], atol=1e-5)
    assert not np.allclose(early[n:], whole[n : len(early)], atol=1e-5)


def test_the_pitch_is_the_high_half_of_codebook_1(codec: BandCodec) -> None:
    codec.decoder.head.weight.data[-1] = 0.0
    codec.decoder.head.bias.data[-1] = 0.0
    codes = np.zeros((2, 10), np.int64)
    codes[1, :5] = 7 * N_CORRECTIONS + 3
    f0 = codec.bands(codes).f0.numpy()
    np.testing.assert_allclose(f0[:5], LOWEST_HZ * np.exp(6 * PITCH_STEP), rtol=1e-4)
    assert not f0[5:].any()


def test_pitch_index_names_the_nearest_pitch() -> None:
    centres = LOWEST_HZ * torch.exp(PITCH_STEP * torch.arange(N_PITCHES - 1))
    assert pitch_index(centres * 1.01).tolist() == list(range(1, N_PITCHES))
    assert pitch_index(torch.tensor([0.0, 20.0, 900.0])).tolist() == [0, 1, N_PITCHES - 1]


def test_later_codebooks_refine_what_the_first_two_say(codec: BandCodec, codes: np.ndarray) -> None:
    two, eight = codec.bands(codes[:2]), codec.bands(codes)
    assert not torch.allclose(two.size, eight.size)
    for book in list(codec.decoder.books)[2:]:
        book.data.zero_()
    torch.testing.assert_close(codec.bands(codes).size, two.size)


def test_a_file_gives_back_the_codec(codec: BandCodec, codes: np.ndarray, tmp_path: Path) -> None:
    codec.save(tmp_path / "codec.safetensors")
    again = BandCodec.from_file(tmp_path / "codec.safetensors")
    assert again.decoder.dec_in.weight.shape == (16, 8)
    assert len(again.decoder.dec) == 2
    # saved in half precision: the same sound to a few thousandths
    difference = codec.decode(codes[:2]) - again.decode(codes[:2])
    assert np.abs(difference).mean() < 0.02


def test_a_file_without_a_tensor_is_named(codec: BandCodec, tmp_path: Path) -> None:
    path = tmp_path / "codec.safetensors"
    codec.save(path)
    tensors = load_file(path)
    save_file({k: v for k, v in tensors.items() if k != "books.3"}, path)
    with pytest.raises(KeyError, match=r"books\.3"):
        BandCodec.from_file(path)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((9, 4), int), "2 to 8"),
        (np.zeros(4, int), "2 to 8"),
        (np.full((2, 4), 1024), "0 to 1023"),
        (np.full((2, 4), -1), "0 to 1023"),
    ],
)
def test_other_codes_are_refused(codec: BandCodec, codes: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        codec.decode(codes)


def test_sharpening_raises_ripples_and_leaves_slopes() -> None:
    matrix = sharpening_matrix(40, 6, 0.7)
    slope = np.linspace(0, 3, 40)
    np.testing.assert_allclose((matrix @ slope)[6:-6], slope[6:-6], atol=1e-5)
    ripple = np.cos(np.pi * np.arange(40))
    assert np.abs(matrix @ ripple)[6:-6].min() > 1.5
