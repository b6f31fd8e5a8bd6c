"""Rules that read addresses of the web, of mail and of files, and names with @ and #."""

from __future__ import annotations

import re

from .number_words import cardinal, digits, letters
from .rules import DIGITS, LETTERS, Context, Rule, after, before, rule
from .spelling import word

_DOMAIN = (
    r"(?:com|org|net|edu|gov|mil|int|io|co|uk|de|dev|ai|info|fm|tv|me|us|ca|au|fr|jp|cn|in|eu|ch|"
    r"nl|se|no|es|it|br|ru|app|biz|xyz|tech|site|online|shop|blog|news|ly|gg|so|be|at|nz|ie|kr)"
)
_FILE_ENDS = frozenset(
    "js py exe txt pdf jpg jpeg png gif html htm md json csv mp3 mp4 wav flac ogg zip sh doc docx "
    "xls xlsx ppt pptx tar gz tgz bz xz rar iso css ts jsx tsx cpp hpp rs go rb php java xml yaml "
    "yml toml ini cfg conf log bat dll so bin dat db sql npz npy pt pth svg webp bmp tif mov avi "
    "mkv webm epub rtf odt tex bib ipynb whl jar apk dmg deb rpm lock env".split()
)
_SAID_ENDS = {
    **{"py": "pie", "txt": "text", "json": "jason", "exe": "ee ex ee", "tar": "tar", "zip": "zip"},
    **{"doc": "doc", "log": "log", "lock": "lock", "java": "java", "bin": "bin", "go": "go"},
    **{"toml": "toml", "bat": "bat", "jar": "jar", "conf": "conf", "dat": "dat", "tex": "tech"},
}
_MARKS = {".": "dot", "@": "at", "+": "plus", "_": "underscore"}


def _spoken(text: str, context: Context) -> list[str]:
    said: list[str] = []
    for part in re.findall(r"[A-Za-z]+|\d+|[.@+_]", text):
        if part in _MARKS:
            said.append(_MARKS[part])
        elif part.isdigit():
            said += cardinal(part) if len(part) < 5 else digits(part)
        else:
            said += word(part.lower(), context)
    return said


def _link(match: re.Match[str], context: Context) -> list[str]:
    said = _spoken(match["host"].removeprefix("www."), context)
    end = re.search(r"[.,!?;:]$", match[0])
    return said + ([end[0]] if end else [])


def _host(match: re.Match[str], context: Context) -> list[str] | None:
    """A host without http; "end.In" is the end of a sentence instead."""
    name, _, domain = match["host"].rpartition(".")
    follows_capital = domain[0].isupper() and not name.isupper()
    is_word = domain in _ALSO_WORDS and not match[0].startswith("www.")
    if "/" not in match[0] and (follows_capital or is_word):
        return None
    return _link(match, context)


_ALSO_WORDS = frozenset("me in so be at no it us es is".split())


def _file(match: re.Match[str], context: Context) -> list[str] | None:
    """A file's name: "my-file.tar.gz", "test.abc"; a full stop without a space is none."""
    name, *ends = match["file"].split(".")
    if len(name) == 1 and all(len(end) < 3 for end in ends):  # "e.g" and its like
        return None
    known = ends[-1].lower() in _FILE_ENDS
    is_call = match.string[match.end() : match.end() + 1] == "("
    if not known and not is_call and any(_is_sentence(end, context) for end in ends):
        return None
    said = _spoken(name, context)
    for end in ends:
        said += ["dot", *_file_end(end, context)]
    return said


def _is_sentence(end: str, context: Context) -> bool:
    return len(end) > 4 or not end.islower() or (context.is_word(end) and end not in ("abc",))


def _file_end(end: str, context: Context) -> list[str]:
    lower = end.lower()
    if lower in _SAID_ENDS:
        return _SAID_ENDS[lower].split()
    if re.fullmatch(r"[a-z]{2,3}\d", lower):
        return [*letters(lower[:-1]), *cardinal(lower[-1])]
    if lower.isdigit():
        return cardinal(lower)
    return word(lower, context) if len(lower) > 3 and lower not in _FILE_ENDS else letters(lower)


def _path(match: re.Match[str], context: Context) -> list[str]:
    said: list[str] = []
    for part in re.split(r"[/\\]", match[0].strip("/\\")):
        name, dot, end = part.rpartition(".")
        said += ["slash"] if match[0][0] in "/~" else []
        if dot and name and end.isalnum():
            said += [*_spoken(name, context), "dot", *_file_end(end, context)]
        else:
            said += _spoken(part, context)
    return said


def _dot_name(match: re.Match[str], _: Context) -> list[str]:
    return ["dot"]


def _handle(match: re.Match[str], context: Context) -> list[str]:
    return ["at", *_camel(match["name"], context)]


def _hash(match: re.Match[str], context: Context) -> list[str]:
    name = match["name"]
    if name.isdigit():
        return ["number", *cardinal(name)]
    return ["hashtag", *_camel(name, context)]


def _camel(name: str, context: Context) -> list[str]:
    said: list[str] = []
    for piece in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name):
        said += cardinal(piece) if piece.isdigit() else word(piece, context)
    return said


def _number_sign(match: re.Match[str], _: Context) -> list[str] | None:
    return ["number"] if after(match)[:1].isdigit() and before(match)[-1:] != "&" else None


_NAME = r"[A-Za-z0-9][\w-]{0,63}"
_STARTS = LETTERS + DIGITS

LINK_RULES: tuple[Rule, ...] = (
    rule(r"(?i:https?|ftp)://(?P<host>[\w.-]{1,200}\w)[^\s]*", _link, "hHfF"),
    rule(
        r"(?<![\w.+@-])(?:mailto:)?"
        r"(?P<host>[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,32}){1,5})",
        _link,
        _STARTS,
    ),
    rule(
        rf"(?<![\w.@-])(?P<host>(?:www\.)?[A-Za-z0-9-]{{1,64}}(?:\.[A-Za-z0-9-]{{1,64}}){{0,5}}"
        rf"\.(?i:{_DOMAIN}))(?![\w-]|\.\w)(?:/\S*)?",
        _host,
        _STARTS,
    ),
    rule(
        rf"(?<![\w-])(?P<file>{_NAME}(?:\.[A-Za-z0-9]{{1,8}}){{0,2}}"
        r"\.(?=[A-Za-z])[A-Za-z0-9]{1,5})(?![\w'-]|\.[\w])",
        _file,
        _STARTS,
    ),
    rule(rf"(?:~?(?<!\w)(?:/{_NAME}(?:\.\w{{1,8}})?){{2,12}}/?)(?!\w)", _path, "/~"),
    rule(rf"[A-Z]:(?:\\{_NAME}(?:\.\w{{1,8}})?){{1,12}}", _path, LETTERS),
    rule(r"(?<!\S)\.(?=[A-Za-z]{2,10}\b)", _dot_name, "."),
    rule(r"(?<!\w)@(?P<name>[A-Za-z]\w{0,40})", _handle, "@"),
    rule(r"(?<![\w&])#(?P<name>\d{1,9}(?![\w.,]\d)|[A-Za-z]\w{0,60})", _hash, "#", is_amount=True),
    rule(r"#(?=\d)", _number_sign, "#"),
)
