"""Who speaks in a voice, in a word: from what its makers say of it, else from its pitch."""

from __future__ import annotations

# Suno's own list of its second set says so of the English speakers; of the others nothing that
# could be checked here is known, so nothing is claimed.
_WOMEN = frozenset({"v2/en_speaker_9"})
_MEN = frozenset(f"v2/en_speaker_{i}" for i in range(9))

# Whom the teachers of nano's voices imitate, as their makers say; the others are bent from birch.
_TEACHERS = {
    "birch": "American woman",
    "hazel": "British woman",
    "hickory": "American man",
    "oak": "British, bent from hazel",
}

_LOW_HZ, _HIGH_HZ = 150.0, 170.0
"""Below and above: most men's and most women's voices; between them stands a middle one."""


def speaker_of(name: str) -> str:
    """ "man" or "woman" where a preset's makers say so; "" where nobody does."""
    return "woman" if name in _WOMEN else "man" if name in _MEN else ""


def teacher_of(name: str) -> str:
    """Whom a packaged voice of nano's has learned from; "" for one bent from birch."""
    return _TEACHERS.get(name, "")


def register_of(pitch_hz: float | None) -> str:
    """ "low voice", "middle voice" or "high voice", which says nothing of who speaks.

    Args:
        pitch_hz: the median of what is voiced; None, where hardly anything is, gives "".
    """
    if pitch_hz is None:
        return ""
    if pitch_hz < _LOW_HZ:
        return "low voice"
    return "high voice" if pitch_hz > _HIGH_HZ else "middle voice"
