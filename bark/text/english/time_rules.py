"""Rules that read times of day."""

from __future__ import annotations

import re

from .number_words import cardinal, letters, pair
from .rules import DIGITS, Context, Rule, after, final_stop, rule

_HALF = r"(?P<half>[AaPp]\.? ?[Mm]\b\.?)"


def _time(match: re.Match[str], context: Context) -> list[str] | None:
    fields = match.groupdict()
    hour, minute, second = match["hour"], fields.get("minute"), fields.get("second")
    half = fields.get("half")
    if int(hour) > 24 or (minute and int(minute) > 59) or _is_verse(context):
        return None
    said = cardinal(str(int(hour)))
    if minute and minute != "00":
        said += pair(minute)
    elif minute and not half and not second and not after(match).startswith(" o'clock"):
        said += ["o'clock"] if 0 < int(hour) <= 12 else ["hundred"]
    if second and second.strip("0."):
        whole, _, part = second.partition(".")
        point = ["point", *(w for d in part for w in cardinal(d))] if part else []
        said += ["and", *cardinal(str(int(whole))), *point, "seconds"]
    zone = ["you", "tee", "see"] if fields.get("zone") else []
    return said + (letters(half) if half else []) + zone + final_stop(match)


def _is_verse(context: Context) -> bool:
    return context.last_word in _BOOKS


def _ratio(match: re.Match[str], _: Context) -> list[str]:
    low, high = match["low"], match["high"]
    if len(high) == 2 and int(high) < 60:  # minutes and seconds
        return [*cardinal(low), *pair(high)]
    return [*cardinal(low), "to", *cardinal(high)]


def _verse(match: re.Match[str], context: Context) -> list[str] | None:
    if not _is_verse(context):
        return None
    said = [*cardinal(match["chapter"]), "verse", *cardinal(match["verse"])]
    if match["last"]:
        said[-1 - len(cardinal(match["verse"]))] = "verses"
        said += ["to", *cardinal(match["last"])]
    return said


_BOOKS = frozenset(
    "genesis exodus leviticus numbers deuteronomy joshua judges ruth samuel kings chronicles ezra "
    "nehemiah esther job psalm psalms proverbs ecclesiastes isaiah jeremiah lamentations ezekiel "
    "daniel hosea joel amos obadiah jonah micah nahum habakkuk zephaniah haggai zechariah malachi "
    "matthew mark luke john acts romans corinthians galatians ephesians philippians colossians "
    "thessalonians timothy titus philemon hebrews james peter jude revelation surah sura".split()
)
_ABBREVIATED_BOOKS = {
    **{"gen": "genesis", "ex": "exodus", "ps": "psalm", "prov": "proverbs", "isa": "isaiah"},
    **{"matt": "matthew", "mt": "matthew", "rom": "romans", "cor": "corinthians"},
    **{"gal": "galatians", "eph": "ephesians", "phil": "philippians", "heb": "hebrews"},
    **{"rev": "revelation", "jer": "jeremiah", "deut": "deuteronomy", "lk": "luke", "jn": "john"},
}


def _short_book(match: re.Match[str], _: Context) -> list[str]:
    return [_ABBREVIATED_BOOKS[match["book"].lower()]]


def _zone(match: re.Match[str], _: Context) -> list[str]:
    return [*letters(match["zone"]), "plus" if match["sign"] == "+" else "minus"]


TIME_RULES: tuple[Rule, ...] = (
    rule(r"(?P<zone>GMT|UTC)(?P<sign>[+-])(?=\d{1,2}(?!\d))", _zone, "GU"),
    rule(
        r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d(?:\.\d{1,6})?))?(?![\d:])"
        rf"(?: ?{_HALF}|(?P<zone>Z)\b)?",
        _time,
        DIGITS,
        is_amount=True,
    ),
    rule(rf"(?P<hour>\d{{1,2}})(?:\.(?P<minute>[0-5]\d))? ?{_HALF}", _time, DIGITS, is_amount=True),
    rule(r"(?P<hour>[01]?\d|2[0-4])h(?P<minute>[0-5]\d)(?!\w)", _time, DIGITS, is_amount=True),
    rule(
        r"(?P<chapter>\d{1,3}):(?P<verse>\d{1,3})(?: ?- ?(?P<last>\d{1,3}))?(?![\d:])",
        _verse,
        DIGITS,
    ),
    rule(r"(?P<low>\d{1,6}):(?P<high>\d{1,6})(?![\d:])", _ratio, DIGITS, is_amount=True),
    rule(
        rf"(?P<book>(?i:{'|'.join(_ABBREVIATED_BOOKS)}))\.? (?=\d{{1,3}}:\d)",
        _short_book,
        "GgEePpIiMmRrCcHhJjDdLl",
    ),
)
