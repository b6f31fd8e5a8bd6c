"""Rules that read amounts with a unit, durations, and what is counted per unit."""

from __future__ import annotations

import re

from .amounts import MAGNITUDE, MINUS, MIXED, NUMBER, by_pairs, is_one, mixed, number
from .number_words import cardinal
from .rules import DIGITS, LETTERS, Context, Rule, after, alternatives, before, rule
from .units import ALL_UNITS, ANY_CASE_UNITS, UNITS

_POWERS = {"²": "square", "^2": "square", "³": "cubic", "^3": "cubic"}
_SQUARED = ("m", "km", "cm", "mm", "ft", "in", "yd", "mi")
_PER = {
    **{name: one for name, (one, _) in ANY_CASE_UNITS.items() if "." not in name},
    **{
        "h": "hour",
        "s": "second",
        "m": "minute",
        "d": "day",
        "day": "day",
        "y": "year",
        "l": "liter",
    },
    **{"month": "month", "year": "year", "week": "week", "hour": "hour", "minute": "minute"},
    **{
        "second": "second",
        "person": "person",
        "night": "night",
        "pound": "pound",
        "piece": "piece",
    },
    **{"unit": "unit", "user": "user", "share": "share", "gallon": "gallon", "mile": "mile"},
    **{
        "g": "gram",
        "dozen": "dozen",
        "each": "each",
        "capita": "capita",
        "in": "inch",
        "ton": "ton",
    },
}

_UNIT = rf"(?:{alternatives(UNITS)}|(?i:{alternatives(ANY_CASE_UNITS)}))"
_POWER = alternatives(_POWERS)
_MAGNITUDES = {"k": "thousand", "K": "thousand", "M": "million", "B": "billion", "bn": "billion",
               "mn": "million", "tn": "trillion"}  # fmt: skip


def _unit(text: str, *, singular: bool) -> list[str]:
    names = ALL_UNITS.get(text) or ALL_UNITS.get(text.lower())
    assert names is not None
    return names[0 if singular else 1].split()


def _with_unit(match: re.Match[str], context: Context) -> list[str] | None:
    amount, unit, joint = match["amount"], match["unit"], match["joint"]
    if unit in ("s", "F", "A", "B", "K", "t", "N") and (joint == "-" or not _means_unit(match)):
        return None
    if unit == "m" and not joint and _CROWD.match(after(match)):  # 1.5m people
        return [*mixed(amount), "million"]
    magnitude = [match["magnitude"].strip().lower()] if match["magnitude"] else []
    adjective = joint == "-" or (context.last_word in ("a", "an") and _NOUN.match(after(match)))
    singular = (is_one(amount) and not magnitude) or bool(adjective and unit[0] not in "%°")
    said = _unit(unit, singular=singular)
    if match["power"] and unit.lower().rstrip(".") in _SQUARED:
        said = [_POWERS[match["power"]], *said]
    elif match["power"]:
        said = [*said, {"square": "squared", "cubic": "cubed"}[_POWERS[match["power"]]]]
    low = [*mixed(match["low"]), "to"] if match["low"] else []
    return [*(["minus"] * bool(match["minus"])), *low, *mixed(amount), *magnitude, *said]


_CROWD = re.compile(
    r" (?:people|users|views|followers|subscribers|downloads|members|jobs|homes|copies|votes|"
    r"readers|residents|customers|visitors|viewers|children|students|workers)\b"
)


def _means_unit(match: re.Match[str]) -> bool:
    """Whether one letter behind a number is a unit, and not a plural, a letter or a billion."""
    unit, amount, joint = match["unit"], match["amount"], match["joint"]
    if unit == "s":
        return joint == " " or "." in amount or (amount.isdigit() and int(amount) < 100)
    if unit == "F":
        return amount.isdigit() and len(amount) in (2, 3) and not match["low"]
    return joint == " " and (unit != "A" or not re.match(r" [A-Za-z]", after(match)))


