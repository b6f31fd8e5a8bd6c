"""The studio as a whole: its engine, its visitors and its limits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from .engine import Engine
from .visits import Visits

MAX_CHARS = 5_000


@dataclasses.dataclass(frozen=True)
class Studio:
    """What every handler works on.

    Attributes:
        max_chars: the longest text taken.
        can_change_model: visitors of a Space cannot; its owner chose.
        offline: nothing is downloaded.
    """

    engine: Engine
    visits: Visits
    max_chars: int = MAX_CHARS
    can_change_model: bool = True
    offline: bool = False


def takes_folder(takes_dir: Path | None, *, is_public: bool) -> Path | None:
    """Where takes are kept; None where every visitor gets a folder of their own.

    Args:
        takes_dir: what BARK_TAKES_DIR says.
        is_public: whether strangers may visit.
    """
    if is_public:
        return None
    if takes_dir is not None:
        return takes_dir
    import platformdirs

    return platformdirs.user_data_path("bark-studio", appauthor=False) / "takes"
