"""One file out of many chunks: levels, peaks, joints, formats, chapters."""

from __future__ import annotations

import itertools
import json
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC
from mutagen.id3 import ID3
from mutagen.oggopus import OggOpus

from bark.audio.files import read_audio
from bark.errors import AudioFileError, InvalidInputError
from bark.listening.loudness import loudness, speech_bounds
from bark.narration import formats
from bark.narration.cast import Cast
from bark.narration.documents import Block, Chapter, Document
from bark.narration.formats import Metadata, ffmetadata, open_writer
from bark.narration.joining import chunk_audio, write_file
from bark.narration.levels import evening_gain, limited, true_peak
from bark.narration.narration import Narration
from bark.narration.settings import Pauses
from bark.narration.timeline import LEAD_S, place_narration, timeline

from .narrating import Hummer, begun, options, run

RATE = 24_000
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS"
    b"\xde\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00"
    b"\x00\x00IEND\xaeB`\x82"
)


@pytest.fixture(scope="module")
def narration(tmp_path_factory: pytest.TempPathFactory) -> Narration:
    chapters = tuple(
        Chapter(title, (Block(title, "heading"), Block(words)))
        for title, words in [
            ("One", "It was late. The rain had stopped, and the road was empty."),
            ("Two = 2", "Nobody saw the two of them come up from the river in the evening."),
        ]
    )
    document = Document(chapters, title="A book", author="Nobody", language="en")
    folder = tmp_path_factory.mktemp("job")
    narration = Narration.create(Hummer(), document, folder, options(), cast=Cast("alder"))
    run(narration)
    return narration


