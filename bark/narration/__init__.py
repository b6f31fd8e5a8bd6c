"""Long texts, dialogues and books: any written document as one piece of audio.

    for piece in bark.narrate("A long text ...", voice="alder"):     # pieces in order, as made
        play(piece.audio, piece.sample_rate); sleep(piece.pause_s)
    bark.narrate_to_file(Path("book.epub"), "book.m4b", folder="job")  # one file; resumable

Beneath them stands `Narration`, a job in a folder (`bark.narration.narration` tells of it): it is
run, stopped, run again after a restart, and edited chunk by chunk. From a file to a file:
`documents` → `script` (`marks`, `cast`, `pronunciations`, `cutting`) → `narration` (`jobs`,
`engines`, `making`, `check`) → `timeline` → `joining` (`loudness`, `formats`) and `captions`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import Piece, begin, narrate, narrate_to_file
    from .cast import Cast, read_cast
    from .documents import Document, document_of_text, read_document
    from .joining import Joined, write_file
    from .narration import Narration
    from .pronunciations import Pronunciations, read_pronunciations
    from .settings import CheckOptions, NarrationOptions, Pauses
    from .states import ChunkFailed, ChunkProgress, ChunkReady, ChunkState, Plan
    from .timeline import timeline

_HOMES = {
    "api": ("Piece", "begin", "narrate", "narrate_to_file"),
    "cast": ("Cast", "read_cast"),
    "documents": ("Document", "document_of_text", "read_document"),
    "joining": ("Joined", "write_file"),
    "narration": ("Narration",),
    "pronunciations": ("Pronunciations", "read_pronunciations"),
    "settings": ("CheckOptions", "NarrationOptions", "Pauses"),
    "states": ("ChunkFailed", "ChunkProgress", "ChunkReady", "ChunkState", "Plan"),
    "timeline": ("timeline",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Cast",
    "CheckOptions",
    "ChunkFailed",
    "ChunkProgress",
    "ChunkReady",
    "ChunkState",
    "Document",
    "Joined",
    "Narration",
    "NarrationOptions",
    "Pauses",
    "Piece",
    "Plan",
    "Pronunciations",
    "begin",
    "document_of_text",
    "narrate",
    "narrate_to_file",
    "read_cast",
    "read_document",
    "read_pronunciations",
    "timeline",
    "write_file",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value