def _dimensions(match: re.Match[str], _: Context) -> list[str]:
    is_product = re.match(r" ?[=+]", after(match)) or ("×" in match["rest"] and not match["unit"])
    sides = [match["first"], *re.findall(r"[xX×] ?([\d.,]+)", match["rest"])]
    is_picture = " " not in match[0] and all(re.fullmatch(r"\d{3,4}", side) for side in sides)
    said: list[str] = []
    for side in sides:
        said += ["times" if is_product else "by", *(by_pairs if is_picture else number)(side)]
    said = said[1:]
    if match["unit"]:
        unit = _unit(match["unit"], singular=False)
        said += [_POWERS[match["power"]], *unit] if match["power"] else unit
    return said


def _duration(match: re.Match[str], _: Context) -> list[str]:
    said: list[str] = []
    for name, unit in (("d", "day"), ("h", "hour"), ("m", "minute"), ("s", "second")):
        amount = match[name]
        if amount:
            said += [*number(amount), unit if is_one(amount) else unit + "s"]
    return said


def _feet_inches(match: re.Match[str], _: Context) -> list[str] | None:
    if match["inches"] is None and match["mark"]:
        return None
    feet = [*cardinal(match["feet"]), "foot" if match["inches"] or match["feet"] == "1" else "feet"]
    return feet + (mixed(match["inches"]) if match["inches"] else [])


def _inches(match: re.Match[str], _: Context) -> list[str] | None:
    if match.string.count('"', max(0, match.start() - 300), match.start()) % 2:
        return None  # the end of a quotation
    before_noun = re.match(
        r" (?!(?:wide|long|tall|deep|high|thick|by|x|and|or|in|of|to)\b)[a-z]", after(match)
    )
    return [*mixed(match["amount"]), "inch" if before_noun or is_one(match["amount"]) else "inches"]


_NOUN = re.compile(r" (?!(?:wide|long|tall|deep|high|thick|by|x|and|or|in|of|to)\b)[a-z]")


def _by(match: re.Match[str], context: Context) -> list[str] | None:
    behind = match.string[context.amount_end : match.start()]
    return ["by"] if context.amount_end >= 0 and not behind.strip() else None


def _per(match: re.Match[str], context: Context) -> list[str] | None:
    counted = context.last_word.endswith("s") and match["unit"].lower() in _COUNTED_PER
    is_path = after(match)[:1] in ("/", "_")
    if is_path or (context.amount_end != match.start() and not counted):
        return None
    said = _PER[match["unit"].lower()].split()
    power = _POWERS[match["power"]] if match["power"] else ""
    if power and said == ["second"]:
        return ["per", *said, "squared" if power == "square" else "cubed"]
    return ["per", *power.split(), *said]


def _counted(match: re.Match[str], context: Context) -> list[str] | None:
    """Thousands and more by a letter: 10k, 0.5M, 3.5B; "4K" and "401k" name other things."""
    amount, letter = match["amount"], match["magnitude"]
    if letter == "K" and amount in ("2", "4", "5", "8"):
        return [*number(amount), "kay"]
    if letter == "B" and context.last_word in _LETTERED:
        return [*number(amount), "bee"]
    if letter == "k" and amount == "401":
        return ["four", "oh", "one", "kay"]
    low = [*number(match["low"]), "to"] if match["low"] else []
    plus = ["plus"] if match["plus"] else []
    return [*(["minus"] * bool(match["minus"])), *low, *number(amount), _MAGNITUDES[letter], *plus]


def _unit_after_power(match: re.Match[str], _: Context) -> list[str] | None:
    is_behind_power = re.search(r"\d\^-?\d{1,3} ?$", before(match))
    return _unit(match["unit"], singular=False) if is_behind_power else None


def _coordinate(match: re.Match[str], _: Context) -> list[str]:
    said: list[str] = []
    for part in ("degrees", "minutes", "seconds"):
        if match[part]:
            said += [*number(match[part]), part]
    return said + ([_SIDES[match["side"]]] if match["side"] else [])


_SIDES = {"N": "north", "S": "south", "E": "east", "W": "west"}


def _lone_unit(match: re.Match[str], context: Context) -> list[str]:
    one = context.last_word in ("per", "a", "one", "each", "every", "an")
    return _unit(match[0], singular=one)


