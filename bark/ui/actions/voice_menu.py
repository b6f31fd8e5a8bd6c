"""The voice menu: what can be chosen, and what is said about a choice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from ...errors import BarkError
from ...spec import LANGUAGES, ModelSpec
from ...voices.library import VoiceInfo
from ..page import messages, status, words
from ..state.access import Access
from ..state.sessions import Session, Visit
from ..state.studio import Studio
from ..state.worker import HEARTBEAT_S, run_in_worker

ALL_LANGUAGES = ""
Choice = tuple[str, str]  # what is shown, what it stands for

_LANGUAGE_NAMES = {code: name for name, code in LANGUAGES}


def language_choices(spec: ModelSpec, access: Access) -> list[Choice]:
    """Languages to narrow the menu by; only "all" where the family speaks one."""
    codes = {info.language for info in access.voices(spec) if info.language}
    named = [(name, code) for name, code in LANGUAGES if code in codes]
    return [("all languages", ALL_LANGUAGES), *(named if len(named) > 1 else [])]


def voice_choices(
    spec: ModelSpec, access: Access, *, language: str = ALL_LANGUAGES, keep: str = ""
) -> list[Choice]:
    """No voice, the visit's own, then the family's by language and version.

    Args:
        language: a code that narrows the list to one language.
        keep: a choice that must stay possible, for example the present one.
    """
    choices: list[Choice] = [(words.NO_VOICE, "")]
    visit = access.visit
    if visit is not None:
        choices += [(f"file · {key.partition(':')[2]}", key) for key in visit.loose_voices]
    infos = access.voices(spec)
    choices += [
        (_label(info), info.name)
        for info in sorted(infos, key=_order)
        if language in (ALL_LANGUAGES, info.language) or info.origin == "own"
    ]
    if keep and keep not in {value for _, value in choices}:
        choices.insert(1, (_special_label(keep, visit), keep))
    return choices


def describe(studio: Studio, session: Session, choice: str) -> str:
    """A line on the chosen voice: where it is from, and how long it is."""
    if not choice:
        return words.NO_VOICE_INFO
    spec = studio.engine.ready().spec
    access = studio.access(session.visit)
    known = {info.name: info for info in access.voices(spec)}
    info = known.get(choice)
    try:
        if info is not None and not info.on_disk:
            return "An official voice; it is fetched when it is first used (about 20 kB)."
        voice = access.load_voice(choice, spec)
    except BarkError as error:
        return str(error)
    if voice is None:
        return words.NO_VOICE_INFO
    kind = choice.partition(":")[0]
    if kind in ("take", "given"):
        label = _special_label(choice, session.visit)
        return f"{label[0].upper()}{label[1:]}; {voice.duration_s:.1f} s long."
    origin = {"official": "An official voice", "packaged": "A voice of this program's"}.get(
        info.origin if info else "", "Your own voice"
    )
    return f"{origin}, {voice.duration_s:.1f} s long."


def listen(studio: Studio, session: Session, choice: str) -> Iterator[list[Any]]:
    """Plays a voice's own tokens; yields values for the player and the status line."""
    if not choice:
        yield [None, status.note("Choose a voice to hear it; without one each seed has its own.")]
        return
    ticket = studio.engine.queue.ticket()

    def work(hand_over: Callable[[dict[str, Any]], None]) -> None:
        bark = studio.engine.ready()
        voice = studio.access(session.visit).load_voice(choice, bark.spec)
        audio = bark.preview(voice)
        hand_over(messages.preview(choice, audio, bark.spec.sample_rate))

    try:
        while not ticket.wait(HEARTBEAT_S):
            yield [None, status.bar("Waiting for the model", None)]
        ticket.begin()
        for message in run_in_worker(work, threading.Event(), on_end=ticket.close):
            if message is not None:
                yield [message, ""]
    except BarkError as error:
        yield [None, status.fault(str(error))]
    finally:
        ticket.close_unless_begun()


def _label(info: VoiceInfo) -> str:
    if info.origin == "own":
        return f"own · {info.name}"
    if info.origin == "packaged" and not info.version:
        return f"{info.name} · {info.description}" if info.description else info.name
    language = _LANGUAGE_NAMES.get(info.language, info.language)
    speaker = info.name.rpartition("_")[2]
    if not speaker.isdigit():
        return f"{language} · {info.name}"
    return f"{language} · speaker {speaker}" + (f" · {info.version}" if info.version else "")


def _order(info: VoiceInfo) -> tuple[int, int, str, str]:
    codes = [code for _, code in LANGUAGES]
    language = codes.index(info.language) if info.language in codes else len(codes)
    origin = {"own": 0, "packaged": 1}.get(info.origin, 2)
    return (0 if origin == 0 else 1, language, "v2" if info.version == "v1" else "", info.name)


def _special_label(choice: str, visit: Visit | None) -> str:
    kind, _, rest = choice.partition(":")
    stored = visit.takes.get(rest) if visit is not None else None
    number = f"take {stored.number}" if stored else "a take"
    if kind == "take":
        return f"{number}, going on in its voice"
    if kind == "given":
        return f"the voice given to {number}"
    return choice
