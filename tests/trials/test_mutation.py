"""Damaged files of every kind are used or refused in a sentence, at once and within bounds."""

from __future__ import annotations

import logging
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .kinds import Kind, all_kinds
from .mutation import Watch, try_file, try_kind
from .mutations import mutate

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="memory and time of one reading are measured on Linux"
)
LONG = pytest.mark.skipif("BARK_TRIALS" not in os.environ, reason="long: set BARK_TRIALS=1")
N_QUICK = 12


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    watch = Watch(tmp_path_factory.getbasetemp())
    logging.disable(logging.ERROR)
    yield watch
    logging.disable(logging.NOTSET)
    watch.is_on = False


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> list[Kind]:
    return all_kinds(tmp_path_factory.mktemp("seeds"))


@pytest.mark.parametrize("n", [N_QUICK, pytest.param(400, marks=LONG)], ids=["quick", "long"])
def test_damaged_files_are_used_or_refused_in_a_sentence(
    kinds: list[Kind], watch: Watch, tmp_path: Path, n: int
) -> None:
    wrong = [
        f"{kind.name}: {outcome.verdict}, {outcome.detail}"
        for kind in kinds
        for outcome in try_kind(kind, n, 1, tmp_path, watch)
        # how long a loaded machine takes says nothing: the long form is for a quiet one
        if outcome.verdict not in ("used", "refused", "slow")
    ]
    assert wrong == []


def test_the_trial_notices_what_it_is_for(tmp_path: Path, watch: Watch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")

    def broken(path: Path) -> None:
        raise ZeroDivisionError

    def large(path: Path) -> None:
        bytearray(300 << 20)[::4096] = b"x" * (300 << 8)

    def elsewhere(path: Path) -> None:
        Path("/tmp/bark-trial-escape").open("wb").close()
        Path("/tmp/bark-trial-escape").unlink()

    verdicts = [
        try_file(Kind("", (), read), path, watch).verdict
        for read in (broken, large, elsewhere, lambda path: None)
    ]
    assert verdicts == ["traceback", "memory", "escape", "used"]


def test_damage_is_the_same_for_the_same_seed_and_changes_something() -> None:
    data = bytes(range(256)) * 4
    once, again = (mutate(data, [data], random.Random(3)) for _ in range(2))
    assert once == again
    changed = [mutate(data, [data], random.Random(seed)) != data for seed in range(50)]
    assert sum(changed) > 40


@pytest.mark.parametrize("folder", sorted((Path(__file__).parent / "corpus").iterdir()))
def test_inputs_that_once_reached_new_lines_are_used_or_refused(
    kinds: list[Kind], watch: Watch, tmp_path: Path, folder: Path
) -> None:
    """Found by `python -m tests.trials.guided`."""
    kind = next(
        kind for kind in kinds if kind.name.replace(", .", "-").replace(" ", "-") == folder.name
    )
    path = tmp_path / kind.seeds[0][0]
    for kept in sorted(folder.iterdir()):
        path.write_bytes(kept.read_bytes())
        outcome = try_file(kind, path, watch)
        assert outcome.verdict in ("used", "refused"), (kept.name, outcome)
