"""The page on which nano is heard beside its teacher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.compare import Heard, render
from training.plots import plot_spectrogram


def test_every_speaker_has_a_player_a_sentence_and_a_picture() -> None:
    silence = (np.zeros(4, np.float32),) * 2
    page = render(
        [Heard("birch", silence, 24_000), Heard("a<b", silence, 24_000)], ["One?", "A&B."]
    )
    for part in ('src="birch-0.wav"', 'src="birch-1.wav"', 'src="birch.png"', "a&lt;b", "A&amp;B."):
        assert part in page
    assert page.count("<audio") == 4
    assert page.count("<img") == page.count(" alt=") == 2


def test_a_spectrogram_is_a_small_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs requirements-training.txt")
    time = np.arange(24_000, dtype=np.float32) / 24_000
    plot_spectrogram(np.sin(2_000 * time), 24_000, tmp_path / "a.png", "a tone")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.png").stat().st_size < 100_000
