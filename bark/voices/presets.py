"""The 261 voices that Suno published, which lie on the Hub as one .npy file an array."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ..downloads.hub import cached_hub_file, fetch_hub_file
from ..errors import VoiceError, VoiceNotFoundError
from ..families import BARK_FAMILY
from .file import read_voice_arrays, write_voice_file
from .prompt import PROMPT_KEYS, VoicePrompt

_HUB_REPOS = ("suno/bark", "suno/bark-small")  # the presets are the same in both

OFFICIAL_VOICES: tuple[str, ...] = BARK_FAMILY.preset_voices
"""The 261 presets of official Bark, as suno-ai/bark names them."""


def is_cached(name: str) -> bool:
    """Whether a preset can be read without a download."""
    return all(_cached_array(name, key) is not None for key in PROMPT_KEYS)


def _hub_name(name: str, key: str) -> str:
    return f"speaker_embeddings/{name}_{key}.npy"


def _cached_array(name: str, key: str) -> Path | None:
    for repo in _HUB_REPOS:
        path = cached_hub_file(repo, _hub_name(name, key))
        if path is not None:
            return path
    return None


def programs_prompts_dir() -> Path:
    """`assets/prompts` in the package, where programs for suno-ai/bark look for .npz files."""
    return Path(__file__).resolve().parents[1] / "assets" / "prompts"


def _keep_for_programs(name: str, voice: VoicePrompt) -> None:
    """Puts a fetched preset where programs look, if that folder can be written to."""
    path = programs_prompts_dir() / f"{name}.npz"
    if not path.exists():
        with contextlib.suppress(VoiceError):
            write_voice_file(path, voice)


def fetch_preset(name: str, *, offline: bool = False) -> VoicePrompt:
    """Reads a preset from the Hub's cache, downloading what is missing there.

    Args:
        name: one of `OFFICIAL_VOICES`.
        offline: download nothing.

    Raises:
        VoiceNotFoundError: it is not there, and `offline`.
        DownloadError: it cannot be fetched.
        VoiceError: what was fetched is no array of a voice.
    """
    paths = {}
    for key in PROMPT_KEYS:
        path = _cached_array(name, key)
        if path is None:
            if offline:
                raise VoiceNotFoundError(
                    f"The voice {name!r} is not on this machine and downloads are switched off; "
                    "unset BARK_OFFLINE to fetch it."
                )
            path = fetch_hub_file(_HUB_REPOS[0], _hub_name(name, key))
        paths[key] = path
    voice = read_voice_arrays(paths, name=name)
    _keep_for_programs(name, voice)
    return voice
