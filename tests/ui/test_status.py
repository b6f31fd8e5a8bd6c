"""The lines on the page: progress that never goes back, a meter that names what is cut."""

import html
import json
import re
from pathlib import Path

import pytest

from bark.events import StageProgress
from bark.models.native import compiler
from bark.ui.actions import models
from bark.ui.actions.meter import marks, measure
from bark.ui.actions.speak import speak
from bark.ui.page import status
from bark.ui.page.form import Form
from tests.studio_fixtures import make_studio


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.5
        return self.now


def share_in(line: str) -> int:
    return int(line.partition('aria-valuenow="')[2].partition('"')[0])


def test_progress_never_goes_back_and_names_rate_and_time_left() -> None:
    gauge = status.Gauge(clock=Clock())
    steps = [("semantic", n, 100) for n in range(0, 101, 10)]
    steps += [("coarse", n, 200) for n in range(0, 201, 20)]
    steps += [("fine", n, 6) for n in range(7)] + [("decode", 1, 1)]
    lines = [gauge.line(StageProgress(*step)) or "" for step in steps]
    shares = [share_in(line) for line in lines]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert "20 tokens/s" in lines[5]
    assert "left" in lines[5]


def test_progress_is_shown_a_few_times_a_second_only() -> None:
    gauge = status.Gauge(clock=lambda: 1.0)
    lines = [gauge.line(StageProgress("semantic", n, 1_000)) for n in range(1_000)]
    assert len([line for line in lines if line]) == 1


def test_several_takes_are_counted() -> None:
    gauge = status.Gauge(clock=Clock())
    gauge.take_ready()
    assert "1 of 4 takes" in (gauge.line(StageProgress("decode", 1, 4, 4)) or "")


def test_messages_are_escaped() -> None:
    hostile = "<script>alert(1)</script>"
    for line in (status.note(hostile), status.fault(hostile), status.bar(hostile, 0.5, hostile)):
        assert "<script" not in line


def test_meter_counts_and_names_exactly_what_is_cut(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)
    assert "2 of 40 tokens" in measure(studio, "Hello there").line
    over = measure(studio, " ".join(f"word{i}" for i in range(41)) + " <b>")
    assert "“<b>word40 &lt;b&gt;</b>”" in over.line
    assert over.n_parts == 2


def test_meter_warns_of_a_text_that_takes_too_long_to_say(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)
    meter = measure(studio, " ".join(["Rindfleischetikettierung."] * 25))
    assert "speaks at most 27 s" in meter.line
    assert meter.n_parts == 3  # 46 s, of which a part may hold 23


def test_meter_of_a_text_beyond_all_measure_is_quick(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, max_chars=100)
    assert "at most 100" in measure(studio, "x" * 1_000_000).line


def test_a_model_is_fetched_loaded_and_named(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)
    session = studio.visits.session("tab")
    told = list(models.change(studio, session, "small"))
    assert told[-1] == (status.note("Small is ready."), True)
    assert "Fetching text.pt" in told[1][0]
    assert studio.engine.ready().name == "small"


def test_a_download_that_is_stopped_leaves_the_old_model(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, pace_s=0.02)
    session = studio.visits.session("tab")
    changing = models.change(studio, session, "small")
    next(changing), next(changing)
    session.stop_download.set()
    assert list(changing)[-1] == (
        status.fault("Stopped; what was fetched stays on the disk."),
        False,
    )
    assert studio.engine.ready().name == "nano"
    list(speak(studio, session, Form(text="Still speaking.")))
    assert len(session.visit.takes.all()) == 1


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)
    told = list(models.change(studio, studio.visits.session("tab"), "../../etc"))
    assert len(told) == 1
    assert "no such model" in told[0][0]


def test_sizes_and_times_are_words() -> None:
    assert status.size(21_000_000) == "21 MB"
    assert status.size(4_491_010_000) == "4.5 GB"
    assert status.seconds(0.2) == "1 s"
    assert status.seconds(200) == "3 min"


def test_under_the_box_stands_how_nano_reads_where_that_is_not_what_was_typed(
    tmp_path: Path,
) -> None:
    studio = make_studio(tmp_path)
    assert "Reads" not in measure(studio, "Well, it's a well-known thing (really)!").line
    line = measure(studio, "It costs $5.").line
    assert "<summary>Reads $5 → five dollars</summary>" in line
    assert "<p>it costs five dollars</p>" in line
    line = measure(studio, "Dr. 5 <b>met</b> me at 9:45, 1, 2, 3, 4, 5 and 6.").line
    assert "Reads Dr. 5 → doctor five, 9:45 → nine forty five" in line
    assert "and 2 more" in line
    assert "<b>met" not in line


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("Plain words.", []),
        ("So  [laughs]\n\n it is.", [("[laughs]", "unspoken")]),
        (" ♪ La 日本 la. ", [("♪", "unspoken"), ("日本", "unspoken")]),
        (f"{'word ' * 39}last  \t lost\nwords.  ", [("lost\nwords.", "cut")]),
    ],
)
def test_what_is_not_heard_is_marked_where_it_was_typed(
    tmp_path: Path, text: str, marked: list[tuple[str, str]]
) -> None:
    studio = make_studio(tmp_path)
    found = marks(text, studio.engine.ready().count(text))
    assert [(text[start:end], kind) for start, end, kind in found] == marked


def test_the_page_gets_the_marks_with_the_text_they_are_of(tmp_path: Path) -> None:
    text = 'He said "no" <i> [sighs].'
    line = measure(make_studio(tmp_path), text).line
    found = re.search(r'data-marks="([^"]*)"', line)
    assert found is not None
    told = json.loads(html.unescape(found[1]))
    assert told == {"text": text, "marks": [[17, 24, "unspoken"]]}


def test_what_nano_cannot_say_is_named_before_and_after(tmp_path: Path) -> None:
    studio = make_studio(tmp_path)
    assert "cannot say “你好”" in measure(studio, "Hello 你好").line
    updates = list(speak(studio, studio.visits.session("tab"), Form(text="Hello 你好")))
    assert "It cannot say: “你好”." in "".join(update.status or "" for update in updates)


def test_the_first_start_says_that_the_layers_are_being_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    studio = make_studio(tmp_path)
    studio.engine._bark = None  # as before the first model is there

    def run(*command: object, **options: object) -> None:
        seen.append(models.model_line(studio))
        raise compiler.CompilationError("this test has no compiler")

    monkeypatch.setattr(compiler, "_compile", run)
    with pytest.raises(compiler.CompilationError):
        compiler._compiled(tmp_path, ["cc"], ())
    assert seen == ['<p class="model">Fitting nano to this processor, only this once …</p>']
    assert models.model_line(studio) == '<p class="model">Loading nano …</p>'
    studio.close()
