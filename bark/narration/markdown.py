"""Markdown as blocks to speak."""

from __future__ import annotations

import collections
import re

from .documents import HEADING, Block
from .markup import Marked

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_LIST = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])[ \t]+")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)+\|?\s*$")
_FOOTNOTE = re.compile(r" {0,3}\[\^[^\]]+\]:")
_LINK_TARGET = re.compile(r" {0,3}\[[^\]^][^\]]*\]:\s+\S+")
_ESCAPED = 0xE000  # an escaped sign is put there, in private use, until all others are read
_SSML = r"(?:speak|p|s|break|sub|say-as)"


def read_markdown(text: str) -> tuple[list[Marked], dict[str, int]]:
    """Reads Markdown.

    Returns:
        blocks in order, and kind of thing to how often it was left out.
    """
    reader = _Reader()
    for line in _without_front_matter(text).split("\n"):
        reader.line(line)
    reader.end()
    return reader.blocks, dict(reader.left_out)


def _without_front_matter(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"\A---\n.*?\n(?:---|\.\.\.)\n", "", text, flags=re.DOTALL)


class _Reader:
    """Takes one line after the other."""

    def __init__(self) -> None:
        self.blocks: list[Marked] = []
        self.left_out: collections.Counter[str] = collections.Counter()
        self._lines: list[str] = []
        self._fence = ""
        self._in_table = False

    def line(self, line: str) -> None:
        """Takes a line."""
        fence = _FENCE.match(line)
        if self._fence:
            if fence and fence[1].startswith(self._fence) and not line.strip(" `~"):
                self._fence = ""
            return
        if fence:
            self.end()
            self._fence = fence[1]
            self.left_out["blocks of code"] += 1
        elif self._in_table and line.strip().startswith("|"):
            return
        elif not line.strip() or (_RULE.match(line) and not self._lines):
            self.end()
        elif _TABLE_RULE.match(line) and self._lines:
            self._lines.pop()  # the table's head
            self.end()
            self._in_table = True
            self.left_out["tables"] += 1
        else:
            self._plain(line)

    def _plain(self, line: str) -> None:
        heading = _HEADING.match(line)
        if heading:
            self.end()
            self._add(heading[2], len(heading[1]))
        elif re.fullmatch(r"=+[ \t]*|-+[ \t]*", line) and self._lines:
            title = " ".join(self._lines)
            self._lines = []
            self._add(title, 1 if line.startswith("=") else 2)
        elif _FOOTNOTE.match(line):
            self.left_out["notes"] += 1
        elif not _LINK_TARGET.match(line):
            line = re.sub(r"^( {0,3}>[ \t]?)+", "", line)
            if _LIST.match(line):
                self.end()
                line = _LIST.sub("", line, count=1)
            self._lines.append(line)

    def end(self) -> None:
        """Closes the paragraph that is open."""
        self._add("\n".join(self._lines), 0)
        self._lines, self._in_table = [], False

    def _add(self, text: str, level: int) -> None:
        self.left_out["images"] += len(re.findall(r"!\[[^\]]*\]\(", text))
        words = plain(text).strip()
        if words:
            block = Block(words, HEADING) if level else Block(words)
            self.blocks.append(Marked(block, level))


def plain(text: str) -> str:
    """Text without Markdown's signs inside a line; marks and Bark's tags stay."""
    text = re.sub(r"\\([\\`*_{}\[\]()#+.!<>|~-])", lambda m: chr(_ESCAPED + ord(m[1])), text)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[\^[^\]]+\]", "", text)
    text = re.sub(r"\[([^\]]+)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)", r"\1", text)
    text = re.sub(r"\[([^\]]+)\]\[[^\]]*\]", r"\1", text)
    text = re.sub(r"<(https?://[^>\s]+)>", r"\1", text)
    text = re.sub(rf"</?(?!{_SSML}\b)[A-Za-z][^<>]*>", "", text)
    text = re.sub(r"(?<![\w*])(\*{1,3})(?=\S)(.+?)(?<=\S)\1(?![\w*])", r"\2", text, flags=re.S)
    text = re.sub(r"(?<!\w)(_{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)", r"\2", text, flags=re.S)
    text = re.sub(r"~~(.+?)~~", r"\1", text)
    text = re.sub(r"(`+)(.+?)\1", r"\2", text)
    return re.sub(r"[\ue000-\ue07f]", lambda m: chr(ord(m[0]) - _ESCAPED), text)
