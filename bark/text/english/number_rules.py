"""Rules that read plain numbers: ordinals, fractions, ranges, arithmetic."""

from __future__ import annotations

import re

from .abbreviations import YEAR_CUES
from .amounts import END, INT, MAGNITUDE, MINUS, NUMBER, fraction, is_year, number
from .number_words import cardinal, letters, ordinal, pair, year
from .rules import DIGITS, Context, Rule, after, before, rule

_SQUARE_CUBE = {"2": ["squared"], "3": ["cubed"]}
_OPERATORS = {
    **{"*": "times", "×": "times", "+": "plus", "=": "equals", "==": "equals", "===": "equals"},
    **{"-": "minus", "/": "over", "÷": "divided by", "!=": "is not", "<=": "is at most"},
    **{">=": "is at least", "<": "is less than", ">": "is greater than", "=>": "to", "->": "to"},
    **{"**": "to the power of", "+=": "plus equals", "-=": "minus equals", "&&": "and", "||": "or"},
}
_SUM = re.compile(r"[\d\s.,+\-*/^×÷()]{0,40}=")
_OPERAND = re.compile(r"(?:\d|[)\]²³]|\b[a-zA-Z]) ?$")
_EQUATION_BEHIND = re.compile(r"=[\w\s.,+\-*/^×÷()]{0,40}$")
_EQUATION_AHEAD = re.compile(
    r" ?(?:\d{1,9}(?:\.\d{1,9})?|[a-zA-Z])(?: ?[-+*/^] ?(?:\d{1,9}|[a-zA-Z])){0,5} ?="
)
_BEHIND_OPERATOR = re.compile(r"[=+*/×÷^] ?$")


def _ordinal(match: re.Match[str], _: Context) -> list[str]:
    return ordinal(match["int"])


def _fraction(match: re.Match[str], _: Context) -> list[str]:
    whole, above, below = match["whole"], match["above"], match["below"]
    said = fraction(above, below, with_whole=bool(whole))
    if below == "4" and match["ending"]:
        said = [word.replace("quarter", "fourth") for word in said]
    return [*cardinal(whole), "and", *said] if whole else said


def _rating(match: re.Match[str], _: Context) -> list[str]:
    return [*number(match["above"]), "out", "of", *number(match["below"])]


def _is_arithmetic(match: re.Match[str]) -> bool:
    """Whether a hyphen between two numbers is a minus: "1-2=5"."""
    return bool(_SUM.match(match.string, match.end()) or _BEHIND_OPERATOR.search(before(match)))


def _range(match: re.Match[str], context: Context) -> list[str]:
    low, high = match["low"], match["high"]
    spaced = " - " in match[0] and float(low.replace(",", "").replace(" ", "")) > float(
        high.replace(",", "").replace(" ", "")
    )
    if spaced or _is_arithmetic(match):
        return [*number(low), "minus", *number(high)]
    if low == high == "50":
        return [*number(low), *number(high)]
    if is_year(low) and len(high) == 2 and int(high) > int(low[2:]):
        return [*year(low), "to", *pair(high)]
    if is_year(low) and is_year(high):
        return [*year(low), "to", *year(high)]
    return [*number(low), "to", *number(high)]


def _school_year(match: re.Match[str], _: Context) -> list[str] | None:
    low, high = match["low"], match["high"]
    if not is_year(low) or int(high) != (int(low) + 1) % 100:
        return None
    return [*year(low), *pair(high)]


def _possessive(match: re.Match[str], _: Context) -> list[str]:
    text = match["number"]
    said = year(text) if is_year(text) else number(text)
    return [*said[:-1], said[-1] + "'s"]


def _power(match: re.Match[str], _: Context) -> list[str]:
    said = number(match["base"]) if match["base"][0] in DIGITS else letters(match["base"])
    return said + _exponent(match["power"])


def _bare_power(match: re.Match[str], _: Context) -> list[str]:
    return _exponent(match["power"])


def _exponent(power: str) -> list[str]:
    if power in _SQUARE_CUBE:
        return _SQUARE_CUBE[power]
    if power.isdigit():
        return ["to", "the", *ordinal(power)]
    if power[0] in "+-" and power[1:].isdigit():
        return ["to", "the", *(["minus"] if power[0] == "-" else []), *cardinal(power[1:])]
    return ["to", "the", *letters(power)]


def _scientific(match: re.Match[str], _: Context) -> list[str]:
    said = [*number(match["base"]), "times", "ten"]
    return said + _exponent(match["power"].lstrip("+").lstrip("0") or "0")


def _operator(match: re.Match[str], _: Context) -> list[str]:
    return _OPERATORS[match["operator"]].split()


def _between_operands(match: re.Match[str], _: Context) -> list[str] | None:
    """An operator between two numbers or letters; a "/" only with spaces about it."""
    behind, operator = before(match), match["operator"]
    if operator == "/" and not (behind.endswith(" ") and match[0].endswith(" ")):
        return None
    if operator == "*" and re.search(r"[A-Z]$", behind) and after(match)[:1].isupper():
        return None  # M*A*S*H
    return _OPERATORS[operator].split() if _OPERAND.search(behind) else None


def _minus(match: re.Match[str], context: Context) -> list[str] | None:
    """A hyphen within an equation."""
    behind, ahead = before(match), match.string[match.end() : match.end() + 40]
    if not _OPERAND.search(behind):
        return None
    in_equation = _EQUATION_BEHIND.search(behind) or _EQUATION_AHEAD.match(ahead)
    return ["minus"] if in_equation else None


