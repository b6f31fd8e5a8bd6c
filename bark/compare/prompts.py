"""Alternatives in a prompt: `{calm|angry}` stands for two prompts, one with each word."""

from __future__ import annotations

import dataclasses
import itertools
import re

from ..errors import InvalidInputError

MAX_COMBINATIONS = 256

_ALTERNATIVES = re.compile(r"\{([^{}]*\|[^{}]*)\}")


@dataclasses.dataclass(frozen=True)
class Combination:
    """One prompt out of several.

    Attributes:
        text: the whole prompt, white space closed up where an empty alternative stood.
        chosen: what was taken for each pair of braces, in their order.
    """

    text: str
    chosen: tuple[str, ...]

    @property
    def label(self) -> str:
        """The choices in one line; the text where there was none to make."""
        return " · ".join(word or "nothing" for word in self.chosen) or self.text


def combinations(text: str) -> list[Combination]:
    """All prompts that a text with `{a|b}` in it stands for, the last braces turning fastest.

    Braces without a bar are ordinary text.

    Raises:
        InvalidInputError: there would be more than `MAX_COMBINATIONS`.
    """
    parts = _ALTERNATIVES.split(text)  # text, alternatives, text, alternatives, ..., text
    plain, groups = parts[::2], [part.split("|") for part in parts[1::2]]
    n = 1
    for group in groups:
        n *= len(group)
    if n > MAX_COMBINATIONS:
        raise InvalidInputError(
            f"The braces make {n:,} prompts; at most {MAX_COMBINATIONS} are made in one go."
        )
    made = []
    for choice in itertools.product(*groups):
        chosen = tuple(word.strip() for word in choice)
        pieces = [plain[0]]
        for word, following in zip(chosen, plain[1:], strict=True):
            pieces += [word, following]
        joined = "".join(pieces)
        if "" in chosen:
            joined = re.sub(r" +([,.;:!?])", r"\1", re.sub(r"  +", " ", joined)).strip()
        made.append(Combination(joined, chosen))
    return made
