"""The page's scripts: linted as the browser sees them, their arithmetic run by node."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from bark.compare.word_times import matching_time
from bark.ui.build import page_script
from bark.ui.page import messages

ROOT = Path(__file__).parent.parent.parent
STATIC = ROOT / "bark" / "ui" / "page" / "static"
# Whose `receive` takes the messages for each part of the page.
RECEIVERS = {
    "player": "stage.js",
    "list": "store.js",
    "grid": "grid.js",
    "long": "long.js",
    "styles": "stylemenu.js",
}

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def test_the_linter_finds_nothing_in_the_whole_page(tmp_path: Path) -> None:
    linter = shutil.which("oxlint") or Path(sys.executable).with_name("oxlint")
    if not Path(linter).exists():
        pytest.skip("oxlint is not installed; it is one of the development requirements")
    script = tmp_path / "page.js"
    script.write_text(page_script(), encoding="utf-8")
    found = subprocess.run(
        [linter, "-c", ROOT / ".oxlintrc.json", "-f", "unix", script],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout


@needs_node
def test_drawing_playing_and_comparing_do_what_they_should(tmp_path: Path) -> None:
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps([_case(seed) for seed in range(200)]), encoding="utf-8")
    found = subprocess.run(
        ["node", "--test", ROOT / "tests" / "ui" / "javascript"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "BARK_TEST_CASES": str(cases)},
    )  # fmt: skip
    assert found.returncode == 0, found.stdout[-4_000:]
    assert int(re.findall(r"^# pass (\d+)", found.stdout, re.MULTILINE)[0]) >= 20


def _case(seed: int) -> dict[str, object]:
    """Words of two takes, a time in one, and the same place in the other as Python has it."""
    draw = random.Random(seed)

    def words(n: int) -> tuple[list[tuple[float, float]], float]:
        ends = sorted(draw.uniform(0, 9) for _ in range(2 * n))
        return list(zip(ends[::2], ends[1::2], strict=True)), 10.0

    n = draw.randint(0, 6)
    (one, length), (other, _) = words(n), words(n if draw.random() < 0.8 else n + 1)
    lengths = (length, draw.uniform(9.5, 12))
    seconds = draw.uniform(0, length)
    return {
        "seconds": seconds,
        "one": one,
        "other": other,
        "lengths": lengths,
        "expected": matching_time(seconds, one, other, lengths),
    }


@pytest.mark.parametrize("part", RECEIVERS)
def test_each_part_of_the_page_takes_the_messages_that_python_sends_it(part: str) -> None:
    script = (STATIC / RECEIVERS[part]).read_text(encoding="utf-8")
    body = re.findall(r"^  receive\(message\) \{\n(.*?)^  \}\n", script, re.MULTILINE | re.DOTALL)[
        0
    ]
    taken = {*re.findall(r"^      (\w+): \(", body, re.MULTILINE)}
    taken |= {*re.findall(r'message\.kind [=!]== "(\w+)"', body)}
    assert taken == {kind for kind, entry in messages.KINDS.items() if entry.to == part}


def test_the_table_of_messages_has_every_kind() -> None:
    assert set(messages.KINDS) == set(typing.get_args(messages.Kind))


def test_a_message_without_one_of_its_fields_is_not_sent() -> None:
    with pytest.raises(AssertionError, match="run"):
        messages._message("end")
