"""The semantic stage's loop for devices that are not to be asked, see static_decode.py."""

from __future__ import annotations

import functools
from collections.abc import Generator

import torch
from torch import Tensor

from ..decoding.static import SPAN, STEPS_PER_LOOK, NewRunner, StaticDecoder, borrow_decoder
from ..models.gpt import GPT
from .positions import PositionTracker
from .semantic_task import SemanticRules, SemanticTask, SemanticTokens, semantic_results

_ENDED = -1  # shown in place of the token that ends a row


class _StaticSemantic(StaticDecoder):
    """A batch on a device that is not to be asked."""

    def __init__(
        self,
        model: GPT,
        rules: SemanticRules,
        tracker: PositionTracker,
        *,
        batch_size: int,
        max_len: int,
        new_runner: NewRunner | None,
    ) -> None:
        super().__init__(
            model,
            batch_size=batch_size,
            max_len=max_len,
            n_candidates=rules.n_candidates,
            sampling=rules.sampling,
            new_runner=new_runner,
        )
        self.rules, self.tracker = rules, tracker

    def choose(self, hidden: Tensor, phase: int) -> tuple[Tensor, Tensor]:
        """Tokens, `_ENDED` where a row ends, and the next inputs."""
        forbidden = self.tracker.forbidden(self.rules.n_candidates)
        probabilities = self.rules.probabilities(self.model, hidden, forbidden)
        tokens = self.noise.pick(probabilities)
        ended = self.rules.ended(tokens, probabilities)
        # Behind the last token there may be no position any more; what it gives is never read.
        positions = self.tracker.advance(tokens).clamp(max=self.model.config.block_size - 1)
        return tokens.masked_fill(ended, _ENDED), self.model.embed(tokens[:, None], positions)


@torch.inference_mode()
def decode_static(task: SemanticTask) -> Generator[int, None, list[SemanticTokens]]:
    """One token of every item at a time, looked at every few tokens; the same as `_decode`'s."""
    n_rows, (unique, index) = len(task.prefixes), task.unique_prefixes()
    prefixes = torch.cat([prefix.embedding for prefix in unique])
    tracker = PositionTracker.stack([prefix.tracker for prefix in task.prefixes])
    n_needed = prefixes.shape[1] + task.rules.max_tokens - 1  # the last token is never read
    max_len = -(-n_needed // SPAN) * SPAN
    make = functools.partial(
        _StaticSemantic,
        task.model,
        task.rules,
        tracker,
        batch_size=n_rows,
        max_len=max_len,
        new_runner=task.new_runner,
    )
    key = task.rules, tracker.shapes, n_rows, max_len
    with borrow_decoder(task.model, task.new_runner, key, make) as decoder:
        decoder.tracker.assign(tracker)
        decoder.noise.start(task.generators)
        decoder.read(prefixes, range(n_rows), index)
        return (yield from _cut_at_the_ends(task, decoder))


def _cut_at_the_ends(
    task: SemanticTask, decoder: StaticDecoder
) -> Generator[int, None, list[SemanticTokens]]:
    made: list[list[int]] = [[] for _ in task.prefixes]
    reasons = ["length"] * len(made)
    live = list(range(len(made)))
    # Rows of one generator draw in turn, and a row that has ended must not take its turn.
    n_at_most = 1 if decoder.noise.is_shared else STEPS_PER_LOOK
    step, max_tokens = 0, task.rules.max_tokens
    while live and step < max_tokens:
        if task.is_stopped():
            for row in live:
                reasons[row] = "stopped"
            break
        n = min(n_at_most, max_tokens - step)
        decoder.noise.mark()
        decoder.launch(n, live)
        shown, n_drawn = decoder.look(n), dict.fromkeys(live, n)
        for row in live:
            tokens = shown[row]
            if _ENDED in tokens:
                reasons[row] = "end"
                tokens = tokens[: tokens.index(_ENDED)]
                n_drawn[row] = len(tokens) + 1
                if n_drawn[row] < n:
                    decoder.noise.rewind(row, n_drawn[row])
            made[row].extend(tokens)
        yield step + max(n_drawn.values())
        step += n
        live = [row for row in live if reasons[row] != "end"]
    return semantic_results(made, reasons)
