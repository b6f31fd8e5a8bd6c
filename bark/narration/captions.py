"""SRT and VTT captions of a narration, by sentence or by word.

Where the model's own tokens know when each word is said (nano), times are exact to a token. Else
the sentences of a chunk are put at the silences between them: of all pauses that are heard, those
are chosen which lie nearest to where the sentences' lengths expect them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..audio import read_audio
from ..errors import AudioFileError, InvalidInputError
from ..files.whole_file import whole_file
from ..text import sentence_ends
from ..text.speaking_time import speaking_time_s
from .narration import Narration
from .timeline import Placed, place_narration

FORMATS = ("srt", "vtt")
_MAX_CHARS = 84  # two lines of 42, as television has them
_LINE_CHARS = 42
_FRAME_S = 0.02
_QUIET = 0.03  # of the mean power: a pause
_LEAST_PAUSE_S = 0.08
# Chosen on 176 sentences' ends inside a book's chunks by nano, whose tokens know the truth.
_NEAR_S, _LENGTH_WEIGHT, _LONG_PAUSE_S, _FAR_S = 0.5, 4.0, 0.5, 0.9


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
    chunk = item.state.chunk
    parts = caption_parts(chunk.text)
    if len(parts) == 1:
        return [(parts[0], item.start_s, item.end_s)]
    bounds = _bounds_by_words(item, parts) or _bounds_by_silence(item, parts)
    starts = [item.start_s, *(start for _, start in bounds)]
    ends = [*(end for end, _ in bounds), item.end_s]
    return list(zip(parts, starts, ends, strict=True))


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


def _bounds_by_words(item: Placed, parts: Sequence[str]) -> list[tuple[float, float]] | None:
    """End of a part and start of the next, from the words' own times."""
    info, chunk = item.state.info, item.state.chunk
    assert info is not None
    if not info.words or chunk.text != chunk.spoken:
        return None
    offset = item.start_s - info.speech[0] / info.sample_rate
    bounds: list[tuple[float, float]] = []
    place = 0
    for part in parts[:-1]:
        place = chunk.text.index(part, place) + len(part)
        before = [word for word in info.words if word[1] <= place]
        after = [word for word in info.words if word[0] >= place]
        if not before or not after:
            return None
        bounds.append((before[-1][3] + offset, after[0][2] + offset))
    return bounds


def _bounds_by_silence(item: Placed, parts: Sequence[str]) -> list[tuple[float, float]]:
    """End of a part and start of the next, from the pauses that are heard."""
    assert item.state.info is not None
    assert item.state.path is not None
    audio, rate = read_audio(item.state.path)
    first, last = item.state.info.speech
    length_s = (last - first) / rate
    pauses = heard_pauses(audio[first:last], rate)
    times = [speaking_time_s(part) for part in parts]
    expected = np.cumsum(times)[:-1] / max(sum(times), 1e-9) * length_s
    chosen = nearest_pauses(pauses, expected)
    return [(item.start_s + start, item.start_s + end) for start, end in chosen]


def heard_pauses(audio: np.ndarray, sample_rate: int) -> list[tuple[float, float]]:
    """Start and end in seconds of every pause of 80 ms or more inside (n,) audio."""
    frame = max(1, int(_FRAME_S * sample_rate))
    n = len(audio) // frame
    if n < 3:
        return []
    power = (audio[: n * frame].astype(np.float64).reshape(n, frame) ** 2).mean(axis=1)
    quiet = np.concatenate([[False], power < _QUIET * power.mean(), [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [
        (start * frame / sample_rate, end * frame / sample_rate)
        for start, end in runs
        if (end - start) * _FRAME_S >= _LEAST_PAUSE_S and start > 0 and end < n
    ]


def nearest_pauses(
    pauses: Sequence[tuple[float, float]], expected: np.ndarray
) -> list[tuple[float, float]]:
    """A pause for every expected place, in order: near, and rather long than short.

    A place without a pause nearby, or with too few pauses around, stands for itself.

    Args:
        expected: (k,) seconds, ascending.

    Returns:
        k pairs (start, end) in seconds, ascending.
    """
    k, n = len(expected), len(pauses)
    places = [(float(place), float(place)) for place in expected]
    if n < k:
        return places
    middle = np.array([(start + end) / 2 for start, end in pauses])
    lengths = np.array([end - start for start, end in pauses])
    cost = np.abs(middle[None, :] - expected[:, None]) / _NEAR_S
    cost = cost - _LENGTH_WEIGHT * np.minimum(lengths, _LONG_PAUSE_S)[None, :]
    best = np.full((k, n), np.inf)
    source = np.zeros((k, n), int)
    best[0] = cost[0]
    for i in range(1, k):
        for j in range(1, n):
            source[i, j] = int(np.argmin(best[i - 1][:j]))
            best[i, j] = cost[i, j] + best[i - 1][source[i, j]]
    chosen = [int(np.argmin(best[-1]))]
    for i in range(k - 1, 0, -1):
        chosen.append(int(source[i, chosen[-1]]))
    found = [pauses[j] for j in reversed(chosen)]
    near = np.abs(middle[chosen[::-1]] - expected) <= _FAR_S
    if not near.all():  # all stand for themselves, so that none overtakes another
        return places
    return found


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
