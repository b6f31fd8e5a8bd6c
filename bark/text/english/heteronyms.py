"""Words that are written alike and said in two ways: which one, by the words beside them.

"I live here" and "a live show", "lead the way" and "a lead pipe", "I use it" and "no use". Most are
a noun (or adjective) and a verb, told apart by what stands before; some need a rule of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .phones import MARKS

_REACH = 12
"""Words on either side that are looked at: reading stays linear in a text's length."""
_SENTENCE_ENDS = (".", "?", "!", ";")

_DETERMINERS = frozenset(
    "a an the this that these those my your his her its our their no any some each every another "
    "both all".split()
)
_BEFORE_NOUN = _DETERMINERS | frozenset(
    "of in on at by for from with without as into than much many more little one two three four "
    "five six seven eight nine ten first second last next new old good bad great small big large "
    "own same other public world such what is was are were be been daily little common".split()
)
_BEFORE_VERB = frozenset(
    "to will would can could shall should may might must cannot can't won't don't didn't doesn't "
    "wouldn't couldn't shouldn't not never please let's i we you they who do did does i'll we'll "
    "you'll they'll he'll she'll it'll i'd we'd they'd you'd let help us them people".split()
)
_BEFORE_S_VERB = frozenset(
    "he she it who which that nobody everybody everyone somebody someone one never".split()
)
_ADVERBS = frozenset("always also often still just even only ever never now then usually".split())
_OBJECTS = _DETERMINERS | frozenset("it them him us me you up out off down".split())
_HAVE_OR_BE = frozenset(
    "have has had having is are was were be been being i've we've you've they've he's she's it's "
    "get got well".split()
)
_THIRD = frozenset("he she it who".split())
_PAST_WORDS = frozenset("yesterday ago last once already then earlier before when after".split())

_LIVE_BEFORE = frozenset(
    "a the this was were is are be been went go goes going play played performed sing sang "
    "recorded watch broadcast sent".split()
)
_LIVE_AFTER = frozenset(
    "music show shows concert concerts band audience broadcast broadcasts tv television wire wires "
    "ammunition bait animals coverage performance performances stream event events video chat "
    "birds fish recording recordings from on".split()
)
_LIVES_AFTER = frozenset("in at on here there with alone by near next under".split())
_LEAD_AFTER = frozenset(
    "pipe pipes paint poisoning weight weights pencil pencils bullet bullets acid ore mine mines "
    "glass shot soldier soldiers crystal".split()
)
_LEAD_BEFORE = frozenset("of molten like contains contained containing as with".split())
_METALS = frozenset("zinc tin copper silver iron gold mercury steel".split())
_CLOSE_AFTER = frozenset("to by friend friends enough together relative relatives call".split())
_CLOSE_BEFORE = frozenset(
    "a very too so how as is was are were be been stay stayed came come comes get got getting "
    "quite pretty that this my his her their our your stood sat stand keep kept".split()
)
_CLOSE_ENDS = frozenset("at a".split())
_TORN = frozenset(
    "shirt sleeve cloth fabric paper muscle jacket page sail dress coat trousers pocket curtain "
    "net bag screen skirt".split()
)


@dataclass(frozen=True)
class Place:
    """A word among the others.

    Attributes:
        text: of the word.
        before, after: the words beside it in the same clause, "" at its ends; adverbs before it
            are passed over.
        later: the words behind it in the clause.
        sentence: the words of the sentence, as far as they are within reach.
    """

    text: str
    before: str
    after: str
    later: tuple[str, ...]
    sentence: frozenset[str]


def place(words: Sequence[str], marks: Sequence[str], i: int) -> Place:
    """The place of word `i` in a text, given the mark behind each word or ""."""
    before = words[_begin(marks, i, MARKS) : i]
    while len(before) > 1 and (before[-1] in _ADVERBS or before[-1].endswith("ly")):
        before = before[:-1]
    later = tuple(words[i + 1 : _end(marks, i, MARKS)])
    sentence = words[_begin(marks, i, _SENTENCE_ENDS) : _end(marks, i, _SENTENCE_ENDS)]
    return Place(
        words[i],
        before[-1] if before else "",
        later[0] if later else "",
        later,
        frozenset(sentence),
    )


def is_heteronym(word: str) -> bool:
    """Whether a word, in lower case, is said in more than one way."""
    return word in _PAIRS


def _begin(marks: Sequence[str], i: int, ends: Sequence[str]) -> int:
    first = i
    while first > max(0, i - _REACH) and marks[first - 1] not in ends:
        first -= 1
    return first


def _end(marks: Sequence[str], i: int, ends: Sequence[str]) -> int:
    end = i + 1
    while end < min(len(marks), i + _REACH) and marks[end - 1] not in ends:
        end += 1
    return end


def said_as(at: Place) -> str:
    """The phones of a heteronym at its place, by name.

    Raises:
        KeyError: the word is no heteronym.
    """
    other, verb, is_verb = _PAIRS[at.text]
    return verb if is_verb(at) else other


def _is_verb(at: Place) -> bool:
    if at.after == "of":
        return False
    if at.before in _BEFORE_VERB:
        return True
    if at.before in _BEFORE_NOUN or at.before.endswith("'s"):
        return False
    return at.after in _OBJECTS


def _is_s_verb(at: Place) -> bool:
    if at.before in _BEFORE_S_VERB:
        return True
    if at.before in _BEFORE_NOUN or at.before.endswith("'s") or at.after == "of":
        return False
    return at.after in _OBJECTS


def _is_past_read(at: Place) -> bool:
    if at.before in _HAVE_OR_BE:
        return True
    if at.before in _THIRD and not at.sentence & {"did", "does", "will", "let", "may", "can"}:
        return True
    spoken_of = at.before in {"i", "we", "you", "they", "and"} or at.before not in _BEFORE_VERB
    return spoken_of and at.before != "" and bool(at.sentence & _PAST_WORDS)


