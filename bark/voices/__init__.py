"""Voices: who speaks, as tokens of all three stages, and where they are kept."""

from .library import (
    VoiceInfo as VoiceInfo,
)
from .library import (
    find_voice as find_voice,
)
from .library import (
    list_voices as list_voices,
)
from .library import (
    load_named_voice as load_named_voice,
)
from .library import (
    load_voice as load_voice,
)
from .library import (
    own_voices_dir as own_voices_dir,
)
from .library import (
    packaged_prompts_dir as packaged_prompts_dir,
)
from .library import (
    save_voice as save_voice,
)
from .presets import (
    OFFICIAL_VOICES as OFFICIAL_VOICES,
)
from .prompt import (
    VoicePrompt as VoicePrompt,
)
from .prompt import (
    check_voice as check_voice,
)
