"""What shapes a text and is not spoken: HTML, SSML, Markdown, lines and paragraphs.

Tags, entities and marks of emphasis go; blank lines, headings and items of lists leave a pause.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from .folding import Folded, fold

LINE, PARAGRAPH = "\n", "\v"
"""What stands for white space that holds one line's end, and for one that holds a blank line."""

_INLINE = (
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark meter "
    "nobr output picture progress q rp rt ruby s samp small source span strike strong sub sup svg "
    "time tt u var wbr input button select option textarea canvas audio video track "
    "speak voice prosody emphasis say-as phoneme lang w token lexicon metadata meta link"
).split()
_BLOCKS = (
    "address article aside blockquote body br break caption center dd details dialog div dl dt "
    "fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html iframe legend li "
    "main menu nav ol p pre section summary table tbody td tfoot th thead title tr ul noscript"
).split()
_HIDDEN = ("script", "style", "template")
_TAG_NAMES = "|".join(sorted((*_INLINE, *_BLOCKS, *_HIDDEN), key=len, reverse=True))

_TAG = re.compile(rf"</?(?P<name>{_TAG_NAMES})(?:\s[^<>]{{0,2000}})?/?>", re.IGNORECASE)
_DOCTYPE = re.compile(r"<(?:!doctype|\?xml)[^<>]{0,200}>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_LANGUAGES = (
    "python|py|javascript|js|typescript|ts|json|bash|sh|shell|html|css|c|cpp|java|rust|go|sql|"
    "yaml|xml|text|txt|markdown|md|diff|console"
)
_FENCE = re.compile(
    rf"(?<![^\n\v ])(?:```|~~~)(?:[\w+#.-]{{0,20}}(?=[\n\v]|$)|(?:{_LANGUAGES})(?= ))|```"
)
_IMAGE_OR_LINK = re.compile(
    r"!?\[(?P<text>[^\[\]\n\v]{0,300})\]\([^()\s]{0,500}(?: \"[^\"]{0,99}\")?\)"
)
_REFERENCE = re.compile(r"\[\^[\w-]{1,20}\]:?")
_AUTOLINK = re.compile(r"<(?P<link>(?:https?://|[\w.+-]{1,64}@)[^\s<>]{1,500})>")
_CODE = re.compile(r"`")
_PAIRED = re.compile(
    r"(?<![\w*])\*{1,3}(?=[^\s*])|(?<=[^\s*])\*{1,3}(?![\w*])"  # *so* and **so**
    r"|(?<![\w_])_{1,3}(?=[^\s_])|(?<=[^\s_])_{1,3}(?![\w_])"
    r"|~~|(?<![\w=<>!])==(?=[^\s=])|(?<=[^\s=])==(?![\w=])"
)
_RULE = re.compile(r"(?<![^\n\v])[-*_=|:+ ]{3,}(?=[\n\v]|$)")  # lines, also those of tables
_LINE_START = re.compile(
    r"(?<![^\n\v\f])(?:(?P<head>#{1,6} )|(?P<quote>(?:> ?){1,9}(?=[A-Za-z\"'*_]))"
    r"|(?P<item>[-*+,] (?:\[[ xX]\] )?)|(?P<number>(?=\(?(?:\d{1,3}|[a-zA-Z])[.)] )))"
)


@dataclass(frozen=True)
class Plain:
    """A text without markup.

    Attributes:
        folded: line ends in it are spaces.
        pauses: where, in the folded text, a pause stands, and its mark; in order.
    """

    folded: Folded
    pauses: list[tuple[int, str]]


