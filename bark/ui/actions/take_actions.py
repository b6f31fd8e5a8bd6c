"""The handlers of the takes: star, note, delete, reuse, open a file, keep a voice."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import AudioFileError, BarkError, InvalidInputError
from ...take import Take
from ...text.splitting import valid_text
from ...voices.library import load_voice, save_voice
from ...voices.prompt import VoicePrompt
from ..page import messages, status, words
from ..page.form import Form
from ..state.sessions import Session, Visit
from ..state.studio import Studio
from ..state.take_store import StoredTake

MAX_FILE_BYTES = 64 << 20
MAX_VOICE_NAME = 64
MAX_FILES = 64  # opened in one go
_NO_FILE = "No file came; drop a take's audio file or a voice."


@dataclasses.dataclass(frozen=True)
class Opened:
    """What a file that somebody dropped turned out to be.

    Attributes:
        take: the take that it holds; None for a voice.
        voice: how the voice menu calls the voice that it holds; None for a take.
        line: what the status says.
    """

    take: StoredTake | None
    voice: str | None
    line: str


def act(visit: Visit, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Does what the page asks for some takes, and says what has changed.

    Args:
        asked: `do` is "star" (with `star`), "note" (with `note`), "delete" or "restore"; `ids`
            names the takes; `version` is what the page has seen. A stranger may have made it up.

    Returns:
        the message of the changes; takes that are gone change nothing.

    Raises:
        InvalidInputError: it asks for something else.
    """
    takes, ids = visit.takes, asked.get("ids", [])
    if not isinstance(ids, list) or not all(isinstance(take_id, str) for take_id in ids):
        raise InvalidInputError("The takes are named by a list of their ids.")
    do, version = asked.get("do"), asked.get("version")
    if do == "star":
        for take_id in ids:
            takes.mark(take_id, star=bool(asked.get("star")))
    elif do == "note":
        for take_id in ids[:1]:
            takes.mark(take_id, note=str(asked.get("note", "")))
    elif do == "delete":
        takes.delete(*ids)
    elif do == "restore":
        takes.restore()
    else:
        raise InvalidInputError(f"Nothing is known about {str(do)[:40]!r}.")
    return messages.changes(takes.changes(version if type(version) is int else None), visit)


def settings_of(studio: Studio, session: Session, form: Form) -> Form:
    """The form filled with everything that made the selected take.

    Raises:
        BarkError: the take is gone.
    """
    stored = _selected(session)
    voice = ""
    if stored.voice_name is not None:
        voice = _voice_choice(studio, session, stored)
    return form.with_settings_of(text=stored.text, options=stored.options, voice=voice)


def as_voice(session: Session) -> str:
    """How the voice menu calls the selected take's own voice.

    Raises:
        BarkError: the take is gone.
    """
    return f"take:{_selected(session).id}"


def keep_voice(studio: Studio, session: Session, name: str) -> Path:
    """Saves the selected take's own tokens as a voice with a name.

    Raises:
        BarkError: the take is gone, or the name is none or taken.
    """
    if not name.strip():
        raise BarkError("The voice needs a name: letters, digits, blanks, - and _.")
    if "/" in name or "\\" in name or name.lower().endswith(".npz"):
        raise BarkError("A voice's name has no slashes and no ending: letters, digits, - and _.")
    if len(name.strip()) > MAX_VOICE_NAME:
        raise BarkError(f"A voice's name has at most {MAX_VOICE_NAME} characters.")
    access, spec = studio.access(session.visit), studio.engine.ready().spec
    folder = access.folder_for_voices()
    # One with the name of a voice that comes with the model would hide that one for good.
    known = {info.name.casefold() for info in access.voices(spec)}
    if name.strip().casefold() in known or (folder / f"{name.strip()}.npz").exists():
        raise BarkError(f"There is a voice named {name.strip()!r} already; choose another name.")
    take = session.visit.takes.load(_selected(session).id)
    return save_voice(name.strip(), take.tokens, spec=spec, voices_dir=folder)


