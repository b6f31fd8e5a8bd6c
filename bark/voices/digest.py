"""A voice's name by its tokens, so that the same voice is known whatever it is called."""

from __future__ import annotations

import hashlib

from ..files.digest import digest
from .prompt import VoicePrompt


def voice_digest(voice: VoicePrompt) -> str:
    """A key of a voice's tokens: 24 hexadecimal digits."""
    arrays = (voice.semantic, voice.coarse, voice.fine)
    return digest([[list(a.shape), hashlib.sha256(a.astype("<i8").tobytes()).hexdigest()]
                   for a in arrays])  # fmt: skip