def without_markup(folded: Folded) -> Plain:
    """Take the markup out of a text.

    Args:
        folded: with `LINE` and `PARAGRAPH` where lines and paragraphs end.
    """
    if "<" in folded.text:
        folded = _without_hidden(folded).edit(_DOCTYPE, lambda match: "")
        folded = folded.edit(_AUTOLINK, lambda match: match["link"]).edit(_TAG, _space_of_tag)
    if "&" in folded.text:
        folded = folded.edit(_ENTITY, _character)
    folded = folded.edit(_FENCE, lambda match: PARAGRAPH).edit(_RULE, lambda match: "")
    if "[" in folded.text:
        folded = folded.edit(_REFERENCE, lambda match: "")
        folded = folded.edit(_IMAGE_OR_LINK, lambda match: match["text"])
    folded = _without_line_starts(folded)
    folded = folded.edit(_CODE, lambda match: "").edit(_PAIRED, lambda match: "")
    pauses = _pauses(folded.text)
    return Plain(Folded(folded.text.translate(_SPACES), folded.origin), pauses)


_ITEM = "\f"  # a line's end before or behind an item of a list, or a heading
_ENDS = LINE + PARAGRAPH + _ITEM
_SPACES = str.maketrans(dict.fromkeys(_ENDS, " "))


def _without_hidden(folded: Folded) -> Folded:
    """Without comments, scripts and styles, their contents included."""
    lower = folded.text.lower()
    openings = {"<!--": "-->", **{f"<{name}": f"</{name}>" for name in _HIDDEN}}
    cuts: list[tuple[int, int]] = []
    for opening, closing in openings.items():
        start = lower.find(opening)
        while start >= 0:  # from one to the next, so that no part is looked at twice
            end = lower.find(closing, start + len(opening))
            if end < 0:
                break
            if not lower[start + len(opening)].isalnum():  # <scripture> is no <script>
                cuts.append((start, end + len(closing)))
            start = lower.find(opening, end)
    if not cuts:
        return folded
    kept, origin, at = [], [], 0
    for start, end in sorted(cuts):
        if start >= at:
            kept.append(folded.text[at:start])
            origin += folded.origin[at:start]
        at = max(at, end)
    return Folded("".join([*kept, folded.text[at:]]), origin + folded.origin[at:])


def _space_of_tag(match: re.Match[str]) -> str:
    name = match["name"].lower()
    if name == "break":
        return _ITEM
    if name in ("td", "th"):
        return LINE
    return PARAGRAPH if name in _BLOCKS else ""


def _character(match: re.Match[str]) -> str | None:
    said = html.unescape(match[0])
    return None if said == match[0] else fold(said).text.replace("\u00a0", " ")


def _without_line_starts(folded: Folded) -> Folded:
    """Takes away what stands before headings, quotes and items, and marks their lines' ends."""
    text = folded.text
    marked = list(text)
    for match in _LINE_START.finditer(text):
        if match["quote"]:
            continue
        end = next((i for i in range(match.end(), len(text)) if text[i] in _ENDS), len(text))
        for index in (match.start() - 1, end):
            if 0 <= index < len(text) and text[index] == LINE:
                marked[index] = _ITEM
    return Folded("".join(marked), folded.origin).edit(_LINE_START, lambda match: "")


def _pauses(text: str) -> list[tuple[int, str]]:
    """Where lines end that were not only broken to fit, with the mark that is heard."""
    ends = [match.start() for match in re.finditer(f"[{_ENDS}]", text)]
    lines = [
        text[start + 1 : end] for start, end in zip([-1, *ends], [*ends, len(text)], strict=True)
    ]
    longest = max(map(len, lines))
    is_verse = len(lines) > 2 and all(_OWN_LINE.match(line) for line in lines if line.strip())
    pauses = []
    for end, line, following in zip(ends, lines, lines[1:], strict=False):
        fits = len(line) + 1 + len(following.partition(" ")[0]) < longest
        if text[end] != LINE:
            pauses.append((end, "."))
        elif _OWN_LINE.match(following) and (is_verse or fits):
            pauses.append((end, ","))
    return pauses


_OWN_LINE = re.compile(r"[\"'(]?[A-Z0-9]")
