"""The key of every chunk: its seed, where its voice comes from, and all else that decides it."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ..files.digest import digest
from ..options import GenerationOptions, seed_after
from .script import Chunk
from .settings import CheckOptions, NarrationOptions

_VOICE_S = 3.0  # a shorter chunk makes no good voice


class Keys:
    """The keys of a job's chunks, as far as their voices are known.

    Args:
        chunks: all, in order.
        options: of the job, with a seed.
        voices: each speaker's entry, as `choose_voices` returns it.
        changes: by chunk id, the "text" and the "seed" that were changed by hand.
        model: plain values that name the model and its precision.
        phones: words that are said otherwise, in lower case, to their phones.

    Attributes:
        of: number of a chunk to its key; a chunk that waits for a voice has none.
    """

    def __init__(
        self,
        chunks: Sequence[Chunk],
        options: NarrationOptions,
        voices: Mapping[str, Mapping[str, str]],
        changes: Mapping[str, Mapping[str, Any]],
        model: Sequence[str],
        phones: Mapping[str, Sequence[str]],
    ) -> None:
        self._options, self._voices, self._changes = options, voices, changes
        self._model = list(model)
        self._phones = {word: list(names) for word, names in phones.items()}
        self._of_speaker: dict[str, list[Chunk]] = collections.defaultdict(list)
        self._before: dict[int, int | None] = {}  # the speaker's chunk before
        self._place: dict[int, int] = {}  # of a chunk among its speaker's
        for chunk in chunks:
            same = self._of_speaker[chunk.speaker]
            self._before[chunk.number] = same[-1].number if same else None
            self._place[chunk.number] = len(same)
            same.append(chunk)
        self.of: dict[int, str] = {}
        for chunk in chunks:
            key = self._key(chunk, self.of)
            if key is not None:
                self.of[chunk.number] = key

    def seed(self, chunk: Chunk) -> int:
        """The chunk's seed: from the job's and its own words, so that it keeps it when it moves."""
        change = self._changes.get(chunk.id, {})
        if "seed" in change:
            return int(change["seed"])
        first = self._options.generation.seed or 0
        return seed_after(first, int(digest(chunk.id)[:8], 16))

    def source(self, chunk: Chunk) -> tuple[str, int | None]:
        """Where a chunk's voice comes from.

        Returns:
            ("kept", None) its speaker's own voice; ("new", None) none, since it is what the voice
            is made of; ("after", number) the chunk before it; ("waits", None) a voice that is not
            there yet.
        """
        entry = self._voices[chunk.speaker]
        before = self._before[chunk.number]
        place = self._place[chunk.number]
        every = self._options.anchor_every
        if self._options.voice_mode == "carried" and before and (not every or place % every):
            return "after", before
        if entry.get("key"):
            return ("new" if self._made_key(chunk, None) == entry.get("origin") else "kept"), None
        return ("new" if self._gives_voice(chunk) else "waits"), None

    def _gives_voice(self, chunk: Chunk) -> bool:
        """Whether the voice of a speaker without one is made of this chunk: the first long one."""
        if self._options.voice_mode == "carried":
            return self._place[chunk.number] == 0
        chunks = self._of_speaker[chunk.speaker]
        long = (c for c in chunks if c.expected_s >= _VOICE_S)
        return next(long, max(chunks, key=lambda c: c.expected_s)).number == chunk.number

    def _key(self, chunk: Chunk, keys: Mapping[int, str]) -> str | None:
        """None while a voice is not there that the chunk waits for."""
        source, number = self.source(chunk)
        if source == "waits" or (number is not None and number not in keys):
            return None
        if source == "after":
            assert number is not None
            return self._made_key(chunk, ["after", keys[number]])
        voice = self._voices[chunk.speaker].get("key")
        return self._made_key(chunk, voice if source == "kept" else None)

    def _made_key(self, chunk: Chunk, voice: Any) -> str:
        generation = dataclasses.replace(self._options.generation, seed=self.seed(chunk))
        heard = {
            "model": self._model,
            "text": chunk.spoken,
            "voice": voice,
            "options": _unusual(generation.to_dict(), GenerationOptions().to_dict()),
            "check": _unusual(_plain(self._options.check), _plain(CheckOptions())),
        }
        text = chunk.spoken.lower().replace("’", "'")
        phones = {word: said for word, said in self._phones.items() if word in text}
        return digest({**heard, "phones": phones} if phones else heard)


def _plain(check: CheckOptions) -> dict[str, Any]:
    return dataclasses.asdict(check)


def _unusual(values: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """What differs from the defaults: a setting that a later version adds changes no key."""
    return {
        name: _unusual(value, usual[name]) if isinstance(value, dict) else value
        for name, value in values.items()
        if value != usual.get(name)
    }
