"""The command line from end to end, on tiny random weights where suno-ai/bark keeps its own."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bark import Bark, Take
from bark.audio.files import read_audio
from bark.cli import program
from bark.terminal.progress import ProgressBar

from ..tiny import write_official_layout

SHORT = ("--max_duration", "0.4", "--allow_early_stop", "false", "--precision", "fp32")
FOREVER = ("--allow_early_stop", "false", "--precision", "fp32")


@pytest.fixture(scope="module")
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    (home / "suno").mkdir()
    write_official_layout(home / "suno" / "bark_v0")
    return home


@pytest.fixture(autouse=True)
def in_a_folder(
    cache_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_environment: None
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_home))
    monkeypatch.setenv("BARK_OFFLINE", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def loaded() -> dict[Any, Bark]:
    return {}


@pytest.fixture
def small(loaded: dict[Any, Bark], monkeypatch: pytest.MonkeyPatch) -> None:
    """Loads the small model once for all tests that run it in this process."""
    load: Callable[..., Bark] = Bark.from_pretrained

    def load_once(model: str, **options: Any) -> Bark:
        key = (model, options["device"], options["precision"])
        if key not in loaded:
            loaded[key] = load(model, **options)
        return loaded[key]

    monkeypatch.setattr(Bark, "from_pretrained", load_once)


def bark(*argv: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bark", *argv],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **{"stdin": subprocess.DEVNULL, **options},  # type: ignore[call-overload]
    )


def test_a_text_becomes_a_wav_and_says_how(tmp_path: Path) -> None:
    result = bark("--text", "Hello world.", "--seed", "7", *SHORT)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "bark_generation.wav\n"
    assert "Model small on cpu in fp32; it is the best one on this machine." in result.stderr
    assert "seed 7" in result.stderr
    assert "\r" not in result.stderr, "a progress bar in a pipe"
    with wave.open(str(tmp_path / "bark_generation.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        assert file.getnframes() > 0
    take = Take.load(tmp_path / "bark_generation.wav")
    assert (take.text, take.options.seed, take.model) == ("Hello world.", 7, "small")


def test_standard_input_is_read_and_silent_says_nothing(tmp_path: Path) -> None:
    result = bark("--silent", "--format", "flac", *SHORT, stdin=None, input="Hello\nworld.\n")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert Take.load(tmp_path / "bark_generation.flac").text.split() == ["Hello", "world."]


def run_here(*argv: str) -> int:
    return program.main(["--model", "small", *SHORT, *argv])


@pytest.mark.usefixtures("small")
def test_the_same_seed_gives_the_same_file_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert run_here("Hello", "--seed", seed, "--output_filename", f"{name}.wav") == 0
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    audio = {name: read_audio(tmp_path / f"{name}.wav")[0] for name in "abc"}
    np.testing.assert_array_equal(audio["a"], audio["b"])
    assert not np.array_equal(audio["a"], audio["c"])


@pytest.mark.usefixtures("small")
def test_a_batch_gives_the_takes_that_its_lines_give_alone(tmp_path: Path) -> None:
    Path("lines.txt").write_text("Hello.\nworld.\nThe world.\n")
    assert run_here("--batch", "lines.txt", "--batch_size", "2", "--seed", "5") == 0
    assert run_here("world.", "--seed", "6", "--output_filename", "alone.wav") == 0
    takes = [Take.load(tmp_path / f"bark_generation_00{i}.wav") for i in (1, 2, 3)]
    assert [take.text for take in takes] == ["Hello.", "world.", "The world."]
    assert [take.options.seed for take in takes] == [5, 6, 7]
    alone = Take.load(tmp_path / "alone.wav")
    np.testing.assert_array_equal(takes[1].tokens.fine, alone.tokens.fine)


@pytest.mark.parametrize("flags", [(), ("--semantic_only",), ("--batch_size", "1")])
def test_a_line_of_which_nothing_can_be_said_is_named_and_leaves_the_others(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    Path("lines.txt").write_text("One.\nTwo.\n😀\nFour.\nFive.\n", encoding="utf-8")
    given = ("--batch", "lines.txt", "--model", "nano", "--max_duration", "0.4", "--silent")
    assert program.main([*given, "--seed", "1", *flags]) == program.FAILED
    written = sorted(path.stem for path in tmp_path.glob("bark_generation_*"))
    assert written == [f"bark_generation_00{number}" for number in (1, 2, 4, 5)]
    reason = "The model nano cannot say “😀”; there is nothing to speak, write words."
    assert capfd.readouterr().err == f"bark-studio: line 3: {reason}\n"


def test_a_text_alone_of_which_nothing_can_be_said_is_wrong_usage(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["😀", "--model", "nano", "--silent"]) == program.WRONG_USAGE
    assert "line" not in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flags", [(), ("--semantic_only",)])
def test_a_line_that_is_too_long_for_one_take_is_named_also_where_all_else_is_silent(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    def in_one_second(*_: object, **__: object) -> Bark:
        nano.spec = dataclasses.replace(nano.spec, max_semantic_len=60)
        return nano

    nano = Bark.from_pretrained("nano", device="cpu")
    monkeypatch.setattr(Bark, "from_pretrained", in_one_second)
    Path("lines.txt").write_text("One.\nNobody saw them come down the long and empty road.\n")
    given = ("--batch", "lines.txt", "--model", "nano", "--silent", "--seed", "1", *flags)
    assert program.main(given) == program.DONE
    assert capfd.readouterr().err == (
        "bark-studio: line 2: The text is too long for one take; its end is not spoken. "
        "Split it, or speak it with narrate.\n"
    )
    assert program.main([*given, "--max_duration", "0.5"]) == program.DONE
    assert capfd.readouterr().err == "", "an end that was asked for"


@pytest.mark.usefixtures("small")
def test_output_full_writes_a_voice_and_takes_are_voices(tmp_path: Path) -> None:
    assert run_here("Hello", "--seed", "1", "--output_full", "--output_filename", "a.ogg") == 0
    for number, voice in enumerate(("a.npz", "a.ogg")):
        name = f"{number}.wav"
        assert (
            run_here("world", "--history_prompt", voice, "--seed", "2", "--output_filename", name)
            == 0
        )
    first, second = (Take.load(tmp_path / f"{number}.wav") for number in (0, 1))
    assert first.voice is not None
    np.testing.assert_array_equal(first.tokens.semantic, second.tokens.semantic)


@pytest.mark.usefixtures("small")
def test_semantic_only_writes_the_tokens_of_the_same_take(tmp_path: Path) -> None:
    assert run_here("Hello", "--seed", "9", "--semantic_only") == 0
    assert run_here("Hello", "--seed", "9") == 0
    tokens = np.load(tmp_path / "bark_generation.npy")
    np.testing.assert_array_equal(
        tokens, Take.load(tmp_path / "bark_generation.wav").tokens.semantic
    )


@pytest.mark.usefixtures("small", "_interrupts_arrive")
def test_an_interrupt_between_two_files_of_tokens_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("lines.txt").write_text("Hello.\nworld.\n")
    monkeypatch.setattr(program, "_say_path", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    assert run_here("--batch", "lines.txt", "--batch_size", "1", "--semantic_only") == 130
    assert [path.name for path in tmp_path.glob("*.npy")] == ["bark_generation_001.npy"]


@pytest.mark.usefixtures("small")
def test_words_that_are_not_heard_are_named(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here("world " * 300 + "zebra", "--seed", "1") == 0
    assert "not spoken: '" in capfd.readouterr().err


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["Hi", "--model", "smal"], 2, "Unknown model 'smal'; did you mean 'small'?"),
        (["Hi", "--model", "large"], 1, "large"),
        (["Hi", "--device", "tpu"], 2, "tpu"),
        (["Hi", "--device", "cuda:99"], 2, "cuda:99"),
        (["Hi", "--voice", "v2/en_speker_6"], 1, "did you mean 'v2/en_speaker_6'?"),
        (["Hi", "--voice", "none.npz"], 1, "none.npz"),
        (["Hi", "--voice", "{bad}.npz"], 1, "bad.npz"),
        (["Hi", "--voice", "{bad}.wav"], 1, "bad.wav"),
        (["Hi", "--voice", "v2/en_speaker_6"], 1, "not on this machine"),
    ],
)
def test_a_mistake_is_one_sentence_and_a_code(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    argv: list[str],
    code: int,
    message: str,
) -> None:
    for suffix in (".npz", ".wav"):
        (tmp_path / f"bad{suffix}").write_bytes(b"not what it says")
    argv = [word.format(bad=tmp_path / "bad") for word in argv]
    assert (
        program.main([*argv, *SHORT, *(() if "--model" in argv else ("--model", "small"))]) == code
    )
    err = capfd.readouterr().err.strip().splitlines()
    assert message in err[-1]
    assert err[-1].startswith("bark-studio: ")
    assert not any("Traceback" in line for line in err)
    assert not (tmp_path / "bark_generation.wav").exists()


@pytest.mark.usefixtures("small")
def test_nothing_generated_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    code = program.main(["Hi", "--model", "small", "--min_eos_p", "1e-9", "--seed", "1"])
    assert code == program.FAILED
    assert "stopped before it began" in capfd.readouterr().err


def test_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m bark --list_voices --model small | head -1"
    result = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=300, check=True
    )
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("argument", ["--list_models", "--help"])
def test_an_output_that_takes_nothing_is_a_sentence(argument: str) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "bark", argument],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    assert result.returncode == program.FAILED
    assert result.stderr == (
        "bark-studio: The output cannot be written: No space left on device.\n"
    )


def test_lists_name_every_model_and_voice(capfd: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--list_models"]) == 0
    out = capfd.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[::2]] == ["nano", "small", "large"]
    assert program.main(["--list_voices", "--model", "small"]) == 0
    names = {line.split()[0] for line in capfd.readouterr().out.splitlines()}
    assert {"announcer", "en_speaker_0", "v2/zh_speaker_9"} <= names


def test_the_voices_of_an_unknown_model_are_not_listed(capfd: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--list_voices", "--model", "nosuch"]) == program.WRONG_USAGE
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ("bark-studio: Unknown model 'nosuch'; use nano, small, large or a folder.\n")


def test_a_folders_own_voices_are_listed_and_spoken_in(
    tmp_path: Path, cache_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "model"
    (folder / "speaker_embeddings").mkdir(parents=True)
    for file in (cache_home / "suno" / "bark_v0").iterdir():
        (folder / file.name).symlink_to(file)
    fine = np.arange(8 * 60).reshape(8, 60)
    arrays = {"semantic": np.arange(40), "coarse": fine[:2], "fine": fine}
    for key, array in arrays.items():
        np.save(folder / "speaker_embeddings" / f"anna_{key}_prompt.npy", array)
    assert program.main(["--list_voices", "--model", str(folder)]) == 0
    assert ["anna", "model"] in [line.split()[:2] for line in capfd.readouterr().out.splitlines()]
    name = ("--model", str(folder), "--history_prompt", "anna", "--output_filename", "a.wav")
    assert program.main(["Hello", *SHORT, *name]) == 0
    voice = Take.load(tmp_path / "a.wav").voice
    assert voice is not None
    np.testing.assert_array_equal(voice.fine, fine)


@pytest.fixture
def _interrupts_arrive() -> Iterator[None]:
    """A shell starts what runs in its background with Ctrl-C ignored, these tests too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("small", "_interrupts_arrive")
