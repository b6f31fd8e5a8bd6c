"""What a press on a style does: use, save, delete."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

from ...errors import BarkError, InvalidInputError
from ...styles import PLACE, Style, delete_style, load_style, save_style, style_names
from ..page import words
from ..page.form import Form
from ..state.sessions import Visit
from ..state.studio import Studio


def style_rows(studio: Studio, visit: Visit) -> list[dict[str, str]]:
    """The visit's styles for the page; where a file is damaged, what is wrong with it."""
    folder = studio.access(visit).folder_for_styles()
    rows = []
    for name in style_names(folder):
        try:
            style = load_style(name, folder)
            rows.append({"name": name, "about": _about(style), "frame": style.frame, "fault": ""})
        except BarkError as error:
            rows.append({"name": name, "about": "", "frame": PLACE, "fault": str(error)})
    return rows


def use_style(
    studio: Studio, visit: Visit, form: Form, name: str, instead_of: str = ""
) -> tuple[Form, str]:
    """The form with a style's voice and settings, its words around the text.

    Args:
        instead_of: the style that was used before, whose words go.

    Returns:
        the form, and a sentence where something of the style is not there.

    Raises:
        BarkError: there is no such style.
    """
    access = studio.access(visit)
    folder = access.folder_for_styles()
    style, text, line = load_style(name, folder), form.text, ""
    with contextlib.suppress(BarkError):  # it may be gone or damaged by now
        text = load_style(instead_of, folder).inside(text)
    voice = style.voice
    if voice and voice not in {info.name for info in access.voices(studio.engine.ready().spec)}:
        voice, line = form.voice, words.STYLE_WITHOUT_VOICE.format(voice=style.voice)
    framed = style.words(style.inside(text))
    filled = form.with_settings_of(text=framed, options=style.options, voice=voice)
    filled = dataclasses.replace(
        filled, seed=form.seed, hold_seed=form.hold_seed, n_takes=form.n_takes
    )
    return filled, line


def keep_style(studio: Studio, visit: Visit, form: Form, asked: dict[str, Any]) -> str:
    """Saves the form's voice and settings under a name; returns what the status says.

    Args:
        asked: `name` and `frame`; a stranger may have made them up.

    Raises:
        BarkError: the name or the frame is none, or the voice is one that has no name.
    """
    name, frame = asked.get("name"), asked.get("frame")
    if not isinstance(name, str) or not isinstance(frame, str):
        raise InvalidInputError("A style has a name and a frame, both texts.")
    if form.voice.partition(":")[0] in ("take", "given", "file") and ":" in form.voice:
        raise InvalidInputError(words.STYLE_NEEDS_NAMED_VOICE)
    style = Style(name.strip(), form.voice, frame.strip() or PLACE, form.options())
    folder = studio.access(visit).folder_for_styles()
    is_new = style.name not in style_names(folder)
    save_style(style, folder)
    return f"{'Saved' if is_new else 'Updated'} the style {style.name}."


def drop_style(studio: Studio, visit: Visit, name: str) -> str:
    """Deletes a style; returns what the status says.

    Raises:
        BarkError: there is no such style.
    """
    delete_style(name, studio.access(visit).folder_for_styles())
    return f"Deleted the style {name}."


def _about(style: Style) -> str:
    options = style.options
    facts = [style.voice or "no voice"]
    facts.append(f"{options.semantic.temperature:g} / {options.coarse.temperature:g}")
    facts += [f"speed {options.speed:g}"] if options.speed != 1 else []
    facts += [style.frame.replace(PLACE, "…")] if style.frame != PLACE else []
    return " · ".join(facts)
