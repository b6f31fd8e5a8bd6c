"""The command line: what its flags mean, what it prints, and which code it ends with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bark.cli import program
from bark.cli.arguments import parse_arguments
from bark.cli.job import read_job
from bark.errors import BarkError
from bark.options import MAX_SEED

HEAVY = ("torch", "gradio", "soundfile", "scipy", "transformers", "encodec", "huggingface_hub")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom bark.cli import main\n"
        "assert main(['--help']) == 0\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert result.stdout.splitlines()[-1] == "[]"
    assert "--history_prompt" in result.stdout


@pytest.mark.parametrize(
    ("argv", "silent", "words"),
    [
        (["Hi"], False, "Hi"),
        (["--silent", "Hi"], True, "Hi"),
        (["Hi", "--silent"], True, "Hi"),
        (["--silent", "true", "Hi"], True, "Hi"),
        (["--silent", "True", "Hi"], True, "Hi"),
        (["--silent", "False", "Hi"], False, "Hi"),
        (["--silent=no", "Hi"], False, "Hi"),
        (["--silent", "0", "Hi"], False, "Hi"),
        (["--silent", "--", "--Hi"], True, "--Hi"),
        (["--text", "Hi", "--silent", "--output-full"], True, None),
    ],
)
def test_booleans_mean_what_they_say(argv: list[str], silent: bool, words: str | None) -> None:
    arguments = parse_arguments(argv)
    assert arguments.silent is silent
    assert arguments.words == words


def test_hyphens_in_flags_and_in_texts() -> None:
    arguments = parse_arguments(["--output-dir=a-b", "--text", "well-known", "--text-temp", "0.5"])
    assert (arguments.output_dir, arguments.text, arguments.text_temp) == ("a-b", "well-known", 0.5)


def test_suno_flags_keep_their_names_and_defaults() -> None:
    arguments = parse_arguments(["--text", "Hi"])
    assert (arguments.text_temp, arguments.waveform_temp) == (0.7, 0.7)
    assert (arguments.silent, arguments.output_full) == (False, False)
    assert (arguments.output_dir, arguments.history_prompt) == (".", None)
    assert read_job(arguments).paths == [Path("bark_generation.wav")]


@pytest.mark.parametrize(
    ("flags", "name", "format"),
    [
        ([], "bark_generation.wav", "wav"),
        (["--format", "mp3"], "bark_generation.mp3", "mp3"),
        (["--output_filename", "a.flac"], "a.flac", "flac"),
        (["--output_filename", "a.OGG"], "a.OGG", "ogg"),
        (["--output_filename", "a", "--format", "ogg"], "a.ogg", "ogg"),
        (["--output_filename", "a"], "a", "wav"),  # as suno-ai/bark: the name as it is given
        (["--output_filename", "v1.5", "--format", "wav"], "v1.5.wav", "wav"),
        (["--output_filename", "sub/a.wav"], "sub/a.wav", "wav"),
    ],
)
def test_names_and_formats(tmp_path: Path, flags: list[str], name: str, format: str) -> None:
    found = read_job(parse_arguments(["Hi", *flags, "--output_dir", str(tmp_path / "out")]))
    assert found.paths == [tmp_path / "out" / name]
    assert found.format == format
    assert found.paths[0].parent.is_dir()


def test_a_batch_is_a_file_of_lines_with_a_numbered_take_each(tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("\ufeffOne.\n\n  Two. \r\nDrei, für dich.\n", encoding="utf-8")
    found = read_job(
        parse_arguments(["--batch", str(lines), "--output_dir", str(tmp_path), "--format", "ogg"])
    )
    assert found.texts == ["One.", "Two.", "Drei, für dich."]
    names = [f"bark_generation_{number}.ogg" for number in ("001", "002", "003")]
    assert [path.name for path in found.paths] == names


def test_the_environment_is_a_default_that_flags_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUNO_USE_SMALL_MODELS", "True")
    monkeypatch.setenv("BARK_OFFLINE", "1")
    found = read_job(parse_arguments(["Hi"]))
    assert (found.model, found.offline) == ("small", True)
    monkeypatch.setenv("BARK_MODEL", "large")
    assert read_job(parse_arguments(["Hi"])).model == "large"
    assert read_job(parse_arguments(["Hi", "--model", "nano"])).model == "nano"


WRONG_USAGE = [
    (["--text", ""], "The text is empty"),
    (["   "], "The text is empty"),
    (["Hi", "--text", "Ho"], "TEXT and --text both name a text"),
    (["--silent=maybe", "Hi"], "'maybe' is neither true nor false"),
    (["Hi", "--text_temp", "hot"], "'hot' is no number of 0 or more"),
    (["Hi", "--text_temp", "-1"], "--text_temp: '-1' is no number of 0 or more"),
    (["Hi", "--text_temp", "nan"], "'nan' is no number of 0 or more"),
    (
        ["Hi", "--top_k", "0"],
        "--top_k: '0' is no whole number of 1 or more; give one, or leave it out.",
    ),
    (["Hi", "--top_k", "None"], "'None' is no whole number of 1 or more; give one, or leave"),
    (["Hi", "--top_p", "1.5"], "'1.5' is no number above 0 and up to 1; give one, or leave it out"),
    (["Hi", "--min_eos_p", "0"], "'0' is no number above 0 and up to 1"),
    (["Hi", "--max_duration", "-3"], "'-3' is no number above 0; give one, or leave it out."),
    (["Hi", "--max_duration", "inf"], "'inf' is no number above 0"),
    (["Hi", "--speed", "3"], "--speed: '3' is no number from 0.5 to 2"),
    (["Hi", "--seed", "-1"], f"'-1' is no whole number from 0 to {MAX_SEED}"),
    (["Hi", "--seed", "1.5"], f"--seed: '1.5' is no whole number from 0 to {MAX_SEED}; give one"),
    (["Hi", "--seed", str(MAX_SEED + 1)], f"is no whole number from 0 to {MAX_SEED}"),
    (["Hi", "--seed", "9" * 5_000], "is no whole number from 0 to"),
    (["grid", "Hi", "--across", "seed=1-2", "--seed", "x"], "--seed: 'x' is no whole number"),
    (["grid", "Hi", "--across", "seed=1-2", "--batch_size", "0"], "'0' is no whole number of 1"),
    (["grid", "Hi", "--nonsense"], "unrecognized arguments: --nonsense; --help tells"),
    (["narrate", "{file}", "--seed", "x"], "--seed: 'x' is no whole number"),
    (["narrate", "{file}", "--loudness", "5"], "'5' is neither a number from -60 to -5 nor off"),
    (["narrate", "{file}", "--max_chunk", "0.5"], "--max_chunk: '0.5' is no number from 1 to 60"),
    (["narrate", "{file}", "--pause_comma", "long"], "'long' is no number from 0 to 60; give one"),
    (["narrate", "{file}", "--worker_cpus", "0"], "--worker_cpus: '0' is no number above 0"),
    (["narrate", "{file}", "--retries", "21"], "'21' is no whole number from 0 to 20"),
    (["inspect", "--nonsense"], "are required: FILE"),
    (["Hi", "--format", "aac"], "invalid choice: 'aac'"),
    (["Hi", "--precision", "fp8"], "invalid choice: 'fp8'"),
    (["Hi", "--batch_size", "0"], "'0' is no whole number of 1 or more"),
    (["Hi", "--output_filename", "a.aac"], "ends in none of .wav, .flac, .ogg, .mp3"),
    (["Hi", "--output_filename", "a.wav", "--format", "mp3"], "asks for wav and --format for mp3"),
    (["Hi", "--output_filename", "{dir}"], "is a folder"),
    (["Hi", "--output_dir", "{file}"], "cannot be made"),
    (["--text_file", "{dir}/none.txt"], "cannot be read: No such file"),
    (["--text_file", "{dir}"], "cannot be read"),
    (["--text_file", "{binary}"], "is no UTF-8 text (byte 0)"),
    (["--batch", "{empty}"], "has no line to speak"),
    (["Hi", "there"], "unrecognized arguments: there"),
    (["Hi", "--txt", "x"], "unrecognized arguments"),
    (["Hi", "--sil"], "unrecognized arguments"),
]


@pytest.mark.parametrize(("argv", "message"), WRONG_USAGE)
def test_wrong_usage_is_one_sentence_and_code_2(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"dir": tmp_path, "file": tmp_path / "f", "binary": tmp_path / "b", "empty": "e"}
    (tmp_path / "f").write_text("x")
    (tmp_path / "b").write_bytes(b"\xff\xfa")
    (tmp_path / "e").write_text("\n \n")
    assert program.main([word.format(**names) for word in argv]) == program.WRONG_USAGE
    out, err = capfd.readouterr()
    assert message in err
    assert "Traceback" not in err
    assert err.startswith("bark-studio: ")
    assert err.count("\n") == 1
    assert len(err) < 300
    assert out == ""


def test_errors_of_the_environment_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BARK_PRECISION", "fp8")
    assert program.main(["Hi"]) == program.WRONG_USAGE
    assert "BARK_PRECISION is 'fp8'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (BarkError("It broke."), program.FAILED, "It broke."),
        (KeyboardInterrupt(), program.INTERRUPTED, "Interrupted."),
        (MemoryError(), program.FAILED, "not enough memory"),
    ],
)
def test_what_happens_is_told_by_the_code(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    words: str,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(program, "_run", fail)
    assert program.main(["Hi"]) == code
    assert words in capfd.readouterr().err


@pytest.mark.parametrize("word", ["abc", "-1", "65536"])
def test_the_studio_names_the_ports_there_are(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from app import parse_arguments as of_the_studio

    with pytest.raises(SystemExit, match="2"):
        of_the_studio(["--port", word])
    assert capsys.readouterr().err == (
        f"app.py: --port: '{word}' is no whole number from 0 to 65535; give one, or leave it out.\n"
    )
    assert of_the_studio(["--port", "7861"]).port == 7861


@pytest.mark.parametrize(
    "flags",
    [
        ["--history_prompt", "me.npz", "--output_full"],
        ["--history_prompt", "me.wav"],
        ["--history_prompt", "./me.npy", "--semantic_only"],
        ["--text_file", "me.wav"],
    ],
)
def test_what_a_call_reads_is_not_written_over(
    flags: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("me.npz", "me.wav", "me.npy"):
        (tmp_path / name).write_text("Hello.")
    text = [] if "--text_file" in flags else ["Hello."]
    assert program.main([*text, *flags, "--output_filename", "me.wav"]) == program.WRONG_USAGE
    assert "would be lost; give another name" in capsys.readouterr().err
    assert {path.read_text() for path in tmp_path.iterdir()} == {"Hello."}
