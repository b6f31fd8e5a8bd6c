"""The benchmarks themselves, on a tiny model: that they run, and that their tables add up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bark import Bark
from benchmarks import __main__ as side_by_side
from benchmarks import curve, nano, page, quality, same_tokens
from benchmarks.measure import Case, Sample, rounds
from benchmarks.protocol import Workload, measured
from benchmarks.report import markdown, spread, stage_rows
from benchmarks.weights import make_model
from benchmarks.workload import STAGES, duration_s, make_workload, n_tokens


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights")
    make_model("tiny", path)
    return path


def sample(
    stage: str, wall_s: float, *, name: str = "a", clips: int = 1, seconds: float = 2.0
) -> Sample:
    return Sample(name, stage, seconds, clips, wall_s, wall_s / 2, 100 * wall_s)


@pytest.mark.slow
def test_the_command_measures_every_stage_of_every_implementation(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "figures.json"
    options = "--sizes tiny --seconds 0.5 --repeats 2 --clips 1,2 --transformers --voice"
    side_by_side.main([*options.split(), "--folder", str(folder), "--json", str(kept)])
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in lines if "|" in line]
    names = ["transformers", "ours fp32", "ours int8"]
    for stage in (*STAGES, "all"):
        wanted = [[stage, name, "1"] for name in names] + [[stage, name, "2"] for name in names[1:]]
        assert [row for row in rows if row[0] == stage] == wanted
    assert [row for row in rows if row[0] == "load"] == [["load", name, ""] for name in names]
    content = json.loads(kept.read_text())
    (samples,) = content["results"].values()
    assert content["arguments"]["clips"] == [1, 2]
    assert len(samples) == 2 * len(STAGES) * (3 + 2 + 3)  # twice: one clip, two clips, loading
    assert all(s["wall_s"] > 0 and s["peak_mib"] > 50 for s in samples)
    first_ours = [s["same"] for s in samples if s["name"] == "ours fp32" and s["clips"] == 1]
    assert first_ours == [1, 1, 1, None] * 2  # ours is the first that tells its tokens


@pytest.mark.slow
def test_the_curve_speaks_long_texts_in_parts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = "--sizes tiny --seconds 1,14 --precisions int8 --repeats 1"
    curve.main([*options.split(), "--folder", str(folder)])
    out = capsys.readouterr().out
    rows = [line.split(" | ")[1:3] for line in out.splitlines() if line.startswith("| ours")]
    assert rows == [["1.0 s", "1"], ["14.0 s", "2"]]
    assert out.count("#\x20") == 2  # two bars


def test_a_row_sums_the_stages_of_each_repetition() -> None:
    workload = make_workload(seconds=2, voice=False)
    seconds = duration_s(workload)
    samples = [
        sample(stage, wall_s, name=name, seconds=seconds)
        for wall_s in (1.0, 2.0, 4.0)
        for stage in ("semantic", "coarse")
        for name in ("a", "b")
    ] + [sample("semantic", 9.0, clips=0, seconds=0), sample("coarse", 1.0, clips=0, seconds=0)]
    rows = stage_rows(samples, [Case(workload, 1)])
    cells = {(row["stage"], row["implementation"]): row for row in rows}
    assert cells["all", "a"]["s"] == "4.00 (2.00 to 8.00)"
    assert cells["all", "a"]["CPU s"] == "2.00"
    assert cells["all", "a"]["peak MiB"] == "900"  # of loading
    assert cells["all", "b"]["peak MiB"] == "400"
    assert cells["load", "a"]["s"] == "10.00"
    assert cells["coarse", "b"]["tokens/s"] == str(round(n_tokens(workload, "coarse") / 2))


def test_seconds_and_ratios_are_those_of_one_clip() -> None:
    workload = make_workload(seconds=2, voice=False)
    seconds = duration_s(workload)
    samples = [
        sample("fine", 4.0, seconds=seconds),
        sample("fine", 8.0, name="b", clips=4, seconds=4 * seconds),
    ]
    rows = stage_rows(samples, [Case(workload, 1), Case(workload, 4)])
    own = [(r["stage"], r["clips"], r["s"], r["ratio"]) for r in rows]
    assert own == [
        ("fine", "1", "4.00", "1.00"),
        ("fine", "4", "2.00", "2.00"),
        ("all", "1", "4.00", "1.00"),
        ("all", "4", "2.00", "2.00"),
    ]


def test_an_interrupted_repetition_is_left_out() -> None:
    samples = [sample("semantic", 1), sample("coarse", 2), sample("semantic", 3)]
    assert rounds(samples, "a", 1, 2.0, ["semantic", "coarse"]) == [(samples[0], samples[1])]


def test_one_value_has_no_spread() -> None:
    assert spread([1.234]) == "1.23"
    assert spread([3, 1, 2], 0) == "2 (1 to 3)"


def test_a_table_has_a_line_for_each_row() -> None:
    rows = [{"a": "1", "b": "2"}, {"a": "3", "b": ""}]
    assert markdown(rows) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 |  |"


@pytest.mark.parametrize("voice", [False, True])
def test_a_workload_survives_its_file(tmp_path: Path, voice: bool) -> None:
    made = make_workload(seconds=1, voice=voice, one_text=False)
    made.save(tmp_path / "workload.npz")
    read = Workload.load(str(tmp_path / "workload.npz"))
    for name in ("text_ids", "semantic", "fine"):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
    assert (read.max_duration_s, read.one_text) == (made.max_duration_s, False)
    assert (read.voice is None) == (not voice)
    for key, value in (made.voice or {}).items():
        np.testing.assert_array_equal(read.voice[key], value)


def test_the_limit_of_a_workload_makes_its_number_of_tokens(folder: Path) -> None:
    workload = make_workload(seconds=1, voice=False)
    bark = Bark.from_pretrained(folder / "tiny", precision="fp32", lazy=True)
    take_s = workload.max_duration_s
    take = bark.generate("w5 w6", seed=0, max_duration_s=take_s, allow_early_stop=False)
    assert len(take.tokens.semantic) == len(workload.semantic) == 50
    assert take.duration_s == pytest.approx(duration_s(workload))


def test_the_weights_are_made_once(folder: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "tiny").glob("*.pt")}
    make_model("tiny", folder)
    assert len(before) == 3
    assert {p.name: p.stat().st_mtime_ns for p in (folder / "tiny").glob("*.pt")} == before


def test_the_peak_of_a_measurement_is_not_that_of_the_one_before() -> None:
    def work(mib: int) -> float:
        return torch.ones(mib * 2**18).sum().item()

    large, _ = measured(work, mib=256)
    small, made = measured(work, mib=1)
    assert small["peak_mib"] < large["peak_mib"] - 200
    assert made == 2**18


def test_nano_speaks_with_the_threads_that_are_asked_for() -> None:
    bark = Bark.from_pretrained("nano", device="cpu")
    before = torch.get_num_threads()
    made = [
        nano.speak(bark, "a short sentence", threads=threads, voice=None, seed=0)
        for threads in (1, 0)
    ]
    assert torch.get_num_threads() == before
    assert made[0].audio_s == made[1].audio_s > 0.5
    assert all(0 < m.first_s < m.wall_s for m in made)
    rows = nano.spoken_rows(made)
    assert [row["threads"] for row in rows] == ["1", "as shipped"]


def test_fewer_bits_change_the_logits_a_little(folder: Path) -> None:
    rows = quality.random_rows("tiny", folder)
    assert [row["precision"] for row in rows] == [*quality.faster_precisions()] * 3
    errors = [float(row["error of the logits"].rstrip("%")) for row in rows]
    assert all(0 < error < 10 for error in errors)


def test_without_a_listener_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(n: int) -> list[str]:
        raise FileNotFoundError("no fortunes found")

    monkeypatch.setattr(quality, "held_out_prose", refuse)
    monkeypatch.setattr(quality, "nano_rows", lambda barks: [{"stage": "all"}])
    monkeypatch.setattr(quality, "draft_rows", lambda barks: [{"stage": "all"}])
    quality.main(["--sizes", "tiny", "--folder", str(folder)])
    out = capsys.readouterr().out
    assert "not measured, no fortunes found" in out
    assert "tiny, random weights" in out


@pytest.mark.parametrize(("n_sentences", "choice"), [(1, ""), (19, ""), (20, "100.0%")])
def test_the_listener_chooses_only_among_twenty_sentences(
    monkeypatch: pytest.MonkeyPatch, n_sentences: int, choice: str
) -> None:
    words = ["one two", "three four", "a ship", "the hill", "some bread"]
    sentences = [f"{words[i % 5]} {words[i // 5]} {'ab'[i % 2]}" for i in range(n_sentences)]
    heard = iter(sentences)

    class Bark:
        def reading(self, text: str) -> str:
            return text

    class Listener:
        def hear(self, audio: np.ndarray, sample_rate: int) -> str:
            return next(heard)

    class Take:
        audio, sample_rate, duration_s = np.zeros(1), 24_000, 1.0

    monkeypatch.setattr(quality, "held_out_prose", lambda n: sentences[:n])
    monkeypatch.setattr(quality, "Listener", Listener)
    monkeypatch.setattr(quality, "speak_sentences", lambda *args: [Take()] * n_sentences)
    (row,) = quality.heard_rows({"fp32": Bark()}, n_sentences)  # type: ignore[dict-item]
    assert row["word error rate"] == "0.0%"
    assert row["closed choice of 20"] == choice


def test_runs_that_leave_the_oracle_are_told_with_their_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert same_tokens.first_difference([1, 2, 3], [1, 2, 3]) is None
    assert same_tokens.first_difference([1, 5, 3], [1, 2, 4]) == 1
    assert same_tokens.first_difference([1, 2], [1, 2, 3]) == 2
    comparison = same_tokens.Comparison
    rows = same_tokens.comparison_rows(
        [comparison("a", "coarse", True, seed, 12 if seed else None, 50) for seed in range(2)]
    )
    assert rows[0]["runs that left"] == "1"
    assert rows[0]["where"] == "seed 1 at 12"
    options = "--size tiny --stages semantic --seeds 0,1 --voices no --seconds 0.4"
    same_tokens.main([*options.split(), "--folder", str(folder)])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| drafts")]
    assert len(lines) == 2
    assert all("| semantic | no | 2 | 40 | 0 |" in line for line in lines)


def test_the_page_is_judged_by_its_medians() -> None:
    quick = page.Measure("quick but for once", 0.5, (0.2, 0.4, 3.0))
    slow = page.Measure("slow but for once", 0.5, (0.1, 0.6, 0.7))
    assert [row["holds"] for row in page.rows([quick, slow])] == ["yes", "no"]
    assert page.rows([quick])[0]["s"] == "0.400 (0.200 to 3.000)"
