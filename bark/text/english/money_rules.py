"""Rules that read money."""

from __future__ import annotations

import re

from .amounts import INT, MAGNITUDE, MINUS, NUMBER, is_one, number
from .number_words import cardinal
from .rules import DIGITS, Context, Rule, alternatives, before, rule


def _currencies(rows: str) -> dict[str, tuple[str, str, str, str]]:
    """Of each sign: one, several, one and several of its hundredth part."""
    table = {}
    for row in rows.split(";"):
        sign, names = row.strip().split("=", 1)
        one, many, *parts = (name.strip() for name in names.split(","))
        cent, cents = parts or ("", "")
        table[sign] = (one, many, cent, cents)
    return table


_US = "you ess"
SIGNS = _currencies(
    "$=dollar,dollars,cent,cents; £=pound,pounds,penny,pence; €=euro,euros,cent,cents;"
    "¥=yen,yen; ₹=rupee,rupees,paisa,paise; ₩=won,won; ₽=ruble,rubles,kopek,kopeks;"
    "₺=lira,lira,kurush,kurush; ₴=hryvnia,hryvnias; ₫=dong,dong; ₱=peso,pesos,centavo,centavos;"
    "₦=naira,naira; ฿=baht,baht; ₪=shekel,shekels,agora,agorot; ₿=bitcoin,bitcoins;"
    "₡=colon,colons; ₲=guarani,guaranis; ₵=cedi,cedis; ₸=tenge,tenge; ₮=tugrik,tugriks;"
    f"US$={_US} dollar,{_US} dollars,cent,cents; U.S.$={_US} dollar,{_US} dollars,cent,cents;"
    "C$=canadian dollar,canadian dollars,cent,cents;"
    "CA$=canadian dollar,canadian dollars,cent,cents;"
    "A$=australian dollar,australian dollars,cent,cents;"
    "AU$=australian dollar,australian dollars,cent,cents;"
    "NZ$=new zealand dollar,new zealand dollars,cent,cents;"
    "HK$=hong kong dollar,hong kong dollars,cent,cents;"
    "S$=singapore dollar,singapore dollars,cent,cents;"
    "R$=real,reais,centavo,centavos; Mex$=mexican peso,mexican pesos,centavo,centavos;"
    "MX$=mexican peso,mexican pesos,centavo,centavos; Rs.=rupee,rupees; Rs=rupee,rupees"
)
CODES = _currencies(
    f"USD={_US} dollar,{_US} dollars,cent,cents; EUR=euro,euros,cent,cents;"
    "GBP=pound,pounds,penny,pence; JPY=yen,yen; CHF=swiss franc,swiss francs,centime,centimes;"
    "CAD=canadian dollar,canadian dollars,cent,cents; INR=rupee,rupees,paisa,paise;"
    "AUD=australian dollar,australian dollars,cent,cents; CNY=yuan,yuan; RMB=yuan,yuan;"
    "KRW=won,won; MXN=mexican peso,mexican pesos,centavo,centavos; BRL=real,reais;"
    "SEK=swedish krona,swedish kronor; NOK=norwegian krone,norwegian kroner;"
    "DKK=danish krone,danish kroner; RUB=ruble,rubles; TRY=lira,lira; ZAR=rand,rand;"
    "PLN=zloty,zlotys; CZK=koruna,korunas; HUF=forint,forints; ILS=shekel,shekels;"
    "NZD=new zealand dollar,new zealand dollars,cent,cents; BTC=bitcoin,bitcoins;"
    "ETH=ether,ether; SGD=singapore dollar,singapore dollars,cent,cents;"
    "kr=krona,kronor; zl=zloty,zlotys;"
    "HKD=hong kong dollar,hong kong dollars,cent,cents; AED=dirham,dirhams"
)
_ALL = SIGNS | CODES
_MAGNITUDES = {
    **{"k": "thousand", "m": "million", "mn": "million", "mm": "million", "b": "billion"},
    **{"bn": "billion", "t": "trillion", "tn": "trillion", "mil": "million", "mio": "million"},
}

