"""Tables of English abbreviations, units, symbols and acronyms, each with the words to say."""

MONTHS = (
    "january february march april may june july august september october november december"
).split()


def _table(rows: str) -> dict[str, str]:
    pairs = (row.split("=", 1) for row in rows.split(";"))
    return {key.strip(): said.strip() for key, said in pairs}


TITLES = _table(
    "mr=mister; mrs=missus; ms=miz; messrs=messers; prof=professor; gen=general; col=colonel;"
    "lt=lieutenant; sgt=sergeant; capt=captain; cmdr=commander; maj=major; rev=reverend;"
    "hon=honorable; sen=senator; rep=representative; gov=governor; pres=president; fr=father;"
    "supt=superintendent; adm=admiral"
)
"""Read so with a dot behind, and, where capitalised, these also without one."""
UNDOTTED_TITLES = ("mr", "mrs", "ms", "prof")
WEEKDAYS = _table("mon=monday; wed=wednesday; sat=saturday; sun=sunday")
"""Read so, capitalised and with a dot, before a comma or a number only."""

DOTTED = {
    **TITLES,
    **_table(
        "jr=junior; sr=senior; vs=versus; etc=et cetera; inc=incorporated; ltd=limited;"
        "co=company; corp=corporation; bros=brothers; approx=approximately; dept=department;"
        "est=established; ave=avenue; rd=road; blvd=boulevard; ln=lane; hwy=highway; mt=mount;"
        "ft=fort; univ=university; assn=association; govt=government; tel=telephone; ext=extension;"
        "misc=miscellaneous; min=minimum; max=maximum; avg=average; jan=january; feb=february;"
        "apr=april; aug=august; sept=september; sep=september; oct=october; nov=november;"
        "dec=december; tues=tuesday; thurs=thursday; fri=friday; cf=compare; al=al; viz=namely"
    ),
}
UNDOTTED = _table("etc=et cetera; vs=versus; ok=okay; dept=department; approx=approximately")

BEFORE_NUMBER = _table(
    "no=number; nos=numbers; vol=volume; p=page; pp=pages; ch=chapter; fig=figure; sec=section;"
    "art=article; eq=equation; nr=number; pt=part; ca=about; c=about;"
    "apt=apartment; ste=suite; rm=room"
)
"""Read so with a dot behind and a number after that."""

LETTERED = _table(
    "a.m.=ay em; p.m.=pee em; e.g.=for example; i.e.=that is; a.k.a.=also known as;"
    "b.c.=bee see; a.d.=ay dee; n.b.=note; p.s.=pee ess; ph.d.=pee aitch dee;"
    "w.r.t.=with respect to"
)
"""Abbreviations with inner dots; others are spelled."""

UNITS = _table(
    "km=kilometer; m=meter; cm=centimeter; mm=millimeter; nm=nanometer; kg=kilogram; g=gram;"
    "mg=milligram; lb=pound; lbs=pound; oz=ounce; ft=foot; in.=inch; yd=yard; mi=mile; l=liter;"
    "L=liter; ml=milliliter; mL=milliliter; gal=gallon; ha=hectare; s=second; sec=second;"
    "ms=millisecond; ns=nanosecond; min=minute; mins=minute; h=hour; hr=hour; hrs=hour; yr=year;"
    "yrs=year; kB=kilobyte; KB=kilobyte; MB=megabyte; GB=gigabyte; TB=terabyte; Mbps=megabit per_;"
    "Hz=hertz; kHz=kilohertz; MHz=megahertz; GHz=gigahertz; V=volt; W=watt; kW=kilowatt;"
    "MW=megawatt; kWh=kilowatt hour; J=joule; kJ=kilojoule; cal=calorie; kcal=kilocalorie;"
    "dB=decibel; rpm=revolution per_; mph=mile per_; km/h=kilometer per_; kph=kilometer per_;"
    "m/s=meter per_; km2=square kilometer; m2=square meter; m3=cubic meter; sq ft=square foot;"
    "fps=frame per_; dpi=dot per_; Pa=pascal; hPa=hectopascal; psi=pound per_; px=pixel;"
    "tsp=teaspoon; tbsp=tablespoon; pt=pint; qt=quart;"
    "°C=degree celsius_; °F=degree fahrenheit_; °=degree; %=percent"
)
"""Units as written behind a number; `per_` and the like are completed by `UNIT_TAILS`."""
UNIT_TAILS = {
    "Mbps": "per second",
    "rpm": "per minute",
    "mph": "per hour",
    "km/h": "per hour",
    "kph": "per hour",
    "m/s": "per second",
    "fps": "per second",
    "dpi": "per inch",
    "psi": "per square inch",
    "°C": "celsius",
    "°F": "fahrenheit",
}
IRREGULAR_PLURALS = {"foot": "feet", "inch": "inches", "percent": "percent"}

CURRENCIES = {
    "$": ("dollar", "cent"),
    "£": ("pound", "penny"),
    "€": ("euro", "cent"),
    "¥": ("yen", "sen"),
}
MAGNITUDES = _table(
    "thousand=thousand; million=million; billion=billion; trillion=trillion; k=thousand;"
    "m=million; mn=million; b=billion; bn=billion; tn=trillion"
)

SYMBOLS = _table(
    "&=and; +=plus; @=at; %=percent; °=degrees; $=dollars; £=pounds; €=euros; §=section;"
    "×=times; ÷=divided by; ±=plus or minus; ≈=about; ≤=at most; ≥=at least; ≠=is not;"
    "→=to; π=pi; ∞=infinity; √=the root of; ²=squared; ³=cubed; ¢=cents; µ=micro"
) | {"=": "equals"}

# Acronyms that are read as words although they are no words of the lexicon, or might not be.
SPOKEN_ACRONYMS = frozenset(
    "nasa nato aids unicef unesco opec laser radar scuba sonar nafta fema osha pin ram rom gif "
    "covid darpa wysiwyg bios sim yolo".split()
)
# Acronyms that are spelled although a word is written the same way.
SPELLED_ACRONYMS = frozenset(
    "us usa uk uae eu un tv pc cd dvd id ibm fbi cia nsa bbc cnn nbc abc cbs ceo cfo cto dna rna "
    "usb cpu gpu pdf gps atm faq html http url www ui ux ai ml api sql xml css php ios hiv mri ct "
    "er iq phd mba mit ucla nyc la dc nba nfl nhl mlb uefa wwf ssd hd led lcd ussr pst gmt utc "
    "pm am ad bc diy rip vip asap fyi eta hr pr ip".split()
) - {"la", "am", "ad", "er", "rip"}
# The same where everything is in capitals: these are then more likely the plain word.
AMBIGUOUS_IN_CAPITALS = frozenset("vip led".split())

TWO_LETTER_WORDS = frozenset(
    "ad ah am an as at aw ax be by do eh ex go ha he hi ho if in is it la ma me my no of oh on or "
    "ow ox pa so to up we ye yo".split()
)
# Words without vowels that are nevertheless no acronyms.
INTERJECTIONS = frozenset("hmm hm shh sh psst brr pfft grr tsk mm mmm nth mhm zzz".split())

ROMAN_CUES = frozenset(
    "chapter part volume act scene book section war article appendix type phase title vol "
    "class grade level stage episode season case figure table".split()
)
LETTER_CUES = frozenset(
    "grade vitamin plan type class group section option team hepatitis letter point exhibit".split()
)
YEAR_CUES = frozenset(
    "in since by until till from before after during circa around year years early late mid "
    "spring summer autumn fall winter between of and to".split()
).union(MONTHS)
