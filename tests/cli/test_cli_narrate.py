"""`python -m bark narrate`: plan, files, resuming after kill -9, and long texts elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bark.audio import read_audio
from bark.cli import main
from bark.narration.subtitles import read_subtitles

ROOT = Path(__file__).parents[2]
BOOK = """# One

It was late. The rain had stopped, and the road was empty. Nobody saw them come.

# Two

They did not speak. At the gate she turned round and looked back at the water.

He nodded, and neither of them believed it. In the house a light was burning.
"""


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_environment: None) -> None:
    monkeypatch.setenv("BARK_MODEL", "nano")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.md").write_text(BOOK)


def narrate(*words: str) -> int:
    return main(["narrate", "book.md", "--seed", "5", "--max_chunk", "4", *words])


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "bark", "narrate", "book.md", "--seed", "5", "--max_chunk", "4",
            *words]  # fmt: skip


def test_a_document_becomes_audio_captions_and_a_timeline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert narrate("--voice", "alder", "--out", "out/book.flac", "--captions", "book.srt",
                   "--captions", "book.vtt", "--timeline", "book.json") == 0  # fmt: skip
    written = capsys.readouterr()
    assert written.out.split() == ["out/book.flac", "book.srt", "book.vtt", "book.json"]
    assert "One: 1 of" in written.err
    audio, rate = read_audio("out/book.flac")
    timeline = json.loads(Path("book.json").read_text())
    assert [chapter["title"] for chapter in timeline["chapters"]] == ["One", "Two"]
    assert len(audio) / rate == pytest.approx(timeline["duration_s"], abs=0.01)
    cues = read_subtitles(Path("book.srt").read_text())
    said = " ".join(cue.text for cue in cues).split()
    assert said == BOOK.replace("# ", "").split()
    assert (tmp_path / "out" / "book.flac.job" / "manifest.json").is_file()


def test_a_cover_that_is_no_image_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert narrate("--out", "book.m4b", "--cover", "none.png") == 2
    refused = "bark-studio: none.png cannot be read: No such file or directory.\n"
    assert capsys.readouterr().err == refused
    assert narrate("--out", "book.m4b", "--cover", "book.md") == 2
    refused = "bark-studio: The cover book.md is neither a JPEG nor a PNG image.\n"
    assert capsys.readouterr().err == refused
    assert not (tmp_path / "book.m4b.job").exists()


def test_a_plan_names_chapters_and_times_and_writes_no_audio(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert narrate("--plan") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("One: ")
    assert lines[1].startswith("Two: ")
    assert "narrator: a new voice" in lines
    assert "s a second of audio" in lines[-1]
    assert not (tmp_path / "book.wav").exists()


@pytest.mark.slow
def test_after_kill_9_the_same_call_gives_the_same_bytes(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    whole = ["--out", "whole.wav", "--captions", "whole.srt", "--batch_size", "2"]
    subprocess.run(command(*whole), env=environment, check=True, capture_output=True)
    broken = command("--out", "a.wav", "--captions", "a.srt", "--batch_size", "2")
    chunks = tmp_path / "a.wav.job" / "chunks"
    n_before = 0
    for _ in range(2):
        process = subprocess.Popen(broken, env=environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while len(list(chunks.glob("*.json"))) <= n_before and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        n_before = len(list(chunks.glob("*.json")))
        assert not (tmp_path / "a.wav").exists()
    n_all = len(list((tmp_path / "whole.wav.job" / "chunks").glob("*.json")))
    assert 0 < n_before < n_all
    subprocess.run(broken, env=environment, check=True, capture_output=True)
    for name in ("wav", "srt"):
        one, other = tmp_path / f"whole.{name}", tmp_path / f"a.{name}"
        assert one.read_bytes() == other.read_bytes()


def test_ctrl_c_keeps_what_is_made_and_says_so(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command("--out", "a.wav", "--batch_size", "1"), env=environment, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    chunks = tmp_path / "a.wav.job" / "chunks"
    deadline = time.monotonic() + 120
    while not list(chunks.glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "the same call goes on from here" in errors
    assert list(chunks.glob("*.json"))


def test_one_chunk_is_redone_by_its_number(tmp_path: Path) -> None:
    how = ("--voice", "alder", "--out", "a.wav", "--silent")
    assert narrate(*how) == 0
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "a.wav.job/chunks").iterdir()}
    assert narrate(*how, "--redo", "3") == 0
    after = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "a.wav.job/chunks").iterdir()}
    assert len(before.items() - after.items()) == 2  # its audio and what is known of it


def test_a_text_file_that_is_too_long_is_spoken_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = "one two three four five six seven eight nine ten".split()
    sentences = (f"This is sentence {n}, and it is not the last one of them all." for n in numbers)
    (tmp_path / "long.txt").write_text(" ".join(sentences))
    assert main(["--text_file", "long.txt", "--output_filename", "long.wav", "--seed", "1"]) == 0
    audio, rate = read_audio("long.wav")
    assert len(audio) / rate > 30
    assert "spoken in chunks" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.md", "long.txt", "long.wav"]


def test_where_a_long_text_cannot_be_narrated_it_is_refused_with_advice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--text", "word " * 400, "--output_full"]) == 2
    assert "bark narrate FILE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["none.txt"], "cannot be read"),
        (["book.md", "--out", "a.aiff"], "end in one of"),
        (["book.md", "--captions", "a.txt"], "neither .srt nor .vtt"),
        (["book.md", "--voice", "nobody"], "voice"),
        (["book.md", "--cast", "none.toml"], "cannot be read"),
        (["book.md", "--redo", "99"], "no chunk 99"),
        (["book.md", "--loudness", "loud"], "neither a number"),
    ],
)
def test_mistakes_are_sentences(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["narrate", *words]) in (1, 2)
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello <foo>x</foo>.", ()),
        ("😀", ()),
        ("[pause 1s]", ()),
        ("Hello.", ("--voice", "nobody")),
    ],
)
def test_refused_input_leaves_no_folder_and_a_job_that_was_there_stays(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    Path("bad.txt").write_text(text, encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    assert main(["narrate", "bad.txt", "--out", "bad.wav", *words]) in (1, 2)
    assert sorted(tmp_path.rglob("*")) == before
    Path("good.txt").write_text("Hello.")
    assert main(["narrate", "good.txt", "--out", "bad.wav"]) == 0
    before = sorted((tmp_path / "bad.wav.job").rglob("*"))
    assert main(["narrate", "bad.txt", "--out", "bad.wav", *words]) in (1, 2)
    assert sorted((tmp_path / "bad.wav.job").rglob("*")) == before


def test_anew_makes_all_chunks_again_and_a_plan_or_a_mistake_beside_it_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chunks = tmp_path / "book.wav.job" / "chunks"
    assert narrate("--voice", "alder") == 0
    made = {path: path.stat().st_mtime_ns for path in chunks.iterdir()}
    assert narrate("--voice", "nobody", "--anew") == 1
    assert narrate("--voice", "alder", "--anew", "--plan") == 0
    assert {path: path.stat().st_mtime_ns for path in chunks.iterdir()} == made
    capsys.readouterr()
    assert narrate("--voice", "alder", "--anew") == 0
    assert "made already" not in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in chunks.iterdir()}.keys() == made.keys()
    assert all(path.stat().st_mtime_ns > made[path] for path in chunks.iterdir())


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--timeline", "book.md"], "book.md is read"),
        (["--cast", "cast.toml", "--timeline", "./cast.toml"], "cast.toml is read"),
        (["--timeline", "book.wav"], "book.wav is written"),
        (["--captions", "a.srt", "--captions", "a.srt"], "a.srt is written"),
        (["--timeline", "book.md/x.json"], "The folder of book.md/x.json cannot be made"),
    ],
)
def test_no_file_of_the_call_is_written_over(
    flags: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cast.toml").write_text('narrator = "alder"\n')
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert narrate("--out", "book.wav", *flags) == 2
    assert sentence in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_words_of_a_subtitle_file_are_not_written_over_by_captions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello there.\n")
    assert main(["narrate", "a.srt", "--captions", "a.srt"]) == 2
    assert "would be lost" in capsys.readouterr().err
