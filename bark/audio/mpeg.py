"""How long M4B and AAC files are, whose sound is not read here."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from mutagen import MutagenError
from mutagen.aac import AAC
from mutagen.mp4 import MP4

from ..errors import AudioFileError
from ..files.whole_file import open_regular, user_path
from .tags import MAX_FILE_BYTES


def read_length(path: str | Path) -> tuple[float, int]:
    """Seconds and sample rate in Hz, as an .m4b or .aac file gives them.

    Raises:
        AudioFileError: it cannot be read, or is neither.
    """
    path = user_path(path)
    try:
        with open_regular(path, max_bytes=MAX_FILE_BYTES) as file:
            is_mp4 = file.read(8)[4:] == b"ftyp"
            file.seek(0)
            info: Any = (MP4 if is_mp4 else AAC)(file).info
            return float(info.length), int(info.sample_rate)
    except OSError as error:
        raise AudioFileError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (MutagenError, struct.error, ArithmeticError, LookupError, TypeError, ValueError,
            EOFError) as error:  # fmt: skip
        raise AudioFileError(f"{path.name} is no audio file that can be read.") from error