def _is_live_verb(at: Place) -> bool:
    if at.before in _BEFORE_VERB and at.after not in _LIVE_AFTER - {"on", "from"}:
        return True
    return at.before not in _LIVE_BEFORE and at.after not in _LIVE_AFTER - {"on", "from"}


def _is_lives_verb(at: Place) -> bool:
    if at.before in _DETERMINERS or at.before in {"of", "many", "nine", "two", "three"}:
        return at.before == "that" and at.after in _LIVES_AFTER
    return at.before in _BEFORE_S_VERB or at.after in _LIVES_AFTER or at.after == ""


def _is_lead_to_follow(at: Place) -> bool:
    if at.after in _LEAD_AFTER:
        return False
    if at.before in _LEAD_BEFORE:
        return False
    return not at.sentence & _METALS


def _is_close_verb(at: Place) -> bool:
    if at.after in _CLOSE_AFTER:
        return False
    if at.before in _BEFORE_VERB and at.before != "not":
        return True
    if at.before == "the" or (at.before == "a" and at.after in {"", *_CLOSE_ENDS}):
        return at.after in {"", "of"}  # "the close of the day" is said as the verb is
    return at.before not in _CLOSE_BEFORE and at.after in _OBJECTS


def _is_torn(at: Place) -> bool:
    if at.before in _BEFORE_VERB or at.after in {"it", "them", "up", "down", "off", "apart"}:
        return True
    if at.before in _DETERMINERS:
        return bool(_TORN & set(at.later))
    return at.after in _OBJECTS


def _is_wound_up(at: Place) -> bool:
    if at.before in _BEFORE_VERB:
        return True
    return at.before in {"", "and", "then"} and at.after in _OBJECTS


Rule = Callable[[Place], bool]

_PAIRS: dict[str, tuple[str, str, Rule]] = {
    "read": ("r iy1 d", "r eh1 d", _is_past_read),
    "live": ("l ay1 v", "l ih1 v", _is_live_verb),
    "lives": ("l ay1 v z", "l ih1 v z", _is_lives_verb),
    "lead": ("l eh1 d", "l iy1 d", _is_lead_to_follow),
    "close": ("k l ow1 s", "k l ow1 z", _is_close_verb),
    "tear": ("t ih1 r", "t eh1 r", _is_torn),
    "tears": ("t ih1 r z", "t eh1 r z", _is_s_verb),
    "wind": ("w ih1 n d", "w ay1 n d", _is_wound_up),
    "winds": ("w ih1 n d z", "w ay1 n d z", _is_s_verb),
    "use": ("y uw1 s", "y uw1 z", _is_verb),
    "uses": ("y uw1 s ax0 z", "y uw1 z ax0 z", _is_s_verb),
    "record": ("r eh1 k er0 d", "r ih0 k ao1 r d", _is_verb),
    "records": ("r eh1 k er0 d z", "r ih0 k ao1 r d z", _is_s_verb),
    "present": ("p r eh1 z ax0 n t", "p r ih0 z eh1 n t", _is_verb),
    "presents": ("p r eh1 z ax0 n t s", "p r ih0 z eh1 n t s", _is_s_verb),
    "object": ("aa1 b jh eh0 k t", "ax0 b jh eh1 k t", _is_verb),
    "refuse": ("r eh1 f y uw1 s", "r ih0 f y uw1 z", _is_verb),
    "produce": ("p r ow1 d uw0 s", "p r ax0 d uw1 s", _is_verb),
    "permit": ("p er1 m ih0 t", "p er0 m ih1 t", _is_verb),
    "contract": ("k aa1 n t r ae0 k t", "k ax0 n t r ae1 k t", _is_verb),
    "conduct": ("k aa1 n d ax0 k t", "k ax0 n d ah1 k t", _is_verb),
    "perfect": ("p er1 f ih0 k t", "p er0 f eh1 k t", _is_verb),
    "separate": ("s eh1 p er0 ax0 t", "s eh1 p er0 ey0 t", _is_verb),
    "estimate": ("eh1 s t ax0 m ax0 t", "eh1 s t ax0 m ey0 t", _is_verb),
    "graduate": ("g r ae1 jh ax0 w ax0 t", "g r ae1 jh ax0 w ey0 t", _is_verb),
    "project": ("p r aa1 jh eh0 k t", "p r ax0 jh eh1 k t", _is_verb),
    "subject": ("s ah1 b jh ih0 k t", "s ax0 b jh eh1 k t", _is_verb),
    "conflict": ("k aa1 n f l ih0 k t", "k ax0 n f l ih1 k t", _is_verb),
    "insult": ("ih1 n s ax0 l t", "ih0 n s ah1 l t", _is_verb),
    "increase": ("ih1 n k r iy0 s", "ih0 n k r iy1 s", _is_verb),
    "reject": ("r iy1 jh eh0 k t", "r ih0 jh eh1 k t", _is_verb),
    "protest": ("p r ow1 t eh0 s t", "p r ax0 t eh1 s t", _is_verb),
    "suspect": ("s ah1 s p eh0 k t", "s ax0 s p eh1 k t", _is_verb),
    "excuse": ("ih0 k s k y uw1 s", "ih0 k s k y uw1 z", _is_verb),
    "house": ("hh aw1 s", "hh aw1 z", _is_verb),
    "abuse": ("ax0 b y uw1 s", "ax0 b y uw1 z", _is_verb),
    "desert": ("d eh1 z er0 t", "d ih0 z er1 t", _is_verb),
}
"""Word -> how it is said, how it is said where its rule holds, and the rule."""
