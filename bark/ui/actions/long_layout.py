"""A long text is laid out: its words, from a box or a file, in chunks, with a voice each."""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import BarkError, InvalidInputError
from ...narration.cast import Cast
from ...narration.documents import Document, document_of_text, read_document
from ...narration.narration import Narration
from ...narration.script import write_script
from ...narration.sizes import chunk_limit, measure_for
from ...text.splitting import valid_text
from ..page import status, words
from ..page.form import Form
from ..state.sessions import Visit
from ..state.studio import Studio
from .long_settings import LongSettings

MAX_FILE_BYTES = 16 << 20


def begin(
    studio: Studio, visit: Visit, form: Form, asked: Mapping[str, Any]
) -> tuple[str, Narration]:
    """Begins a long text in the visit's folder.

    Raises:
        BarkError: there is nothing to speak, it is too long, or the form or voice is wrong.
    """
    bark, access = studio.engine.ready(), studio.access(visit)
    limits = access.long_text_limits
    narration_id = str(asked.get("id") or "")
    if asked.get("text") is not None and not visit.narrations.is_there(narration_id):
        narration_id = ""  # removed meanwhile; its words are here
    if narration_id:
        access.narration_folder(narration_id)
    source = _source(visit, narration_id, asked)
    document = document_of(source)
    n_chars = sum(len(block.text) for chapter in document.chapters for block in chapter.blocks)
    if not n_chars:
        raise InvalidInputError(words.NOTHING_TYPED)
    if n_chars > limits.n_chars:
        raise InvalidInputError(
            f"The text has {n_chars:,} characters; here at most {limits.n_chars:,} are spoken."
        )
    settings = LongSettings.from_asked(source["settings"])
    listed = settings.listed_pronunciations()
    seed = form.first_seed() if form.hold_seed else None
    options = settings.options(dataclasses.replace(form.options(), seed=seed))
    script = write_script(
        document, measure_for(bark), chunk_limit(bark, options), options, pronunciations=listed
    )
    if len(script.chunks) > limits.n_chunks:
        raise InvalidInputError(
            f"The text makes {len(script.chunks):,} chunks; here at most {limits.n_chunks:,}."
        )
    if visit.runs.busy and (narration_id or not access.is_owner):
        raise InvalidInputError("Something is being made; stop it, then lay the text out.")
    narration_id = narration_id or visit.narrations.new_id()
    folder = visit.narrations.path(narration_id)
    cast = _cast(studio, visit, form, settings)
    with without_paths(folder):
        narration = Narration.create(
            bark, document, folder, options, cast=cast, pronunciations=listed
        )
        visit.narrations.keep_source(narration_id, source)
    visit.narrations.keep_newest(limits.n_kept)
    return narration_id, narration


def open_narration(studio: Studio, visit: Visit, narration_id: str) -> Narration:
    """A long text of the visit's.

    Raises:
        InvalidInputError: it is not there, or is another model's.
    """
    folder = studio.access(visit).narration_folder(narration_id)
    with without_paths(folder):
        return Narration.open(studio.engine.ready(), folder)


def document_of(asked: Mapping[str, Any]) -> Document:
    """What is to be spoken.

    Args:
        asked: `text`, or `name` and `file` (its bytes in base64).

    Raises:
        BarkError: the file did not arrive whole, is too large, or is not read here.
    """
    if asked.get("file") is None:
        return document_of_text(valid_text(str(asked.get("text") or "")))
    name = Path(valid_text(str(asked.get("name") or "text.txt"))).name[-80:]
    try:
        data = base64.b64decode(str(asked["file"]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError(f"{name} did not arrive whole; drop it again.") from error
    if len(data) > MAX_FILE_BYTES:
        raise InvalidInputError(f"{name} is larger than {status.size(MAX_FILE_BYTES)}.")
    with tempfile.TemporaryDirectory(prefix="bark-text-") as folder:
        path = Path(folder) / f"text{Path(name).suffix.lower()}"
        path.write_bytes(data)
        try:
            with without_paths(path.parent):
                document = read_document(path)
        except BarkError as error:
            raise type(error)(str(error).replace(path.name, name)) from error
    title = document.title if document.title != "text" else Path(name).stem
    return dataclasses.replace(document, title=title)


@contextlib.contextmanager
def without_paths(*folders: Path) -> Iterator[None]:
    """Takes folders of this machine out of what a fault says to a visitor."""
    try:
        yield
    except BarkError as error:
        said = str(error)
        for folder in folders:
            said = said.replace(f"{folder}/", "").replace(str(folder), "its folder")
        raise type(error)(said) from error


def _source(visit: Visit, narration_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be laid out: what is asked for, and what was kept of it where it asks for less."""
    kept = visit.narrations.source(narration_id, with_file=True) if narration_id else {}
    settings = asked.get("settings")
    words = {name: asked.get(name) for name in ("text", "name", "file")}
    if words["text"] is None and words["file"] is None:
        words = {name: kept.get(name) for name in words}
    return {**words, "settings": settings if isinstance(settings, dict) else kept.get("settings")}


def _cast(studio: Studio, visit: Visit, form: Form, settings: LongSettings) -> Cast:
    """The form's voice for the narrator, the chosen ones for others, and one nobody has for the
    rest: one of the caller's own list, never one that is hidden from them.
    """
    spec, access = studio.engine.ready().spec, studio.access(visit)
    voices = {name: access.load_voice(choice, spec) for name, choice in settings.cast.items()}
    listed = (v.name for v in access.voices(spec) if v.on_disk and v.name != form.voice)
    free = (access.load_voice(name, spec) for name in listed)
    others = (voice for voice in free if voice is not None)
    return Cast(access.load_voice(form.voice or None, spec), voices, others)
