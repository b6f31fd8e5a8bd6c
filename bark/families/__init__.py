"""The kinds of models there are: what one does otherwise than another is said here, once each.

A third family is a third file beside `bark.py` and `nano.py`, named in `FAMILIES`; a file format
of its own is one more layout in `checkpoints/`.
"""

from __future__ import annotations

from ..spec import ModelSpec
from .bark import BARK_FAMILY
from .family import Codec, Family, Tokenizer
from .nano import NANO_FAMILY

__all__ = ["BARK_FAMILY", "FAMILIES", "NANO_FAMILY", "Codec", "Family", "Tokenizer", "family_of"]

FAMILIES: tuple[Family, ...] = (BARK_FAMILY, NANO_FAMILY)


def family_of(spec: ModelSpec | str) -> Family:
    """The family of a spec or of its name.

    Specs that differ in sizes only, as tests make them, belong to the family whose name they bear.
    """
    name = spec if isinstance(spec, str) else spec.name
    return next(family for family in FAMILIES if family.name == name)
