"""Audio files: clipping, the four formats, whole files only, bounds on what strangers send."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bark.audio import files
from bark.errors import AudioFileError, InvalidInputError

RATE = 24_000


def tone(seconds: float = 0.5, amplitude: float = 0.5) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * 220 * time)).astype(np.float32)


@given(arrays.arrays(np.float32, st.integers(0, 50), elements=st.floats(width=32, allow_nan=True)))
def test_to_int16_never_wraps_around(samples: np.ndarray) -> None:
    ints = files.to_int16(samples)
    assert ints.dtype == np.int16
    expected = np.clip(np.nan_to_num(samples, posinf=1, neginf=-1).astype(np.float64), -1, 1)
    assert np.abs(ints - expected * 32_767).max(initial=0) <= 0.51


def test_wav_is_16_bit_pcm_that_the_standard_library_opens(tmp_path: Path) -> None:
    path = files.write_audio(tmp_path / "a.wav", 3 * tone(), RATE, record={"text": "loud"})
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    assert len(samples) == len(tone())
    assert samples.max() == 32_767
    assert samples.min() == -32_767


@pytest.mark.parametrize("format", files.FORMATS)
@pytest.mark.parametrize("record", [None, {"text": "Hi. " * 5_000}])
def test_every_format_reads_back(tmp_path: Path, format: str, record: dict | None) -> None:
    said = tone(2.0)
    path = files.write_audio(tmp_path / f"a.{format}", said, RATE, record=record)
    heard, rate = files.read_audio(path)
    assert rate == RATE
    assert heard.dtype == np.float32
    if format in ("wav", "flac"):
        np.testing.assert_allclose(heard, said, atol=1 / 32_000)
    else:
        assert abs(len(heard) - len(said)) < 3_000  # padding of the encoder
        n = min(len(heard), len(said))
        best = max(
            np.corrcoef(heard[shift : n - 3_000 + shift], said[: n - 3_000])[0, 1]
            for shift in range(0, 2_500)
        )
        assert best > 0.95


@pytest.mark.parametrize("format", files.FORMATS)
def test_the_same_audio_and_record_give_the_same_bytes(format: str) -> None:
    record, tokens = {"text": "Hi"}, {"semantic": np.arange(100)}
    encoded = {
        files.encode_audio(tone(), RATE, format, record=record, tokens=tokens) for _ in range(3)
    }
    assert len(encoded) == 1


def test_long_vorbis_does_not_crash_the_encoder() -> None:
    samples = np.tile(tone(1.0), 180)
    data = files.encode_audio(samples, RATE, "ogg")
    assert soundfile.info(io.BytesIO(data)).frames == len(samples)


def test_the_suffix_names_the_format_and_format_overrides_it(tmp_path: Path) -> None:
    assert files.write_audio(tmp_path / "a.FLAC", tone(), RATE).read_bytes()[:4] == b"fLaC"
    assert files.write_audio(tmp_path / "b.oga", tone(), RATE).read_bytes()[:4] == b"OggS"
    path = files.write_audio(tmp_path / "take", tone(), RATE, format="wav")
    assert path.read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize(
    ("name", "samples", "message"),
    [
        ("a.aac", tone(), "'a.aac' does not end in one of .wav, .flac, .ogg, .mp3"),
        ("a", tone(), "does not end in one of"),
        ("missing/a.wav", tone(), "No such file or directory"),
        (".", tone(), "does not end in one of"),
        ("a.wav", np.zeros((2, 5)), r"shape \(2, 5\)"),
        ("a.wav", np.zeros(0), r"shape \(0,\)"),
    ],
)
def test_what_cannot_be_written_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, name: str, samples: np.ndarray, message: str
) -> None:
    with pytest.raises((AudioFileError, InvalidInputError), match=message) as caught:
        files.write_audio(tmp_path / name, samples, RATE)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_sample_rate_that_mp3_lacks_is_named() -> None:
    with pytest.raises(AudioFileError, match="MP3 cannot be written at 23456 Hz"):
        files.encode_audio(tone(), 23_456, "mp3")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = files.write_audio(tmp_path / "a.wav", tone(), RATE)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bark.files.whole_file.os.fsync", full)
    with pytest.raises(AudioFileError, match="No space left on device"):
        files.write_audio(path, tone(1.0), RATE)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]


@given(
    lengths=st.lists(st.integers(0, 20), max_size=5),
    gap_s=st.floats(0, 0.01),
)
def test_joining_keeps_every_sample_and_the_gaps(lengths: list[int], gap_s: float) -> None:
    pieces = [np.full(n, i + 1, dtype=np.float64) for i, n in enumerate(lengths)]
    joined = files.join_with_silence(pieces, gap_s, RATE)
    n_gap = round(gap_s * RATE) * max(0, len(lengths) - 1)
    assert joined.dtype == np.float32
    assert len(joined) == sum(lengths) + n_gap
    assert np.count_nonzero(joined) == sum(lengths)


def test_a_negative_gap_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="-1 s"):
        files.join_with_silence([tone()], -1, RATE)


def test_stereo_is_averaged_and_not_a_number_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    samples = np.array([[0.5, 0.1], [np.nan, 0.0], [np.inf, 0.0]], dtype=np.float32)
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    heard, _ = files.read_audio(path)
    np.testing.assert_allclose(heard, [0.3, 0.0, 1.0], atol=1e-6)


def wav_header(n_bytes: int, rate: int = RATE, channels: int = 1) -> bytes:
    block = 2 * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + n_bytes, b"WAVE", b"fmt ", 16, 1, channels, rate),
        *(rate * block & 0xFFFFFFFF, block, 16, b"data", n_bytes),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no audio file"),
        (b"not audio at all", "no audio file"),
        (wav_header(0), "holds no audio"),
        (wav_header(200, rate=1) + bytes(200), "sample rate of 1 Hz"),
        (wav_header(200, rate=4_000_000_000 // 2) + bytes(200), "sample rate"),
        (b"RIFF\xff\xff\xff\xffWAVE", "no audio file"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(AudioFileError, match=message):
        files.read_audio(path)


def test_a_missing_file_and_a_folder_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="No such file"):
        files.read_audio(tmp_path / "none.wav")
    with pytest.raises(AudioFileError):
        files.read_audio(tmp_path)


def test_reading_stops_at_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = files.write_audio(tmp_path / "a.flac", np.zeros(10 * RATE), RATE)
    with pytest.raises(AudioFileError, match="longer than"):
        files.read_audio(path, max_frames=9 * RATE)
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 100)
    with pytest.raises(AudioFileError, match="at most 100 are read"):
        files.read_audio(path)


@settings(max_examples=60, deadline=None)
@given(
    format=st.sampled_from(files.FORMATS),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    keep=st.floats(0.01, 1),
)
def test_damaged_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    format: str,
    flips: list[tuple[float, int]],
    keep: float,
) -> None:
    data = bytearray(files.encode_audio(tone(0.1), RATE, format, record={"text": "x"}))
    for place, value in flips:
        data[int(place * 200) % len(data)] = value
    path = tmp_path_factory.mktemp("damaged") / f"a.{format}"
    path.write_bytes(data[: int(keep * len(data))])
    try:
        heard, _ = files.read_audio(path)
    except AudioFileError as error:
        assert "\n" not in str(error)  # noqa: PT017 - reading may also succeed
    else:
        assert np.isfinite(heard).all()
