"""Official Bark, small and large: thirteen languages, laughter, music."""

from __future__ import annotations

from ..spec import BARK, LANGUAGES
from ..stages.coarse import generate_coarse
from .family import Family

BARK_FAMILY = Family(
    spec=BARK,
    title="official Bark",
    languages=LANGUAGES,
    preset_voices=(
        "announcer",
        *(
            f"{folder}{code}_speaker_{i}"
            for folder in ("", "v2/")
            for _, code in LANGUAGES
            for i in range(10)
        ),
    ),
    prompts_folder="",
    generate_coarse=generate_coarse,
    hears_tags=True,
    is_slow_by_torch=False,
    word_times=None,
)
