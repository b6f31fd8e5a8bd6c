"""Faster and slower speech at the same pitch, for models that know no durations."""

from __future__ import annotations

import subprocess

import numpy as np

from ..errors import OptionError
from .ffmpeg import ffmpeg_path

_TIMEOUT_S = 120


def require_stretching() -> None:
    """Says what is missing where audio cannot be stretched.

    Raises:
        OptionError: there is no ffmpeg.
    """
    if ffmpeg_path() is None:
        raise OptionError(
            "Another speed than 1 needs ffmpeg with this model; install it, "
            "or run: pip install imageio-ffmpeg"
        )


def stretch(audio: np.ndarray, sample_rate: int, speed: float) -> np.ndarray:
    """Stretches audio in time by ffmpeg's atempo; its pitch stays.

    Args:
        audio: (n,) float32 within ±1.
        sample_rate: Hz.
        speed: 0.5 to 2; 2 halves the duration.

    Returns:
        (about n / speed,) float32.

    Raises:
        OptionError: there is no ffmpeg, or it fails.
    """
    require_stretching()
    program = ffmpeg_path()
    assert program is not None
    raw = ["-f", "f32le", "-ar", str(sample_rate), "-ac", "1"]
    command = [program, "-v", "error", *raw, "-i", "pipe:0", "-af", f"atempo={speed}"]
    done = subprocess.run(
        [*command, *raw, "pipe:1"],
        input=np.asarray(audio, "<f4").tobytes(),
        capture_output=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason"]
        raise OptionError(f"ffmpeg could not change the speed: {reason[-1]}.")
    return np.frombuffer(done.stdout, "<f4").astype(np.float32)
