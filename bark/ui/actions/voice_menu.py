"""The voice menu: what can be chosen, what is known of each, and how it sounds."""

from __future__ import annotations

import dataclasses
import time

from ...errors import BarkError, QueueFullError
from ...pipeline import Bark
from ...spec import LANGUAGES, ModelSpec
from ...voices.library import VoiceInfo
from ...voices.prompt import VoicePrompt
from ...voices.speakers import register_of, speaker_of, teacher_of
from ..page import words
from ..state.access import Access
from ..state.sessions import Visit
from ..state.studio import Studio
from ..state.voice_samples import VoiceSample

MAX_WAIT_S = 20.0  # for the model, before a listener is asked to come again
_MAX_LOOKED_AT = 40  # voices whose files are read to tell how they sound
_MAX_MEASURING_S = 2.0  # of one listing; the next one goes on

_LANGUAGE_NAMES = {code: name for name, code in LANGUAGES}


@dataclasses.dataclass(frozen=True)
class VoiceRow:
    """One line of the menu.

    Attributes:
        value: what the form then holds.
        label: its name for people.
        language: as a word; "" where it is not known.
        speaker: "man", "woman", or how high the voice is ("low voice"); "" where neither is known.
        detail: where it is from, or whom it has learned from ("American woman").
        can_be_heard: no voice at all cannot.
    """

    value: str
    label: str
    language: str = ""
    speaker: str = ""
    detail: str = ""
    can_be_heard: bool = True


def voice_rows(spec: ModelSpec, access: Access, *, keep: str = "") -> list[VoiceRow]:
    """No voice, the visit's own, then the family's by language and version.

    Args:
        keep: a choice that must stay possible, for example the present one.
    """
    rows = [VoiceRow("", words.NO_VOICE, detail=words.NO_VOICE_DETAIL, can_be_heard=False)]
    visit = access.visit
    if visit is not None:
        rows += [
            VoiceRow(key, key.partition(":")[2], detail="from a file") for key in visit.loose_voices
        ]
    rows += [_row(info) for info in sorted(access.voices(spec), key=_order)]
    if keep and keep not in {row.value for row in rows}:
        rows.insert(1, _special_row(keep, visit))
    return rows


def rows_for(studio: Studio, visit: Visit, keep: str = "") -> list[VoiceRow]:
    """The rows of a visit's menu, with how high voices are as far as that is known.

    Raises:
        BarkError: there is no model.
    """
    bark = studio.engine.ready()
    access = dataclasses.replace(studio.access(visit), offline=True)  # nothing is fetched for this
    near = {info.name for info in access.voices(bark.spec) if info.origin in ("own", "packaged")}
    rows, looked_at = [], 0
    until = time.monotonic() + _MAX_MEASURING_S
    for row in voice_rows(bark.spec, access, keep=keep):
        if row.value in near and not row.speaker and looked_at < _MAX_LOOKED_AT:
            looked_at += 1
            may_decode = time.monotonic() < until
            row = dataclasses.replace(row, speaker=_heard(studio, access, row.value, may_decode))
        rows.append(row)
    return rows


def _heard(studio: Studio, access: Access, choice: str, may_decode: bool) -> str:
    bark = studio.engine.ready()
    try:
        voice = access.load_voice(choice, bark.spec)
    except BarkError:
        return ""
    if voice is None:
        return ""
    is_known, pitch_hz = studio.samples.known_pitch(bark, voice)
    if not is_known and may_decode:
        pitch_hz = _measured(studio, bark, voice)
    return register_of(pitch_hz)


def _measured(studio: Studio, bark: Bark, voice: VoicePrompt) -> float | None:
    """The pitch where it costs little: on a processor that nobody computes on, never a GPU."""
    if bark.device.type != "cpu":
        return None
    try:
        ticket = studio.engine.queue.ticket()
    except QueueFullError:
        return None
    try:
        if ticket.place() or not bark.lock.is_free:
            return None
        return studio.samples.sample(bark, voice).pitch_hz
    except BarkError:
        return None
    finally:
        ticket.close()  # not begun: so short a turn says nothing of how long others take


def sample(studio: Studio, visit: Visit, choice: str) -> VoiceSample:
    """How a voice sounds: its own tokens, decoded.

    Args:
        choice: of the menu; a stranger may have made it up.

    Raises:
        BarkError: there is no such voice for the visit, or the model has no time.
    """
    bark = studio.engine.ready()
    voice = studio.access(visit).load_voice(choice, bark.spec)
    if voice is None:
        raise BarkError(words.NOTHING_TO_HEAR)
    known = studio.samples.known(bark, voice)
    if known is not None:
        return known
    ticket = studio.engine.queue.ticket()
    try:
        if not ticket.wait(MAX_WAIT_S):
            raise BarkError(words.BUSY_SAMPLE)
        ticket.begin()
        return studio.samples.sample(bark, voice)
    finally:
        ticket.close()


def _row(info: VoiceInfo) -> VoiceRow:
    language = _LANGUAGE_NAMES.get(info.language, info.language)
    if info.origin == "own":
        return VoiceRow(info.name, info.name, detail="your own")
    if info.origin in ("packaged", "model") and not info.version:
        detail = teacher_of(info.name) if info.origin == "packaged" else ""
        return VoiceRow(info.name, info.name.capitalize(), language, detail=detail)
    number = info.name.rpartition("_")[2]
    label = f"{language} {number}" if number.isdigit() else info.name.capitalize()
    details = ["first set"] if info.version == "v1" and number.isdigit() else []
    details += [] if info.on_disk else [words.NOT_FETCHED]
    return VoiceRow(info.name, label, language, speaker_of(info.name), " · ".join(details))


def _order(info: VoiceInfo) -> tuple[int, int, str, str]:
    codes = [code for _, code in LANGUAGES]
    language = codes.index(info.language) if info.language in codes else len(codes)
    origin = {"own": 0, "packaged": 1}.get(info.origin, 2)
    return (0 if origin == 0 else 1, language, "v2" if info.version == "v1" else "", info.name)


def _special_row(choice: str, visit: Visit | None) -> VoiceRow:
    kind, _, rest = choice.partition(":")
    stored = visit.takes.get(rest) if visit is not None else None
    number = f"take {stored.number}" if stored else "a take"
    if kind == "take":
        return VoiceRow(choice, f"As {number}", detail="going on in its voice")
    if kind == "given":
        return VoiceRow(choice, f"As {number} had it", detail="the voice given to it")
    return VoiceRow(choice, choice)
