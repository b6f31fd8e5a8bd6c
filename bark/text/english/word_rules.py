"""Rules that read words: abbreviations, acronyms, links, symbols, punctuation."""

from __future__ import annotations

import re
from collections.abc import Callable

from .abbreviations import (
    AMBIGUOUS_IN_CAPITALS,
    BEFORE_NUMBER,
    DOTTED,
    INTERJECTIONS,
    LETTER_CUES,
    LETTERED,
    ROMAN_CUES,
    SPELLED_ACRONYMS,
    SPOKEN_ACRONYMS,
    SYMBOLS,
    TITLES,
    TWO_LETTER_WORDS,
    UNDOTTED,
    UNDOTTED_TITLES,
    WEEKDAYS,
)
from .number_words import cardinal, letters, ordinal
from .rules import MARK_STRENGTH, Context, Rule, final_stop, rule

_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_MAX_ACRONYM_LEN = 5


def _nothing(match: re.Match[str], _: Context) -> list[str]:
    return []


def _link(match: re.Match[str], context: Context) -> list[str]:
    host = match["host"].removeprefix("www.")
    said: list[str] = []
    for part in re.findall(r"[A-Za-z]+|\d+|[.@]", host):
        if part in ".@":
            said.append("dot" if part == "." else "at")
        else:
            said += cardinal(part) if part.isdigit() else word(part.lower(), context)
    end = re.search(r"[.,!?;:]$", match[0])
    return said + ([end[0]] if end else [])


def _dotted_letters(match: re.Match[str], context: Context) -> list[str]:
    known = LETTERED.get(match[0].lower())
    said = known.split() if known else letters(match["letters"])
    if match["possessive"]:
        return [*said[:-1], said[-1] + "'s"]
    return said + final_stop(match)


def _dotted(match: re.Match[str], context: Context) -> list[str] | None:
    short, next_word = match["short"].lower(), _next_word(match)
    if short in WEEKDAYS and match["short"].istitle() and next_word[:1] in tuple(",0123456789"):
        return [WEEKDAYS[short]]
    if short in ("st", "dr"):
        return _saint_or_street(short, match, context)
    if short in BEFORE_NUMBER and next_word[:1].isdigit():
        return [BEFORE_NUMBER[short]]
    if short not in DOTTED or (match["short"].islower() and _may_end_sentence(short, context)):
        return None
    return DOTTED[short].split() + final_stop(match)


def _may_end_sentence(short: str, context: Context) -> bool:
    """Say of a small abbreviation whether it is more likely a word at the end of a sentence."""
    if short == "al":
        return context.last_word != "et"
    return short in ("min", "max") or (short in TITLES and short not in UNDOTTED_TITLES)


def _saint_or_street(short: str, match: re.Match[str], context: Context) -> list[str]:
    before = match.string[: match.start()].rstrip()
    named = re.search(r"(?:[A-Z][a-z]+|\d(?:st|nd|rd|th))$", before) is not None
    follows_name = _next_word(match)[:1].isupper()
    if named and not (follows_name and context.last_word == ""):
        return ["street" if short == "st" else "drive", *final_stop(match)]
    return ["saint" if short == "st" else "doctor"]


def _next_word(match: re.Match[str]) -> str:
    return match.string[match.end() :].lstrip()[:1]


def _initial(match: re.Match[str], _: Context) -> list[str] | None:
    """Read the A. of a name; behind a plain word, as in "So do I. He", the dot ends a sentence."""
    before = match.string[: match.start()].rstrip()
    of_name = re.search(r"(?:^|\b[A-Z][\w']*\.?)$", before)
    return letters(match[0]) if of_name and match[0] != "I." else None


def _joined_letters(match: re.Match[str], _: Context) -> list[str]:
    first, second = match[0].split("&")
    return [*letters(first), "and", *letters(second)]


def _roman(match: re.Match[str], context: Context) -> list[str] | None:
    values = [_ROMAN[c] for c in match[0]]
    total = sum(-v if v < max(values[i:]) else v for i, v in enumerate(values))
    if context.last_word in ROMAN_CUES:
        return cardinal(str(total))
    named = re.search(r"[A-Z][a-z]+ $", match.string[: match.start()])
    if len(match[0]) > 1 and named and not context.shouting and match[0] != "XL":
        return ["the", *ordinal(str(total))]
    return None


def _hash(match: re.Match[str], _: Context) -> list[str]:
    return ["number"] if match.string[match.end()].isdigit() else ["hashtag"]


def _compare(match: re.Match[str], _: Context) -> list[str]:
    return {"<": ["less", "than"], ">": ["greater", "than"], "~": ["about"]}[match["sign"]]


def _symbol(match: re.Match[str], _: Context) -> list[str]:
    return SYMBOLS[match[0]].split()


def _any_word(match: re.Match[str], context: Context) -> list[str]:
    if match[0] in ("Dr", "St") and _next_word(match).isupper():
        return ["doctor" if match[0] == "Dr" else "saint"]
    return word(match[0], context)


def _dot(match: re.Match[str], _: Context) -> list[str]:
    return ["dot"]


def _fixed(said: str) -> Callable[[re.Match[str], Context], list[str]]:
    return lambda match, context: said.split()


