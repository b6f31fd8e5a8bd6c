"""Which voice each speaker has: the given one, one that no other has, or a new one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..voices.library import list_voices
from ..voices.prompt import Voice, VoicePrompt
from .cast import NARRATOR, Cast
from .jobs import JobFolder

if TYPE_CHECKING:
    from ..pipeline import Bark

NEW_VOICE = "a new voice"


def choose_voices(
    bark: Bark,
    job: JobFolder,
    speakers: Sequence[str],
    cast: Cast,
    before: Mapping[str, Any],
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Gives every speaker a voice, and keeps its tokens in the job's folder.

    A narrator without a voice gets a new one, which the first chunk makes. Another speaker without
    one gets a voice of the list that nobody else has, else a new one; what was chosen before for
    the same job stays.

    Args:
        before: what an earlier call returned, as the manifest keeps it.

    Returns:
        name to {"said": for people, "key": of the kept voice, where there is one, "origin": of the
        chunk that it was made of}; and sentences that tell of voices nobody asked for.

    Raises:
        VoiceError, VoiceNotFoundError, AudioFileError: a given voice is none.
    """
    chosen: dict[str, dict[str, str]] = {}
    notes: list[str] = []
    for speaker in speakers:
        given = cast.voice(speaker)
        if given is not None:
            voice = bark.voice(given)
            assert voice is not None
            chosen[speaker] = {"said": _said(given, voice), "key": job.put_voice(voice)}
    taken = {entry["said"] for entry in chosen.values()}
    for speaker in speakers:  # what they had before is theirs, unless somebody was given it now
        earlier = before.get(speaker, {})
        if speaker not in chosen and earlier.get("given") == "no" and earlier["said"] not in taken:
            chosen[speaker] = dict(earlier)
            taken |= {earlier["said"]} - {NEW_VOICE}
    others = _on_disk(bark) if cast.others is None else cast.others
    free = (voice for voice in others if _said_of(voice) not in taken)
    for speaker in speakers:
        if speaker not in chosen:
            chosen[speaker] = _chosen(bark, job, speaker, free)
        if speaker != NARRATOR and chosen[speaker].get("given") == "no":
            notes.append(f"{speaker} was given no voice and speaks in {chosen[speaker]['said']}.")
    return chosen, notes


def _chosen(
    bark: Bark, job: JobFolder, speaker: str, free: Iterator[str | VoicePrompt]
) -> dict[str, str]:
    given = None if speaker == NARRATOR else next(free, None)
    if given is None:
        return {"said": NEW_VOICE, "given": "no"}
    voice = bark.voice(given)
    assert voice is not None
    return {"said": _said_of(given), "key": job.put_voice(voice), "given": "no"}


def _on_disk(bark: Bark) -> Iterator[str]:
    """Names of the voices that lie on this disk, in the order of the list."""
    return (info.name for info in list_voices(bark.spec) if info.on_disk)


def _said_of(voice: str | VoicePrompt) -> str:
    return voice if isinstance(voice, str) else voice.name or "a given voice"


def _said(given: Voice, voice: VoicePrompt) -> str:
    if isinstance(given, str | Path):
        return Path(given).name if Path(given).suffix else str(given)
    return voice.name or "a given voice"
