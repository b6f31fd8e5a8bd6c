"""The check of single takes: each is looked at as a chunk of a long text is, and flagged."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import BarkError, InvalidInputError, VoiceError, VoiceNotFoundError
from ...listening.check import Look, examine
from ...listening.listeners import look_with
from ...take import Take
from ..page import messages
from ..state.access import Access
from ..state.sessions import Visit
from ..state.studio import Studio

MAX_TAKES = 50
"""In one go; the page asks again for the rest."""

_PACKAGES = {"pocketsphinx": "pocketsphinx", "faster-whisper": "faster_whisper"}


def check(studio: Studio, visit: Visit, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Looks at takes and keeps what is found as their flags.

    Args:
        asked: `ids` of at most `MAX_TAKES` takes; `listener`, one of `listeners` or nothing;
            `version` is what the page has seen. A stranger may have made it up.

    Returns:
        the message of the changes; a take that is gone or cannot be read keeps its flags.

    Raises:
        InvalidInputError: it asks for something else. OptionError: the listener does not work.
    """
    ids, version = asked.get("ids"), asked.get("version")
    if not isinstance(ids, list) or not all(isinstance(take_id, str) for take_id in ids):
        raise InvalidInputError("The takes are named by a list of their ids.")
    if len(ids) > MAX_TAKES:
        raise InvalidInputError(f"At most {MAX_TAKES} takes are checked in one go.")
    listener = str(asked.get("listener") or "")
    if listener and listener not in listeners(studio.access(visit)):
        raise InvalidInputError("There is no such listener here.")
    bark = studio.engine.bark
    look: Look = examine if bark is None else look_with(bark, listener)
    for take_id in ids:
        try:
            take = visit.takes.load(take_id)
        except (BarkError, OSError):
            continue
        try:
            same_model = bark is not None and take.model == bark.name
            flags = _flags(look if same_model else examine, take)
        except (VoiceError, VoiceNotFoundError):  # its own voice is damaged: the others are checked
            continue
        visit.takes.mark(take_id, flags=flags)
    return messages.changes(visit.takes.changes(version if type(version) is int else None), visit)


def listeners(access: Access) -> Sequence[str]:
    """Who can hear a take's words here: what is installed; it is too slow to lend to strangers."""
    if not access.is_owner:
        return ()
    return [name for name, package in _PACKAGES.items() if importlib.util.find_spec(package)]


def _flags(look: Look, take: Take) -> list[tuple[str, str]]:
    return [(finding.kind, finding.sentence) for finding in look(take, take.text).findings]
