"""Files that appear whole or not at all, and what is left where their writer was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bark.files.whole_file import open_regular, sweep_parts, whole_file

_WRITES_FOR_EVER = """
import sys, time
from pathlib import Path
from bark.files.whole_file import whole_file
with whole_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _nothing_swept() -> None:
    sweep_parts.cache_clear()


@pytest.mark.skipif(os.name != "posix", reason="locks of files are not tried on this system")
def test_a_killed_writers_part_is_swept_and_a_living_ones_is_not(tmp_path: Path) -> None:
    target = tmp_path / "take.wav"
    target.write_bytes(b"before")
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITES_FOR_EVER, str(target)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    (part,) = tmp_path.glob(".*.part")
    os.utime(part, (0, 0))
    (tmp_path / ".not-ours.part").write_bytes(b"")
    sweep_parts(tmp_path)
    assert part.exists()
    writer.kill()
    writer.wait()
    sweep_parts.cache_clear()
    os.utime(part, (0, 0))
    with whole_file(tmp_path / "other") as file:
        file.write(b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".not-ours.part",
        "other",
        "take.wav",
    ]
    assert target.read_bytes() == b"before"


def test_a_part_of_the_last_minute_is_left_alone(tmp_path: Path) -> None:
    part = tmp_path / f".{'0' * 32}.part"
    part.write_bytes(b"")
    sweep_parts(tmp_path)
    assert part.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match="no regular file"):
            open_regular(path, max_bytes=10)
    (tmp_path / "large").write_bytes(b"x" * 11)
    with pytest.raises(OSError, match="it has 11 bytes, and at most 10"):
        open_regular(tmp_path / "large", max_bytes=10)
    with pytest.raises(OSError, match="null"):
        open_regular(Path("a\0b"), max_bytes=10)
    with open_regular(tmp_path / "large", max_bytes=11) as file:
        assert file.read() == b"x" * 11