_COUNTED_PER = frozenset("gallon hour day week month year second minute night person".split())
_LETTERED = frozenset(
    "apartment suite unit room gate seat row platform building number flat floor lot class grade "
    "section figure exhibit appendix".split()
)
_LONE = "km cm kg kgs lb lbs hrs mins mph kph kWh GHz MHz kHz tbsp tsp Mbps Gbps sqft".split()
_DURATION_PARTS = (
    r"(?:(?P<d>\d{1,4}) ?d(?:ays?)? )?"
    r"(?:(?P<h>\d{1,4}) ?(?:h|hrs?|hours?)(?: ?,? ?(?=\d)|\b))?"
    r"(?:(?P<m>\d{1,4}) ?(?:m|mins?|minutes?)(?: ?,? ?(?=\d)|\b))?"
    r"(?:(?P<s>\d{1,4}(?:\.\d{1,3})?) ?(?:s|secs?|seconds?)\b)?"
)

MEASURE_RULES: tuple[Rule, ...] = (
    rule(
        r"(?P<degrees>\d{1,3})° ?(?P<minutes>\d{1,2})' ?"
        r"(?:(?P<seconds>\d{1,2}(?:\.\d{1,6})?)(?:\"|'') ?)?(?P<side>[NSEW](?!\w))?",
        _coordinate,
        DIGITS,
    ),
    rule(
        r"(?=\d{1,4} ?(?:d|h|hr|hrs|m|min|mins) ?\d{1,4} ?[hms])" + _DURATION_PARTS + r"(?!\w)",
        _duration,
        DIGITS,
        is_amount=True,
    ),
    rule(
        rf"(?P<first>{NUMBER})(?P<rest>(?: ?[xX×] ?{NUMBER}){{1,3}})"
        rf"(?: ?(?P<unit>{_UNIT})(?P<power>{_POWER})?)?(?![\w^])",
        _dimensions,
        DIGITS + ".",
        is_amount=True,
    ),
    rule(
        r"(?P<feet>\d{1,3})(?P<mark>')(?: ?(?P<inches>\d{1,2}(?: \d/\d)?)(?:\"|''))(?!\w)",
        _feet_inches,
        DIGITS,
        is_amount=True,
    ),
    rule(
        r"(?P<feet>[3-8])(?P<mark>)'(?P<inches>\d|1[01])(?![\w'])",
        _feet_inches,
        DIGITS,
        is_amount=True,
    ),
    rule(
        r"(?P<feet>\d{1,3})(?P<mark>)'(?P<inches>)(?!(?![xX] ?\d)\w|')",
        _feet_inches,
        DIGITS,
        is_amount=True,
    ),
    rule(rf"(?P<amount>{MIXED})\"(?!\w)", _inches, DIGITS + ".", is_amount=True),
    rule(
        rf"{MINUS}(?:(?P<low>{MIXED}) ?(?:-|to) ?)?(?P<amount>{MIXED})"
        rf"(?P<magnitude> (?i:{MAGNITUDE}))?(?P<joint> ?|-)(?P<unit>{_UNIT})(?P<power>{_POWER})?"
        r"(?![A-Za-z0-9])(?:\.(?= [a-z]))?",
        _with_unit,
        DIGITS + "-.",
        is_amount=True,
    ),
    rule(
        rf"{MINUS}(?:(?P<low>{NUMBER})[kKMB]? ?- ?)?(?P<amount>{NUMBER})"
        rf"(?P<magnitude>[kKMB]|[bmt]n)(?P<plus>\+)?(?!\w)",
        _counted,
        DIGITS + "-.",
        is_amount=True,
    ),
    rule(r"[xX](?= ?\d)", _by, "xX"),
    rule(
        rf"/ ?(?P<unit>(?i:{alternatives(_PER)}))(?P<power>{_POWER})?(?!\w)",
        _per,
        "/",
        is_amount=True,
    ),
    rule(rf"(?P<unit>{_UNIT})(?!\w)", _unit_after_power, LETTERS, is_amount=True),
    rule(rf"(?:{'|'.join(_LONE)})(?!\w)", _lone_unit, LETTERS),
)
