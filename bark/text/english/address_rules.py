"""Rules that read American addresses: houses, streets, states and ZIP codes."""

from __future__ import annotations

import re

from .amounts import by_pairs
from .number_words import digits, letters
from .rules import DIGITS, LETTERS, Context, Rule, after, before, final_stop, rule

STREETS = {
    **{"St": "street", "Ave": "avenue", "Av": "avenue", "Rd": "road", "Blvd": "boulevard"},
    **{"Dr": "drive", "Ln": "lane", "Ct": "court", "Pl": "place", "Hwy": "highway"},
    **{"Pkwy": "parkway", "Sq": "square", "Ter": "terrace", "Terr": "terrace", "Cir": "circle"},
    **{"Trl": "trail", "Expy": "expressway", "Fwy": "freeway", "Tpke": "turnpike"},
}
_FULL = (
    "Street|Avenue|Road|Boulevard|Drive|Lane|Court|Place|Highway|Parkway|Square|Way|Terrace|"
    "Circle|Broadway"
)
_STREET = "|".join(sorted(STREETS, key=len, reverse=True))
_DIRECTIONS = {
    **{"N": "north", "S": "south", "E": "east", "W": "west", "NE": "northeast"},
    **{"NW": "northwest", "SE": "southeast", "SW": "southwest"},
}
_DIRECTION = r"[NS][EW]|[NSEW]"

STATES = {
    **{"AL": "alabama", "AK": "alaska", "AZ": "arizona", "AR": "arkansas", "CA": "california"},
    **{"CO": "colorado", "CT": "connecticut", "DE": "delaware", "FL": "florida", "GA": "georgia"},
    **{"HI": "hawaii", "ID": "idaho", "IL": "illinois", "IN": "indiana", "IA": "iowa"},
    **{"KS": "kansas", "KY": "kentucky", "LA": "louisiana", "ME": "maine", "MD": "maryland"},
    **{"MA": "massachusetts", "MI": "michigan", "MN": "minnesota", "MS": "mississippi"},
    **{"MO": "missouri", "MT": "montana", "NE": "nebraska", "NV": "nevada"},
    **{"NH": "new hampshire", "NJ": "new jersey", "NM": "new mexico", "NY": "new york"},
    **{"NC": "north carolina", "ND": "north dakota", "OH": "ohio", "OK": "oklahoma"},
    **{"OR": "oregon", "PA": "pennsylvania", "RI": "rhode island", "SC": "south carolina"},
    **{"SD": "south dakota", "TN": "tennessee", "TX": "texas", "UT": "utah", "VT": "vermont"},
    **{"VA": "virginia", "WA": "washington", "WV": "west virginia", "WI": "wisconsin"},
    **{"WY": "wyoming", "DC": "dee see", "PR": "puerto rico"},
}
_ALSO_WORDS = frozenset("HI IN LA ME OH OK OR PA MA DE ID AL CO".split())


def _house(match: re.Match[str], context: Context) -> list[str]:
    """The number before a street; how the street is abbreviated is remembered."""
    context.street_at = match.start("street") if match["short"] else -1
    return [*by_pairs(match["number"]), *letters(match["letter"])]


def _street(match: re.Match[str], context: Context) -> list[str] | None:
    """The kind of street at the end of a known address, or behind a name or "1st"."""
    if context.street_at != match.start() and not _is_street(match):
        return None
    return [STREETS[match["street"]], *final_stop(match)]


def _is_street(match: re.Match[str]) -> bool:
    behind = before(match)
    follows = re.match(r"\.?,? ?([A-Z][a-z]|$|[^A-Z])", after(match))
    named = re.search(r"(?:\d(?:st|nd|rd|th)|[A-Z][a-z]{2,15}) $", behind)
    if named is None or match["street"] in ("Pl", "Sq", "Ter", "Av", "Cir"):
        return False
    if match["street"] in ("St", "Dr"):  # a saint and a doctor stand before a name
        return bool(follows) and not re.match(r"\.? [A-Z]", after(match))
    return True


def _direction(match: re.Match[str], _: Context) -> list[str]:
    return [_DIRECTIONS[match["direction"]]]


def _quarter(match: re.Match[str], context: Context) -> list[str] | None:
    """The quarter of a town behind a street: "Pennsylvania Ave NW"."""
    if context.last_word not in STREETS.values():
        return None
    return [_DIRECTIONS[match[0]]]


def _state(match: re.Match[str], context: Context) -> list[str] | None:
    state, zip_code = match["state"], match["zip"]
    if state not in STATES or (context.shouting and not zip_code):
        return None
    if not zip_code and (state in _ALSO_WORDS or not re.search(r"[A-Z][a-z]+, $", before(match))):
        return None
    said = STATES[state].split()
    for number in (zip_code or "").split("-"):
        said += [*digits(number, zero="oh"), ","] if number else []
    return said[:-1] if zip_code else said


def _po_box(match: re.Match[str], _: Context) -> list[str]:
    return ["pee", "oh", "box"]


_NAME = r"(?:[A-Z][A-Za-z']{0,20}|\d{1,3}(?:st|nd|rd|th))"

ADDRESS_RULES: tuple[Rule, ...] = (
    rule(
        r"(?P<number>\d{1,5})(?P<letter>[A-Z]?)"
        rf"(?= (?:(?:{_DIRECTION})\.? )?{_NAME}(?: {_NAME}){{0,2}} "
        rf"(?P<street>(?P<short>{_STREET})(?!\w)|(?:{_FULL})(?!\w)))",
        _house,
        DIGITS,
    ),
    rule(
        rf"(?P<direction>{_DIRECTION})\.?"
        rf"(?= {_NAME}(?: {_NAME}){{0,2}} (?:{_STREET}|{_FULL})(?!\w))",
        _direction,
        "NSEW",
    ),
    rule(rf"(?P<street>{_STREET})(?!\w)\.?", _street, LETTERS),
    rule(r"[NS][EW](?!\w)", _quarter, "NS"),
    rule(r"(?P<state>[A-Z]{2}),?(?: (?P<zip>\d{5}(?:-\d{4})?))?(?![\w-])(?<!,)", _state, LETTERS),
    rule(r"P\. ?O\. [Bb]ox|PO [Bb]ox", _po_box, "P"),
)
