"""The accounting of drafts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bark.models.blocks import GPTConfig
from bark.models.gpt import GPT
from benchmarks import drafts, quality
from benchmarks.drafts import StepCost


def test_a_model_without_a_block_is_what_the_other_blocks_make() -> None:
    torch.manual_seed(0)
    model = GPT(GPTConfig(16, 20, 20, n_layer=3, n_head=2, n_embd=32)).eval()
    ids = torch.randint(0, 20, (1, 9))
    shorter = quality.without_block(model, 1)
    x = model.embed(ids)
    for i in (0, 2):
        x = model.transformer["h"][i](x)
    assert torch.equal(shorter.logits(ids), model.head(model.transformer["ln_f"](x)))
    assert len(model.transformer["h"]) == 3


def cost(name: str, ms: float, per_row: float = 0.0) -> StepCost:
    return StepCost(name, {n: ms + per_row * (n - 1) for n in (1, 15)}, 1.0)


def test_a_draft_that_costs_nothing_and_is_always_right_saves_all_passes_but_one() -> None:
    model, draft = cost("large", 10), cost("small", 1e-9)
    assert drafts.times_as_fast(model, draft, 4, 1.0) == pytest.approx(5)
    assert drafts.best_gain(model, draft, 1.0) == pytest.approx(15)
    assert drafts.times_as_fast(model, draft, 4, 0.0) == pytest.approx(1)


def test_the_break_even_share_is_where_one_proposal_costs_what_it_saves() -> None:
    model, draft = cost("large", 10), cost("small", 4)
    share = drafts.break_even(model, draft)
    # With one proposal a round: (1 + share) tokens for 10 + 4.
    assert share == pytest.approx(0.4, abs=1e-3)
    assert drafts.break_even(model, cost("small", 9.99)) == pytest.approx(1, abs=0.01)
    assert drafts.break_even(cost("large", 10, per_row=9), draft) is None


def test_the_tables_name_every_model_and_pair(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = "--sizes tiny --budget 0.01 --precisions fp32,bf16 --json"
    drafts.main([*options.split(), str(tmp_path / "kept.json")])
    printed = capsys.readouterr().out
    assert "| tiny fp32 |" in printed
    assert "15 rows, ms" in printed
    assert (tmp_path / "kept.json").exists()