def word(text: str, context: Context) -> list[str]:
    """Say one run of letters (and inner apostrophes): as a word, or as letters."""
    lower = text.lower()
    if lower in UNDOTTED:
        return UNDOTTED[lower].split()
    if lower in UNDOTTED_TITLES and text != lower:
        return [DOTTED[lower]]
    if len(text) == 1:
        return _letter(text, context)
    if text.isupper():
        return _capitals(text, lower, context)
    plural_acronym = re.fullmatch(r"([A-Z]{2,})'?s", text)
    if plural_acronym and not context.shouting:
        *head, last = letters(plural_acronym[1])
        return [*head, last + "'s"]
    if not context.is_word(lower):
        pieces = re.findall(r"[A-Z]?[a-z']+|[A-Z]+(?![a-z])", text)
        if len(pieces) > 1 and not text.startswith(("Mc", "Mac", "O'", "D'")):
            return [said for piece in pieces for said in word(piece, context)]
        if _unpronounceable(lower):
            return letters(lower)
    return [_shortened(lower, context)]


def _letter(text: str, context: Context) -> list[str]:
    lower = text.lower()
    if lower == "i":
        return ["i"]
    lettered = context.last_word in LETTER_CUES
    if lower == "a" and not (lettered and text == "A"):
        return ["a"]
    return letters(lower)


def _capitals(text: str, lower: str, context: Context) -> list[str]:
    if lower in SPOKEN_ACRONYMS or lower in INTERJECTIONS:
        return [lower]
    if len(text) == 2:
        plain = lower in TWO_LETTER_WORDS or (context.shouting and lower == "us")
        return [lower] if plain else letters(lower)
    if lower in SPELLED_ACRONYMS and not (context.shouting and lower in AMBIGUOUS_IN_CAPITALS):
        return letters(lower)
    if context.is_word(lower) or "'" in lower:
        return [lower]
    if len(text) <= (3 if context.shouting else _MAX_ACRONYM_LEN) or _unpronounceable(lower):
        return letters(lower)
    return [_shortened(lower, context)]


def _unpronounceable(lower: str) -> bool:
    return not re.search(r"[aeiouy]", lower) and lower not in INTERJECTIONS and "'" not in lower


def _shortened(lower: str, context: Context) -> str:
    """Take the drawn-out letters out of an unknown "sooo" or "yesss"."""
    if context.is_word(lower) or lower in INTERJECTIONS or not re.search(r"(.)\1\1", lower):
        return lower
    single, double = (re.sub(r"(.)\1{2,}", repl, lower) for repl in (r"\1", r"\1\1"))
    return double if context.is_word(double) and not context.is_word(single) else single


def _marks(match: re.Match[str], _: Context) -> list[str]:
    found = [c for c in match[0] if c in MARK_STRENGTH]
    return [max(found, key=MARK_STRENGTH.__getitem__)]


def _comma(match: re.Match[str], _: Context) -> list[str]:
    return [","]


_LINK_END = r"(?:com|org|net|edu|gov|io|co|uk|de|dev|ai|info|fm|tv|me)"

_FILE_END = r"(?:js|py|exe|txt|pdf|jpg|png|gif|html|md|json|csv|mp3|wav|zip|sh|doc|xls)"

WORD_RULES: tuple[Rule, ...] = (
    rule(
        r"\[(?:laughter|laughs|sighs|music|gasps|clears throat|man|woman)\]|\b(?:WO)?MAN:",
        _nothing,
        re.IGNORECASE,
    ),
    rule(r"https?://(?P<host>[\w.-]*\w)[^\s]*", _link),
    rule(r"(?P<host>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)", _link),
    rule(rf"(?P<host>(?:www\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.{_LINK_END})\b(?:/\S*)?", _link),
    rule(
        r"(?<!\w)(?P<letters>(?:[A-Za-z]\.){2,}|[Pp]h\.[Dd]\.)(?P<possessive>'s\b)?",
        _dotted_letters,
    ),
    rule(r"(?<!\w)[A-Z]\.(?= ?[A-Z])", _initial),
    rule(r"[A-Z]{1,3}&[A-Z]{1,3}\b", _joined_letters),
    rule(r"(?<!\w)(?P<short>[A-Za-z]{1,6})\.", _dotted),
    rule(r"(?<!\w)[IVXLC]{1,6}(?![\w'])", _roman),
    rule(r"C#(?!\w)", _fixed("see sharp")),
    rule(r"'n'(?= )|(?<= )n'(?= )", _fixed("and")),
    rule(r"[A-Za-z]+(?:'[A-Za-z]+)*", _any_word),
    rule(rf"(?<=\w)\.(?={_FILE_END}\b)|(?<!\S)\.(?=[A-Z])", _dot),
    rule(r"#(?=\w)", _hash),
    rule(r"(?P<sign>[<>~]) ?(?=[\d.$])", _compare),
    rule(r"(?<=\w)[/|\\](?=\w)", _nothing),
    rule("|".join(re.escape(symbol) for symbol in SYMBOLS), _symbol),
    rule(r"(?:[,.?!;:] ?)+", _marks),
    rule(r"[()\[\]{}|]|--+|(?<= )-(?= )|(?<=\w)-(?= )", _comma),
)
