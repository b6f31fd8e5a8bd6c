"""Semantic tokens to the first two codebooks: the second stage."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable, Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..decoding.engines import decode
from ..decoding.sampling import SamplingOptions
from ..decoding.stage import Engine, IndexInputs, Item, Stage, Window, groups_of
from ..errors import InvalidInputError
from ..models.file_memory import MappedPages
from ..models.gpt import GPT
from ..models.unread import UnreadTokens
from ..spec import ModelSpec


@dataclasses.dataclass(frozen=True)
class CoarseWindows:
    """How far the coarse model looks back and how often its window moves.

    Attributes:
        max_history_len: flattened coarse tokens that it sees at most, 60 to 630.
        window_len: flattened coarse tokens made before the window moves.
    """

    max_history_len: int = 630
    window_len: int = 60

    def check(self, model: GPT, spec: ModelSpec) -> None:
        """Raises InvalidInputError where these lengths do not fit the model."""
        limit = spec.max_coarse_history_len
        if not 60 <= self.max_history_len <= limit:
            raise InvalidInputError(
                f"max_coarse_history is {self.max_history_len}; it must lie in 60 to {limit}."
            )
        # The window's last token is never read.
        room = model.config.block_size - spec.semantic_window_len - self.max_history_len
        if not 1 <= self.window_len <= room:
            raise InvalidInputError(
                f"sliding_window_len is {self.window_len}; "
                f"with a history of {self.max_history_len} it must lie in 1 to {room}."
            )


def coarse_len(spec: ModelSpec, n_semantic: int) -> int:
    """Flattened coarse tokens that belong to that many semantic tokens: whole frames."""
    n = spec.n_coarse_codebooks
    return round(math.floor(n_semantic * spec.coarse_per_semantic / n) * n)


def flatten_codes(spec: ModelSpec, codes: np.ndarray) -> np.ndarray:
    """(n, T) codes of the coarse codebooks -> (n T,) tokens of the coarse model, frame by frame."""
    offsets = spec.codebook_size * np.arange(spec.n_coarse_codebooks)[:, None]
    found: np.ndarray = (np.asarray(codes, dtype=np.int64) + offsets).T.reshape(
        -1
    ) + spec.coarse_offset
    return found


@dataclasses.dataclass(frozen=True)
class CoarseRules:
    """The codebooks take turns; each chooses among its own codes, and nothing ends early."""

    spec: ModelSpec
    sampling: SamplingOptions

    @property
    def n_candidates(self) -> int:
        """V, codes of a codebook."""
        return self.spec.codebook_size

    @property
    def n_phases(self) -> int:
        """Codebooks that take turns."""
        return self.spec.n_coarse_codebooks

    def first_token(self, phase: int) -> int:
        """The token that stands for code 0 of a codebook."""
        return self.spec.coarse_offset + phase * self.spec.codebook_size

    def logits(self, model: GPT, hidden: Tensor, phase: int) -> Tensor:
        """(B, C) -> (B, V) of one codebook."""
        first = self.first_token(phase)
        return model.head(hidden, slice(first, first + self.spec.codebook_size))

    def ended(self, tokens: Tensor, probabilities: Tensor) -> None:
        """Lengths are known beforehand."""


@dataclasses.dataclass(eq=False, kw_only=True)
class CoarseItem(Item):
    """One utterance on its way; its `tokens` begin with the history's.

    Attributes:
        semantic: (T,) int64, the history's tokens in front.
        n_semantic_history: how many those are.
        n_history: how many of `tokens` are the history's.
        n_kept: how many behind them are its own and were there before; they stay.
    """

    semantic: np.ndarray
    n_semantic_history: int
    n_history: int
    n_kept: int = 0

    @classmethod
    def behind(
        cls,
        history: tuple[np.ndarray, np.ndarray],
        semantic: np.ndarray,
        spec: ModelSpec,
        generator: torch.Generator | None,
        kept: np.ndarray | None = None,
    ) -> CoarseItem:
        """An utterance that begins behind (semantic (T_h,), flattened coarse (n,)) tokens.

        Args:
            kept: (2, t) codes of its own beginning, which stay.
        """
        past, flat = history
        own = flat[:0] if kept is None else flatten_codes(spec, kept)
        return cls(
            semantic=np.concatenate([past, np.asarray(semantic, dtype=np.int64)]),
            n_semantic_history=len(past),
            tokens=[*flat.tolist(), *own.tolist()],
            n_history=len(flat),
            n_kept=len(own),
            n_steps=coarse_len(spec, len(semantic)) - len(own),
            generator=generator,
        )

    def codes(self, spec: ModelSpec) -> np.ndarray:
        """(2, T) int64, the whole frames made so far."""
        n = spec.n_coarse_codebooks
        made = np.array(self.tokens[self.n_history :], dtype=np.int64)
        frames = made[: len(made) - len(made) % n].reshape(-1, n).T - spec.coarse_offset
        found: np.ndarray = frames - spec.codebook_size * np.arange(n)[:, None]
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class CoarseStage(Stage):
    """Windows of a semantic slice and, behind the infer token, the last coarse tokens."""

    items: Sequence[CoarseItem]
    spec: ModelSpec
    windows: CoarseWindows
    begun: dict[int, np.ndarray] = dataclasses.field(default_factory=dict)
    """Row -> the ids (T,) that its last window began with."""

    def open_window(self, rows: list[int], step: int) -> tuple[Window | None, int]:
        """The next window; None where it begins with all that was read for the last one.

        It does as long as the semantic slice starts at 0 and no coarse token has left the
        window; going on there leaves the mathematics as it is.
        """
        n_steps = self.windows.window_len
        ids = {row: self.window_ids(self.items[row], step) for row in rows}
        goes_on = bool(self.begun) and all(
            np.array_equal(ids[row][:-n_steps], self.begun[row]) for row in rows
        )
        self.begun.update(ids)
        if goes_on:
            return None, n_steps
        batch = torch.from_numpy(np.stack(list(ids.values()))).to(self.model.device)  # (B, T)
        if len(rows) == 1:
            return Window(self.model.embed(batch), IndexInputs()), n_steps
        # A batch reads most rows of the table, beside its large cache.
        tables, width = MappedPages.of_tables(self.model), self.model.config.n_embd
        unread = UnreadTokens(batch, self.model.embed, width, tables.give_back)
        return Window(unread, IndexInputs()), n_steps

    def read_by(self, model: GPT) -> CoarseStage:
        """With windows of its own."""
        return dataclasses.replace(self, model=model, begun={})

    def window_ids(self, item: CoarseItem, step: int) -> np.ndarray:
        """(T,) ids of one window: semantic slice, infer token, the last coarse tokens."""
        spec = self.spec
        at = item.n_semantic_history + round((item.n_kept + step) / spec.coarse_per_semantic)
        start = max(0, at - spec.max_semantic_history(self.windows.max_history_len))
        semantic = item.semantic[start : start + spec.semantic_window_len]
        pad = np.full(spec.semantic_window_len - len(semantic), spec.coarse_semantic_pad_token)
        past = np.array(item.tokens[-self.windows.max_history_len :], dtype=np.int64)
        return np.concatenate([semantic, pad, [spec.coarse_infer_token], past])


def _history(
    spec: ModelSpec, history: tuple[np.ndarray, np.ndarray] | None, max_semantic_history: int
) -> tuple[np.ndarray, np.ndarray]:
    """The part of a voice that fits the window: semantic tokens and flattened coarse tokens."""
    if history is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    semantic = np.asarray(history[0], dtype=np.int64)
    flat = flatten_codes(spec, history[1])
    ratio = spec.coarse_per_semantic
    n_semantic = min(
        max_semantic_history, len(semantic) - len(semantic) % 2, math.floor(len(flat) / ratio)
    )
    n_coarse = round(n_semantic * ratio)
    semantic = semantic[len(semantic) - n_semantic :]
    flat = flat[len(flat) - n_coarse :]
    # As the reference: the last frame of the history is dropped.
    return semantic, flat[: max(0, len(flat) - 2)]


def generate_coarse(
    model: GPT,
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
    """Codes of the coarse codebooks for a batch of utterances.

    Items with equally long histories are decoded together, a group after the other.

    Args:
        semantic: per item (T_s,) int in [0, semantic_vocab_size), at least one token.
        histories: per item a voice's (semantic (T_s,), coarse (2, T)), or None.
        generators: per item; None follows `torch.manual_seed`.
        kept: per item (2, t) codes of its beginning, t of 0 or more, which stay.
        stop: looked at before every token, or before every few on other devices than a CPU; what
            is there is returned.
        on_window: called after every window with the codes so far, per item (2, t).
        engine: that decodes.

    Yields:
        flattened tokens made so far by the longest item of each group, summed over the groups,
        after every look at them.

    Returns:
        per item (2, T) int64 in [0, codebook_size), `codec_rate_hz`.
    """
    windows.check(model, spec)
    n_semantic = spec.max_semantic_history(windows.max_history_len)
    own: Sequence[np.ndarray | None] = [None] * len(semantic) if kept is None else kept
    items = [
        CoarseItem.behind(_history(spec, history, n_semantic), tokens, spec, generator, begun)
        for tokens, history, generator, begun in zip(
            semantic, histories, generators, own, strict=True
        )
    ]

    def stage_of(group: list[CoarseItem]) -> CoarseStage:
        return CoarseStage(
            model=model,
            rules=CoarseRules(spec, sampling),
            items=group,
            # The infer token stands between, and the last token is never read.
            max_len=spec.semantic_window_len + windows.max_history_len + windows.window_len,
            stop=stop,
            spec=spec,
            windows=windows,
        )

    return (yield from decode_utterances(spec, items, stage_of, windows, on_window, engine))


def decode_utterances(
    spec: ModelSpec,
    items: list[CoarseItem],
    stage_of: Callable[[list[CoarseItem]], Stage],
    windows: CoarseWindows,
    on_window: Callable[[list[np.ndarray]], None] | None,
    engine: Engine,
) -> Generator[int, None, list[np.ndarray]]:
    """Decodes items of equally long histories together.

    Args:
        items: a batch; each keeps the tokens that are made of it.
        stage_of: the stage that decodes a group of them.
        windows: `window_len` is how many flattened tokens make one.
        on_window: called after each window with every item's codes so far, (2, t) int64.
        engine: decodes a stage.

    Yields:
        flattened tokens done, over all groups.

    Returns:
        per item codes (2, T) int64 in [0, codebook_size), 75 Hz.
    """
    done = n_shown = 0
    unfinished = [item for item in items if item.n_steps > 0]
    for group in groups_of(unfinished, lambda item: (item.n_history, item.n_kept)):
        for step in engine(stage_of(group)):
            if on_window is not None and step // windows.window_len > n_shown:
                n_shown = step // windows.window_len
                on_window([item.codes(spec) for item in items])
            yield done + step
        done += max(item.n_steps for item in group)
        n_shown = 0
    return [item.codes(spec) for item in items]
