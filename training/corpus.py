"""English sentences for nano's training: where they come from and which are held out.

Everything is read from Debian packages (fortunes, bible-kjv, wordnet-base), nothing from the
network. A sentence is held out by a hash of its text, so the split never moves, whatever else
changes: a held-out sentence enters no training, on no machine.
"""

import hashlib
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

FORTUNES = Path("/usr/share/games/fortunes")
WORDNET = Path("/usr/share/wordnet")
MAX_CHARS = 250
_UNSUITABLE_FORTUNES = ("ascii", "translate", "perl", "songs", "zippy")

_PRINTABLE = re.compile(r"[A-Za-z0-9 ,.'\"!?;:$%&()/@#+=-]+")
_PLAIN = re.compile(r"[A-Z][A-Za-z ,';:-]+[.!?]")


def is_held_out(sentence: str) -> bool:
    """Say whether a sentence (or a word) belongs to the hundredth that no training sees."""
    return int(hashlib.sha256(sentence.encode()).hexdigest(), 16) % 100 == 0


def training_part(sentences: Iterable[str]) -> list[str]:
    """Return the sentences that training may see, in their order."""
    return [s for s in sentences if not is_held_out(s)]


def held_out_part(sentences: Iterable[str]) -> list[str]:
    """Return the sentences kept for measuring, in their order."""
    return [s for s in sentences if is_held_out(s)]


def split_sentences(paragraph: str) -> list[str]:
    """Cut running text after `.`, `!`, `?`; white space is folded, sentences are 2..250 chars."""
    flat = re.sub(r"\s+", " ", paragraph).strip()
    pieces = re.split(r"(?<=[.!?])[\"']?\s+(?=[A-Z\"'])", flat)
    stripped = (piece.strip(" \"'-") for piece in pieces)
    return [
        s for s in stripped if 2 <= len(s) <= MAX_CHARS and " " in s and _PRINTABLE.fullmatch(s)
    ]


def corpus_is_there() -> bool:
    """Say whether the three Debian packages are installed."""
    return FORTUNES.is_dir() and WORDNET.is_dir() and shutil.which("bible") is not None


def fortune_sentences() -> list[str]:
    """Return the sentences of Debian's `fortunes` package, sorted; about 40,000."""
    found: set[str] = set()
    for path in sorted(_require(FORTUNES, "fortunes").iterdir()):
        if path.suffix or path.name.startswith(_UNSUITABLE_FORTUNES):
            continue
        for cookie in path.read_text(encoding="utf8", errors="ignore").split("\n%\n"):
            said = cookie.split("\n\t\t--")[0]  # the signature is no sentence
            found.update(s for s in split_sentences(said) if _looks_like_prose(s))
    return sorted(found)


def bible_sentences() -> list[str]:
    """Return the sentences of Debian's `bible-kjv` (King James Version), sorted; about 35,000."""
    try:
        out = subprocess.run(
            ["bible", "-f", "gen1:1-rev22:21"], capture_output=True, text=True, check=True
        ).stdout
    except FileNotFoundError as error:
        raise FileNotFoundError(
            "no program 'bible' found, expected Debian's package bible-kjv; apt-get install it"
        ) from error
    found: set[str] = set()
    for line in out.splitlines():
        verse = line.partition(" ")[2].replace("[", "").replace("]", "")
        found.update(s for s in split_sentences(verse) if _looks_like_prose(s))
    return sorted(found)


def wordnet_sentences() -> list[str]:
    """Return WordNet's example sentences and its definitions as phrases, sorted; about 140,000."""
    found: set[str] = set()
    for name in ("noun", "verb", "adj", "adv"):
        text = (_require(WORDNET, "wordnet-base") / f"data.{name}").read_text(encoding="utf8")
        for line in text.splitlines():
            gloss = line.partition(" | ")[2].strip()
            examples = re.findall(r'"([^"]+)"', gloss)
            definition = re.sub(r'"[^"]*"', "", gloss).split(";")[0]
            found.update(_as_sentence(s) for s in (*examples, definition))
    return sorted(s for s in found if 8 <= len(s) <= MAX_CHARS and _PRINTABLE.fullmatch(s))


