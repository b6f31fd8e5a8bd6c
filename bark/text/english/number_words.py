"""English words for numbers: cardinals, ordinals, years, decimals and single digits.

All words are lower case and free of hyphens ("twenty one"), because each is looked up by itself.
num2words says the same cardinals, ordinals and four-digit years, and is what tests compare with; it
would be two packages more, 75 ms of every start and 0.2 ms a number where this takes 7 us.
"""

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_GROUPS = ("", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_MAX_GROUPED_DIGITS = 3 * len(_GROUPS)

LETTER_NAMES = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        (
            "ay bee see dee ee eff gee aitch eye jay kay el em en oh pee cue are ess tee you vee "
            "double_you ex why zee"
        ).split(),
        strict=True,
    )
)
"""How each letter is named, in words that are spoken as they are spelled."""


def letters(text: str) -> list[str]:
    """Name the letters of `text` ("fbi" gives eff, bee, eye); other characters are skipped."""
    names = (LETTER_NAMES[c] for c in text.lower() if c in LETTER_NAMES)
    return [word for name in names for word in name.split("_")]


def digits(text: str, zero: str = "zero") -> list[str]:
    """Name the digits of `text` one by one; other characters are skipped."""
    return [zero if c == "0" else _SMALL[int(c)] for c in text if c in "0123456789"]


def cardinal(text: str) -> list[str]:
    """Say a whole number given as its decimal digits.

    Numbers with a leading zero, like codes, and those beyond quintillions are said digit by digit.
    """
    text = text.replace(",", "")
    if (len(text) > 1 and text[0] == "0") or len(text) > _MAX_GROUPED_DIGITS:
        return digits(text)
    value = int(text)
    if value == 0:
        return ["zero"]
    words: list[str] = []
    for power in range(len(_GROUPS) - 1, -1, -1):
        group = value // 1000**power % 1000
        if group:
            words += _below_thousand(group)
            words += [_GROUPS[power]] if power else []
    return words


def decimal(whole: str, fraction: str) -> list[str]:
    """Say a decimal number: 3 and "14" give "three point one four"."""
    return [*cardinal(whole or "0"), "point", *digits(fraction)]


def ordinal(text: str) -> list[str]:
    """Say the ordinal of a whole number: "21" gives "twenty first"."""
    *head, last = cardinal(text)
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return [*head, last]


def year(text: str) -> list[str]:
    """Say a year of three or four digits: "1905" gives "nineteen oh five"."""
    if len(text) != 4 or text[1:3] == "00" or text[0] == "0":
        return cardinal(text)
    century, rest = text[:2], text[2:]
    if rest == "00":
        return [*cardinal(century), "hundred"]
    return [*cardinal(century), *pair(rest)]


def pair(text: str) -> list[str]:
    """Say the two digits behind a century or an hour: "05" gives "oh five"."""
    return ["oh", _SMALL[int(text[1])]] if text[0] == "0" else cardinal(text)


def plural(words: list[str]) -> list[str]:
    """Make the last of some number words plural: "nineties", "sixes", "hundreds"."""
    *head, last = words
    if last.endswith("y"):
        return [*head, last[:-1] + "ies"]
    return [*head, last + ("es" if last.endswith("x") else "s")]


def _below_thousand(value: int) -> list[str]:
    words: list[str] = []
    if value >= 100:
        words += [_SMALL[value // 100], "hundred"]
        value %= 100
    if value >= 20:
        words.append(_TENS[value // 10])
        value %= 10
    if value:
        words.append(_SMALL[value])
    return words
