"""The benchmark of long texts follows a narration through its marks."""

from pathlib import Path

from benchmarks.narration import Passed, curve_rows, follow, story
from tests.narration.narrating import begun


def test_marks_are_passed_in_order_and_it_stops_after_the_last(tmp_path: Path) -> None:
    narration = begun(tmp_path, story(120))
    minutes = [0.1, 0.2, 0.3]
    passed = list(follow(narration, minutes, width=2))
    assert len(passed) == 3
    assert all(row.audio_s >= 60 * mark for row, mark in zip(passed, minutes, strict=True))
    assert any(not state.is_ready for state in narration.chunks)


def test_a_row_tells_what_a_second_cost_since_the_mark_before() -> None:
    rows = curve_rows([Passed(60, 6, 12, 100, 110), Passed(120, 18, 30, 100, 110)])
    assert [row["processor s a second"] for row in rows] == ["0.100", "0.200"]


def test_a_story_has_its_words_and_is_the_same_each_time() -> None:
    assert len(story(500).split()) >= 500
    assert story(500) == story(500)