_SIGN = alternatives(SIGNS)
_BARE_SIGN = alternatives(sign for sign in SIGNS if len(sign) == 1)
_CODE = alternatives(CODES)
_SHORT_MAGNITUDE = r"(?:[kKmMbBtT]|[bmtBMT]n|MM|mil|mio)"
_MAGNITUDE = rf"(?: ?-?(?i:{MAGNITUDE})|{_SHORT_MAGNITUDE}| (?:[bmt]n|[MB]))(?![\w])"
_CENTS = r"(?:\d{1,3}(?:\.\d{3}){1,5}(?:,\d\d)?(?!\d)|\d{1,9},\d\d(?!\d|,\d))"  # 1.000,50 and 1,50
_AMOUNT = rf"(?:{_CENTS}|{NUMBER})"
_HIGH = rf"(?: ?- ?(?:{_SIGN})? ?(?P<high>{NUMBER})(?P<high_magnitude>{_MAGNITUDE})?(?![\d/]))?"
_ADJECTIVE = re.compile(r" (?:bill|note|coin|menu|question|gift card|tip|fine|ticket)\b")


def _magnitude(text: str | None) -> list[str]:
    short = (text or "").strip(" -").lower()
    return [_MAGNITUDES.get(short, short)] if short else []


def _plain_amount(text: str, sign: str) -> str:
    """The amount as English writes it: "1.000,50" becomes "1000.50"."""
    continental = re.fullmatch(_CENTS, text)
    if not continental or ("," not in text and sign in ("$", "US$", "£")):
        return text
    return text.replace(".", "").replace(",", ".")


def _money(match: re.Match[str], context: Context) -> list[str]:
    fields = match.groupdict()
    one, many, cent, cents = _ALL[match["sign"]]
    amount = _plain_amount(match["amount"], match["sign"])
    magnitude, high = _magnitude(fields.get("magnitude")), fields.get("high")
    said = ["minus"] if fields.get("minus") or fields.get("inner_minus") else []
    if high:
        high_magnitude = _magnitude(fields["high_magnitude"])
        low = number(amount) + (magnitude if magnitude != high_magnitude else [])
        return [*said, *low, "to", *number(high), *(high_magnitude or magnitude), *many.split()]
    if magnitude:
        return [*said, *number(amount), *magnitude, *many.split()]
    if _ADJECTIVE.match(match.string, match.end()):
        return [*said, *number(amount), *one.split()]
    whole, _, part = amount.partition(".")
    if part and (len(part) != 2 or not cent):
        return [*said, *number(amount), *many.split()]
    said += _counted(whole, one, many) if whole.strip("0") or not part.strip("0") else []
    if part.strip("0"):
        said += ["and"] * bool(whole.strip("0")) + _counted(str(int(part)), cent, cents)
    return said


def _counted(amount: str, one: str, many: str) -> list[str]:
    return [*cardinal(amount or "0"), *(one if is_one(amount) else many).split()]


def _cents(match: re.Match[str], _: Context) -> list[str]:
    return [*number(match["amount"]), "cent" if is_one(match["amount"]) else "cents"]


def _prefixed(match: re.Match[str], context: Context) -> list[str] | None:
    """Money behind its sign or code; a letter before the sign belongs to another word."""
    if match["sign"][0].isalpha() and re.search(r"[\w.]$", before(match)):
        return None
    return _money(match, context)


_FIRST = "".join({sign[0] for sign in SIGNS} | {code[0] for code in CODES}) + "-"

MONEY_RULES: tuple[Rule, ...] = (
    rule(
        rf"{MINUS}(?P<sign>{_SIGN}) ?(?P<inner_minus>-(?=[\d.]))?(?P<amount>{_AMOUNT})"
        rf"(?P<magnitude>{_MAGNITUDE})?{_HIGH}(?: (?:dollars|pounds|euros)(?!\w))?",
        _prefixed,
        _FIRST,
        is_amount=True,
    ),
    rule(
        rf"{MINUS}(?P<sign>{_CODE}) (?P<amount>{_AMOUNT})(?P<magnitude>{_MAGNITUDE})?{_HIGH}",
        _prefixed,
        _FIRST,
        is_amount=True,
    ),
    rule(
        rf"{MINUS}(?P<amount>{_CENTS}|{NUMBER})(?P<magnitude>{_MAGNITUDE})?"
        rf" ?(?P<sign>(?:{_BARE_SIGN})(?!\d)|(?:{_CODE})(?!\w))",
        _money,
        DIGITS + "-.",
        is_amount=True,
    ),
    rule(rf"(?P<amount>{INT}) ?¢", _cents, DIGITS, is_amount=True),
)