@pytest.mark.parametrize(
    ("keep", "stage", "written", "message"),
    [
        (True, "coarse", ["bark_generation.wav"], "Interrupted."),
        (False, "coarse", [], "Interrupted."),
        (True, "semantic", [], "Interrupted before there was any sound."),
    ],
)
def test_ctrl_c_ends_with_130_and_keeps_the_sound_if_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    keep: bool,
    stage: str,
    written: list[str],
    message: str,
) -> None:
    def press_ctrl_c(self: ProgressBar, current: str, done: int, total: int) -> None:
        if current == stage and done == total // 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(ProgressBar, "update", press_ctrl_c)
    before = signal.getsignal(signal.SIGINT)
    given = ("Hello world", "--seed", "7", "--keep_partial", str(keep))  # long enough to be halved
    assert run_here(*given) == program.INTERRUPTED
    assert signal.getsignal(signal.SIGINT) is before
    assert capfd.readouterr().err.splitlines()[-1] == f"bark-studio: {message}"
    assert [path.name for path in tmp_path.iterdir()] == written
    if written:
        take = Take.load(tmp_path / written[0])
        assert take.stop_reason == "stopped"
        assert 0 < take.duration_s < 0.4


def test_ctrl_c_from_a_shell_is_no_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bark", "Hello", *FOREVER],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "Model small" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == program.INTERRUPTED
    assert err.strip() == "bark-studio: Interrupted."


def test_a_terminal_gets_a_progress_bar() -> None:
    main_end, other_end = pty.openpty()
    fcntl.ioctl(other_end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "bark", "Hello", *SHORT], stdin=other_end, stderr=other_end
    )
    os.close(other_end)
    shown = b""
    while True:
        try:
            shown += os.read(main_end, 4_096)
        except OSError:  # the terminal's other end is closed
            break
    assert process.wait(timeout=300) == 0
    os.close(main_end)
    assert b"semantic:" in shown
    assert b"%" in shown


def test_the_reading_of_a_text_is_printed_in_place_of_speaking(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["--model", "nano", "--reading", "It cost $5, 你好."]) == 0
    out, err = capsys.readouterr()
    assert out == "it cost five dollars\n"
    assert err == "bark-studio: The model nano cannot say '你好'; spoken without.\n"
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_spoken_is_told_also_where_all_else_is_silent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    short = ["--max_duration", "0.5", "--seed", "1"]
    assert program.main(["--model", "nano", "--silent", *short, "Hello 你好 world"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "bark-studio: The model nano cannot say '你好'; spoken without.\n"
    assert Take.load("bark_generation.wav").unspoken == ("你好",)