def _hyphen(match: re.Match[str], context: Context) -> list[str] | None:
    """Between two amounts, as in "5 km-10 km" or "9am-5pm", a hyphen is read "to"."""
    if context.last_word in ("noon", "midnight"):
        return ["to"]
    if context.amount_end < 0 or match.string[context.amount_end : match.start()] not in ("", " "):
        return None
    return ["minus"] if _is_arithmetic(match) else ["to"]


def _times(match: re.Match[str], _: Context) -> list[str] | None:
    if _BEHIND_OPERATOR.search(before(match)):
        return None  # of an equation
    return [*number(match["number"]), "times"]


def _plus(match: re.Match[str], _: Context) -> list[str]:
    return [*number(match["number"]), "plus"]


def _plain(match: re.Match[str], context: Context) -> list[str]:
    text = match["number"]
    minus = ["minus"] if match["minus"] else []
    magnitude = (match["magnitude"] or "").strip().lower()
    if magnitude:
        return [*minus, *number(text), magnitude]
    early = len(text) == 4 and text.startswith("10") and context.last_word in YEAR_CUES
    if not minus and (is_year(text) or early) and _year_fits(match, context):
        return year(text)
    return [*minus, *number(text)]


_COUNTED = re.compile(r" (?:people|men|women|children|dollars|miles|words|years|times|pages)\b")


def _year_fits(match: re.Match[str], context: Context) -> bool:
    if match.string[match.start() - 1 : match.start()] == "(":
        return True
    if context.last_word in YEAR_CUES or context.last_word == "":
        return not re.match(
            r" (?:people|men|women|dollars|miles|words|years|times)\b", after(match)
        )
    follows = re.match(r"\s*(?:[,;:.!?)]|$|was\b|is\b|and\b|when\b|had\b)", after(match))
    return bool(follows) and (
        context.last_word not in ("is", "number", "about", "are", "were", "over", "equals")
    )


_OPERAND_BEHIND = r"(?= ?[\w(.$-])"
_OPERAND_BEFORE = r"(?<=[\w)²³\]])"

NUMBER_RULES: tuple[Rule, ...] = (
    rule(rf"(?P<int>{INT})(?i:st|nd|rd|th)\b", _ordinal, DIGITS, is_amount=True),
    rule(r"(?P<low>\d{4})/(?P<high>\d\d)" + END, _school_year, DIGITS),
    rule(r"(?P<number>\d{1,4})'s(?!\w)", _possessive, DIGITS),
    rule(
        r"(?:(?P<whole>\d{1,9}) )?(?P<above>\d{1,9})/(?P<below>\d{1,9})"
        r"(?P<ending>(?i:st|nd|rds?|ths?|s)?)(?![\w/]|\.\d)",
        _fraction,
        DIGITS,
        is_amount=True,
    ),
    rule(
        r"(?P<above>\d{1,9}\.\d{1,9})/(?P<below>\d{1,9}(?:\.\d{1,9})?)(?![\w/])",
        _rating,
        DIGITS,
        is_amount=True,
    ),
    rule(
        rf"(?P<base>{NUMBER}) ?(?:\^|\*\*) ?\(?(?P<power>[+-]?(?:\d{{1,9}}|[a-zA-Z](?!\w)))\)?",
        _power,
        DIGITS + ".",
        is_amount=True,
    ),
    rule(r"\^ ?\(?(?P<power>[+-]?(?:\d{1,9}|[a-zA-Z](?!\w)))\)?", _bare_power, "^", is_amount=True),
    rule(
        rf"(?P<base>{NUMBER})[eE](?P<power>[+-]?\d{{1,3}})(?!\w)",
        _scientific,
        DIGITS + ".",
        is_amount=True,
    ),
    rule(
        rf"(?P<low>{NUMBER}) ?- ?(?P<high>{NUMBER})(?![\w%°/])",
        _range,
        DIGITS + ".",
        is_amount=True,
    ),
    rule(rf"(?P<number>{NUMBER})[xX](?= [a-z]|[.,!?;:)]|$)", _times, DIGITS, is_amount=True),
    rule(rf"(?P<number>{NUMBER})\+(?= |$|[.,!?;:])", _plus, DIGITS, is_amount=True),
    rule(
        rf"{MINUS}(?P<number>{NUMBER})(?P<magnitude>[ -](?i:{MAGNITUDE})\b)?",
        _plain,
        DIGITS + "-.",
        is_amount=True,
    ),
    rule(r"- ?(?=[$£€₹¥]?\.?\d)", _hyphen, "-"),
    rule(r"(?P<operator>-)(?= ?(?:\d|[a-zA-Z](?!\w)))", _minus, "-"),
    rule(r"(?P<operator>===?|!=|<=|>=|&&|\|\||\+=|-=|=>|->) ?(?=[\w(.$-])", _operator, "=!<>&|+-"),
    rule(r"(?P<operator>\*\*|[*×÷/]) ?(?=[\d.(]|[a-zA-Z](?!\w))", _between_operands, "*×÷/"),
    rule(r"(?P<operator>[<>]) ?(?=[\d.$(-]|[a-zA-Z](?!\w))", _between_operands, "<>"),
)
