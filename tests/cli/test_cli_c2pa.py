"""`--c2pa`: mistakes are found before anything is made, and what is made is signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bark.audio.credentials import read_credential
from bark.cli import program

from ..signing import make_signer

LONG = "It was late, and the rain had stopped. Nobody saw the two of them come. " * 5


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_environment: None) -> None:
    monkeypatch.setenv("BARK_MODEL", "nano")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    certificate, key = make_signer(tmp_path_factory.mktemp("signer"))
    return str(certificate), str(key)


@pytest.mark.parametrize("text", ["Hello.", LONG], ids=["take", "narration"])
def test_what_is_written_is_signed(text: str, signer: tuple[str, str]) -> None:
    assert program.main([text, "--c2pa", *signer, "--output_filename", "a.wav", "--silent"]) == 0
    credential = read_credential(Path("a.wav"))
    assert credential is not None
    assert credential["validation_state"] in ("Valid", "Trusted")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--output_filename", "-"], "--output_filename - writes none"),
        (["--semantic_only"], "--semantic_only writes none"),
        (["--output_filename", "a.flac"], "cannot hold a content credential"),
    ],
)
def test_what_cannot_be_signed_is_refused_before_it_is_made(
    flags: list[str],
    sentence: str,
    signer: tuple[str, str],
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert program.main(["Hello.", "--c2pa", *signer, *flags]) != 0
    written = capfd.readouterr()
    assert sentence in written.err
    assert written.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_certificate_is_refused_before_anything_is_made(
    signer: tuple[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for certificate, key in (("none.pem", signer[1]), (signer[1], signer[0])):
        assert program.main(["Hello.", "--c2pa", certificate, key]) == program.WRONG_USAGE
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
