"""`python -m bark grid`: axes in, a ZIP or a folder out."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from bark.cli import main
from bark.compare import Grid
from bark.pipeline import Bark
from tests.fake_bark import SILENT_TEXT, FakeBark


@pytest.fixture(autouse=True)
def hums(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def opened(name: str, **options: Any) -> FakeBark:
        return FakeBark(name)

    monkeypatch.setattr(Bark, "from_pretrained", opened)
    monkeypatch.chdir(tmp_path)


def run(*argv: str) -> int:
    return main(["grid", "--model", "nano", *argv])


def test_a_grid_becomes_a_zip(capsys: pytest.CaptureFixture[str]) -> None:
    code = run("Hello.", "--across", "text_temperature=0.5-0.9 (+0.2)", "--down", "seed=7-8")
    out, err = capsys.readouterr()
    assert (code, out) == (0, "grid.zip\n")
    assert "6 of 6 takes" in err
    with zipfile.ZipFile("grid.zip") as archive:
        assert {"index.html", "grid.csv", "cell-006.wav"} <= set(archive.namelist())


def test_a_grid_becomes_a_folder_that_is_read_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("{Hi|Ho} there.", "--output", "kept", "--format", "flac", "--silent") == 0
    assert capsys.readouterr() == ("kept\n", "")
    assert [take.text for take in Grid.load("kept").takes.values()] == ["Hi there.", "Ho there."]


def test_a_cell_that_came_to_nothing_is_told_by_the_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(f"{{Hello|{SILENT_TEXT}}}") == 1
    assert "1 of 2 takes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["Hello."], "needs an axis"),
        (["Hello.", "--across", "seed"], "has no values"),
        (["Hello.", "--across", "speed=1"], "no axis 'speed'"),
        (["Hello.", "--across", "seed=x"], "no value for Seed"),
    ],
)
def test_wrong_axes_are_wrong_usage_in_one_sentence(
    argv: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv) == 2
    err = capsys.readouterr().err
    assert reason in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("taken", "taken is a file, and a grid goes into a folder or a .zip"),
        ("folder.zip", "folder.zip is a folder"),
        ("taken/grid.zip", "The folder taken cannot be made"),
    ],
)
def test_what_is_in_the_way_is_said_before_any_take_is_made(
    output: str, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("taken").write_text("mine")
    Path("folder.zip").mkdir()
    monkeypatch.setattr(Bark, "from_pretrained", lambda *_, **__: pytest.fail("was loaded"))
    assert run("Hello.", "--across", "seed=1-2", "--output", output) == 2
    err = capsys.readouterr().err
    assert reason in err
    assert err.count("\n") == 1
    assert Path("taken").read_text() == "mine"


@pytest.mark.parametrize("output", ["grid.zip", "kept"])
def test_where_no_cell_gives_a_take_the_grid_before_stays(
    output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def there() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}

    assert run("Hello.", "--across", "seed=1-2", "--output", output) == 0
    capsys.readouterr()
    before = there()
    assert run(SILENT_TEXT, "--across", "seed=1-2", "--output", output, "--silent") == 1
    assert there() == before
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"bark-studio: No cell gave a take, so {output} is not written. "
        "Bark stopped before it began.\n"
    )


def test_a_home_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert run("Hello.", "--across", "seed=1-2", "--output", "~/grid.zip") == 0
    assert (tmp_path / "home" / "grid.zip").is_file()


def test_the_word_alone_is_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["grid", "--help"]) == 0
    assert main(["grid", "--nonsense"]) == 2
