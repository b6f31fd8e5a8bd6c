"""Rules that read dates: days, months, years, decades, weekdays, quarters."""

from __future__ import annotations

import re

from .abbreviations import MONTHS
from .amounts import is_year
from .number_words import cardinal, letters, ordinal, pair, plural, year
from .rules import DIGITS, LETTERS, Context, Rule, after, final_stop, rule

_SHORT = "|".join(month[:3] for month in MONTHS if month != "may") + "|sept"
_MONTH = rf"(?P<month>(?i:{'|'.join(MONTHS)}|(?:{_SHORT})\b\.?))"
_DAY_NUMBER = r"(?:[12]\d|3[01]|0?[1-9])"
_DAY = rf"(?P<day>{_DAY_NUMBER})(?:(?i:st|nd|rd|th))?(?![\d:/%]|\.\d|\w)"
_LAST_DAY = rf"(?: ?- ?(?P<last>{_DAY_NUMBER})(?:(?i:st|nd|rd|th))?(?![\d:/%]|\.\d|\w))?"
_YEAR = r"(?P<year>\d{4})(?![\d,]{0,20}\d|\w)"
_YEAR_TAIL = rf"(?:,? {_YEAR}|[,/-](?P<joined>\d{{4}}|\d\d)(?![\d,]{{0,20}}\d|\w))?"
_END = r"(?!\w|[.,/-]\d)"

_WEEKDAYS = {
    **{"mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday"},
    **{"weds": "wednesday", "thu": "thursday", "thur": "thursday", "thurs": "thursday"},
    **{"fri": "friday", "sat": "saturday", "sun": "sunday"},
}
_WEEKDAY = "(?i:" + "|".join(sorted(_WEEKDAYS, key=len, reverse=True)) + ")"
_ALSO_WORDS = ("mon", "sat", "sun", "wed", "weds")
_BEFORE_DATES = frozenset(
    "on by since until till before after from to dated through due starting ending between".split()
)
_SPOKEN_FRACTIONS = {("9", "11"), ("24", "7"), ("7", "11"), ("20", "20")}


def month(text: str) -> list[str]:
    """The month that a name or abbreviation means."""
    return [next(m for m in MONTHS if m[:3] == text[:3].lower())]


def _year_after(match: re.Match[str]) -> list[str]:
    found = match["year"] or match["joined"]
    if not found:
        return []
    return [",", *(year(found) if len(found) == 4 else pair(found))]


def _day(text: str) -> list[str]:
    return ordinal(str(int(text)))


def _month_day(match: re.Match[str], context: Context) -> list[str] | None:
    if match["month"] in ("may", "march") and not _is_date(match, context):
        return None
    said = [*month(match["month"]), *_day(match["day"])]
    if match["last"]:
        said += ["to", *_day(match["last"])]
    return said + _year_after(match)


def _is_date(match: re.Match[str], context: Context) -> bool:
    """Whether a small "may 5" or "march 5" is a date: "you may 5 of them" is none."""
    if context.last_word in _BEFORE_DATES or match["year"] or match["joined"]:
        return True
    follows = after(match)
    return match[0][-1].isalpha() or not re.match(r" [a-z]", follows)


def _day_month(match: re.Match[str], context: Context) -> list[str] | None:
    if match["month"] in ("may", "march") and not (
        context.last_word in ("the", *_BEFORE_DATES) or match["year"] or not match[0][1:3].isspace()
    ):
        return None
    the = [] if context.last_word in ("the", "this", "every", "each") else ["the"]
    said = [*the, *_day(match["day"])]
    if match["last"]:
        said += ["to", *_day(match["last"])]
    said += ["of", *month(match["month"]), *_year_after(match)]
    return said + final_stop(match)


def _month_year(match: re.Match[str], _: Context) -> list[str]:
    return [*month(match["month"]), *year(match["year"])]


def _months(match: re.Match[str], _: Context) -> list[str]:
    return [*month(match["month"]), "to", *month(match["end"])]


def _numeric(match: re.Match[str], _: Context) -> list[str] | None:
    """A date in numbers: American, or with the day first where it can be nothing else."""
    first, second, when = int(match["a"]), int(match["b"]), match["y"]
    if match["separator"] == "." and second <= 12:  # written so where the day comes first
        first, second = second, first
    if first > 12:
        first, second = second, first
    if not (1 <= first <= 12 and 1 <= second <= 31):
        return None
    said = year(when) if len(when) == 4 else pair(when)
    return [MONTHS[first - 1], *_day(str(second)), ",", *said]


def _iso(match: re.Match[str], _: Context) -> list[str] | None:
    number, day = int(match["m"]), int(match["d"])
    if not (1 <= number <= 12 and 1 <= day <= 31):
        return None
    clock = [","] if match["clock"] else []
    return [MONTHS[number - 1], *_day(match["d"]), ",", *year(match["y"]), *clock]


def _number_month_year(match: re.Match[str], _: Context) -> list[str] | None:
    number = int(match["m"])
    return [MONTHS[number - 1], *year(match["y"])] if 1 <= number <= 12 else None


def _month_and_day(match: re.Match[str], context: Context) -> list[str] | None:
    """ "9/11", and a month and day behind a word such as "on"."""
    a, b = match["a"], match["b"]
    if (a, b) in _SPOKEN_FRACTIONS or (int(a) + int(b) == 100 and int(b) > 9):
        return [*cardinal(a), *cardinal(b)]
    if context.last_word in _BEFORE_DATES and 1 <= int(a) <= 12 and 1 <= int(b) <= 31:
        return [MONTHS[int(a) - 1], *_day(b)]
    return None


def _decades(match: re.Match[str], _: Context) -> list[str]:
    said = _decade(match["first"])
    return [*said, "to", *_decade(match["last"])] if match["last"] else said


