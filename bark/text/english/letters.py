"""How words are read that the lexicon does not hold: a small model from letters to phones.

Every letter is said as no, one or two phones ("x" is "k s", the "e" of "make" nothing), chosen
from left to right with the whole word in view. `training/letters.py` trains it on the lexicon.
It runs in numpy: a word takes some milliseconds, and the tokenizer stays free of torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ...errors import CheckpointError
from .phones import LETTERS, N_PAUSES, N_PHONES

LETTERS_PATH = Path(__file__).parents[2] / "assets" / "nano" / "letters.safetensors"

MAX_LETTERS = 24
"""Longer words are not read."""
N_BEFORE = 3
"""Letters whose sounds decide on the next one's."""
NO_PHONE = 0
"""In `chunks`, where a letter is said as less than two phones: no pause is ever part of a word."""

N_HEADS = 4
"""Of its attention."""

_BEAM = 4
_MAX_REMEMBERED = 4_096  # words; a text is measured many times before it is spoken


class LetterReader:
    """Letters to phones.

    Args:
        weights: of `training.letters.LetterModel`, and `chunks`, (n, 2) indices of phones.

    Raises:
        ValueError: they do not fit each other.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self._weights = {
            name: array.astype(np.float32) for name, array in weights.items() if name != "chunks"
        }
        self._chunks = [
            tuple(int(p) for p in chunk if p != NO_PHONE) for chunk in weights["chunks"]
        ]
        phones = weights["chunks"]
        if (
            phones.min() < 0
            or phones.max() >= N_PHONES
            or np.isin(phones, range(1, N_PAUSES)).any()
        ):
            raise ValueError("its chunks name phones that do not exist")
        if self._weights["head.weight"].shape[0] != len(self._chunks):
            raise ValueError("it has as many outputs as no list of chunks")
        self._read: dict[str, tuple[int, ...] | None] = {}
        self._n_blocks = sum(name.endswith("c_attn.weight") for name in self._weights)

    @classmethod
    def from_file(cls, path: Path = LETTERS_PATH) -> LetterReader:
        """Loads the weights.

        Raises:
            FileNotFoundError: there are none at `path`.
            CheckpointError: they are damaged.
        """
        if not path.is_file():
            raise FileNotFoundError(f"no letter model at {path}; reinstall the package")
        try:
            return cls(load_file(path))
        except (SafetensorError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"{path} is no model of letters ({str(error)[:120]}); install this package again."
            ) from error

    def phones(self, word: str) -> tuple[int, ...] | None:
        """Reads a word.

        Args:
            word: lower case.

        Returns:
            indices into `bark.text.english.phones.PHONES`, or None where it has other characters
            than `LETTERS`, is longer than `MAX_LETTERS` or would be silent.
        """
        if not 0 < len(word) <= MAX_LETTERS or not set(word) <= set(LETTERS):
            return None
        remembered = self._read  # another thread may put a new one in its place
        if word not in remembered:
            if len(remembered) >= _MAX_REMEMBERED:
                remembered = self._read = {}
            seen = self._encode(np.array([LETTERS.index(letter) for letter in word]))
            said = tuple(p for chunk in self._search(seen) for p in self._chunks[chunk])
            remembered[word] = said or None
        return remembered[word]

    def _encode(self, letters: np.ndarray) -> np.ndarray:
        """(n,) letters -> (n, width)."""
        w, n = self._weights, len(letters)
        places = w["first.weight"][:n] + w["last.weight"][:n][::-1]
        x: np.ndarray = w["letter.weight"][letters] + places
        for i in range(self._n_blocks):
            block = f"blocks.{i}."
            x = x + self._attend(_normalised(x) * w[block + "ln_1.weight"], block)
            hidden = (_normalised(x) * w[block + "ln_2.weight"]) @ w[block + "c_fc.weight"].T
            x = x + np.square(np.maximum(hidden, 0)) @ w[block + "c_proj.weight"].T
        return x

    def _attend(self, x: np.ndarray, block: str) -> np.ndarray:
        n, width = x.shape
        heads = (x @ self._weights[block + "c_attn.weight"].T).reshape(n, 3, N_HEADS, -1)
        query, key, value = heads.transpose(1, 2, 0, 3)  # each (heads, n, width / heads)
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(width / N_HEADS)
        mixed = _softmax(scores) @ value
        joined = mixed.transpose(1, 0, 2).reshape(n, width)
        out: np.ndarray = joined @ self._weights[block + "c_out.weight"].T
        return out

    def _search(self, seen: np.ndarray) -> tuple[int, ...]:
        """Beam search over the chunks of the letters."""
        w, none = self._weights, len(self._chunks)
        beams: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
        for x in seen:
            pasts = np.array(
                [((none,) * N_BEFORE + chosen)[-N_BEFORE:] for _, chosen in beams]
            )  # (beams, N_BEFORE)
            before = sum(w[f"before.{i}.weight"][pasts[:, i]] for i in range(N_BEFORE))
            h = _normalised(x + before) * w["ln_f.weight"]
            h = np.square(np.maximum(h @ w["mix.weight"].T, 0)) @ w["head.weight"].T
            scores = np.log(_softmax(h) + 1e-9)
            grown = [
                (score + float(row[chunk]), (*chosen, int(chunk)))
                for (score, chosen), row in zip(beams, scores, strict=True)
                for chunk in np.argpartition(-row, min(_BEAM, len(row) - 1))[:_BEAM]
            ]
            beams = sorted(grown, reverse=True)[:_BEAM]
        return beams[0][1]


def _normalised(x: np.ndarray) -> np.ndarray:
    """Root mean square 1 along the last axis."""
    out: np.ndarray = x / np.sqrt(np.square(x).mean(-1, keepdims=True) + 1e-6)
    return out


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    out: np.ndarray = e / e.sum(-1, keepdims=True)
    return out
