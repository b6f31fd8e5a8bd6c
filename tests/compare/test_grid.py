"""Grids: what is planned, what is made together, what is kept, and that a cell stands alone."""

import csv
import dataclasses
import io
import json
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bark.compare import Axis, Grid, GridPlan, grid, parse_axis
from bark.compare.archive import write_archive
from bark.compare.grid import read_grid_file
from bark.compare.make import CellFailed, CellReady, CellsStarted
from bark.compare.plan import batches
from bark.errors import BarkError, InvalidInputError
from bark.options import GenerationOptions
from bark.pipeline import Bark
from tests.fake_bark import SILENT_TEXT, FakeBark

TEMPERATURES = {"text_temperature": "0.5-0.9 (+0.2)"}
SEEDS = {"seed": "7-8"}


def plan_of(text: str = "Hello.", **axes: str) -> GridPlan:
    options = GenerationOptions(seed=1)
    return GridPlan.of(text, [parse_axis(n, v) for n, v in axes.items()], options=options)


def test_cells_run_across_then_down_then_over_the_pages() -> None:
    plan = plan_of(text_temperature="0.5, 0.7", seed="1, 2", voice="alder, none")
    assert plan.n_cells == 8
    cells = plan.cells()
    assert [cell.place for cell in cells[:3]] == [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
    assert cells[5].values == (0.7, 1, "none")
    assert (cells[5].voice, cells[5].options.seed) == (None, 1)
    assert cells[5].options.semantic.temperature == 0.7


def test_all_cells_have_one_seed_unless_it_is_an_axis_or_unwanted() -> None:
    plan = plan_of(text_temperature="0.5, 0.7", voice="alder, none")
    assert {cell.options.seed for cell in plan.cells()} == {1}
    other = dataclasses.replace(plan, same_seed=False)
    assert [cell.options.seed for cell in other.cells()] == [1, 2, 3, 4]
    drawn = GridPlan.of("Hello.", [Axis("text_top_k", (1, 2))])
    assert drawn.options.seed is not None


def test_alternatives_in_the_prompt_become_an_axis_of_words() -> None:
    plan = plan_of("Say it {calm|angry}.", seed="1, 2")
    assert plan.axes[1].name == "words"
    assert [c.text for c in plan.cells()] == [
        "Say it calm.", "Say it calm.", "Say it angry.", "Say it angry.",
    ]  # fmt: skip
    named = plan_of("Say it {}.", words="loud, soft")
    assert [cell.text for cell in named.cells()] == ["Say it loud.", "Say it soft."]
    with pytest.raises(InvalidInputError, match="no place for 'loud'"):
        plan_of("Say it.", words="loud").cells()
    with pytest.raises(InvalidInputError, match="leave one of the three axes free"):
        plan_of("{a|b}", seed="1", text_top_k="1, 2", voice="alder")


def test_what_can_be_made_together_is_one_batch() -> None:
    plan = plan_of(text_temperature="0.5, 0.7, 0.9", voice="alder, birch, cedar", seed="1, 2")
    groups = batches(plan.cells(), 8)
    assert [len(group) for group in groups] == [6, 6, 6]
    assert all(len({c.options.semantic.temperature for c in group}) == 1 for group in groups)
    assert sorted(c.index for group in groups for c in group) == list(range(18))
    words = plan_of("{One|Two|Three} more.", seed="1-4")
    texts = [[cell.text for cell in group] for group in batches(words.cells(), 6)]
    assert texts[0] == ["One more."] * 4 + ["Two more."] * 2


def test_a_plan_is_read_back_as_it_was_written() -> None:
    plan = plan_of("{a|b} c", text_top_k="0, 5", seed="1, 2")
    assert GridPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    with pytest.raises(InvalidInputError, match="no plan of a grid"):
        GridPlan.from_dict({"text": "Hello."})


@pytest.mark.parametrize("axes", [[("seed", "1"), ("seed", "2")], [("seed", "1-30")] * 1])
def test_impossible_grids_are_refused(axes: list) -> None:
    parsed = [parse_axis(name, written) for name, written in axes]
    with pytest.raises(InvalidInputError):
        GridPlan("Hello." if len(axes) > 1 else "  ", tuple(parsed))


@pytest.fixture(scope="module", params=["fp32", "auto"])
def nano(request: pytest.FixtureRequest) -> Bark:
    return Bark.from_pretrained("nano", precision=request.param)


@pytest.mark.slow
def test_a_cell_is_the_take_that_is_made_alone(nano: Bark) -> None:
    made = grid(
        "So {small|very small} a thing.",
        across={"voice": "alder, none"},
        down={"seed": [3, 4]},
        model=nano,
        text_temperature=0.9,
    )
    assert made.plan.n_cells == 8
    cells = made.plan.cells()
    assert len(batches(cells)) == 1  # texts and voices differ, and still it is one batch
    for cell in cells:
        alone = nano.generate(cell.text, voice=cell.voice, options=cell.options)
        together = made.takes[cell.index]
        for name, tokens in alone.token_arrays().items():
            assert np.array_equal(tokens, together.token_arrays()[name]), (cell.index, name)
        assert np.allclose(alone.audio, together.audio, atol=1e-4)


def test_a_cell_of_which_nothing_can_be_said_leaves_the_others_of_its_batch(nano: Bark) -> None:
    made = grid("{Hi|😀}", across={"seed": "1, 2"}, model=nano, max_duration_s=0.4)
    assert len(batches(made.plan.cells())) == 1
    assert [(index, take.text) for index, take in made.takes.items()] == [(0, "Hi"), (1, "Hi")]
    assert sorted(made.failures) == [2, 3]


@pytest.fixture
def hummed(monkeypatch: pytest.MonkeyPatch) -> FakeBark:
    return FakeBark()


def hum(text: str, bark: FakeBark, **rest: object) -> Grid:
    return grid(text, model=bark, **rest)  # type: ignore[arg-type]


def test_each_take_is_told_when_it_is_ready(hummed: FakeBark) -> None:
    events: list = []
    made = hum("Hello.", hummed, across=TEMPERATURES, down=SEEDS, on_event=events.append)
    starts = [i for i, event in enumerate(events) if isinstance(event, CellsStarted)]
    first_ready = next(i for i, event in enumerate(events) if isinstance(event, CellReady))
    assert len(starts) == 3
    assert first_ready < starts[1]  # before the next batch begins
    assert sorted(made.takes) == list(range(6))
    take = made.take(across=2, down=1)
    assert take is not None
    assert (take.options.semantic.temperature, take.options.seed) == (0.9, 8)
    with pytest.raises(InvalidInputError, match="none at"):
        made.take(across=3)


def test_a_cell_that_fails_leaves_the_others(hummed: FakeBark) -> None:
    events: list = []
    made = hum(f"{{Hello|{SILENT_TEXT}}}", hummed, across=SEEDS, on_event=events.append)
    assert sorted(made.takes) == [0, 1]
    assert sorted(made.failures) == [2, 3]
    assert sum(isinstance(event, CellFailed) for event in events) == 2
    for axis in ("voice", "model"):
        known = "alder" if axis == "voice" else "nano"
        unknown = hum("Hello.", hummed, across={axis: f"{known}, nobody"})
        assert sorted(unknown.takes) == [0]
        assert "nobody" in unknown.failures[1]


def test_stopping_keeps_what_is_made_and_begins_nothing_new(hummed: FakeBark) -> None:
    stop = threading.Event()
    events: list = []

    def watch(event: object) -> None:
        events.append(event)
        if isinstance(event, CellReady):
            stop.set()

    made = hum("Hello.", hummed, across=TEMPERATURES, down=SEEDS, stop=stop, on_event=watch)
    assert sorted(made.takes) == [0, 3]  # the first temperature, both seeds
    assert sum(isinstance(event, CellsStarted) for event in events) == 1


def test_a_folder_keeps_no_take_of_an_earlier_grid_and_all_other_files(
    hummed: FakeBark, tmp_path: Path
) -> None:
    hum("Hello.", hummed, across={"seed": "1-4"}).save(tmp_path, format="flac")
    for name in ("letter.txt", "cell-009.wav"):
        (tmp_path / name).write_text("mine")
    record = json.loads((tmp_path / "grid.json").read_text())
    record["files"]["4"] = "letter.txt"
    (tmp_path / "grid.json").write_text(json.dumps(record))
    made = hum("Hi.", hummed, across={"seed": "1-2"})
    made.save(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    own = {"cell-001.wav", "cell-002.wav", "grid.json"}
    assert names == own | {"letter.txt", "cell-009.wav"}
    made.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_grid_that_is_killed_over_an_earlier_one_leaves_one_of_the_two(
    hummed: FakeBark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = hum("Hello.", hummed, across={"seed": "1-3"})
    new = hum("Goodbye.", hummed, across={"seed": "1-2"})
    n_done, killed_at, replace = 0, 0, Path.replace

    def replace_until_killed(part: Path, path: Path) -> Path:
        nonlocal n_done
        n_done += 1
        if n_done == killed_at:
            raise KeyboardInterrupt
        return replace(part, path)

    monkeypatch.setattr(Path, "replace", replace_until_killed)
    found = []
    for moment in range(1, 7):  # two takes and grid.json beside the old ones, then in their place
        old.save(tmp_path)
        n_done, killed_at = 0, moment
        with pytest.raises(KeyboardInterrupt):
            new.save(tmp_path)
        killed_at = 0
        left = Grid.load(tmp_path)
        found.append(left.plan.text)
        assert {take.text for take in left.takes.values()} == {left.plan.text}
        assert len(left.takes) == len((old if left.plan == old.plan else new).takes)
    assert found == ["Hello."] * 3 + ["Goodbye."] * 3
    new.save(tmp_path)
    assert not list(tmp_path.glob("*-new*"))


def test_a_saved_grid_is_reopened(tmp_path: Path, hummed: FakeBark) -> None:
    made = hum(f"{{Hello|{SILENT_TEXT}}}", hummed, across=SEEDS)
    path = made.save(tmp_path / "kept", format="flac")
    again = Grid.load(tmp_path / "kept")
    assert again.plan == made.plan
    assert again.failures == made.failures
    assert sorted(again.takes) == sorted(made.takes)
    assert again.takes[1].options == made.takes[1].options
    record = json.loads(path.read_text())
    record["files"]["0"] = "../../etc/passwd"
    path.write_text(json.dumps(record))
    with pytest.raises(InvalidInputError, match="outside its folder"):
        read_grid_file(path)
    path.write_text("[" * 100_000)
    with pytest.raises(BarkError, match="no grid"):
        read_grid_file(path)


def test_the_zip_holds_a_page_that_names_only_its_own_files(hummed: FakeBark) -> None:
    made = hum('<b>{=1+1|"two"}</b>', hummed, across=SEEDS, down=TEMPERATURES)
    file = io.BytesIO()
    write_archive(made, file)
    with zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
        page = archive.read("index.html").decode()
        rows = list(csv.DictReader(io.StringIO(archive.read("grid.csv").decode())))
        record = json.loads(archive.read("grid.json"))
    assert len([name for name in names if name.endswith(".wav")]) == 12
    assert {row["file"] for row in rows} <= names
    assert set(record["files"].values()) <= names
    assert "<b>" not in page
    assert "http" not in page
    assert page.count("<table>") == 2  # a page for each of the words
    assert rows[0]["Seed"] == "7"
    assert rows[0]["Words"] == "'=1+1"  # no spreadsheet runs it
    again = io.BytesIO()
    write_archive(made, again)
    assert again.getvalue() == file.getvalue()
