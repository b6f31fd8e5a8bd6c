"""Rules that read whatever contains digits: numbers, money, times, dates, units, ranges."""

from __future__ import annotations

import re

from .abbreviations import (
    CURRENCIES,
    IRREGULAR_PLURALS,
    MAGNITUDES,
    MONTHS,
    UNIT_TAILS,
    UNITS,
    YEAR_CUES,
)
from .number_words import cardinal, decimal, digits, letters, ordinal, pair, plural, year
from .rules import Context, Rule, final_stop, rule

_INT = r"(?:\d{1,3}(?:,\d{3})+(?![\d])|\d+)"
_COMMA_CENTS = r"\d+,\d\d(?!\d)"
_NUMBER = rf"(?:{_INT}(?:\.\d+)?|\.\d+)"
_MONTH = "|".join(f"{m.title()}|{m.upper()}" for m in MONTHS)
_SHORT_MONTH = "|".join(m[:3].title() for m in MONTHS) + "|Sept"
_ANY_MONTH = rf"(?P<month>{_MONTH}|(?:{_SHORT_MONTH})\b\.?)"
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?\b"
_UNIT = "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True))
_NAMED_PARTS = frozenset((2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 32, 64, 100))
_HALVES = {"2": "half", "3": "third", "4": "quarter"}


def number(text: str) -> list[str]:
    """Say a whole or decimal number as written, thousands separated or not."""
    whole, point, fraction = text.partition(".")
    return decimal(whole, fraction) if point else cardinal(whole)


def _money(match: re.Match[str], _: Context) -> list[str]:
    unit, cent = CURRENCIES[match["sign"]]
    amount, magnitude = match["amount"], match["magnitude"]
    if re.fullmatch(_COMMA_CENTS, amount):  # as in "€1,50"
        amount = amount.replace(",", ".")
    if magnitude:
        return [*number(amount), MAGNITUDES[magnitude.lower()], unit + "s" * (unit != "yen")]
    whole, cents = amount.partition(".")[::2]
    said = _counted(whole or "0", unit) if whole not in ("", "0") or not cents else []
    if len(cents) == 2 and int(cents):
        said += ["and"] * bool(said) + _counted(str(int(cents)), cent)
    elif cents and len(cents) != 2:
        return [*number(amount), unit + "s" * (unit != "yen")]
    return said or _counted("0", unit)


def _counted(amount: str, unit: str) -> list[str]:
    if amount.replace(",", "") == "1" or unit in ("yen", "sen"):
        return [*cardinal(amount), unit]
    return [*cardinal(amount), "pence" if unit == "penny" else unit + "s"]


def _time(match: re.Match[str], _: Context) -> list[str] | None:
    hour, minute = match["hour"], match["minute"]
    if int(hour) > 24 or (minute and int(minute) > 59):
        return None
    said = cardinal(str(int(hour)))
    if minute and minute != "00":
        said += pair(minute)
    elif minute and not match["half"] and not match["second"]:
        said += ["o'clock"] if 0 < int(hour) <= 12 else ["hundred"]
    if match["second"]:
        said += ["and", *cardinal(str(int(match["second"]))), "seconds"]
    if match["half"]:
        said += letters(match["half"])
    return said + final_stop(match)


def _ratio(match: re.Match[str], _: Context) -> list[str]:
    low, high = match["low"], match["high"]
    if len(high) == 2 and int(high) < 60:  # minutes and seconds
        return [*cardinal(low), *pair(high)]
    return [*cardinal(low), "to", *cardinal(high)]


def _month_day(match: re.Match[str], context: Context) -> list[str]:
    said = [*_month(match["month"]), *ordinal(str(int(match["day"])))]
    return said + _year_after(match)


def _day_month(match: re.Match[str], context: Context) -> list[str]:
    the = [] if context.last_word in ("the", "this", "every", "each") else ["the"]
    said = [*the, *ordinal(str(int(match["day"]))), "of", *_month(match["month"])]
    return said + _year_after(match)


def _year_after(match: re.Match[str]) -> list[str]:
    return [",", *year(match["year"])] if match["year"] else []


def _month(text: str) -> list[str]:
    return [next(m for m in MONTHS if m[:3] == text[:3].lower())]


