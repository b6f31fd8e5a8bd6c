"""Rules that read words: abbreviations, acronyms, links, symbols, punctuation."""

from __future__ import annotations

import re

from .abbreviations import (
    BEFORE_NUMBER,
    DOTTED,
    LETTERED,
    ROMAN_CUES,
    SYMBOLS,
    TITLES,
    UNDOTTED_TITLES,
    WEEKDAYS,
)
from .amounts import is_year
from .number_words import cardinal, letters, ordinal, year
from .rules import LETTERS, MARK_STRENGTH, Context, Rule, after, before, final_stop, fixed, rule
from .spelling import word

_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_CANONICAL = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")


def _nothing(match: re.Match[str], _: Context) -> list[str]:
    return []


def _dotted_letters(match: re.Match[str], context: Context) -> list[str]:
    known = LETTERED.get(match[0].lower())
    said = known.split() if known else letters(match["letters"])
    if match["possessive"]:
        return [*said[:-1], said[-1] + "'s"]
    return said + final_stop(match)


def _dotted(match: re.Match[str], context: Context) -> list[str] | None:
    short, next_char = match["short"].lower(), _next_char(match)
    if short in WEEKDAYS and match["short"].istitle() and next_char in tuple(",0123456789"):
        return [WEEKDAYS[short]]
    if short in ("st", "dr"):
        return _saint_or_street(short, match, context)
    if short in BEFORE_NUMBER and next_char.isdigit():
        return [BEFORE_NUMBER[short]]
    if short not in DOTTED or (match["short"].islower() and _may_end_sentence(short, context)):
        return None
    return DOTTED[short].split() + final_stop(match)


def _may_end_sentence(short: str, context: Context) -> bool:
    """Say of a small abbreviation whether it is more likely a word at the end of a sentence."""
    if short == "al":
        return context.last_word != "et"
    is_word = ("min", "max", "co", "temp", "det", "cont")
    return short in is_word or (short in TITLES and short not in UNDOTTED_TITLES)


def _saint_or_street(short: str, match: re.Match[str], context: Context) -> list[str]:
    behind = before(match).rstrip()
    named = re.search(r"(?:[A-Z][a-z]{1,20}|\d(?:st|nd|rd|th))$", behind) is not None
    follows_name = _next_char(match).isupper()
    if named and not (follows_name and context.last_word == ""):
        return ["street" if short == "st" else "drive", *final_stop(match)]
    return ["saint" if short == "st" else "doctor"]


def _next_char(match: re.Match[str]) -> str:
    return after(match).lstrip()[:1]


def _initial(match: re.Match[str], _: Context) -> list[str] | None:
    """Read the A. of a name; behind a plain word, as in "So do I. He", the dot ends a sentence."""
    behind = before(match).rstrip()
    of_name = not behind or re.search(r"\b[A-Z][\w']{0,20}\.?$", behind)
    return letters(match[0]) if of_name and match[0] != "I." else None


def _joined_letters(match: re.Match[str], _: Context) -> list[str]:
    first, second = match["letters"].split("&")
    said = [*letters(first), "and", *letters(second)]
    return [*said[:-1], said[-1] + "'s"] if match["several"] else said


def _letter_range(match: re.Match[str], _: Context) -> list[str]:
    return ["ay", "to", *letters(match["last"])]


def _initials(match: re.Match[str], _: Context) -> list[str]:
    return letters(match[0])


def _life(match: re.Match[str], _: Context) -> list[str]:
    return ["born" if match["life"] == "b" else "died"]


def _century(match: re.Match[str], context: Context) -> list[str] | None:
    is_ordinal = context.last_word.endswith(("th", "first", "second", "third"))
    return ["century", *final_stop(match)] if is_ordinal else None


def _roman(match: re.Match[str], context: Context) -> list[str] | None:
    numeral = match["numeral"]
    if not _CANONICAL.fullmatch(numeral) or (match["of"] and len(numeral) < 2):
        return None
    values = [_ROMAN[c] for c in numeral]
    total = sum(-v if v < max(values[i:]) else v for i, v in enumerate(values))
    if re.match(r" (?:century|centuries|dynasty)\b", after(match)):
        return ordinal(str(total))
    if context.last_word in ROMAN_CUES:
        return cardinal(str(total))
    if len(numeral) > 3 and is_year(str(total)):
        return year(str(total))
    named = re.search(r"\b[A-Z][a-z]{1,20} $", before(match))
    if len(numeral) > 1 and named and not context.shouting and not re.search("XL|[DM]", numeral):
        said = ["the", *ordinal(str(total))]
        return [*said[:-1], said[-1] + (match["of"] or "")]
    return None


def _compare(match: re.Match[str], _: Context) -> list[str]:
    return {"<": ["less", "than"], ">": ["greater", "than"], "~": ["about"]}[match["sign"]]


def _symbol(match: re.Match[str], _: Context) -> list[str]:
    return SYMBOLS[match[0]].split()


