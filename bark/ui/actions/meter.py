"""The line under the prompt: tokens, seconds, and exactly what would not be heard."""

from __future__ import annotations

import dataclasses
import html
import json

from ...compare.prompts import combinations
from ...errors import BarkError
from ...pipeline import Bark
from ...spec import NANO
from ...text.splitting import normalize_whitespace, typed_places
from ...text_count import TextCount
from ..state.studio import Studio
from .speak import MAX_COMBINED, split

_MAX_READINGS = 6  # told at once


@dataclasses.dataclass(frozen=True)
class Meter:
    """What is said about the text in the box.

    Attributes:
        line: HTML.
        n_parts: how many takes the text would be split into; 1 where it fits.
    """

    line: str
    n_parts: int


def measure(studio: Studio, text: str, n_takes: int = 1) -> Meter:
    """Counts a text as the loaded model hears it.

    Args:
        n_takes: how many are made of each of its wordings.
    """
    if len(text) > studio.max_chars:
        return Meter(
            f'<p class="meter over">{len(text):,} characters; at most {studio.max_chars:,} '
            "are taken in one go.</p>",
            1,
        )
    if studio.engine.bark is None or not text.strip():
        return Meter('<p class="meter">&nbsp;</p>', 1)
    bark = studio.engine.bark
    try:
        choices = combinations(text)
    except BarkError as error:
        return Meter(f'<p class="meter over">{html.escape(str(error))}</p>', 1)
    if len(choices) > 1:
        longest = max((choice.text for choice in choices), key=len)
        counted = _counted(studio, bark, longest, bark.count(longest))
        return Meter(_made_of(len(choices), n_takes) + counted.line, 1)
    count = bark.count(text)
    meter = _counted(studio, bark, text, count)
    line = meter.line + _unspoken(bark, count) + _reading(bark, text) + _marked(text, count)
    return Meter(line, meter.n_parts)


def _made_of(n_wordings: int, n_takes: int) -> str:
    n = n_wordings * n_takes
    if n > MAX_COMBINED:
        return f'<p class="meter over">Makes {n} takes; at most {MAX_COMBINED} in one go.</p>'
    each = f": {n_takes} of each wording" if n_takes > 1 else ""
    return f'<p class="meter">Makes {n} takes{each}.</p>'


def _counted(studio: Studio, bark: Bark, text: str, count: TextCount) -> Meter:
    line = f"{count.n_tokens} of {count.max_tokens} tokens · about {count.expected_s:.0f} s"
    spec = bark.spec
    listener = spec.name.capitalize()
    if not count.cut_text and count.expected_s <= spec.max_duration_s:
        return Meter(f'<p class="meter">{line}</p>', 1)
    if not count.cut_text:
        limit = f"{listener} speaks at most {spec.max_duration_s:.0f} s in one go"
        return Meter(
            f'<p class="meter over">{line}. {limit}; the end would be missing.</p>',
            len(split(studio, text)),
        )
    heard = f"{listener} hears the first {count.max_tokens} tokens; it would not hear: "
    cut = html.escape(count.cut_text)
    return Meter(
        f'<p class="meter over" title="{cut}">{heard}“<b>{cut}</b>”</p>',
        len(split(studio, text)),
    )


def _unspoken(bark: Bark, count: TextCount) -> str:
    if not count.unspoken:
        return ""
    listed = html.escape(", ".join(f"“{stretch}”" for stretch in count.unspoken))
    return f'<p class="meter over">{bark.spec.name.capitalize()} cannot say {listed}.</p>'


def _reading(bark: Bark, text: str) -> str:
    """What will be spoken otherwise than it was typed; all of the words on demand."""
    found = bark.readings(text) if bark.spec.name == NANO.name else []
    if not found:
        return ""
    plain = normalize_whitespace(text)
    shown = ", ".join(f"{plain[a:b]} → {said}" for a, b, said in found[:_MAX_READINGS])
    more = f", and {len(found) - _MAX_READINGS} more" if len(found) > _MAX_READINGS else ""
    whole = html.escape(bark.reading(text))
    return (
        f'<details class="meter reading"><summary>Reads {html.escape(shown)}{more}</summary>'
        f"<p>{whole}</p></details>"
    )


def marks(text: str, count: TextCount) -> list[tuple[int, int, str]]:
    """What the box underlines: first and last character as typed, and "cut" or "unspoken"."""
    places = typed_places(text)
    plain = normalize_whitespace(text)
    found: list[tuple[int, int, str]] = []
    at, end = 0, len(plain) - len(count.cut_text)
    for stretch in count.unspoken:
        start = plain.find(stretch, at, end)
        if start >= 0:
            at = start + len(stretch)
            found.append((places[start], places[at - 1] + 1, "unspoken"))
    if count.cut_text:
        found.append((places[end], places[-1], "cut"))
    return found


def _marked(text: str, count: TextCount) -> str:
    """For the page's script: the text that was measured, and its marks."""
    found = marks(text, count)
    if not found:
        return ""
    value = html.escape(json.dumps({"text": text, "marks": found}, ensure_ascii=False))
    return f'<i hidden data-marks="{value}"></i>'
