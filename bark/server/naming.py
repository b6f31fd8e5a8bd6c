"""Models and voices under the names that programs for OpenAI's service send."""

from __future__ import annotations

import dataclasses

from ..errors import VoiceNotFoundError
from ..request import Request
from ..spec import BARK, ModelSpec
from ..voices.library import VoiceInfo
from .faults import ApiError
from .host import Access, Host

MODEL_ALIASES = ("bark", "tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""Names for whichever model is loaded: programs send them unasked."""

VOICE_ALIASES = (
    "alloy",
    "ash",
    "ballad",
    "cedar",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
)
"""OpenAI's voices; each stands for one of the model's own, always the same."""


def check_model(host: Host, name: str | None) -> str:
    """The loaded model's name, if that is the one that was asked for.

    Raises:
        ApiError: another one was.
    """
    loaded = host.access().model_name(host.engine.ready().name)
    if name is not None and name.lower() not in (loaded.lower(), *MODEL_ALIASES):
        raise ApiError(
            f"The model {name[:40]!r} is not here; this server speaks with {loaded!r}.",
            status=404,
            param="model",
            code="model_not_found",
        )
    return loaded


def with_voice(access: Access, request: Request, spec: ModelSpec) -> Request:
    """A request with the voice it names by its own name or one of OpenAI's.

    None, as "random", is a new voice each seed.

    Raises:
        BarkError: there is no such voice.
    """
    name = request.voice if isinstance(request.voice, str) else None
    if name is None or name.lower() in ("none", "random", "default"):
        return dataclasses.replace(request, voice=None)
    try:
        voice = access.load_voice(name, spec)
    except VoiceNotFoundError:
        stand_in = _stand_in(name, access.voices(spec), spec)
        if stand_in is None:
            raise
        voice = access.load_voice(stand_in, spec)
    return dataclasses.replace(request, voice=voice)


def _stand_in(name: str, voices: list[VoiceInfo], spec: ModelSpec) -> str | None:
    if name.lower() not in VOICE_ALIASES:
        return None
    names = sorted(info.name for info in voices if info.origin != "own")
    if spec.name == BARK.name:
        names = [one for one in names if one.startswith("v2/en_")]
    return names[VOICE_ALIASES.index(name.lower()) % len(names)] if names else None