_BEFORE_NAMES = {"Dr": "doctor", "St": "saint", "Mt": "mount", "Ft": "fort"}


def _any_word(match: re.Match[str], context: Context) -> list[str]:
    if match[0] in _BEFORE_NAMES and _next_char(match).isupper():
        return [_BEFORE_NAMES[match[0]]]
    return word(match[0], context)


def _with(match: re.Match[str], _: Context) -> list[str]:
    known = {"w/": "with", "b/c": "because", "c/o": "care of", "n/a": "en ay"}
    return known.get(match[0].lower(), "without").split()


def _sharp(match: re.Match[str], _: Context) -> list[str]:
    return [*letters(match["letter"]), "sharp"]


def _pause(match: re.Match[str], _: Context) -> list[str]:
    return ["."]


def _marks(match: re.Match[str], _: Context) -> list[str]:
    found = [c for c in match[0] if c in MARK_STRENGTH]
    return [max(found, key=MARK_STRENGTH.__getitem__)]


def _comma(match: re.Match[str], _: Context) -> list[str]:
    return [","]


_CUES = (
    "laughter|laughs?|laughing|chuckles?|giggles?|sighs?|sighing|music|gasps?|clears throat|man|"
    "woman|coughs?|coughing|cries|crying|sobs?|sniffs?|sneezes?|yawns?|groans?|hums?|humming|"
    "whispers?|whispering|shouts?|shouting|yells?|screams?|sings?|singing|breathes?|breath|"
    "inhales?|exhales?|applause|snorts?|grunts?|moans?|gulps?|silence"
)
CUE = re.compile(rf"\[(?:{_CUES})\]", re.IGNORECASE)
"""What official Bark acts and nano cannot."""

WORD_RULES: tuple[Rule, ...] = (
    rule(CUE.pattern, _nothing, "[", flags=re.IGNORECASE),
    rule(r"\[(?:(?:short|long|brief) )?(?:pause|beat|break)\]", _pause, "[", flags=re.IGNORECASE),
    rule(r"(?<!\w)(?:WO)?MAN:", _nothing, "WM"),
    rule(r"(?:w/o|w/out|w/|b/c|c/o|n/a)(?!\w)|w/(?=[a-z])", _with, "wWbBcCnN", flags=re.IGNORECASE),
    rule(
        r"(?<!\w)(?P<letters>(?:[A-Za-z]\.){2,12}|[Pp]h\.[Dd]\.)(?P<possessive>'s\b)?",
        _dotted_letters,
        LETTERS,
    ),
    rule(r"(?<!\w)[A-Z]\.(?= ?[A-Z])", _initial, LETTERS),
    rule(r"(?P<letters>[A-Z]{1,3}&[A-Z]{1,3})(?P<several>'?s)?\b", _joined_letters, LETTERS),
    rule(r"&c\.", fixed("et cetera"), "&"),
    rule(r"A(?=\d)|(?<=\d)[aA](?!\w)", fixed("ay"), "aA"),
    rule(r"(?<![\w-])A-(?P<last>[D-Z])(?![\w-])", _letter_range, "A"),
    rule(r"AM/FM(?!\w)", fixed("ay em eff em"), "A"),
    rule(
        r"(?<!\w)[A-Z]\.(?= (?:coli|elegans|pylori|difficile|sapiens|rex|aureus)\b)",
        _initials,
        LETTERS,
    ),
    rule(r"(?<!\w)(?P<life>[bd])\. (?=1\d{3}\b|20\d\d\b)", _life, "bd"),
    rule(r"[Cc]\.(?!\w)", _century, "Cc"),
    rule(r"(?<!\w)(?P<short>[A-Za-z]{1,6})\.", _dotted, LETTERS),
    rule(r"(?<!\w)(?P<numeral>[IVXLCDM]{1,12})(?P<of>'s)?(?![\w'])", _roman, "IVXLCDM"),
    rule(r"(?P<letter>[CF])#(?!\w)", _sharp, "CF"),
    rule(r"[Cc]\+\+(?!\w)", fixed("see plus plus"), "Cc"),
    rule(r"'n'(?= )|(?<= )n'(?= )", fixed("and"), "'n"),
    rule(r"[Tt]h'(?!\w)", fixed("the"), "Tt"),
    rule(r"[A-Za-z]{1,200}(?:'[A-Za-z]{1,200}){0,4}", _any_word, LETTERS),
    rule(r"(?P<sign>[<>~]) ?(?=[\d.$])", _compare, "<>~"),
    rule(r"(?<=\w)[/|\\](?=\w)", _nothing, "/|\\"),
    rule("|".join(re.escape(symbol) for symbol in SYMBOLS), _symbol, "".join(SYMBOLS)),
    rule(r"(?:(?!\.\d)[,.?!;:] ?){1,64}", _marks, ",.?!;:"),
    rule(r"[()\[\]{}|]|--+|(?<= )-(?= )|(?<=\w)-(?= )", _comma, "()[]{}|-"),
)
