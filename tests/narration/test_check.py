"""A failed chunk is tried again, and the best of its takes is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bark.errors import MemoryShortError
from bark.events import TakeFailed
from bark.listening.check import Examined, Finding, examine
from bark.listening.listeners import look_with
from bark.narration.cast import Cast
from bark.narration.engines import LocalEngine
from bark.narration.joining import write_file
from bark.narration.levels import uneven_levels
from bark.narration.making import NotMade, make_chunks
from bark.narration.settings import CheckOptions
from bark.narration.states import ChunkReady
from bark.take import Take

from ..fake_bark import SILENT_TEXT
from .narrating import Hummer, begun, run


def test_a_level_far_from_its_neighbours_is_found() -> None:
    assert uneven_levels([-20, -21, -20, -35, -20, None, -19, -20]) == [(3, -15.0)]
    assert uneven_levels([-20, -40]) == []


class Picky:
    """Finds a fault in the first `n` takes of every text."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.seen: dict[str, int] = {}

    def __call__(self, take: Take, spoken: str) -> Examined:
        seen = self.seen[spoken] = self.seen.get(spoken, 0) + 1
        findings = (Finding("long", f"Fault {seen}.", 5 - seen),) if seen <= self.n else ()
        return dataclasses.replace(examine(take, spoken), findings=findings)


def test_a_failed_chunk_is_tried_again_and_the_report_says_why(tmp_path: Path) -> None:
    bark = Hummer()
    narration = begun(tmp_path, "It was late.", bark, Cast("alder"), check=CheckOptions(retries=2))
    run(narration, engine=LocalEngine(bark, look=Picky(1)))
    info = narration.state(1).info
    assert info.findings == ()
    assert info.redone_for == ("Fault 1.",)
    assert len(info.seeds) == 2
    assert Take.load(narration.state(1).path).options.seed == info.seeds[-1]


def test_the_best_of_all_tries_is_kept_with_a_warning(tmp_path: Path) -> None:
    bark = Hummer()
    job = tmp_path / "job"
    narration = begun(job, "It was late.", bark, Cast("alder"), check=CheckOptions(retries=2))
    run(narration, engine=LocalEngine(bark, look=Picky(9)))
    info = narration.state(1).info
    assert info.findings == ("Fault 3.",)
    assert info.redone_for == ("Fault 1.", "Fault 2.")
    assert len(bark.spoken) == 3
    [warning] = write_file(narration, tmp_path / "a.wav").warnings
    assert "Fault 3." in warning


def test_only_those_that_failed_are_tried_again(tmp_path: Path) -> None:
    bark = Hummer()

    def look(take: Take, spoken: str) -> Examined:
        seen = examine(take, spoken)
        bad = "river" in spoken and bark.spoken.count(spoken) == 1
        return dataclasses.replace(seen, findings=(Finding("long", "Bad."),) if bad else ())

    narration = begun(tmp_path, bark=bark, cast=Cast("alder"), check=CheckOptions(retries=1))
    run(narration, engine=LocalEngine(bark, look=look))
    for state in narration.chunks:
        assert bark.spoken.count(state.chunk.spoken) == 1 + ("river" in state.chunk.spoken)


def test_what_never_sounds_is_tried_and_then_told(tmp_path: Path) -> None:
    bark = Hummer()
    narration = begun(tmp_path, SILENT_TEXT, bark, Cast("alder"), check=CheckOptions(retries=2))
    [made] = [e for e in make_chunks(bark, [narration.task(narration.chunk(1))])
              if isinstance(e, NotMade)]  # fmt: skip
    assert len(bark.spoken) == 3
    assert "before it began" in made.reason


def test_a_chunk_that_does_not_fit_into_memory_is_not_tried_again(tmp_path: Path) -> None:
    asked: list[int] = []

    class Full(Hummer):
        def stream_requests(self, requests: Any, **options: Any) -> Iterator[Any]:
            asked.append(len(requests))
            for place in range(len(requests)):
                yield TakeFailed(MemoryShortError("There is not enough memory."), place)

    bark = Full()
    narration = begun(tmp_path, "Hello.", bark, Cast("alder"), check=CheckOptions(retries=2))
    [made] = make_chunks(bark, [narration.task(narration.chunk(1))])
    assert isinstance(made, NotMade)
    assert made.reason == "There is not enough memory."
    assert asked == [1]


def test_pocketsphinx_hears_nano(tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx")
    from bark import Bark

    bark = Bark.from_pretrained("nano", device="cpu", precision="fp32")
    narration = begun(
        tmp_path, "The man went down to the river in the morning.", bark, Cast("alder")
    )
    engine = LocalEngine(bark, look=look_with(bark, "pocketsphinx"))
    [ready] = [e for e in narration.run(engine=engine) if isinstance(e, ChunkReady)]
    assert ready.state.info.word_error_rate < 0.7
