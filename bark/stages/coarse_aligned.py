"""Nano's coarse stage: semantic tokens are added to the coarse positions instead of prefixed.

Bark's coarse model reads its semantic tokens as a prefix and has to find out which of them it is
speaking. Nano is told: what a small convolutional encoder makes of the semantic tokens is added
to the input that predicts the coarse tokens of the same moment. So the window holds coarse tokens
only, and it moves seldom.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..decoding.engines import decode
from ..decoding.sampling import SamplingOptions
from ..decoding.stage import Engine, Inputs, Stage, Window
from ..models.conditioned import ConditionedGPT
from ..models.gpt import GPT
from ..spec import ModelSpec
from .coarse import CoarseItem, CoarseRules, CoarseWindows, decode_utterances, flatten_codes


class AddedInputs:
    """A token's own embedding, and what is known beforehand to be added at its position.

    Args:
        added: (B, T, C), of all positions of a window.
    """

    def __init__(self, added: Tensor) -> None:
        self._added = added

    @property
    def shapes(self) -> torch.Size:
        """Of its tensor."""
        return self._added.shape

    def forbidden(self, n_candidates: int) -> None:
        """Everything can come next."""

    def embed(self, model: GPT, tokens: Tensor, position: Tensor) -> Tensor:
        """(B,), (1,) -> (B, 1, C)."""
        return model.embed_tokens(tokens[:, None]) + self._added.index_select(1, position)

    def select(self, rows: Tensor) -> None:
        """Keeps these rows (K,) int64."""
        self._added = self._added[rows]

    def copy(self) -> AddedInputs:
        """Itself: nothing in it changes."""
        return self

    def assign(self, other: Inputs, rows: Tensor) -> None:
        """Takes over another one as these rows (K,) int64."""
        assert isinstance(other, AddedInputs)
        self._added[rows] = other._added


@dataclasses.dataclass(frozen=True, eq=False)
class AlignedStage(Stage):
    """Windows of coarse tokens, begun anew when they are full, half of it kept.

    Input position i of a window that begins at stream index `begin` holds token `begin + i - 1`
    (the start token stands before the stream) and predicts token `begin + i`.

    Attributes:
        conditions: per item (4 T_s, C), what its semantic tokens add.
    """

    items: Sequence[CoarseItem]
    spec: ModelSpec
    conditions: list[Tensor]

    def read_by(self, model: GPT) -> AlignedStage:
        """With what the semantic tokens add to the other model's inputs."""
        assert isinstance(model, ConditionedGPT)
        return dataclasses.replace(self, model=model, conditions=conditions_of(model, self.items))

    def open_window(self, rows: list[int], step: int) -> tuple[Window, int]:
        """The next window and its number of steps."""
        model, spec, size = self.model, self.spec, self.model.config.block_size
        n_history, n_kept = self.items[0].n_history, self.items[0].n_kept
        at = n_history + n_kept + step  # stream index of the next token
        begin = min(1, n_history)
        if at - begin >= size:
            begin = at - size // 2
        past = [self.items[row].tokens[max(0, begin - 1) :] for row in rows]
        if begin == 0:
            past = [[spec.coarse_infer_token, *tokens] for tokens in past]
        ids = torch.tensor(past, device=model.device)  # (B, T)
        index = torch.arange(begin, begin + size, device=model.device)
        phase = index % round(spec.coarse_per_semantic)
        places = model.embed_positions(torch.stack([index - begin, phase], dim=-1))  # (size, C)
        conditions = places.new_zeros(len(rows), *places.shape, dtype=torch.float32)
        for i, row in enumerate(rows):
            known = self.conditions[row][begin : begin + size]
            conditions[i, : len(known)] = known
        added = (conditions + places).to(places.dtype)  # (B, size, C)
        embeddings = model.embed_tokens(ids) + added[:, : ids.shape[1]]
        return Window(embeddings, AddedInputs(added)), begin + size - at


def conditions_of(model: ConditionedGPT, items: Sequence[CoarseItem]) -> list[Tensor]:
    """Per item (4 T_s, C), what its semantic tokens add to a model's inputs."""
    speech = [torch.from_numpy(item.semantic)[None].to(model.device) for item in items]
    return [model.condition(tokens)[0] for tokens in speech]


def generate_coarse_aligned(
    model: ConditionedGPT,
    spec: ModelSpec,
    semantic: Sequence[np.ndarray],
    *,
    histories: Sequence[tuple[np.ndarray, np.ndarray] | None],
    sampling: SamplingOptions,
    windows: CoarseWindows,
    generators: Sequence[torch.Generator | None],
    kept: Sequence[np.ndarray] | None = None,
    stop: threading.Event | None = None,
    on_window: Callable[[list[np.ndarray]], None] | None = None,
    engine: Engine = decode,
) -> Generator[int, None, list[np.ndarray]]:
    """Codes of the coarse codebooks for a batch of utterances, as `generate_coarse` gives them.

    Arguments, yields and result are those of `bark.stages.coarse.generate_coarse`; of `windows`
    only the history's length counts, up to the half of the model's window.

    Args:
        semantic: per item (T_s,) int64 in [0, semantic_vocab_size), 37.5 Hz.
        histories: per item a voice's semantic (T_h,) and coarse (2, 2 * T_h) tokens, or None.
        kept: per item codes (2, t) int64 with which it begins.

    Returns:
        per item codes (2, T) int64 in [0, codebook_size), two frames a semantic token.
    """
    half = model.config.block_size // 2
    n_coarse = min(windows.max_history_len, spec.max_coarse_history_len, half)
    own: Sequence[np.ndarray | None] = [None] * len(semantic) if kept is None else kept
    items = [
        CoarseItem.behind(_history(spec, history, n_coarse), tokens, spec, generator, begun)
        for tokens, history, generator, begun in zip(
            semantic, histories, generators, own, strict=True
        )
    ]

    def stage_of(group: list[CoarseItem]) -> AlignedStage:
        return AlignedStage(
            model=model,
            rules=CoarseRules(spec, sampling),
            items=group,
            max_len=model.config.block_size,
            stop=stop,
            spec=spec,
            conditions=conditions_of(model, group),
        )

    return (yield from decode_utterances(spec, items, stage_of, windows, on_window, engine))


def _history(
    spec: ModelSpec, history: tuple[np.ndarray, np.ndarray] | None, max_history: int
) -> tuple[np.ndarray, np.ndarray]:
    if history is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    ratio = round(spec.coarse_per_semantic)
    semantic = np.asarray(history[0], dtype=np.int64)
    flat = flatten_codes(spec, history[1])
    n = min(max_history // ratio, len(semantic), len(flat) // ratio)
    # Both end at the same moment, so both are counted from the end of the shorter one.
    end = min(len(semantic), len(flat) // ratio)
    return semantic[end - n : end], flat[(end - n) * ratio : end * ratio]
