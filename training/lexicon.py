"""Makes nano's pronunciation lexicon from flite's.

flite says of any word how it would speak it, from CMUdict where the word is known there and by
letter-to-sound rules otherwise. Asked for the words of CMUdict, of Debian's word list and of the
training texts, it fills the lexicon that the tokenizer carries.
"""

from __future__ import annotations

import ctypes
import json
import logging
import re
from collections import Counter
from pathlib import Path

from bark.text.english.lexicon import LEXICON_PATH, Lexicon, encode_phones, phone_names
from bark.text.english.phones import N_PAUSES, PHONE_INDEX, phone_name

from .corpus import prose, training_part
from .flite import PAUSE, Flite

log = logging.getLogger(__name__)

CMUDICT = Path("/usr/share/festival/dicts/cmu/cmudict-0.4.out")
WORD_LIST = Path("/usr/share/dict/words")
MAX_WORD_CHARS = 24

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")


def dictionary_words() -> set[str]:
    """Return the words of CMUdict as Festival carries it."""
    entries = CMUDICT.read_text(encoding="latin-1").splitlines()
    return {line.split('"')[1] for line in entries if line.startswith('("')}


def vocabulary() -> list[str]:
    """Return the words the lexicon is to hold, sorted.

    Possessives are left out: the lexicon forms them by rule. Words that the word list has in
    capitals only are acronyms, which are spelled.
    """
    found = dictionary_words()
    listed = WORD_LIST.read_text(encoding="utf8").split()
    found.update(word.lower() for word in listed if any(c.islower() for c in word))
    counts: Counter[str] = Counter()
    for sentence in training_part(prose()):
        counts.update(_WORD.findall(sentence.lower()) if not sentence.isupper() else ())
    found.update(word for word, n in counts.items() if n >= (5 if "'" in word else 3))
    # flite's lexicon has sounds for "ftp", but its voices spell it, and so do we
    fitting = (
        w
        for w in found
        if _WORD.fullmatch(w) and 1 < len(w) <= MAX_WORD_CHARS and re.search(r"[aeiouy]", w)
    )
    kept = (w for w in fitting if not (w.endswith("'s") and w[:-2] in found))
    return sorted({*kept, "a", "i", "it's", "that's", "what's", "he's", "she's", "let's"})


def export_lexicon(path: Path = LEXICON_PATH) -> int:
    """Write the lexicon; returns how many words it holds."""
    lookup, flite = _FliteLexicon(), Flite("rms")
    words, known = vocabulary(), dictionary_words()
    dictionary = Lexicon({w: encode_phones(lookup.phones(w)) for w in words if w in known})
    pronunciations: dict[str, str] = {}
    for word in words:
        if "'" in word:  # contractions are put together while speaking, not in flite's lexicon
            names = _spoken(flite, word)
        else:
            # known parts sound better than rules: those make "blockchain" end in "chn"
            names = phone_names(dictionary.phones(word) or ()) or lookup.phones(word)
        if names:
            pronunciations[word] = encode_phones(names)
    content = {"words": " ".join(pronunciations), "phones": " ".join(pronunciations.values())}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=0), encoding="ascii")
    log.info("%d words written to %s, %d bytes", len(pronunciations), path, path.stat().st_size)
    return len(pronunciations)


def _spoken(flite: Flite, word: str) -> list[str]:
    phones = flite.phones(word)
    return [phone_name(p.name, int(p.stressed)) for p in phones if p.name != PAUSE]


class _FliteLexicon:
    """flite's `lex_lookup`: phones with stress of any word."""

    def __init__(self) -> None:
        self._flite = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL("libflite_usenglish.so.1", mode=ctypes.RTLD_GLOBAL)
        cmulex = ctypes.CDLL("libflite_cmulex.so.1", mode=ctypes.RTLD_GLOBAL)
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for name, result, arguments in (
            ("lex_lookup", pointer, [pointer, text, text, pointer]),
            ("val_car", pointer, [pointer]),
            ("val_cdr", pointer, [pointer]),
            ("val_string", text, [pointer]),
            ("delete_val", None, [pointer]),
        ):
            function = getattr(self._flite, name)
            function.restype, function.argtypes = result, arguments
        self._flite.flite_init()
        cmulex.cmu_lex_init.restype = pointer
        self._lexicon = cmulex.cmu_lex_init()

    def phones(self, word: str) -> list[str]:
        """Return the phones of a lower-case word, as `bark.text.english.phones` names them."""
        flite, names = self._flite, []
        found = flite.lex_lookup(self._lexicon, word.encode(), None, None)
        item = found
        while item:
            name = flite.val_string(flite.val_car(item)).decode()
            names.append(phone_name(name.rstrip("01"), int(name.endswith("1"))))
            item = flite.val_cdr(item)
        flite.delete_val(found)
        return [name for name in names if PHONE_INDEX[name] >= N_PAUSES]
