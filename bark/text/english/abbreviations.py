"""Tables of English abbreviations, symbols and acronyms, each with the words to say."""

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
        "esq=esquire; pvt=private; cpl=corporal; det=detective; atty=attorney; pkwy=parkway;"
        "bldg=building; cont=continued; incl=including; excl=excluding; resp=respectively;"
        "temp=temperature; tbsp=tablespoon; tsp=teaspoon; lb=pound; lbs=pounds; oz=ounces;"
        "hrs=hours; mins=minutes; secs=seconds; yrs=years; eg=for example; thur=thursday;"
        "misc=miscellaneous; min=minimum; max=maximum; avg=average; jan=january; feb=february;"
        "apr=april; aug=august; sept=september; sep=september; oct=october; nov=november;"
        "dec=december; tues=tuesday; thurs=thursday; fri=friday; cf=compare; al=al; viz=namely"
    ),
}
UNDOTTED = _table(
    "etc=et cetera; vs=versus; ok=okay; dept=department; approx=approximately; hwy=highway;"
    "blvd=boulevard; pkwy=parkway; govt=government; aka=also known as; eg=for example;"
    "yrs=years; tbsp=tablespoons; tsp=teaspoons; lbs=pounds; hrs=hours; mins=minutes;"
    "phd=pee aitch dee; phds=pee aitch dee's; ios=eye oh ess; macos=mac oh ess;"
    "wwi=world war one; wwii=world war two;"
    "bldg=building; misc=miscellaneous"
)

BEFORE_NUMBER = _table(
    "no=number; nos=numbers; vol=volume; p=page; pp=pages; ch=chapter; fig=figure; sec=section;"
    "art=article; eq=equation; nr=number; pt=part; ca=circa; c=circa;"
    "apt=apartment; ste=suite; rm=room"
)
"""Read so with a dot behind and a number after that."""

LETTERED = _table(
    "a.m.=ay em; p.m.=pee em; e.g.=for example; i.e.=that is; a.k.a.=also known as;"
    "b.c.=bee see; a.d.=ay dee; n.b.=note; p.s.=pee ess; ph.d.=pee aitch dee;"
    "w.r.t.=with respect to; b.c.e.=bee see ee; c.e.=see ee; m.d.=em dee; d.c.=dee see;"
    "r.i.p.=are eye pee; a.s.a.p.=ay ess ay pee; f.y.i.=eff why eye"
)
"""Abbreviations with inner dots; others are spelled."""

SYMBOLS = _table(
    "&=and; +=plus; @=at; %=percent; °=degrees; $=dollars; £=pounds; €=euros; §=section;"
    "Ω=ohms; ←=from; ↑=up; ↓=down; ¶=paragraph; ₹=rupees; ₩=won; ₽=rubles;"
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
    "er iq isbn ssn vin phd est edt cst cdt mst mdt pdt bst cet "
    "mba mit ucla nyc la dc nba nfl nhl mlb uefa wwf ssd hd led lcd ussr pst gmt utc "
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
    "class grade level stage episode season case figure table bowl vatican rocky fantasy "
    "psalm canto exhibit amendment sonnet symphony opus".split()
)
LETTER_CUES = frozenset(
    "grade vitamin plan type class group section option team hepatitis letter point exhibit".split()
)
YEAR_CUES = frozenset(
    "in since by until till from before after during circa around year years early late mid "
    "spring summer autumn fall winter between of and to class fiscal quarter copyright born "
    "died".split()
).union(MONTHS)
