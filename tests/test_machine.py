"""What a person's machine may be like: no home, no streams, proxies, odd names and files."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import io
import os
import pwd
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bark import Bark, GenerationOptions, Take
from bark.checkpoints.sources import folder_plan
from bark.cli import program
from bark.cli.arguments import parse_arguments
from bark.cli.job import read_job
from bark.decoding.sampling import SamplingOptions
from bark.downloads import proxies
from bark.downloads.hub import fetch_codec
from bark.downloads.proxies import open_address, prepare_for_server, require_socks_packages
from bark.environment import home_dir, read_environment, user_data_dir
from bark.errors import DownloadError, InvalidInputError, OptionError, WeightsNotFoundError
from bark.request import check_text
from bark.spec import NANO
from bark.terminal.progress import ProgressBar
from bark.terminal.streams import write_path
from bark.voices.library import list_voices, load_voice, save_voice

ROOT = Path(__file__).parent.parent
LONG_NAME = "a" * 260


@pytest.fixture(scope="module")
def nano() -> Bark:
    return Bark.from_pretrained("nano", device="cpu", precision="fp32")


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user id that stands in no table, as containers run programs."""

    def no_entry(number: int) -> Any:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", no_entry)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_user_without_a_home_gets_a_private_folder(homeless: Path, nano: Bark) -> None:
    environment = read_environment()
    folder = homeless / f"bark-studio-{os.getuid()}"
    assert folder in environment.cache_dir.parents
    assert folder in user_data_dir().parents
    assert folder.stat().st_mode & 0o077 == 0
    assert nano.voice("alder") is not None
    assert not (homeless / "~").exists()


def test_a_folder_that_others_may_write_to_is_not_taken_for_the_home(homeless: Path) -> None:
    planted = homeless / f"bark-studio-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    assert home_dir() != planted
    planted.chmod(0o700)
    assert home_dir() == planted


