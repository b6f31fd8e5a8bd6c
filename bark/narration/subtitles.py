"""SubRip and WebVTT files as blocks, each with the time in which it shall be spoken."""

from __future__ import annotations

import html
import re

from .documents import Block

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_ARROW = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|\{\\[^}]*\}|<\d{2}:[\d:.]+>")


def read_subtitles(text: str) -> list[Block]:
    """Reads cues, of either format; whatever is no cue (styles, notes, numbers) is passed over.

    Returns:
        a block a cue, in the order of time, with its slot; a voice tag becomes `[Name]`.
    """
    blocks: list[Block] = []
    for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = part.strip("\n").split("\n")
        for i, line in enumerate(lines):
            match = _ARROW.match(line)
            if match:
                words = _words("\n".join(lines[i + 1 :]))
                start, end = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
                if words and end > start:
                    blocks.append(Block(words, slot=(start, end)))
                break
    return sorted(blocks, key=lambda block: block.slot or (0, 0))


def _words(text: str) -> str:
    voice = _VOICE.search(text)
    text = html.unescape(_TAG.sub("", text))
    text = "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
    return f"[{voice[1].strip()}] {text}" if voice and text else text


def _seconds(groups: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (group or "0" for group in groups)
    milliseconds = int(fraction.ljust(3, "0"))
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + milliseconds / 1_000
