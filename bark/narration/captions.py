"""SRT and VTT captions of a narration, by sentence or by word.

Times within a chunk are those of `sentence_times`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import AudioFileError, InvalidInputError
from ..files.whole_file import whole_file
from ..text import sentence_ends
from .narration import Narration
from .sentence_times import part_times
from .timeline import Placed, place_narration

FORMATS = ("srt", "vtt")
_MAX_CHARS = 84  # two lines of 42, as television has them
_LINE_CHARS = 42


@dataclasses.dataclass(frozen=True)
class Cue:
    """A caption.

    Attributes:
        start_s, end_s: in the whole file.
        text: what is said.
        speaker: "" for the narrator.
    """

    start_s: float
    end_s: float
    text: str
    speaker: str = ""


def caption_format(path: str | Path) -> str:
    """The format that a file's name asks for.

    Raises:
        AudioFileError: it ends in neither .srt nor .vtt.
    """
    suffix = Path(path).suffix.lower().lstrip(".")
    if suffix not in FORMATS:
        raise AudioFileError(f"The captions {Path(path).name!r} end in neither .srt nor .vtt.")
    return suffix


def write_captions(narration: Narration, path: str | Path, *, by: str = "sentence") -> Path:
    """Writes captions of all finished chunks; the file appears whole or not at all.

    Args:
        path: .srt or .vtt.
        by: "sentence" or "word".

    Raises:
        InvalidInputError: words are asked for where they are not known.
        AudioFileError: another suffix, or the file cannot be written.
    """
    path = Path(path).expanduser()
    write = to_srt if caption_format(path) == "srt" else to_vtt
    text = write(list(cues(narration, by=by)))
    try:
        with whole_file(path) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise AudioFileError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def cues(narration: Narration, *, by: str = "sentence") -> Iterator[Cue]:
    """Captions in order, none overlapping the next.

    Raises:
        InvalidInputError: words are asked for where they are not known.
    """
    for item in place_narration(narration):
        spans = _words(item) if by == "word" else _sentences(item)
        if by == "word" and not spans:
            raise InvalidInputError(
                "The times of words are known of nano's takes only; write captions by sentence."
            )
        chunk = item.state.chunk
        for text, start_s, end_s in spans:
            yield Cue(start_s, max(end_s, start_s + 0.001), text, chunk.speaker)


Span = tuple[str, float, float]


def _words(item: Placed) -> list[Span]:
    info, chunk = item.state.info, item.state.chunk
    assert info is not None
    offset = item.start_s - info.speech[0] / info.sample_rate
    return [(chunk.spoken[a:b], start + offset, end + offset) for a, b, start, end in info.words]


def _sentences(item: Placed) -> list[Span]:
    """The sentences of a chunk, long ones in parts, with their times."""
    parts = caption_parts(item.state.chunk.text)
    spans = part_times(item.state, parts)
    return [
        (part, item.start_s + start, item.start_s + end)
        for part, (start, end) in zip(parts, spans, strict=True)
    ]


def caption_parts(text: str) -> list[str]:
    """A chunk's sentences; one of more than 84 characters in parts of that length."""
    parts: list[str] = []
    start = 0
    for end in sentence_ends(text):
        sentence = text[start:end].strip()
        start = end
        while len(sentence) > _MAX_CHARS:
            n_parts = -(-len(sentence) // _MAX_CHARS)
            at = _break_near(sentence, len(sentence) // n_parts)
            parts.append(sentence[:at].strip())
            sentence = sentence[at:].strip()
        if sentence:
            parts.append(sentence)
    return parts or [text]


def _break_near(sentence: str, place: int) -> int:
    """A clause's end or a word's near a place; the place itself where there is neither."""
    reach = _MAX_CHARS - place
    for pattern in (r"[,;:—–、，；：،](?=\s|[^\x00-\x7f])\s*", r"\s+"):
        ends = [m.end() for m in re.finditer(pattern, sentence)
                if 0.5 * place <= m.end() <= place + reach]  # fmt: skip
        if ends:
            return min(ends, key=lambda end: abs(end - place))
    return place


def to_srt(captions: Sequence[Cue]) -> str:
    """Captions as a SubRip file."""
    blocks = (
        f"{number}\n{_time(cue.start_s, ',')} --> {_time(cue.end_s, ',')}\n{_shown(cue)}\n"
        for number, cue in enumerate(captions, 1)
    )
    return "\n".join(blocks)


def to_vtt(captions: Sequence[Cue]) -> str:
    """Captions as a WebVTT file, speakers as its voice tags."""
    blocks = (
        f"{_time(cue.start_s, '.')} --> {_time(cue.end_s, '.')}\n{_voiced(cue)}\n"
        for cue in captions
    )
    return "WEBVTT\n\n" + "\n".join(blocks)


def _time(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1_000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1_000:02d}{point}{rest % 1_000:03d}"


def _shown(cue: Cue) -> str:
    text = _lines(cue.text.replace("-->", "->"))
    return f"{cue.speaker}: {text}" if cue.speaker else text


def _voiced(cue: Cue) -> str:
    text = _lines(cue.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    speaker = re.sub(r"[<>&\n]", "", cue.speaker)
    return f"<v {speaker}>{text}</v>" if speaker else text


def _lines(text: str) -> str:
    """Two lines of about the same length where one is too long."""
    if len(text) <= _LINE_CHARS:
        return text
    spaces = [m.start() for m in re.finditer(" ", text)]
    if not spaces:
        return text
    at = min(spaces, key=lambda place: abs(place - len(text) // 2))
    return f"{text[:at]}\n{text[at + 1 :]}"
