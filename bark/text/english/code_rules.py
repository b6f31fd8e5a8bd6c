"""Rules that read numbers digit by digit or in groups: telephones, serials, versions, codes."""

from __future__ import annotations

import re

from .amounts import by_pairs
from .number_words import cardinal, decimal, digits, letters
from .rules import DIGITS, LETTERS, Context, Rule, after, before, rule

_SPELLED_CUES = frozenset(
    "pin code zip zipcode extension passcode password otp serial isbn account ending".split()
)
_PAIRED_CUES = frozenset(
    "highway interstate flight boeing airbus room suite apartment route freeway bus".split()
)


def _groups(match: re.Match[str], _: Context) -> list[str]:
    """Groups of digits, each heard for itself; "800" at the beginning is eight hundred."""
    said = ["plus"] if match[0].startswith("+") else []
    groups = re.findall(r"[0-9A-Za-z]+", match[0])
    for index, group in enumerate(groups):
        if re.fullmatch(r"[89]00", group) and index < 2 and len(groups) > 2:
            said += [*cardinal(group), ","]
        elif group.isdigit():
            said += [*digits(group, zero="oh"), ","]
        else:
            said += [group.lower(), ","]
    return said[:-1]


def _spelled(match: re.Match[str], context: Context) -> list[str] | None:
    cued = context.last_word in _SPELLED_CUES or (
        len(context.recent) > 1
        and context.recent[-2] in _SPELLED_CUES
        and context.last_word in ("in", "is", "number", "of", "with")
    )
    return digits(match[0], zero="oh") if cued else None


def _paired(match: re.Match[str], context: Context) -> list[str] | None:
    return by_pairs(match[0]) if context.last_word in _PAIRED_CUES else None


def _long(match: re.Match[str], _: Context) -> list[str]:
    return digits(match[0])


def _hexadecimal(match: re.Match[str], _: Context) -> list[str]:
    said = ["zero", "ex"]
    for char in match["digits"]:
        said += digits(char) if char.isdigit() else letters(char)
    return said


def _version(match: re.Match[str], _: Context) -> list[str]:
    said: list[str] = []
    parts = match["parts"].split(".")
    if all(len(part) == 3 for part in parts[1:]) and len(parts[0]) < 4:  # 1.000.000
        return cardinal("".join(parts))
    point = "dot" if len(parts) == 4 and all(int(part) < 256 for part in parts) else "point"
    for part in parts:
        if point == "dot":
            said += [*by_pairs(part), point]
        else:
            said += [*(cardinal(part) if len(part) < 4 else digits(part)), point]
    lead = ["version"] if match["v"] else []
    return [*lead, *said[:-1]]


def _short_version(match: re.Match[str], _: Context) -> list[str]:
    whole, _point, part = match["number"].partition(".")
    return ["version", *(decimal(whole, part) if part else cardinal(whole))]


def _model(match: re.Match[str], context: Context) -> list[str] | None:
    """Letters with a number, F-16, A380, RTX-4090, and several of them, F-16s."""
    name, number = match["name"], match["number"]
    if context.is_word(name.lower()) and len(name) > 2:
        return None
    said = letters(name)
    if number.startswith("0"):
        said += digits(number, zero="oh" if len(number) > 1 else "zero")
    else:
        said += by_pairs(number) if len(number) in (3, 4) else cardinal(number)
    if match["tail"]:
        said += letters(match["tail"])
    return [*said[:-1], _several(said[-1])] if match["plural"] else said


def _several_numbers(match: re.Match[str], _: Context) -> list[str]:
    """Several of a kind with a number: 747s."""
    said = by_pairs(match["number"])
    return [*said[:-1], _several(said[-1])]


def _several(word: str) -> str:
    if word.endswith("y") and not word.endswith(("ay", "ey", "oy")):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("x", "s")) else "s")


def _video(match: re.Match[str], _: Context) -> list[str]:
    return [*by_pairs(match["number"]), *letters(match["kind"])]