def prose() -> list[str]:
    """Return all sentences of the three sources, sorted and distinct, held-out ones included."""
    return sorted({*fortune_sentences(), *bible_sentences(), *wordnet_sentences()})


def held_out_prose(n: int = 150) -> list[str]:
    """Return `n` held-out sentences of ordinary prose, 20 to 120 characters, in a fixed order.

    Those of the fortunes come first, then the Bible's.
    """
    chosen: list[str] = []
    for source in (fortune_sentences, bible_sentences):
        fitting = [
            s
            for s in held_out_part(source())
            if 20 <= len(s) <= 120 and _PLAIN.fullmatch(s) and len(s.split()) > 3
        ]
        chosen += sorted(fitting, key=lambda s: hashlib.sha256(s.encode()).hexdigest())
    return chosen[:n]


def number_sentences(n: int, seed: int = 0) -> list[str]:
    """Draw sentences with numbers, dates, times, money, units, abbreviations and acronyms."""
    rng = random.Random(seed)
    return [_number_sentence(rng) for _ in range(n)]


def held_out_numbers(n: int = 30) -> list[str]:
    """Return `n` held-out sentences with numbers, dates or abbreviations, in a fixed order."""
    drawn = dict.fromkeys(number_sentences(300 * n, seed=1))
    return held_out_part(drawn)[:n]


def held_out_words(words: list[str], n: int = 200) -> list[str]:
    """Return `n` held-out words in a carrier sentence each, in a fixed order.

    Training never spells a held-out word, so given in letters these measure how words outside
    the lexicon are read.
    """
    fitting = [w for w in held_out_part(words) if "'" not in w and 4 <= len(w) <= 12]
    chosen = sorted(fitting, key=lambda w: hashlib.sha256(w.encode()).hexdigest())[:n]
    return [f"The word is {word}." for word in chosen]


def phrases(sentences: list[str], n: int, rng: random.Random) -> list[str]:
    """Cut `n` phrases of one to seven words out of sentences."""
    cut: list[str] = []
    while len(cut) < n:
        words = rng.choice(sentences).split()
        if len(words) > 3:
            start = rng.randrange(len(words) - 2)
            phrase = " ".join(words[start : start + rng.randint(1, 7)]).strip(" ,;:-\"'")
            if phrase:
                cut.append(phrase)
    return cut