def open_files(studio: Studio, session: Session, paths: Sequence[str | Path]) -> Opened:
    """Opens dropped files one after another; the last one is shown, what is none is said.

    Raises:
        BarkError: not one of them is a take or a voice.
    """
    if not paths:
        raise BarkError(_NO_FILE)
    if len(paths) == 1:
        return open_file(studio, session, paths[0])
    opened: list[Opened] = []
    faults: list[str] = []
    for path in paths[:MAX_FILES]:
        try:
            opened.append(open_file(studio, session, path))
        except BarkError as error:
            faults.append(str(error))
    if not opened:
        raise BarkError(faults[0])
    line = _opened_line(opened, faults, n_left=len(paths[MAX_FILES:]))
    return dataclasses.replace(opened[-1], line=line)


def _opened_line(opened: Sequence[Opened], faults: Sequence[str], *, n_left: int) -> str:
    n_takes = sum(found.take is not None for found in opened)
    kinds = ((n_takes, "take"), (len(opened) - n_takes, "voice"))
    said = " and ".join(status.many(n, kind) for n, kind in kinds if n)
    line = f"Opened {said}; the last one is in place."
    if faults:
        line += f" {faults[0]}"
    if faults[1:]:
        line += f" {len(faults) - 1} more could not be opened."
    if n_left:
        line += f" At most {MAX_FILES} are opened in one go; {n_left} more came."
    return status.fault(line) if faults or n_left else status.note(line)


def open_file(studio: Studio, session: Session, path: str | Path) -> Opened:
    """Opens a dropped file: a take's audio is listed again, an .npz becomes a voice.

    Raises:
        BarkError: it is neither; says what came.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        voice = load_voice(path, studio.engine.ready().spec)
        assert voice is not None
        return _opened_voice(session, dataclasses.replace(voice, name=valid_text(path.stem)[:60]))
    _check_size(path)
    take = Take.load(path)
    stored = _listed_already(session, take) or session.visit.takes.add(take)
    session.selected = stored.id
    line = f"Opened take {stored.number}; its text, voice, settings and seed are in place."
    loaded = studio.engine.state.model
    if take.model != loaded:
        line += f" It was made by {take.model}; with {loaded} it will sound different."
    return Opened(stored, None, status.note(line))


def open_voice(studio: Studio, session: Session, path: str | Path | None) -> Opened:
    """Opens a dropped file as a voice: an .npz, or a take's audio whose speaker goes on.

    Raises:
        BarkError: it holds no voice for this model, or no file came.
    """
    if not path:
        raise BarkError(_NO_FILE)
    path = Path(path)
    if path.suffix.lower() == ".npz":
        return open_file(studio, session, path)
    _check_size(path)
    voice = load_voice(Take.load(path), studio.engine.ready().spec)
    assert voice is not None
    return _opened_voice(session, dataclasses.replace(voice, name=valid_text(path.stem)[:60]))


def _opened_voice(session: Session, voice: VoicePrompt) -> Opened:
    key = session.visit.keep_voice(voice)
    line = f"Speaking with the voice {voice.name}, {voice.duration_s:.1f} s long."
    return Opened(None, key, status.note(line))


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise AudioFileError(
            f"{path.name} has {size >> 20} MB; a take's file has at most {MAX_FILE_BYTES >> 20} MB."
        )


def _selected(session: Session) -> StoredTake:
    stored = session.visit.takes.get(session.selected)
    if stored is None:
        raise BarkError(words.LOST_TAKE)
    return stored


def _listed_already(session: Session, take: Take) -> StoredTake | None:
    """The same take in the list, so that dropping a file twice does not list it twice."""
    for stored in session.visit.takes.all():
        same = stored.text == take.text and stored.options == take.options
        if same and abs(stored.duration_s - take.duration_s) < 0.2:
            known = session.visit.takes.load(stored.id)
            if _same_tokens(known.tokens, take.tokens):
                return stored
    return None


def _same_tokens(one: VoicePrompt, other: VoicePrompt) -> bool:
    return all(
        getattr(one, key).shape == getattr(other, key).shape
        and bool((getattr(one, key) == getattr(other, key)).all())
        for key in ("semantic", "coarse", "fine")
    )


def _voice_choice(studio: Studio, session: Session, stored: StoredTake) -> str:
    """The name of the take's voice where it still means the same tokens, else the take's copy."""
    given = session.visit.takes.load(stored.id).voice
    copy = f"given:{stored.id}"
    if given is None or given.name is None:
        return copy
    try:
        spec = studio.engine.ready().spec
        access = dataclasses.replace(studio.access(session.visit), offline=True)
        named = access.load_voice(given.name, spec)
    except BarkError:
        return copy
    return given.name if named is not None and _same_tokens(named, given) else copy