def run_bark(arguments: str, *redirections: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = f"exec {sys.executable} -m bark {arguments} {' '.join(redirections)}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_streams_may_be_closed_and_a_terminal_may_lack_letters(tmp_path: Path) -> None:
    done = run_bark("Hi. --model nano --output_filename ü.wav", "2>&-", "0<&-", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "ü.wav\n")
    assert (tmp_path / "ü.wav").is_file()
    nothing = run_bark("--model nano", "0<&-", folder=tmp_path)
    assert nothing.returncode == 2
    assert "The text is empty" in nothing.stderr


def test_a_program_without_standard_error_has_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with ProgressBar() as bar:
        bar.update("semantic", 1, 2)
    assert not bar.shown


def test_in_a_notebook_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shell:
        config = ("IPKernelApp",)

    class IPython:
        @staticmethod
        def get_ipython() -> Shell:
            return Shell()

    monkeypatch.setitem(sys.modules, "IPython", IPython)  # type: ignore[arg-type]
    assert ProgressBar().shown
    assert not ProgressBar(silent=True).shown


def test_a_path_is_printed_in_its_own_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", printed)
    write_path(Path("grün.wav"))
    assert printed.buffer.getvalue() == "grün.wav\n".encode()  # type: ignore[attr-defined]


def test_audio_goes_to_standard_output(tmp_path: Path, capfdbinary: Any) -> None:
    flags = ["Hi.", "--model", "nano", "--seed", "3", "--output_filename", "-"]
    assert program.main([*flags, "--format", "flac"]) == 0
    written = capfdbinary.readouterr().out
    (tmp_path / "piped.flac").write_bytes(written)
    assert Take.load(tmp_path / "piped.flac").options.seed == 3
    assert not Path("-").exists()


@pytest.mark.parametrize("flag", [["--output_full"], ["--batch", "lines.txt"]])
def test_standard_output_holds_one_file(
    flag: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lines.txt").write_text("One.\nTwo.\n")
    text = [] if flag[0] == "--batch" else ["Hi."]
    with pytest.raises(OptionError, match=f"{flag[0]} writes several files"):
        read_job(parse_arguments([*text, *flag, "--output_filename", "-"]))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_files_are_read_as_editors_and_shells_write_them(
    encoding: str, tmp_path: Path
) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes("Grüße, 東京.".encode(encoding))
    job = read_job(parse_arguments(["--text_file", str(file), "--output_dir", str(tmp_path)]))
    assert job.texts == ["Grüße, 東京."]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--output_filename", f"{LONG_NAME}.wav"], "No file can have the name"),
        (["--output_dir", LONG_NAME], "cannot be made"),
        (["--text_file", LONG_NAME], "cannot be read"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused_with_a_sentence(
    flags: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = [] if flags[0] == "--text_file" else ["Hi."]
    with pytest.raises((OptionError, InvalidInputError), match=sentence):
        read_job(parse_arguments([*text, *flags]))


def test_a_model_and_a_voice_may_have_long_names(
    nano: Bark, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OptionError, match="Unknown model"):
        Bark.from_pretrained(LONG_NAME)
    with pytest.raises(ValueError, match="cannot be read"):
        nano.voice(f"{LONG_NAME}.wav")
    monkeypatch.setenv("BARK_MODEL", LONG_NAME)
    assert program.main(["--list_models"]) == 0


def test_a_voice_file_may_be_written_in_capitals(nano: Bark, tmp_path: Path) -> None:
    voice = nano.voice("alder")
    assert voice is not None
    path = save_voice(str(tmp_path / "me.NPZ"), voice, spec=NANO)
    assert path == tmp_path / "me.NPZ"
    loaded = load_voice(str(path), NANO)
    assert loaded is not None
    assert np.array_equal(loaded.fine, voice.fine)
    assert "me" in [info.name for info in list_voices(NANO, voices_dir=tmp_path)]


def test_a_take_is_a_voice_by_the_path_of_its_file_and_is_saved_into_memory(
    nano: Bark, tmp_path: Path
) -> None:
    take = nano.generate("Hello.", seed=1)
    file = io.BytesIO()
    take.save(file, format="mp3")
    assert file.getvalue() == take.encode("mp3")
    take.save(tmp_path / "A.WAV")
    by_path = nano.generate("And more.", voice=str(tmp_path / "A.WAV"), seed=2)
    by_take = nano.generate("And more.", voice=take, seed=2)
    assert np.array_equal(by_path.audio, by_take.audio)


def test_numbers_of_numpy_are_numbers(nano: Bark, tmp_path: Path) -> None:
    take = nano.generate("Hi.", seed=np.int64(3), text_temperature=np.float32(0.5))
    assert (type(take.options.seed), take.options.seed) == (int, 3)
    assert Take.load(take.save(tmp_path / "a.wav")).options == take.options
    assert SamplingOptions(0.7, np.int32(5), np.float64(0.9)).top_k == 5


@pytest.mark.parametrize(
    "wrong", [{"seed": "7"}, {"seed": 7.5}, {"seed": True}, {"min_eos_p": "0.1"}]
)
def test_what_is_no_number_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="must be a"):
        GenerationOptions(**wrong)


@pytest.mark.parametrize("text", ["a b " * 200_000, "語" * 100_000])
def test_a_text_that_no_file_can_keep_is_refused_before_it_is_spoken(text: str) -> None:
    with pytest.raises(InvalidInputError, match="characters, and a take keeps at most"):
        check_text(text)


def test_the_longest_text_that_is_spoken_can_be_saved(nano: Bark) -> None:
    text = "語" * 65_000
    check_text(text)
    assert dataclasses.replace(nano.generate("Hi.", seed=1), text=text, cut_text=text).encode()


def test_a_folder_that_holds_a_part_of_a_model_is_told_the_rest(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_bytes(b"x")
    with pytest.raises(WeightsNotFoundError, match=r"holds text\.pt but lacks coarse\.pt"):
        folder_plan(tmp_path, (), read_environment())


def test_the_cache_that_holds_a_part_of_a_model_is_told_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "suno" / "bark_v0"
    folder.mkdir(parents=True)
    (folder / "text.pt").write_bytes(b"x")
    with pytest.raises(WeightsNotFoundError, match=r"lacks coarse\.pt, .* beside text\.pt"):
        Bark.from_pretrained("small", offline=True)


def test_a_cache_that_is_a_dangling_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(DownloadError, match="link is a link that leads nowhere"):
        fetch_codec(tmp_path / "link" / "hub" / "codec.th", url="http://127.0.0.1:9/codec.th")


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("ALL_PROXY", "NO_PROXY", "no_proxy", "BARK_SOCKS_PROXY"):
        monkeypatch.setenv(name, "")  # restored afterwards, whatever is set meanwhile


def test_the_servers_own_address_goes_around_proxies(
    no_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet")
    prepare_for_server("192.168.1.5")
    assert os.environ["NO_PROXY"] == "intranet,localhost,127.0.0.1,::1,192.168.1.5"
    assert urllib.request.proxy_bypass("127.0.0.1:7860")


@pytest.mark.parametrize("address", ["socks4://127.0.0.1:9", "socks5://me:secret@127.0.0.1:9"])
def test_socks_without_its_packages_is_named_by_the_download_only(
    address: str, no_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("ALL_PROXY", address)
    prepare_for_server()
    assert "ALL_PROXY" not in os.environ  # HTTP libraries fail on it when they are imported
    with pytest.raises(DownloadError, match="pip install socksio PySocks") as caught:
        require_socks_packages()
    assert "secret" not in str(caught.value)


class Page(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"through the proxy")


@contextlib.contextmanager
def socks5_server(target: tuple[str, int]) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that leads every caller to one address; yields its own and the hosts asked for."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            caller, _ = listener.accept()
            caller.recv(262)
            caller.sendall(b"\x05\x00")
            request = caller.recv(262)
            asked.append(request[5 : 5 + request[4]])
            caller.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            with caller, socket.create_connection(target) as page:
                page.sendall(caller.recv(65_536))
                while data := page.recv(65_536):
                    caller.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        yield f"socks5h://127.0.0.1:{listener.getsockname()[1]}", asked


def test_downloads_go_through_socks(no_proxies: None, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("socks")
    pytest.importorskip("socksio")
    with HTTPServer(("127.0.0.1", 0), Page) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        with socks5_server(("127.0.0.1", page.server_port)) as (address, asked):
            monkeypatch.setenv("ALL_PROXY", address)
            request = urllib.request.Request("http://weights.example/file")
            context = ssl.create_default_context()
            with open_address(request, timeout=5, context=context) as answer:
                assert answer.read() == b"through the proxy"
        page.shutdown()
    assert asked == [b"weights.example"]
    assert proxies.socks_address() == address


@pytest.mark.parametrize(
    "proxy", ["HTTP_PROXY=http://127.0.0.1:9", "ALL_PROXY=socks5://127.0.0.1:9"]
)
def test_the_app_starts_behind_a_proxy_and_without_standard_error(proxy: str) -> None:
    name, _, address = proxy.partition("=")
    code = (
        "import app, bark.terminal.streams\n"
        "class Ended(app._Ending):\n    def wait(self):\n        print('up', flush=True)\n"
        "app._Ending = Ended\n"
        "raise SystemExit(app.main(['--model', 'nano']))\n"
    )
    done = subprocess.run(
        ["bash", "-c", f'exec "{sys.executable}" -c "$0" 2>&-', code],
        cwd=ROOT,
        env={**os.environ, name: address},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0
    assert "up" in done.stdout
