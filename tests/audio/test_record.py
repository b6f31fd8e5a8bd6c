"""A take's record in its own audio file: it comes back whole, and strangers' files are bounded."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mutagen.id3 import ID3, TIT2

from bark.audio import record as record_module
from bark.audio import tags
from bark.audio.files import FORMATS, encode_audio, write_audio
from bark.audio.record import read_record
from bark.errors import AudioFileError, InvalidInputError

RATE = 24_000
SOUND = np.linspace(-0.5, 0.5, 3_000, dtype=np.float32)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
records = st.dictionaries(st.text(), json_values, max_size=5).map(
    lambda record: {name: value for name, value in record.items() if name != "bark_take"}
)
token_arrays = st.dictionaries(
    st.text(max_size=12),
    arrays.arrays(
        np.int64,
        arrays.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=40),
        elements=st.integers(-32_768, 32_767),
    ),
    max_size=5,
)


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=25, deadline=None)
@given(record=records, tokens=token_arrays)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    format: str,
    record: dict[str, Any],
    tokens: dict[str, np.ndarray],
) -> None:
    path = tmp_path_factory.getbasetemp() / f"take.{format}"
    write_audio(path, SOUND, RATE, record=record, tokens=tokens)
    found = read_record(path)
    assert found is not None
    read, read_tokens = found
    assert read == {"bark_take": 1, **record}
    assert list(read_tokens) == list(tokens)
    for name, values in tokens.items():
        assert read_tokens[name].dtype == np.int64
        np.testing.assert_array_equal(read_tokens[name], values)


@pytest.mark.parametrize("format", FORMATS)
def test_a_renamed_file_and_other_tags_keep_the_record(tmp_path: Path, format: str) -> None:
    path = write_audio(tmp_path / f"a.{format}", SOUND, RATE, record={"text": "Höi ♪"})
    tagged = mutagen.File(path)
    if format in ("wav", "mp3"):
        tagged.tags.add(TIT2(text="A title"))
        tagged.save()
    else:
        tagged["title"] = "A title"
        tagged.save()
    renamed = path.rename(tmp_path / "a.dat")
    found = read_record(renamed)
    assert found == ({"bark_take": 1, "text": "Höi ♪"}, {})


@pytest.mark.parametrize("v2_version", [3, 4])
@pytest.mark.parametrize("encoding", [0, 1, 3])
def test_a_tag_that_another_program_rewrote_is_read(
    tmp_path: Path, v2_version: int, encoding: int
) -> None:
    path = write_audio(
        tmp_path / "a.mp3", SOUND, RATE, record={"text": "é"}, tokens={"t": np.arange(9)}
    )
    id3 = ID3(path)
    for frame in id3.getall("TXXX"):
        frame.encoding = encoding
    id3.update_to_v23() if v2_version == 3 else id3.update_to_v24()
    id3.save(path, v2_version=v2_version)
    found = read_record(path)
    assert found is not None
    assert found[0]["text"] == "é"
    np.testing.assert_array_equal(found[1]["t"], np.arange(9))


@pytest.mark.parametrize("format", FORMATS)
def test_audio_without_a_record_has_none(tmp_path: Path, format: str) -> None:
    assert read_record(write_audio(tmp_path / f"a.{format}", SOUND, RATE)) is None


def test_a_take_of_full_length_fits_and_stays_small() -> None:
    random = np.random.default_rng(0)
    tokens = {
        "semantic": random.integers(0, 10_000, 768),
        "coarse": random.integers(0, 1_024, (2, 1_154)),
        "fine": random.integers(0, 1_024, (8, 1_154)),
    }
    assert len(record_module.pack_tokens(tokens)) < 32_000


@pytest.mark.parametrize(
    "values", [np.array([40_000]), np.array([-32_769]), np.array([0.5]), np.array(["a"])]
)
def test_tokens_that_are_no_16_bit_integers_are_refused(values: np.ndarray) -> None:
    with pytest.raises(InvalidInputError, match="do not fit into 16-bit integers"):
        record_module.pack_tokens({"semantic": values})


@pytest.mark.parametrize("value", [float("nan"), object(), b"bytes", {1, 2}])
def test_a_record_that_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(InvalidInputError, match="cannot be written as JSON"):
        encode_audio(SOUND, RATE, record={"a": value})


def test_what_could_not_be_read_again_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match="at most 1,048,576"):
        encode_audio(SOUND, RATE, record={"text": "a" * (1 << 20)})
    monkeypatch.setattr(record_module, "MAX_TOKENS_BYTES", 1_000)
    with pytest.raises(InvalidInputError, match="an audio file keeps at most 1,000"):
        encode_audio(SOUND, RATE, tokens={"t": np.zeros(2_000, dtype=int)})


def block(shapes: object, body: bytes = b"") -> str:
    header = json.dumps(shapes).encode()
    packed = zlib.compress(struct.pack("<I", len(header)) + header + body)
    return base64.b64encode(packed).decode()


@pytest.mark.parametrize(
    "text",
    [
        "not base64!",
        base64.b64encode(b"not zlib").decode(),
        base64.b64encode(zlib.compress(b"abc")).decode(),
        base64.b64encode(zlib.compress(b"\xff\xff\xff\xff{}")).decode(),
        base64.b64encode(zlib.compress(bytes(100))[:-6]).decode(),
        block([1]),
        block({"a": 5}),
        block({"a": [-1]}),
        block({"a": [True]}, b"\0\0"),
        block({"a": [1.0]}, b"\0\0"),
        block({"a": [2]}, b"\0\0"),
        block({"a": [1]}, b"\0\0\0\0"),
        block({"a": [1 << 20, 1 << 20, 1 << 20]}),
        block({"a": [1, 1, 1, 1]}, b"\0\0"),
        block({str(i): [0] for i in range(33)}),
        "é",
    ],
)
def test_a_damaged_token_block_is_one_sentence(text: str) -> None:
    with pytest.raises(AudioFileError, match=r"token block|record is damaged") as caught:
        record_module.unpack_tokens(text)
    assert "\n" not in str(caught.value)


def test_a_bomb_unpacks_no_further_than_its_bound() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(64 << 20), 9)).decode()
    assert len(bomb) < 100_000
    with pytest.raises(AudioFileError, match="unpacks to more than"):
        record_module.unpack_tokens(bomb)
    with pytest.raises(AudioFileError, match="characters, more than"):
        record_module.unpack_tokens("A" * (record_module.MAX_TOKENS_CHARS + 1))


def tagged_file(folder: Path, text: str) -> Path:
    file = io.BytesIO(encode_audio(SOUND, RATE, "flac"))
    tags.write_texts(file, "flac", {"bark_take": text})
    path = folder / "a.flac"
    path.write_bytes(file.getvalue())
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not the JSON of a take"),
        ("[]", "not the JSON of a take"),
        ("{}", "not the JSON of a take"),
        ('{"bark_take": true}', "not the JSON of a take"),
        ('{"bark_take": "1"}', "not the JSON of a take"),
        ('{"bark_take": 0}', "not the JSON of a take"),
        ('{"bark_take": 1, "a": NaN}', "not the JSON of a take"),
        ('{"bark_take": 1, "a": ' + "[" * 100_000, "not the JSON of a take"),
        ('{"bark_take": 2}', "is of version 2"),
        (" " * ((1 << 20) + 1), "characters, more than"),
    ],
)
def test_a_damaged_record_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AudioFileError, match=message) as caught:
        read_record(tagged_file(tmp_path, text))
    assert "\n" not in str(caught.value)


def id3_tag(frames: bytes, size: int | None = None, version: int = 4, flags: int = 0) -> bytes:
    size = len(frames) if size is None else size
    return b"ID3" + bytes([version, 0, flags]) + syncsafe(size) + frames


def syncsafe(size: int) -> bytes:
    return bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))


def test_a_compressed_frame_is_never_unpacked(tmp_path: Path) -> None:
    inner = b"\x03bark_take\0" + b"x" * (8 << 20)
    packed = syncsafe(len(inner)) + zlib.compress(inner, 9)
    frame = b"TXXX" + syncsafe(len(packed)) + b"\x00\x09" + packed
    path = tmp_path / "bomb.mp3"
    path.write_bytes(id3_tag(frame))
    assert len(ID3(path).getall("TXXX")[0].text[0]) == 8 << 20  # a true bomb: others unpack it
    assert read_record(path) is None


@pytest.mark.parametrize(
    "content",
    [
        id3_tag(b"", size=(16 << 20) + 1),
        b"",
        b"text",
        b"fLaC",
        b"OggS" + bytes(50),
        b"fLaC" + b"\x84\xff\xff\xff" + bytes(100),
    ],
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(AudioFileError) as caught:
        read_record(path)
    assert "\n" not in str(caught.value)


def test_a_missing_or_oversized_file_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AudioFileError, match="No such file"):
        read_record(tmp_path / "none.wav")
    path = write_audio(tmp_path / "a.wav", SOUND, RATE)
    monkeypatch.setattr(tags, "MAX_FILE_BYTES", 100)
    with pytest.raises(AudioFileError, match="at most 100 are read"):
        read_record(path)


@settings(max_examples=150, deadline=None)
@given(
    version=st.sampled_from([2, 3, 4]),
    flags=st.integers(0, 255),
    frames=st.lists(
        st.tuples(
            st.sampled_from([b"TXXX", b"TIT2", b"\0\0\0\0"]),
            st.integers(0, 2**32 - 1) | st.integers(0, 40),
            st.integers(0, 2**16 - 1),
            st.binary(max_size=40),
        ),
        max_size=4,
    ),
    cut=st.integers(0, 200),
    in_wave=st.booleans(),
)
def test_any_id3_tag_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    version: int,
    flags: int,
    frames: list[tuple[bytes, int, int, bytes]],
    cut: int,
    in_wave: bool,
) -> None:
    body = b"".join(
        name + struct.pack(">IH", size, frame_flags) + data
        for name, size, frame_flags, data in frames
    )
    content = id3_tag(body, version=version, flags=flags)[:cut]
    if in_wave:
        content = b"RIFF\0\0\0\0WAVEid3 " + struct.pack("<I", len(content)) + content
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(content)
    try:
        assert read_record(path) is None
    except AudioFileError as error:
        assert "\n" not in str(error)  # noqa: PT017 - reading may also succeed


@settings(max_examples=100, deadline=None)
@given(
    format=st.sampled_from(FORMATS),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=5),
)
def test_flipped_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, format: str, flips: list[tuple[float, int]]
) -> None:
    data = bytearray(
        encode_audio(SOUND, RATE, format, record={"text": "x"}, tokens={"t": np.arange(300)})
    )
    for place, value in flips:
        data[int(place * (len(data) - 1))] = value
    path = tmp_path_factory.getbasetemp() / "flipped"
    path.write_bytes(data)
    try:
        found = read_record(path)
    except AudioFileError as error:
        assert "\n" not in str(error)  # noqa: PT017 - reading may also succeed
    else:
        assert found is None or found[0]["bark_take"] == 1


def test_a_wave_of_endless_chunks_is_given_up(tmp_path: Path) -> None:
    late = b"id3 " + struct.pack("<I", 10) + id3_tag(b"")
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\0\0\0\0WAVE" + (b"junk" + bytes(4)) * 2_000 + late)
    assert read_record(path) is None


def test_the_first_of_two_records_counts(tmp_path: Path) -> None:
    frames = b""
    for name, text in (("bark_take", "first"), ("BARK_TAKE", "second")):
        data = f'\x03{name}\0{{"bark_take": 1, "text": "{text}"}}'.encode()
        frames += b"TXXX" + syncsafe(len(data)) + b"\0\0" + data
    path = tmp_path / "a.mp3"
    path.write_bytes(id3_tag(frames))
    assert read_record(path) == ({"bark_take": 1, "text": "first"}, {})
