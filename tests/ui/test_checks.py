"""The check of single takes: flags are found, kept beside the files, and told to the page."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bark.errors import InvalidInputError, VoiceError
from bark.listening.check import examine
from bark.options import GenerationOptions
from bark.take import Take
from bark.ui.actions import checks
from bark.ui.state.studio import Studio
from bark.ui.state.take_store import TakeStore
from tests.fake_bark import FakeBark
from tests.studio_fixtures import make_studio

TEXT = "It was late, and nobody came to the door any more."


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return make_studio(tmp_path / "takes")


def kept(studio: Studio, **changes: Any) -> str:
    take = FakeBark().generate(TEXT, options=GenerationOptions(seed=3))
    visit = studio.visits.session("tab").visit
    return visit.takes.add(dataclasses.replace(take, **changes)).id


def flags(studio: Studio, *ids: str, **asked: Any) -> list[list[str] | None]:
    visit = studio.visits.session("tab").visit
    told = checks.check(studio, visit, {"ids": list(ids), "version": None, **asked})
    found = {take["id"]: take["flags"] for take in told["takes"]}
    return [found[i] and [kind for kind, _ in found[i]] for i in ids]


def test_faults_become_flags_and_a_good_take_passes(studio: Studio) -> None:
    quiet = np.zeros(48_000, np.float32)
    good, silent = kept(studio), kept(studio, audio=quiet)
    cut = kept(studio, stop_reason="length")
    left_out = kept(studio, cut_text="any more.")
    stopped = kept(studio, stop_reason="stopped")
    found = flags(studio, good, silent, cut, left_out, stopped)
    assert found == [[], ["silent"], ["cut"], ["cut"], ["cut"]]


def test_flags_lie_beside_the_takes_and_outlive_a_star_and_a_restart(studio: Studio) -> None:
    take_id = kept(studio, stop_reason="length")
    store = studio.visits.session("tab").visit.takes
    assert store.get(take_id).flags is None  # type: ignore[union-attr]
    flags(studio, take_id)
    store.mark(take_id, star=True)
    for index_is_lost in (False, True):
        if index_is_lost:
            (store.folder / ".index.sqlite").unlink()
        again = TakeStore(store.folder).get(take_id)
        assert again is not None
        assert again.star
        assert [kind for kind, _ in again.flags or ()] == ["cut"]


@pytest.mark.parametrize("flags", [3, [1], [["cut"]], {"cut": 1}, [["no such", "x"]], None])
def test_flags_that_somebody_broke_are_none_and_the_take_is_there(
    studio: Studio, flags: Any
) -> None:
    take_id = kept(studio)
    folder = studio.visits.session("tab").visit.takes.folder
    (folder / f"{take_id}.json").write_text(json.dumps({"star": True, "flags": flags}))
    again = TakeStore(folder).get(take_id)
    assert again is not None
    assert again.star
    assert not again.flags


@pytest.mark.parametrize(
    "asked", [{"ids": "a"}, {"ids": [1]}, {"ids": ["x"] * 51}, {"ids": [], "listener": "siri"}]
)
def test_what_the_page_never_asks_is_refused(studio: Studio, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        checks.check(studio, studio.visits.session("tab").visit, asked)


def test_a_take_that_is_gone_is_passed_over(studio: Studio) -> None:
    take_id = kept(studio)
    visit = studio.visits.session("tab").visit
    told = checks.check(studio, visit, {"ids": ["take-1-gone", take_id]})
    assert [take["flags"] for take in told["takes"]] == [[]]


def test_a_take_with_a_damaged_voice_is_passed_over_and_the_others_are_checked(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = kept(studio, text="bad"), kept(studio, stop_reason="length")

    def look(take: Take, text: str) -> Any:
        if text == "bad":
            raise VoiceError("This voice is damaged.")
        return examine(take, text)

    monkeypatch.setattr(checks, "examine", look)
    monkeypatch.setattr(checks, "look_with", lambda *_: look)
    visit = studio.visits.session("tab").visit
    told = checks.check(studio, visit, {"ids": [bad, good]})
    found = {take["id"]: take["flags"] for take in told["takes"]}
    assert [kind for kind, _ in found[good]] == ["cut"]


def test_strangers_are_lent_no_listener() -> None:
    studio = make_studio(None)
    visit = studio.visits.session("stranger").visit
    assert checks.listeners(studio.access(visit)) == ()
    with pytest.raises(InvalidInputError, match="no such listener"):
        checks.check(studio, visit, {"ids": [], "listener": "pocketsphinx"})
    studio.close()
