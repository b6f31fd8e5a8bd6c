"""Units of measure: how they are written, and what one and several of them are called."""

from __future__ import annotations


def _units(rows: str) -> dict[str, tuple[str, str]]:
    """Of each unit one and several; "~" stands where the s of several goes."""
    table = {}
    for row in rows.split(";"):
        names, said = row.strip().rsplit("=", 1)
        one, _, many = said.partition("|")
        for name in names.split(","):
            table[name.strip()] = (one.replace("~", ""), many or one.replace("~", "s"))
    return table


UNITS = _units(
    "m=meter~; g=gram~; l,L=liter~; s=second~; h=hour~; V=volt~; W=watt~; A=amp~; J=joule~;"
    "N=newton~; K=kelvin; t=ton~; mi=mile~; in.=inch|inches; ha=hectare~; cal=calorie~; pt=pint~;"
    "Pa=pascal~; F=degree~ fahrenheit; MW=megawatt~; mW=milliwatt~; Mb=megabit~; Gb=gigabit~;"
    "kb=kilobit~; MB=megabyte~; GB=gigabyte~; TB=terabyte~; kB,KB=kilobyte~; PB=petabyte~;"
    "MB/s=megabyte~ per second; GB/s=gigabyte~ per second; Mb/s=megabit~ per second;"
    "px=pixel~; Ω=ohm~; kΩ=kiloohm~; MΩ=megaohm~; %=percent;"
    "°=degree~; °C=degree~ celsius; °F=degree~ fahrenheit;"
    "° N=degree~ north; ° S=degree~ south; ° E=degree~ east; ° W=degree~ west;"
    "°N=degree~ north; °S=degree~ south; °E=degree~ east; °W=degree~ west;"
    "° C=degree~ celsius; ° F=degree~ fahrenheit; °K=kelvin; B=byte~"
)
"""Units whose case matters, or that are a sign."""
ANY_CASE_UNITS = _units(
    "km=kilometer~; cm=centimeter~; mm=millimeter~; nm=nanometer~; µm=micrometer~;"
    "kg,kgs=kilogram~; mg=milligram~; µg,mcg=microgram~; lb,lbs,lb.,lbs.=pound~; oz,oz.=ounce~;"
    "ft,ft.=foot|feet; yd,yds=yard~; ml=milliliter~; cl=centiliter~; dl=deciliter~; µl=microliter~;"
    "gal,gals=gallon~; sec,secs=second~; ms=millisecond~; ns=nanosecond~; µs=microsecond~;"
    "min,mins=minute~; hr,hrs=hour~; wk,wks=week~; mo,mos=month~; yr,yrs=year~;"
    "mbps=megabit~ per second; kbps=kilobit~ per second; gbps=gigabit~ per second;"
    "bps=bit~ per second; hz=hertz; khz=kilohertz; mhz=megahertz; ghz=gigahertz; kw=kilowatt~;"
    "gw=gigawatt~; kwh=kilowatt hour~; mwh=megawatt hour~; wh=watt hour~; mah=milliamp hour~;"
    "mv=millivolt~; kv=kilovolt~; ma=milliamp~; kj=kilojoule~; kcal=kilocalorie~; db=decibel~;"
    "rpm=revolution~ per minute; bpm=beat~ per minute; mph=mile~ per hour;"
    "kph,kmh=kilometer~ per hour; mpg=mile~ per gallon; fps=frame~ per second; hp=horsepower;"
    "dpi=dot~ per inch; ppm=part~ per million; psi=pound~ per square inch; hpa=hectopascal~;"
    "kpa=kilopascal~; sq ft,sq. ft.,sqft,ft2=square foot|square feet; km2,sq km=square kilometer~;"
    "sq mi,sq. mi.=square mile~; m2,sqm,sq m=square meter~; m3=cubic meter~;"
    "cm2=square centimeter~;"
    "cm3,cc=cubic centimeter~; ft3,cu ft=cubic foot|cubic feet; tsp,tsp.=teaspoon~;"
    "tbsp,tbsp.=tablespoon~; qt,qts=quart~; mol=mole~; pts=point~; pct=percent"
)
ALL_UNITS = {**ANY_CASE_UNITS, **UNITS}
"""Both, by spelling; those of `ANY_CASE_UNITS` in small letters."""
