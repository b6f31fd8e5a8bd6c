"""What is installed is pinned, by digest too, and the same everywhere it is said."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PIN = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;\\]+)", re.MULTILINE)


def pins(name: str) -> set[tuple[str, str]]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return {(package.lower().replace("_", "-"), version) for package, version in PIN.findall(text)}


def test_the_lock_holds_every_requirement_of_the_app_at_its_version() -> None:
    assert ("torch", "2.13.0") in pins("requirements.txt")
    assert pins("requirements.txt") <= pins("requirements.lock")


def test_everything_in_the_lock_has_digests() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-zA-Z])", text[text.index("\n", text.index("uv pip compile")) :])
    named = [entry.strip() for entry in entries if PIN.match(entry.strip())]
    assert len(named) > 50
    assert [entry.split()[0] for entry in named if "--hash=sha256:" not in entry] == []


def test_what_the_app_and_its_tests_install_is_pinned() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-training.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            assert not line or line.startswith(("#", "-r ")) or PIN.match(line), line


def test_what_tests_and_training_both_install_has_one_version() -> None:
    tests, training = dict(pins("requirements-dev.txt")), dict(pins("requirements-training.txt"))
    shared = tests.keys() & training.keys()
    assert "hibari-tts" in shared
    assert {name: tests[name] for name in shared} == {name: training[name] for name in shared}