def _iso_date(match: re.Match[str], context: Context) -> list[str] | None:
    month, day = int(match["m"]), int(match["d"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return [MONTHS[month - 1], *ordinal(str(day)), ",", *year(match["y"])]


def _slash_date(match: re.Match[str], context: Context) -> list[str] | None:
    month, day, when = int(match["m"]), int(match["d"]), match["y"]
    if month > 12:  # written day first
        month, day = day, month
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    said = year(when) if len(when) == 4 else pair(when)
    return [MONTHS[month - 1], *ordinal(str(day)), ",", *said]


def _phone_number(match: re.Match[str], _: Context) -> list[str]:
    said: list[str] = []
    for group in re.findall(r"\d+", match[0]):
        said += [*digits(group, zero="oh"), ","]
    return said[:-1]


def _ordinal(match: re.Match[str], _: Context) -> list[str]:
    return ordinal(match["int"])


def _decade(match: re.Match[str], _: Context) -> list[str]:
    text = match["int"]
    return plural(year(text) if len(text) == 4 else cardinal(text))


def _with_unit(match: re.Match[str], _: Context) -> list[str]:
    amount, unit = match["amount"], match["unit"]
    low = [*number(match["low"]), "to"] if match["low"] else []
    *head, last = UNITS[unit].split()
    per = UNIT_TAILS.get(unit)
    if last.endswith("_"):
        head, last = head[:-1], head[-1]
    if amount.replace(",", "") != "1":
        last = last if last.endswith("hertz") else IRREGULAR_PLURALS.get(last, last + "s")
    said = [*_sign(match), *low, *number(amount), *head, last]
    return said + (per.split() if per else [])


def _feet_inches(match: re.Match[str], _: Context) -> list[str]:
    feet = [*cardinal(match["feet"]), "foot"]
    return feet + (cardinal(match["inches"]) if match["inches"] else [])


def _fraction(match: re.Match[str], _: Context) -> list[str] | None:
    whole, above, below = match["whole"], match["above"], match["below"]
    head = [*cardinal(whole), "and"] if whole else []
    if not whole and int(above) >= int(below):  # "24/7", "50/50"
        return [*cardinal(above), *cardinal(below)]
    if int(below) not in _NAMED_PARTS:
        return [*head, *cardinal(above), "over", *cardinal(below)]
    *lead, name = ordinal(below) if int(below) > 4 else [_HALVES[below]]
    if int(above) != 1:
        name = "halves" if name == "half" else name + "s"
    count = ["a"] if whole and above == "1" else cardinal(above)
    return [*head, *count, *lead, name]


def _range(match: re.Match[str], context: Context) -> list[str]:
    low, high = match["low"], match["high"]
    if _is_year(low) and len(high) == 2 and int(high) > int(low[2:]):
        return [*year(low), "to", *pair(high)]
    if _is_year(low) and _is_year(high):
        return [*year(low), "to", *year(high)]
    return [*number(low), "to", *number(high)]


def _version(match: re.Match[str], _: Context) -> list[str]:
    said: list[str] = []
    for part in match[0].split("."):
        said += [*cardinal(part), "point"]
    return said[:-1]


def _by(match: re.Match[str], _: Context) -> list[str]:
    return [*number(match["low"]), "by", *number(match["high"])]


def _plain(match: re.Match[str], context: Context) -> list[str]:
    text = match["number"]
    sign = _sign(match)
    if not sign and _is_year(text) and _year_fits(match, context):
        return year(text)
    return [*sign, *number(text)]


def _is_year(text: str) -> bool:
    return len(text) == 4 and text.isdigit() and 1100 <= int(text) <= 2099


def _year_fits(match: re.Match[str], context: Context) -> bool:
    if match.string[: match.start()].endswith("("):
        return True
    if context.last_word in YEAR_CUES or context.last_word == "":
        return True
    rest = match.string[match.end() :]
    return bool(re.match(r"\s*(?:[,;:.!?)]|$|was\b|is\b|and\b|when\b|had\b)", rest)) and (
        context.last_word not in ("is", "number", "about", "are", "were", "over")
    )


def _sign(match: re.Match[str]) -> list[str]:
    return ["minus"] if match["minus"] else []


_MINUS = r"(?P<minus>(?<![\w)])-(?=[\d.]))?"
_END = r"(?![\w])"
_YEAR_TAIL = r"(?:,? (?P<year>\d{4})(?![\d,]*\d))?"

NUMBER_RULES: tuple[Rule, ...] = (
    rule(
        rf"(?P<sign>[$£€¥])\s?(?P<amount>{_COMMA_CENTS}|{_NUMBER})"
        r"(?:\s?(?P<magnitude>thousand|million|billion|trillion|[kKmMbB]|[bmt]n)\b)?",
        _money,
    ),
    rule(
        r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?!\d)"
        r"(?:\s?(?P<half>[AaPp]\.?[Mm]\b\.?))?",
        _time,
    ),
    rule(
        r"(?P<hour>\d{1,2})(?P<minute>)(?P<second>)\s?(?P<half>[ap]\.m\.|[ap]m\b|[AP]M\b|[AP]\.M\.)",
        _time,
    ),
    rule(r"(?P<low>\d+):(?P<high>\d+)(?![\d:])", _ratio),
    rule(rf"(?P<amount>{_COMMA_CENTS}|{_NUMBER}) ?(?P<sign>[$£€¥])(?P<magnitude>)(?!\d)", _money),
    rule(r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)" + _END, _iso_date),
    rule(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4}|\d\d)" + _END, _slash_date),
    rule(rf"{_ANY_MONTH} {_DAY}(?![.:]\d){_YEAR_TAIL}", _month_day),
    rule(rf"{_DAY} (?:of )?{_ANY_MONTH}{_YEAR_TAIL}", _day_month),
    rule(
        r"(?:\+?\d{1,3}[ -])?(?:\(\d{3}\) ?|\d{3}[ -])?\d{3}-\d{4}" + _END,
        _phone_number,
    ),
    rule(rf"(?P<int>{_INT})(?:st|nd|rd|th)\b", _ordinal, re.IGNORECASE),
    rule(r"'?(?P<int>\d{1,3}0)'?s\b", _decade),
    rule(r"(?P<feet>\d+)' ?(?:(?P<inches>\d+)\")?(?!\w)", _feet_inches),
    rule(
        rf"{_MINUS}(?:(?P<low>{_NUMBER}) ?- ?)?(?P<amount>{_NUMBER})(?: ?|-)(?P<unit>{_UNIT})"
        r"(?![A-Za-z0-9])(?:\.(?= [a-z]))?",
        _with_unit,
    ),
    rule(r"(?:(?P<whole>\d+) )?(?P<above>\d+)/(?P<below>\d+)" + _END, _fraction),
    rule(rf"(?P<low>{_NUMBER}) ?- ?(?P<high>{_NUMBER})" + _END, _range),
    rule(rf"(?P<low>{_NUMBER}) ?[xX×] ?(?P<high>{_NUMBER})" + _END, _by),
    rule(r"\d+(?:\.\d+){2,}" + _END, _version),
    rule(r"911(?![\d.,])", lambda match, _: digits(match[0])),
    rule(rf"{_MINUS}(?P<number>{_NUMBER})", _plain),
)