def text_items(n: int, words: list[str], seed: int = 0) -> list[str]:
    """Draw the text model's training sentences.

    Args:
        n: how many; about half prose, the rest phrases, words, numbers and long joins.
        words: the lexicon's words, of which each is to be heard at least now and then.
        seed: of the draw.

    Returns:
        Distinct sentences of at most `MAX_CHARS` characters, none of them held out, shuffled.
    """
    rng = random.Random(seed)
    fortunes, wordnet = training_part(fortune_sentences()), training_part(wordnet_sentences())
    bible = training_part(bible_sentences())
    known = training_part(words)
    drawn = [
        *_sample(rng, fortunes, n * 32 // 100),
        *_sample(rng, wordnet, n * 22 // 100),
        *_sample(rng, bible, n * 4 // 100),
        *phrases(fortunes + wordnet, n * 10 // 100, rng),
        *(_word_list(rng, known) for _ in range(n * 16 // 100)),
        *(_number_sentence(rng) for _ in range(n * 11 // 100)),
        *(_joined(rng, fortunes + wordnet) for _ in range(n * 5 // 100)),
    ]
    items = training_part(dict.fromkeys(s for s in drawn if len(s) <= MAX_CHARS))
    rng.shuffle(items)
    return items


def _require(folder: Path, package: str) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no folder {folder} found, expected Debian's package {package}; apt-get install it"
        )
    return folder


def _looks_like_prose(sentence: str) -> bool:
    return sum(c.isupper() for c in sentence) < 0.2 * len(sentence) and sentence[0].isalnum()


def _as_sentence(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip(" ;:,-")
    return text[:1].upper() + text[1:]


def _sample(rng: random.Random, items: list[str], n: int) -> list[str]:
    return rng.sample(items, min(n, len(items)))


def _word_list(rng: random.Random, words: list[str]) -> str:
    chosen = [rng.choice(words) for _ in range(rng.choice((1, 2, 3, 4)))]
    return rng.choice((" ", " ", ", ")).join(chosen) + rng.choice(("", "."))


def _joined(rng: random.Random, sentences: list[str]) -> str:
    joined = rng.choice(sentences)
    while len(joined) < 150:
        joined = f"{joined} {rng.choice(sentences)}"
    return joined


_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_NAMES = "Smith Johnson Garcia Miller Taylor Lee Brown Wilson Clark Lewis Young King".split()
_THINGS = "apples people houses books letters tickets cars votes boxes trees birds pages".split()
_UNITS = "km m cm mm kg g lb oz ft in mi mph km/h °C °F ml l GB MB kW Hz kHz MHz".split()
_ACRONYMS = "USA UK FBI BBC IBM NASA DNA CEO TV PC EU UN USB CPU PDF GPS ATM FAQ".split()

_NUMBER_FORMS: tuple[Callable[[random.Random], str], ...] = (
    lambda r: f"The number is {_integer(r)}.",
    lambda r: f"There were {_integer(r)} {r.choice(_THINGS)} in {r.randint(1500, 2040)}.",
    lambda r: f"It costs ${r.randint(1, 999)}.{r.randint(0, 99):02d}.",
    lambda r: f"They paid {r.choice('$£€')}{r.randint(2, 900)} for {r.randint(2, 99)} of them.",
    lambda r: f"About {r.randint(1, 100)}% of the {r.choice(_THINGS)} were sold.",
    lambda r: f"Meet me at {r.randint(1, 12)}:{r.randint(0, 59):02d} {r.choice(('a.m.', 'pm'))}.",
    lambda r: f"On {r.choice(_MONTHS)} {r.randint(1, 31)}, {r.randint(1500, 2040)}, it rained.",
    lambda r: f"He came on the {_ordinal(r.randint(1, 99))} of {r.choice(_MONTHS)}.",
    lambda r: f"Dr. {r.choice(_NAMES)} lives at {r.randint(1, 999)} {r.choice(_NAMES)} St.",
    lambda r: f"Mr. {r.choice(_NAMES)} met Mrs. {r.choice(_NAMES)} at {r.randint(1, 12)} o'clock.",
    lambda r: f"It is {r.randint(2, 900)} {r.choice(_UNITS)} long.",
    lambda r: f"The {r.choice(_ACRONYMS)} and the {r.choice(_ACRONYMS)} agreed.",
    lambda r: f"The value is {r.randint(0, 99)}.{r.randint(0, 999)}.",
    lambda r: f"{_integer(r)} and {_integer(r)}",
    lambda r: f"Chapter {r.randint(1, 99)}, page {r.randint(1, 999)}, line {r.randint(1, 40)}.",
    lambda r: f"Prof. {r.choice(_NAMES)} and {r.randint(2, 60)} others, etc.",
    lambda r: f"Call {r.randint(200, 999)}-{r.randint(200, 999)}-{r.randint(1000, 9999)}.",
    lambda r: f"In the {r.randrange(1500, 2000, 10)}s the {_ordinal(r.randint(1, 30))} came back.",
)


def _number_sentence(rng: random.Random) -> str:
    return rng.choice(_NUMBER_FORMS)(rng)


def _integer(rng: random.Random) -> str:
    value = rng.randrange(10 ** rng.randint(1, 7))
    return f"{value:,}" if value > 9999 or rng.random() < 0.3 else str(value)


def _ordinal(value: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{'th' if value % 100 in (11, 12, 13) else ending}"
