"""encodec and torchaudio can be imported beside any build of torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bark.suno.torchaudio import load, resample, save

PROGRAM = """
import bark.generation
import torch, torchaudio
from encodec import EncodecModel
from encodec.utils import convert_audio
torchaudio.save("x.wav", torch.zeros(2, 800), 8_000)
wav, rate = torchaudio.load("x.wav")
print(tuple(convert_audio(wav, rate, 24_000, 1).shape), torchaudio.transforms.Resample)
"""


@pytest.mark.parametrize(
    "fault", ["raise OSError('libc10_cuda.so')", "import torch; torch.ops.load_library('/none')"]
)
def test_programs_import_encodec_beside_a_torchaudio_that_cannot_be_loaded(
    fault: str, tmp_path: Path
) -> None:
    (tmp_path / "torchaudio").mkdir()
    (tmp_path / "torchaudio" / "__init__.py").write_text(f"half = 1\n{fault}\n")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("(1, 2400)"), done.stderr
    assert "bark.suno.torchaudio" in done.stdout


def test_a_torchaudio_that_loads_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "torchaudio").mkdir()
    (tmp_path / "torchaudio" / "__init__.py").write_text("from . import part\nmine = part.x\n")
    (tmp_path / "torchaudio" / "part.py").write_text("x = 5\n")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from bark.suno.torchaudio import mend_torchaudio as m; m(); m(); import torchaudio;"
            "print(torchaudio.mine, hasattr(torchaudio, 'load'))",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["5", "False"], done.stderr


def test_sound_survives_a_file_and_a_change_of_rate(tmp_path: Path) -> None:
    tone = torch.sin(torch.arange(8_000) * 2 * np.pi * 200 / 8_000)[None]
    save(tmp_path / "tone.wav", tone, 8_000)
    found, rate = load(tmp_path / "tone.wav")
    assert rate == 8_000
    torch.testing.assert_close(found, tone, atol=1e-4, rtol=0)
    faster = resample(tone, 8_000, 24_000)
    expected = torch.sin(torch.arange(24_000) * 2 * np.pi * 200 / 24_000)[None]
    torch.testing.assert_close(faster[:, 600:-600], expected[:, 600:-600], atol=1e-2, rtol=0)
