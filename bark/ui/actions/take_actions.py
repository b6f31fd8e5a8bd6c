"""The handlers of the takes: choose, star, note, delete, reuse, open a file, keep a voice."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ...errors import AudioFileError, BarkError
from ...take import Take
from ...text.splitting import valid_text
from ...voices.library import load_voice, save_voice
from ...voices.prompt import VoicePrompt
from ..page import player, status, words
from ..page.form import Form
from ..state.sessions import Session
from ..state.studio import Studio
from ..state.take_store import StoredTake

MAX_FILE_BYTES = 64 << 20


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


def choose(session: Session, take_id: Any) -> StoredTake | None:
    """Shows a take in the player; None when it is gone."""
    stored = session.visit.takes.get(str(take_id))
    if stored is not None:
        session.selected = stored.id
        session.chose = True
    return stored


def toggle_star(session: Session, take_id: Any = None) -> StoredTake | None:
    """Stars a take (the selected one by default), or takes its star away."""
    takes = session.visit.takes
    stored = takes.get(str(take_id) if take_id else session.selected)
    if stored is not None:
        takes.mark(stored.id, star=not stored.star)
        return takes.get(stored.id)
    return None


def write_note(session: Session, take_id: Any, note: str) -> StoredTake | None:
    """Keeps a note with a take."""
    takes = session.visit.takes
    stored = takes.get(str(take_id))
    if stored is not None:
        takes.mark(stored.id, note=note)
        return takes.get(stored.id)
    return None


def delete(session: Session) -> tuple[StoredTake | None, StoredTake | None]:
    """Deletes the selected take; returns it and the one that is shown in its place."""
    takes = session.visit.takes
    listed = takes.all()
    deleted = takes.delete(session.selected or "")
    if deleted is None:
        return None, takes.get(session.selected)
    position = next(i for i, stored in enumerate(listed) if stored.id == deleted.id)
    rest = takes.all()
    following = rest[min(position, len(rest) - 1)] if rest else None
    session.selected = following.id if following else None
    session.chose = True
    return deleted, following


def undelete(session: Session) -> StoredTake | None:
    """Brings the last deleted take back."""
    stored = session.visit.takes.restore()
    if stored is not None:
        session.selected = stored.id
    return stored


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
    folder = studio.access(session.visit).folder_for_voices()
    if (folder / f"{name.strip()}.npz").exists():
        raise BarkError(f"There is a voice named {name.strip()!r} already; choose another name.")
    take = session.visit.takes.load(_selected(session).id)
    return save_voice(name.strip(), take.tokens, spec=studio.engine.ready().spec, voices_dir=folder)


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
    session.chose = True
    line = f"Opened take {stored.number}; its text, voice, settings and seed are in place."
    loaded = studio.engine.state.model
    if take.model != loaded:
        line += f" It was made by {take.model}; with {loaded} it will sound different."
    return Opened(stored, None, status.note(line))


def open_voice(studio: Studio, session: Session, path: str | Path) -> Opened:
    """Opens a dropped file as a voice: an .npz, or a take's audio whose speaker goes on.

    Raises:
        BarkError: it holds no voice for this model.
    """
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


def player_value(session: Session, stored: StoredTake | None, *, play: bool = False) -> dict:
    """What the player is told after one of these."""
    if stored is None:
        return player.empty_player()
    return player.show_take(stored, session.visit, play=play)
