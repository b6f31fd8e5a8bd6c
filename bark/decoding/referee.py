"""Near ties are decided as the reference decides them.

Float32 sums depend on their order in the last bits, and so do a draw's two best candidates where
they are nearly even: once in some ten thousand tokens they are within what any order of sums can
change. There the position is computed again, and all of the window that led to it, with the sums
that suno-ai/bark has: torch's layers, the window at once and then one position after the other.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..models.fine import FineGPT
from ..models.gpt import GPT

_M = TypeVar("_M", GPT, FineGPT)

NEAR = 1e-4
"""How near, as a share, the second best candidate is to the best one in a near tie. Measured on
random weights of official sizes: orders of sums change the two by 2e-6 at most, oneDNN's in a fine
pass at temperature 0.5, all candidates of 1,024 rows, by 1.3e-5."""


def is_near_tie(probabilities: Tensor, noise: Tensor) -> bool:
    """Whether the noise leaves two candidates of any row nearly even; both are (N, V)."""
    scores = probabilities / noise
    return int((scores > scores.amax(1, keepdim=True) * (1 - NEAR)).sum()) > len(scores)


def follows_reference(model: GPT) -> bool:
    """Whether a model computes in float32 as the reference does, so that it may be asked."""
    return isinstance(model.lm_head, nn.Linear)


def without_aids(model: _M) -> _M:
    """The same model, its weights shared, computing with torch's layers only."""
    plain = copy.copy(model)
    plain.native = plain.of_many = None
    if isinstance(plain, GPT):
        plain.draft = None
    return plain


@torch.inference_mode()
def hidden_as_reference(plain: GPT, embeddings: Tensor, n_at_once: int) -> Tensor:
    """Hidden state (1, C) of the last of some positions.

    Args:
        plain: as `without_aids` returns it.
        embeddings: (1, T, C), from the first position of a window on.
        n_at_once: how many of them the reference reads together; the others it reads one by one.
    """
    cache = plain.new_cache(1, embeddings.shape[1])
    hidden = plain.trunk(embeddings[:, :n_at_once], cache)
    for i in range(n_at_once, embeddings.shape[1]):
        hidden = plain.trunk(embeddings[:, i : i + 1], cache)
    return hidden[:, -1]
