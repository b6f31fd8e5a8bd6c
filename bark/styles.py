"""Styles: a voice, settings and words around the text, kept under a name to be used again."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from pathlib import Path
from typing import Any

from .environment import user_data_dir
from .errors import InvalidInputError
from .files.json_file import read_json
from .files.whole_file import whole_file
from .options import GenerationOptions
from .text.splitting import valid_text

PLACE = "{text}"
"""Where the text goes in a style's frame."""

VERSION = 1
MAX_STYLES = 500
MAX_FRAME_CHARS = 2_000
_MAX_BYTES = 64 << 10
_MAX_VOICE_CHARS = 200
_NAME = re.compile(r"\w(?:[\w .-]{0,62}[\w-])?")


@dataclasses.dataclass(frozen=True)
class Style:
    """How something is said, apart from what.

    Attributes:
        name: up to 64 letters, digits, blanks, dots, `-` and `_`.
        voice: a voice's name; "" is none, a new one for each seed.
        frame: the words around the text, which stands in the place of `{text}`.
        options: without a seed.
    """

    name: str
    voice: str = ""
    frame: str = PLACE
    options: GenerationOptions = dataclasses.field(default_factory=GenerationOptions)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidInputError(
                f"A style cannot be named {self.name[:70]!r}; use up to 64 letters, digits, "
                "blanks, dots, - and _, beginning with a letter."
            )
        n = self.frame.count(PLACE)
        if n != 1:
            raise InvalidInputError(
                f"The style {self.name!r} has {PLACE} {n} times in its frame; "
                "write it once, where the text goes."
            )
        if len(self.frame) > MAX_FRAME_CHARS or len(self.voice) > _MAX_VOICE_CHARS:
            raise InvalidInputError(
                f"The style {self.name!r} is too long; its frame may have {MAX_FRAME_CHARS:,} "
                f"characters and its voice's name {_MAX_VOICE_CHARS}."
            )
        if self.options.seed is not None:
            object.__setattr__(self, "options", dataclasses.replace(self.options, seed=None))

    def words(self, text: str) -> str:
        """The text with the frame's words around it."""
        return self.frame.replace(PLACE, text)

    def inside(self, text: str) -> str:
        """What stands in the frame; a text that is not framed so stays as it is."""
        before, _, after = self.frame.partition(PLACE)
        is_framed = text.startswith(before) and text.endswith(after)
        if not is_framed or len(text) < len(before) + len(after):
            return text
        return text[len(before) : len(text) - len(after)]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as its file keeps them."""
        options = self.options.to_dict()
        del options["seed"]
        return {
            "version": VERSION,
            "name": self.name,
            "voice": self.voice,
            "frame": self.frame,
            "options": options,
        }

    @classmethod
    def from_dict(cls, values: object) -> Style:
        """Reads what `to_dict` gave; unknown keys are ignored.

        Raises:
            InvalidInputError: it is no style, or one of a later version.
        """
        if not isinstance(values, dict) or not isinstance(values.get("name"), str):
            raise InvalidInputError("This is no style; a style is an object with a name.")
        if values.get("version") != VERSION:
            raise InvalidInputError(
                f"The style {values['name'][:70]!r} is of version {values.get('version')!r}; "
                f"this program reads version {VERSION}, so a newer one may have written it."
            )
        voice, frame = values.get("voice", ""), values.get("frame", PLACE)
        if not isinstance(voice, str) or not isinstance(frame, str):
            raise InvalidInputError(
                f"The style {values['name'][:70]!r} has a voice or a frame that is no text."
            )
        options = GenerationOptions.from_dict(values.get("options", {}))
        return cls(valid_text(values["name"]), valid_text(voice), valid_text(frame), options)


def own_styles_dir() -> Path:
    """The user's folder of styles; it need not exist yet."""
    return user_data_dir() / "styles"


def style_names(folder: Path | None = None) -> list[str]:
    """The names of the styles in a folder, in order; None is the user's own."""
    folder = folder or own_styles_dir()
    names = sorted(path.stem for path in folder.glob("*.json") if _NAME.fullmatch(path.stem))
    return names[:MAX_STYLES]


def load_style(name: str, folder: Path | None = None) -> Style:
    """The style of a name; a stranger may have made the name up, it is no path.

    Raises:
        InvalidInputError: there is none, or its file is damaged.
    """
    folder = folder or own_styles_dir()
    known = style_names(folder)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        advice = f"did you mean {near[0]!r}?" if near else "save one in the studio first."
        raise InvalidInputError(f"There is no style named {name[:70]!r}; {advice}")
    path = folder / f"{name}.json"
    try:
        found = Style.from_dict(read_json(path, max_bytes=_MAX_BYTES))
    except InvalidInputError:
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error  # without the folder, which is no visitor's
        raise InvalidInputError(
            f"The style {name!r} cannot be read ({why}); delete its file {path.name}, or mend it."
        ) from error
    return dataclasses.replace(found, name=name)  # a file that was renamed has the new name


def save_style(style: Style, folder: Path | None = None) -> Path:
    """Writes a style in one step, in place of one of the same name.

    Raises:
        InvalidInputError: there are too many, or the folder cannot be written.
    """
    folder = folder or own_styles_dir()
    path = folder / f"{style.name}.json"
    if not path.exists() and len(style_names(folder)) >= MAX_STYLES:
        raise InvalidInputError(f"There are {MAX_STYLES} styles already; delete one first.")
    text = json.dumps(style.to_dict(), ensure_ascii=False, indent=1)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with whole_file(path) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise InvalidInputError(
            f"The style {style.name!r} cannot be saved: {error.strerror or error}."
        ) from error
    return path


def delete_style(name: str, folder: Path | None = None) -> None:
    """Removes a style, also one whose file is damaged.

    Raises:
        InvalidInputError: there is none, or its file cannot be removed.
    """
    folder = folder or own_styles_dir()
    if name not in style_names(folder):
        raise InvalidInputError(f"There is no style named {name[:70]!r}.")
    try:
        (folder / f"{name}.json").unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInputError(
            f"The style {name!r} cannot be deleted: {error.strerror or error}."
        ) from error