def _decade(text: str) -> list[str]:
    return plural(year(text) if len(text) == 4 else cardinal(text)[-1 if text == "100" else 0 :])


def _short_year(match: re.Match[str], _: Context) -> list[str]:
    return pair(match["year"])


def _quarter(match: re.Match[str], _: Context) -> list[str]:
    number, letter = (match["number"], match["letter"].upper())
    name = "quarter" if letter == "Q" else "half"
    when = match["year"]
    return [*ordinal(number), name, *year(when if len(when) == 4 else "20" + when)]


def _quarter_first(match: re.Match[str], _: Context) -> list[str]:
    return [*letters(match["letter"]), *cardinal(match["number"]), *year(match["year"])]


def _fiscal(match: re.Match[str], _: Context) -> list[str]:
    when = match["year"]
    return ["fiscal", "year", *year(when if len(when) == 4 else "20" + when)]


def _era(match: re.Match[str], context: Context) -> list[str]:
    letters = {"A": ["ay"], "D": ["dee"], "B": ["bee"], "C": ["see"], "E": ["ee"]}
    said = [name for c in match["era"].upper() if c in letters for name in letters[c]]
    number = match["year"]
    number_said = year(number) if is_year(number) else cardinal(number)
    return [*number_said, *said, *(["."] if _ends(match) else final_stop(match))]


def _era_before(match: re.Match[str], _: Context) -> list[str]:
    number = match["year"]
    return ["ay", "dee", *(year(number) if is_year(number) else cardinal(number))]


def _ends(match: re.Match[str]) -> bool:
    return match[0].endswith(".") and not after(match).strip()


def _weekdays(match: re.Match[str], _: Context) -> list[str] | None:
    """A short weekday before a date, a comma, an hour or another one; "sat" is a word otherwise."""
    first, last = match["first"].lower(), match["last"]
    if last:
        return [_WEEKDAYS[first], "to", _WEEKDAYS[last.lower()], *final_stop(match)]
    follows = after(match)
    before_date = re.match(rf",? ?(?:\d|(?i:{_SHORT}|may))", follows)
    if first in _ALSO_WORDS:
        dotted = match[0].endswith(".") and match["first"].istitle()
        if not before_date and not (dotted and follows[:1] == ","):
            return None
    elif not match["first"][0].isupper() and not before_date:
        return None
    return [_WEEKDAYS[first], *final_stop(match)]


_UP_TO_YEAR = r"(?P<y>\d{4})"

DATE_RULES: tuple[Rule, ...] = (
    rule(
        rf"{_UP_TO_YEAR}(?P<separator>[-/.])(?P<m>\d{{1,2}})(?P=separator)(?P<d>\d{{1,2}})"
        r"(?:(?P<clock>T)(?=\d\d:)|(?!\w|[./-]\d))",
        _iso,
        DIGITS,
    ),
    rule(
        r"(?P<a>\d{1,2})(?P<separator>[/-])(?P<b>\d{1,2})(?P=separator)(?P<y>\d{4}|\d\d)" + _END,
        _numeric,
        DIGITS,
    ),
    rule(r"(?P<a>\d{1,2})(?P<separator>\.)(?P<b>\d{1,2})\.(?P<y>\d{4})" + _END, _numeric, DIGITS),
    rule(rf"{_MONTH}[ -]{_DAY}{_LAST_DAY}{_YEAR_TAIL}", _month_day, LETTERS),
    rule(rf"{_MONTH},?[ -]{_YEAR}", _month_year, LETTERS),
    rule(
        rf"{_MONTH} ?- ?(?P<end>(?i:{_SHORT}|may|{'|'.join(MONTHS)}))\b\.?(?! ?\d)",
        _months,
        LETTERS,
    ),
    rule(rf"{_DAY}{_LAST_DAY}(?:[ -]| of | day of ){_MONTH}(?!\w){_YEAR_TAIL}", _day_month, DIGITS),
    rule(rf"(?P<m>0?[1-9]|1[0-2])/{_UP_TO_YEAR}" + r"(?![\w/])", _number_month_year, DIGITS),
    rule(r"(?P<a>\d{1,2})/(?P<b>\d{1,2})(?![\w/%]|[.:]\d)", _month_and_day, DIGITS),
    rule(
        r"'?(?P<first>\d{1,3}0)'?s(?: ?- ?'?(?P<last>\d{1,3}0)'?s)?(?!\w)",
        _decades,
        DIGITS + "'",
        is_amount=True,
    ),
    rule(r"'(?P<year>\d\d)(?![\w']|[.,]\d)", _short_year, "'"),
    rule(r"(?P<number>[1-4])(?P<letter>[QqHh])(?P<year>\d{2}|\d{4})(?!\w)", _quarter, DIGITS),
    rule(
        r"(?P<letter>[QqHh])(?P<number>[1-4])(?: |, | of |-)(?P<year>\d{4})(?![\w,]\d|\w)",
        _quarter_first,
        "QqHh",
    ),
    rule(r"(?:FY|fy) ?'?(?P<year>\d{4}|\d\d)(?!\w)", _fiscal, "Ff"),
    rule(
        r"(?P<year>\d{1,5}) ?(?P<era>A\.D\.|B\.C\.E\.|B\.C\.|C\.E\.|AD|BCE|BC|CE)(?!\w)",
        _era,
        DIGITS,
    ),
    rule(r"A\.?D\.? (?P<year>\d{1,4})(?![\w,]\d)", _era_before, "A"),
    rule(
        rf"(?P<first>{_WEEKDAY})\b\.?(?: ?- ?(?P<last>{_WEEKDAY})\b\.?)?(?!['\w])",
        _weekdays,
        LETTERS,
    ),
)
