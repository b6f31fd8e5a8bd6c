"""Nano's coarse model: a GPT over coarse tokens that is told each one's phone."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..text.english.phones import CONTINUATION, N_KINDS, N_SEMANTIC
from .blocks import GPTConfig
from .gpt import GPT

COARSE_PER_SEMANTIC = 4
"""Coarse tokens, two codebooks in turn, to a semantic token."""

_KERNEL = 5
_MAX_FRAMES = 16  # counted within a phone


@dataclasses.dataclass(frozen=True)
class ConditionedGPTConfig(GPTConfig):
    """Sizes of nano's coarse model.

    Attributes:
        condition_width: channels of the encoder of the semantic tokens.
        condition_dilations: one of its convolutions each.
    """

    block_size: int = 384
    input_vocab_size: int = 2_049
    output_vocab_size: int = 2_048
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 256
    position_sizes: tuple[int, ...] = (384, COARSE_PER_SEMANTIC)
    condition_width: int = 128
    condition_dilations: tuple[int, ...] = (1, 2, 4, 4, 1)

    @property
    def condition_reach(self) -> int:
        """Semantic tokens that the encoder sees each way."""
        return _KERNEL // 2 * sum(self.condition_dilations)


class ConditionEncoder(nn.Module):
    """Convolutions over semantic tokens, a residual block each, without padding of their own."""

    def __init__(self, config: ConditionedGPTConfig) -> None:
        super().__init__()
        width = config.condition_width
        self.wte = nn.Embedding(N_SEMANTIC + 1, width)  # the last one pads
        self.frames_done = nn.Embedding(_MAX_FRAMES, width)
        self.frames_left = nn.Embedding(_MAX_FRAMES, width)
        self.norms = nn.ModuleList(
            nn.LayerNorm(width, bias=False) for _ in config.condition_dilations
        )
        self.convs: Any = nn.ModuleList(
            nn.Conv1d(width, width, _KERNEL, dilation=dilation, bias=False)
            for dilation in config.condition_dilations
        )
        self.out = nn.Linear(width, COARSE_PER_SEMANTIC * config.n_embd, bias=False)
        # Keeps what is added at the size of a token's embedding, however the layers above grow.
        self.ln_out = nn.LayerNorm(config.n_embd, bias=False)

    def forward(self, semantic: Tensor) -> Tensor:
        """What to add to the inputs of the coarse tokens.

        Args:
            semantic: (B, T + 2 R) int64 with R tokens of context each way.

        Returns:
            (B, 4 T, C).
        """
        done, left = frame_counts(semantic, _MAX_FRAMES)
        x = self.wte(semantic) + self.frames_done(done) + self.frames_left(left)  # (B, T + 2R, W)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            reach = conv.dilation[0] * (_KERNEL // 2)
            y = F.gelu(conv(norm(x).transpose(1, 2))).transpose(1, 2)
            x = x[:, reach:-reach] + y
        batch, length, _ = x.shape
        result: Tensor = self.ln_out(self.out(x).reshape(batch, COARSE_PER_SEMANTIC * length, -1))
        return result


class ConditionedGPT(GPT):
    """GPT over interleaved coarse tokens with `condition` added to its input embeddings.

    Input position i holds token i - 1 and predicts token i, so `condition`'s entry i, of the
    moment of token i, is added there.
    """

    config: ConditionedGPTConfig

    def __init__(self, config: ConditionedGPTConfig) -> None:
        super().__init__(config)
        self.conditioner = ConditionEncoder(config)

    def condition(self, semantic: Tensor) -> Tensor:
        """What to add to the inputs that predict each coarse token.

        Args:
            semantic: (B, T) int64 in [0, N_SEMANTIC), the whole utterance.

        Returns:
            (B, 4 T, C).
        """
        reach = self.config.condition_reach
        result: Tensor = self.conditioner(F.pad(semantic, (reach, reach), value=N_SEMANTIC))
        return result


def frame_counts(semantic: Tensor, limit: int) -> tuple[Tensor, Tensor]:
    """How many frames of its phone lie before and behind each token, at most `limit` - 1.

    Args:
        semantic: (B, T) int64.

    Returns:
        two (B, T) int64.
    """
    length = semantic.shape[1]
    index = torch.arange(length, device=semantic.device)
    onset = semantic % N_KINDS != CONTINUATION
    started = torch.where(onset, index, 0).cummax(dim=1).values
    # The next onset, looking back from the end; the utterance's end counts as one.
    following = torch.where(onset, index, length).flip(1).cummin(dim=1).values.flip(1)
    following = torch.cat([following[:, 1:], torch.full_like(following[:, :1], length)], dim=1)
    done = (index - started).clamp(0, limit - 1)
    left = (following - 1 - index).clamp(0, limit - 1)
    return done, left
