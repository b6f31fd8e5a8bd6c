"""Nano's codec: codes to parameters to sound."""

from __future__ import annotations

import numpy as np
import pytest

from bark.codecs.vocoder import (
    HOP_LEN,
    LOOK_AHEAD_FRAMES,
    N_CEPSTRUM,
    N_CORRECTIONS,
    SAMPLE_RATE_HZ,
    Codebooks,
    Vocoder,
    VocoderCodec,
    VocoderFrames,
    envelope_matrix,
)


def steady(n: int, f0: float, cepstrum: np.ndarray | None = None) -> VocoderFrames:
    """One sound held for n frames."""
    shape = np.zeros(N_CEPSTRUM) if cepstrum is None else cepstrum
    shape[0] = 6.0
    return VocoderFrames(
        cepstrum=np.tile(shape, (n, 1)).astype(np.float32),
        f0=np.full(n, f0, np.float32),
        strengths=np.full((n, 5), 0.95, np.float32),
    )


def small_codebooks() -> Codebooks:
    rng = np.random.default_rng(0)
    return Codebooks(
        mean=np.concatenate([[5.0], np.zeros(N_CEPSTRUM - 1)]).astype(np.float32),
        envelopes=0.1 * rng.standard_normal((1024, N_CEPSTRUM)).astype(np.float32),
        strengths=rng.random((1024, 5)).astype(np.float32),
        pitches=np.concatenate([[0], np.geomspace(62, 310, 31)]).astype(np.float32),
        corrections=0.05 * rng.standard_normal((N_CORRECTIONS, N_CEPSTRUM)).astype(np.float32),
        fine=0.1 * rng.standard_normal((6, 1024, 5)).astype(np.float32),
        directions=0.1 * rng.standard_normal((6, 5, N_CEPSTRUM + 1)).astype(np.float32),
    )


@pytest.fixture(name="codec")
def _codec() -> VocoderCodec:
    return VocoderCodec(small_codebooks())


@pytest.fixture(name="codes")
def _codes() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 1024, (8, 60))


def spectrum(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)))) ** 2
    return np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE_HZ), power


@pytest.mark.parametrize("f0", [90.0, 133.0, 220.0])
def test_speaks_at_the_pitch_it_is_given(f0: float) -> None:
    audio = Vocoder().speak(steady(150, f0))
    period = SAMPLE_RATE_HZ / f0
    middle = audio[6_000:30_000].astype(np.float64)
    lags = np.arange(int(0.7 * period), int(1.4 * period))
    correlation = [np.dot(middle[:-lag], middle[lag:]) for lag in lags]
    assert lags[int(np.argmax(correlation))] == pytest.approx(period, rel=0.01)


def test_unvoiced_frames_have_no_pitch() -> None:
    audio = Vocoder().speak(steady(150, 0.0))[6_000:30_000].astype(np.float64)
    correlation = [np.dot(audio[:-lag], audio[lag:]) for lag in range(80, 300)]
    assert max(correlation) < 0.2 * np.dot(audio, audio)


def test_loudness_follows_the_first_cepstral_number() -> None:
    quiet, loud = steady(80, 120.0), steady(80, 120.0)
    loud.cepstrum[:, 0] += np.log(2)
    ratio = Vocoder().speak(loud).std() / Vocoder().speak(quiet).std()
    assert ratio == pytest.approx(2, rel=0.01)


def test_envelope_peak_is_heard_where_the_cepstrum_puts_it() -> None:
    frequencies = np.linspace(0, 8_000, 400)
    wanted = 2.5 * np.exp(-(((frequencies - 1_500) / 300) ** 2))
    cepstrum = np.linalg.lstsq(envelope_matrix(frequencies).T, wanted, rcond=None)[0]
    audio = Vocoder().speak(steady(150, 0.0, cepstrum.copy()))
    heard, power = spectrum(audio)
    bands = [power[(heard > low) & (heard < low + 200)].mean() for low in range(200, 7_000, 100)]
    assert abs(200 + 100 * int(np.argmax(bands)) + 100 - 1_500) <= 200


def test_every_frame_is_320_samples(codec: VocoderCodec, codes: np.ndarray) -> None:
    for n in (1, 2, 59):
        assert codec.decode(codes[:, :n]).shape == (n * HOP_LEN,)
    assert codec.decode(codes[:, :0]).shape == (0,)


def test_same_codes_same_samples(codec: VocoderCodec, codes: np.ndarray) -> None:
    np.testing.assert_array_equal(codec.decode(codes), codec.decode(codes))


def test_decoding_in_parts_gives_the_same_audio(codec: VocoderCodec, codes: np.ndarray) -> None:
    whole = codec.decode(codes)
    parts = [codec.decode(codes, start, start + 7) for start in range(0, 56, 7)]
    np.testing.assert_allclose(np.concatenate(parts), whole[: 56 * HOP_LEN], atol=1e-5)


def test_samples_are_final_once_the_frames_ahead_are_known(
    codec: VocoderCodec, codes: np.ndarray
) -> None:
    whole = codec.decode(codes)
    early = codec.decode(codes[:, :40])
    n = (40 - LOOK_AHEAD_FRAMES) * HOP_LEN
    np.testing.assert_allclose(early[:n], whole[:n], atol=1e-5)
    assert not np.allclose(early[n:], whole[n : len(early)], atol=1e-5)


def test_two_codebooks_are_enough_to_speak(codec: VocoderCodec, codes: np.ndarray) -> None:
    both = codec.frames(codes[:2])
    np.testing.assert_allclose(
        both.cepstrum[0],
        codec.codebooks.mean
        + codec.codebooks.envelopes[codes[0, 0]]
        + codec.codebooks.corrections[codes[1, 0] % N_CORRECTIONS],
        rtol=1e-5,
    )
    assert not np.allclose(codec.frames(codes).cepstrum, both.cepstrum)


def test_first_pitch_is_unvoiced(codec: VocoderCodec) -> None:
    codes = np.zeros((2, 10), np.int64)
    codes[1, :5] = 7 * N_CORRECTIONS
    f0 = codec.frames(codes).f0
    np.testing.assert_allclose(f0[:5], codec.codebooks.pitches[7], rtol=1e-4)
    assert not f0[5:].any()


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(8, int), np.zeros((1, 5), int), np.zeros((9, 5), int), np.full((8, 5), 1024)],
)
def test_other_shapes_and_ranges_are_refused(codec: VocoderCodec, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="codes"):
        codec.decode(wrong)


def test_codebooks_survive_their_file(tmp_path, codes: np.ndarray) -> None:  # noqa: ANN001
    books = small_codebooks()
    books.save(tmp_path / "codec.safetensors")
    again = VocoderCodec.from_file(tmp_path / "codec.safetensors")
    np.testing.assert_allclose(
        again.frames(codes).cepstrum, VocoderCodec(books).frames(codes).cepstrum, atol=0.02
    )
