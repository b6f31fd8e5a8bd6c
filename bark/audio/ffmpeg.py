"""Where ffmpeg is, which some formats and a change of speed use."""

from __future__ import annotations

import shutil


def ffmpeg_path() -> str | None:
    """The system's ffmpeg, else the one of the package imageio-ffmpeg, else None."""
    found = shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    try:
        packaged: str = imageio_ffmpeg.get_ffmpeg_exe()
        return packaged
    except RuntimeError:  # the package came without its program
        return None