def _section(match: re.Match[str], _: Context) -> list[str]:
    """Of the tax code: 401(k), 501(c)(3)."""
    said = [*by_pairs(match["number"]), *letters(match["a"])]
    return said + (cardinal(match["b"]) if match["b"] else [])


def _service(match: re.Match[str], context: Context) -> list[str] | None:
    cued = context.last_word in ("call", "called", "calling", "dial", "dialed", "dialing")
    return digits(match[0]) if cued else None


def _emergency(match: re.Match[str], context: Context) -> list[str] | None:
    if after(match)[:1].isalnum() or before(match)[-1:] in ("$", "#"):
        return None
    return digits(match[0])


_NO_MORE = r"(?![\w]|[.-]\d)"

CODE_RULES: tuple[Rule, ...] = (
    rule(r"\d{31,}", _long, DIGITS),
    rule(r"(?P<number>[45]0\d)\((?P<a>[a-z])\)(?:\((?P<b>\d)\))?", _section, "45"),
    rule(r"00 ?\d{2}(?: \d{2,5}){2,4}" + r"(?![\w]|[.-]\d)", _groups, "0"),
    rule(r"[2-8]11(?![\d.,]\d|\d)|988(?!\d)", _service, "2345678 9"),
    rule(r"0[xX](?P<digits>[0-9a-fA-F]{1,16})(?!\w)", _hexadecimal, "0"),
    rule(
        r"\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,5}(?:[ .-]\d{2,8}){1,5}" + _NO_MORE,
        _groups,
        "+",
    ),
    rule(r"\+\d{8,15}(?!\w)", _groups, "+"),
    rule(r"(?:\d{1,3}[ .-])?\(\d{3}\)[ -]?\d{3}[ .-]\d{4}" + _NO_MORE, _groups, DIGITS + "("),
    rule(r"(?:\d{1,3}[ .-])?\d{3}(?P<dash>[.-])\d{3}(?P=dash)\d{4}" + _NO_MORE, _groups, DIGITS),
    rule(r"\d{3}[ -]\d{3}[ -]\d{4}" + _NO_MORE, _groups, DIGITS),
    rule(r"\d{3}-\d{4}" + _NO_MORE, _groups, DIGITS),
    rule(r"1-[89]\d\d-(?:[A-Z]{3,9}|[A-Z]{3}-[A-Z]{4})(?!\w)", _groups, "1"),
    rule(r"0\d{1,4}(?: \d{3,4}){1,3}" + _NO_MORE, _groups, "0"),
    rule(r"\d{4}(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?:(?P=gap)\d{1,4})?" + _NO_MORE, _groups, DIGITS),
    rule(r"\d{1,7}(?:-\d{1,7}){2,6}" + _NO_MORE, _groups, DIGITS),
    rule(r"911(?![\d.,]\d|\d)", _emergency, "9"),
    rule(r"\d{3,10}(?![\d,.]\d|\w)", _spelled, DIGITS),
    rule(r"\d{3,4}(?![\d,.]\d|\w)", _paired, DIGITS),
    rule(r"(?P<v>)(?P<parts>\d{1,9}(?:\.\d{1,9}){2,7})(?!\w)", _version, DIGITS),
    rule(r"(?P<v>[vV])\.? ?(?P<parts>\d{1,9}(?:\.\d{1,9}){2,7})(?!\w)", _version, "vV"),
    rule(r"v\.?(?P<number>\d{1,4}(?:\.\d{1,9})?)(?![\w]|\.\d)", _short_version, "v"),
    rule(r"(?P<number>\d{3,4})(?P<kind>[pi])(?!\w)", _video, DIGITS),
    rule(r"(?P<number>\d{3})(?P<plural>'?s)(?!\w)", _several_numbers, DIGITS),
    rule(
        r"(?P<name>[A-Z]{1,3})-?(?P<number>\d{1,4})(?P<tail>[A-Z]{0,2})(?P<plural>'?s)?"
        r"(?![\w]|[,.-]\d)",
        _model,
        LETTERS,
    ),
)