def tone(seconds: float, level: float = 0.3, hz: float = 220) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def test_speech_begins_and_ends_where_something_is_heard() -> None:
    audio = np.concatenate([np.zeros(RATE), tone(0.5), np.zeros(RATE // 2)])
    first, last = speech_bounds(audio, RATE, margin_s=0.03)
    assert first == pytest.approx(0.97 * RATE, abs=0.01 * RATE)
    assert last == pytest.approx(1.53 * RATE, abs=0.01 * RATE)
    assert speech_bounds(np.zeros(RATE), RATE) == (0, 0)


def test_the_gain_evens_but_never_shouts() -> None:
    assert evening_gain(-25.0, -19.0) == pytest.approx(10 ** (6 / 20))
    assert evening_gain(-60.0, -19.0) == pytest.approx(10 ** (12 / 20))
    assert evening_gain(None, -19.0) == 1
    assert evening_gain(-25.0, None) == 1


def test_peaks_are_held_between_the_samples_too() -> None:
    audio = tone(1.0, 0.5)
    audio[9_000:9_200] *= 3  # a burst far above
    held = limited(audio, RATE, -1.0)
    assert true_peak(held) <= 10 ** (-1 / 20) + 1e-4
    assert np.array_equal(held[:8_000], audio[:8_000])
    assert limited(audio[:8_000], RATE, -1.0) is not None
    quiet = tone(0.2)
    assert limited(quiet, RATE, -1.0) is quiet


@pytest.mark.parametrize("level", [0.02, 0.2, 0.9])
def test_a_quarter_sampled_tone_has_its_true_peak(level: float) -> None:
    samples = level * np.sin(2 * np.pi * (np.arange(4_000) / 4 + 1 / 8))  # peaks lie between
    assert true_peak(samples[500:-500]) == pytest.approx(level, rel=0.05)


def test_every_chunk_is_at_the_target(narration: Narration) -> None:
    for state in narration.chunks:
        audio = chunk_audio(state, narration.options)
        assert loudness(audio, RATE) == pytest.approx(-19, abs=1.5)
        assert np.abs(audio[[0, -1]]).max() < 1e-3  # no click at a joint
        assert true_peak(audio) <= 10 ** (-1 / 20) + 1e-3


def test_levels_are_left_alone_with_one_setting(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job", text="It was late.", loudness_lufs=None)
    run(narration)
    state = narration.state(1)
    whole, _ = read_audio(state.path)
    first, last = state.info.speech
    assert np.array_equal(chunk_audio(state, narration.options)[200:-200],
                          whole[first:last][200:-200])  # fmt: skip


def test_the_file_holds_every_chunk_at_its_time(narration: Narration, tmp_path: Path) -> None:
    joined = write_file(narration, tmp_path / "a.wav")
    whole, _ = read_audio(joined.path)
    assert len(whole) == round(joined.duration_s * RATE)
    for item in place_narration(narration):
        part = whole[item.start : item.start + item.n_samples]
        assert np.abs(part - chunk_audio(item.state, narration.options)).max() < 1e-4
        pause = whole[item.start + item.n_samples :][: int(0.1 * RATE)]
        assert not pause.any()


def test_pauses_are_as_long_as_asked(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job", text="One day it was.\n\nTwo. [pause 3s] Three.",
                      pauses=Pauses(paragraph=1.25), cast=Cast("alder"))  # fmt: skip
    run(narration)
    placed = place_narration(narration)
    gaps = [b.start_s - a.end_s for a, b in itertools.pairwise(placed)]
    assert gaps == pytest.approx([1.25, 3.0], abs=1e-4)
    assert placed[0].start_s == pytest.approx(LEAD_S)


def test_the_timeline_is_json(narration: Narration) -> None:
    values = json.loads(json.dumps(timeline(narration)))
    assert [chapter["title"] for chapter in values["chapters"]] == ["One", "Two = 2"]
    assert [chunk["number"] for chunk in values["chunks"]] == [
        s.chunk.number for s in narration.chunks
    ]
    starts = [chunk["start_s"] for chunk in values["chunks"]]
    assert starts == sorted(starts)
    assert values["duration_s"] > values["chunks"][-1]["end_s"]


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3"])
def test_the_same_job_gives_the_same_bytes(
    narration: Narration, tmp_path: Path, suffix: str
) -> None:
    once = write_file(narration, tmp_path / f"a.{suffix}")
    again = write_file(narration, tmp_path / f"b.{suffix}")
    assert once.path.read_bytes() == again.path.read_bytes()
    with soundfile.SoundFile(once.path) as file:
        assert file.frames / file.samplerate == pytest.approx(once.duration_s, abs=0.1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{suffix}", f"b.{suffix}"]


def test_tags_and_chapters_are_in_the_file(narration: Narration, tmp_path: Path) -> None:
    flac = FLAC(write_file(narration, tmp_path / "a.flac", cover=PNG).path)
    assert flac["title"] == ["A book"]
    assert flac["artist"] == ["Nobody"]
    assert flac["CHAPTER002NAME"] == ["Two = 2"]
    assert flac.pictures[0].data == PNG
    opus = OggOpus(write_file(narration, tmp_path / "a.opus").path)
    assert opus["CHAPTER001"] == ["00:00:00.000"]
    mp3 = ID3(write_file(narration, tmp_path / "a.mp3", cover=PNG).path)
    assert [str(f.sub_frames["TIT2"]) for f in mp3.getall("CHAP")] == ["One", "Two = 2"]
    second = place_narration(narration)[2].start_s
    assert mp3.getall("CHAP")[1].start_time == round(second * 1_000)
    assert mp3.getall("CTOC")[0].child_element_ids == ["ch0", "ch1"]


@needs_ffmpeg
def test_an_m4b_has_chapters_a_cover_and_the_same_bytes(
    narration: Narration, tmp_path: Path
) -> None:
    once = write_file(narration, tmp_path / "a.m4b", cover=PNG)
    again = write_file(narration, tmp_path / "b.m4b", cover=PNG)
    assert once.path.read_bytes() == again.path.read_bytes()
    shown = subprocess.run(
        ["ffprobe", "-v", "error", "-show_chapters", "-show_streams", "-show_format", "-of",
         "json", once.path], capture_output=True, check=True, text=True,
    )  # fmt: skip
    values = json.loads(shown.stdout)
    assert [c["tags"]["title"] for c in values["chapters"]] == ["One", "Two = 2"]
    assert float(values["format"]["duration"]) == pytest.approx(once.duration_s, abs=0.1)
    assert values["format"]["tags"]["title"] == "A book"
    assert {"aac", "png"} <= {stream["codec_name"] for stream in values["streams"]}


@needs_ffmpeg
def test_an_independent_meter_finds_the_target_and_no_peak_above(
    narration: Narration, tmp_path: Path
) -> None:
    path = write_file(narration, tmp_path / "a.wav").path
    command = ["ffmpeg", "-nostats", "-hide_banner", "-i", path, "-af", "ebur128=peak=true"]
    heard = subprocess.run(
        [*command, "-f", "null", "-"], capture_output=True, check=True, text=True
    ).stderr
    summary = heard[heard.rindex("Summary:") :].splitlines()
    pairs = (line.split(":") for line in summary if line.count(":") == 1)
    lines = {name.strip(): value.split()[0] for name, value in pairs if value.strip()}
    assert float(lines["I"]) == pytest.approx(-19, abs=1.5)  # a hum is all peaks
    assert float(lines["Peak"]) <= -0.9


def test_without_ffmpeg_an_m4b_is_refused_with_advice(
    narration: Narration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(AudioFileError, match=r"install it or write \.mp3"):
        write_file(narration, tmp_path / "a.m4b")
    assert list(tmp_path.iterdir()) == []


def test_a_wav_beyond_four_gigabytes_is_rf64(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "_MAX_WAV_BYTES", 1_000)
    path = tmp_path / "a.wav"
    with open_writer(path, RATE, 501, Metadata()) as writer:
        writer.write(tone(501 / RATE))
    data = path.read_bytes()
    assert data[:4] == b"RF64"
    at = data.index(b"ds64") + 8
    riff_size, data_size = struct.unpack("<QQ", data[at : at + 16])
    assert (riff_size, data_size) == (len(data) - 8, 1_002)
    assert len(soundfile.read(path)[0]) == 501


def test_a_failure_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="stopped"), open_writer(path, RATE, 9, Metadata()):
        raise ValueError("stopped")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.aiff", "a", "a.txt"])
def test_an_unknown_format_is_refused(narration: Narration, tmp_path: Path, name: str) -> None:
    with pytest.raises(AudioFileError, match="end in one of"):
        write_file(narration, tmp_path / name)


def test_a_job_without_a_finished_chunk_gives_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="No chunk"):
        write_file(begun(tmp_path / "job"), tmp_path / "a.wav")


def test_titles_cannot_break_out_of_ffmpegs_metadata() -> None:
    text = ffmetadata(Metadata("a\n[CHAPTER]\nb=c;#\\", chapters=(("x\ny", 0.0),), duration_s=2.5))
    assert "title=a [CHAPTER] b\\=c\\;\\#\\\\" in text.splitlines()
    assert "title=x y" in text.splitlines()
    assert text.count("\n[CHAPTER]\n") == 1
