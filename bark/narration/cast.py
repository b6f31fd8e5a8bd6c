"""Who speaks what: the turns of a dialogue, and which voice each speaker has."""

from __future__ import annotations

import collections
import dataclasses
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidInputError
from ..files.whole_file import open_regular
from ..text.splitting import TAGS, normalize_whitespace
from ..voices.prompt import Voice, VoicePrompt

NARRATOR = ""
"""The name of whoever speaks what no other speaker does."""

_MAX_BYTES = 1 << 20

_TAG_WORDS = frozenset(tag.strip("[]").casefold() for tag in TAGS)
_BRACKETED = re.compile(r"[ \t]*\[([^\[\]\n]{1,60})\][ \t]*(.*)")
_WITH_COLON = re.compile(
    r"[ \t]*(?:\*\*)?([^\W\d_][\w .'’-]{0,39}?)(?:\*\*)?[ \t]*[:：](?:\*\*)?[ \t]+(\S.*)"
)
_MAX_NAME_WORDS = 3
_MANY_TURNS = 2  # so often a name stands before a colon in a dialogue


@dataclasses.dataclass(frozen=True)
class Turn:
    """What one speaker of a dialogue says.

    Attributes:
        speaker: a name; `NARRATOR` before the first one.
        text: the lines said, with their line breaks.
    """

    speaker: str
    text: str


@dataclasses.dataclass(frozen=True)
class Cast:
    """Names and their voices.

    Attributes:
        narrator: the voice of all that no named speaker says; None draws one.
        voices: name to voice: a voice's name, the path of an .npz file or of a take's audio file.
        others: the voices that speakers without one may be given, by their names or as they are
            with a name; None means all that lie on this disk, those of its owner included.
    """

    narrator: Voice = None
    voices: Mapping[str, Voice] = dataclasses.field(default_factory=dict)
    others: Iterable[str | VoicePrompt] | None = None

    def voice(self, speaker: str) -> Voice:
        """The voice given to a speaker, whatever the case of the name; None where none is."""
        if speaker == NARRATOR:
            return self.narrator
        folded = {name.casefold(): voice for name, voice in self.voices.items()}
        return folded.get(speaker.casefold())


def read_cast(path: str | Path) -> Cast:
    """Reads a table of names and voices from a TOML file.

    The file has `narrator = "alder"`, where wanted, and a table `[voices]` with lines such as
    `Anna = "birch"`.

    Raises:
        InvalidInputError: it cannot be read, or is no such table.
    """
    path = Path(path).expanduser()
    try:
        with open_regular(path, max_bytes=_MAX_BYTES) as file:
            content = _load_toml(file.read().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:  # TOML's and UTF-8's are ValueErrors
        why = getattr(error, "strerror", None) or error
        raise InvalidInputError(f"The cast {path} cannot be read: {why}.") from error
    voices = content.get("voices", {})
    unknown = sorted(set(content) - {"narrator", "voices"})
    strings = isinstance(voices, dict) and all(isinstance(v, str) for v in voices.values())
    if unknown or not strings or not isinstance(content.get("narrator", ""), str):
        what = f"has {unknown[0]!r}" if unknown else "gives a voice that is not a text"
        raise InvalidInputError(
            f'The cast {path.name} {what}; it takes narrator = "VOICE" and a table [voices] with '
            'lines like Anna = "VOICE".'
        )
    return Cast(content.get("narrator"), voices)


def _load_toml(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    result: dict[str, Any] = tomllib.loads(text)
    return result


def find_names(text: str, known: Sequence[str] = ()) -> set[str]:
    """The names that stand before a colon at the beginning of lines, in lower case.

    A name of the cast counts always; others where several names open at least half of all lines,
    one of them more than once. So "Note: ..." in prose is no speaker.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    matches = [_WITH_COLON.match(line) for line in lines]
    names = collections.Counter(_fold(m[1]) for m in matches if m and _is_name(m[1]))
    of_cast = {_fold(name) for name in known} & set(names)
    is_dialogue = (
        len(names) >= 2
        and max(names.values()) >= _MANY_TURNS
        and 2 * sum(names.values()) >= len(lines)
    )
    return set(names) if is_dialogue else of_cast


def parse_turns(text: str, names: set[str] | None = None) -> list[Turn]:
    """Reads a dialogue: a line that begins with a speaker's name is theirs, until the next such.

    `[Name]` opens a turn always: names begin with a capital, a digit or a letter of a script
    without capitals, so that [whispers] remains a tag; Bark's own tags ([MAN], [Music]) are none.

    Args:
        names: lower-case names that open a turn as `Name:` too; None asks `find_names`.

    Returns:
        turns in order, none empty.
    """
    names = find_names(text) if names is None else names
    said: list[tuple[str, list[str]]] = [(NARRATOR, [])]
    for line in text.splitlines():
        opening = _opening(line, names)
        if opening is None:
            said[-1][1].append(line)
        else:
            said.append((opening[0], [opening[1]]))
    turns = (Turn(name, "\n".join(lines).strip()) for name, lines in said)
    return [turn for turn in turns if turn.text]


def _opening(line: str, names: set[str]) -> tuple[str, str] | None:
    match = _BRACKETED.match(line)
    if match and _is_name(match[1]):
        return normalize_whitespace(match[1]), match[2]
    match = _WITH_COLON.match(line)
    if match and _fold(match[1]) in names:
        return normalize_whitespace(match[1]), match[2]
    return None


def _fold(name: str) -> str:
    return normalize_whitespace(name).casefold()


def _is_name(words: str) -> bool:
    name = normalize_whitespace(words)
    first = name[:1]
    pause = re.match(r"(?i)pause\b", name)
    return (
        first.isalnum()
        and not first.islower()
        and len(name.split()) <= _MAX_NAME_WORDS
        and name.casefold() not in _TAG_WORDS
        and not pause
    )
