"""What a decode step costs in each precision, and what a draft must be worth to pay.

    python -m benchmarks.drafts --sizes small,large

Random weights of official sizes: how long one position takes, and several that are verified
together, behind 500 others; then, for pairs of models, how often a proposal has to come true. How
often it does is for trained weights to say: see "equal draws" of `benchmarks.quality`.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bark.models.gpt import GPT
from bark.models.native.linear import PackedLayer
from bark.models.quantize import apply_precision
from bark.spec import BARK

from .machine import describe_machine
from .options import names, parser_of
from .report import Row, keep, markdown
from .workload import config

_N_PAST = 500
_ROWS = (1, 2, 3, 5, 8, 11, 15)  # positions that are read together
_MAX_PROPOSALS = 14
_SHARES = (0.7, 0.8, 0.9, 0.95)


@dataclasses.dataclass(frozen=True)
class StepCost:
    """What a coarse model's step takes.

    Attributes:
        name: size and precision, for example "small int8".
        ms: of processor time on one thread, by how many positions are read together.
        block_mb: of its blocks' weights, as they lie in memory.
    """

    name: str
    ms: Mapping[int, float]
    block_mb: float

    def of_rows(self, n: int) -> float:
        """Milliseconds of n positions together, between those that were measured."""
        return float(np.interp(n, list(self.ms), list(self.ms.values())))


def make_coarse(size: str, precision: str) -> GPT:
    """A coarse model of an official size with random weights, on the CPU."""
    torch.manual_seed(0)
    with torch.device("meta"):
        model = GPT(config(size, "coarse"))
    model = model.to_empty(device="cpu").requires_grad_(False).eval()
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.normal_(0, 0.02)
        else:
            parameter.fill_(float(name.endswith("weight")))
    packed = apply_precision(model, precision, "cpu")
    assert isinstance(packed, GPT)
    return packed


@torch.inference_mode()
def measure_steps(models: Mapping[str, GPT], budget_s: float) -> list[StepCost]:
    """What steps of some models take, measured in turns; the least counts.

    Args:
        models: by name.
        budget_s: for each number of positions.
    """
    least = {name: dict.fromkeys(_ROWS, float("inf")) for name in models}
    caches = {}
    for name, model in models.items():
        caches[name] = model.new_cache(1)
        for i in range(0, _N_PAST, 100):
            model.trunk(torch.randn(1, min(100, _N_PAST - i), model.config.n_embd), caches[name])
    for n in _ROWS:
        end = time.perf_counter() + budget_s
        while time.perf_counter() < end or least[name][n] == float("inf"):
            for name, model in models.items():
                x = torch.randn(1, n, model.config.n_embd)
                before = time.process_time()
                hidden = model.trunk(x, caches[name])
                model.head(hidden[0], slice(0, BARK.codebook_size))
                least[name][n] = min(least[name][n], 1e3 * (time.process_time() - before))
                caches[name].rewind(_N_PAST)
    return [StepCost(name, least[name], _block_mb(model)) for name, model in models.items()]


def _block_mb(model: GPT) -> float:
    blocks = model.transformer["h"]
    packed = sum(m.n_bytes for m in blocks.modules() if isinstance(m, PackedLayer))
    plain = sum(p.numel() * p.element_size() for p in blocks.parameters())
    return (packed + plain) / 1e6


def times_as_fast(model: StepCost, draft: StepCost, n: int, share: float) -> float:
    """Tokens with n proposals a round beside tokens one by one.

    Args:
        share: of proposals behind a right past that come true.
    """
    n_tokens = sum(share**i for i in range(n + 1))
    return n_tokens * model.of_rows(1) / (n * draft.of_rows(1) + model.of_rows(n + 1))


def best_gain(model: StepCost, draft: StepCost, share: float) -> float:
    """The same with the number of proposals that serves best."""
    return max(times_as_fast(model, draft, n, share) for n in range(1, _MAX_PROPOSALS + 1))


def break_even(model: StepCost, draft: StepCost) -> float | None:
    """The share from which a draft pays; None where it never does."""
    if best_gain(model, draft, 1.0) <= 1:
        return None
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        if best_gain(model, draft, middle) > 1:
            high = middle
        else:
            low = middle
    return high


def step_rows(costs: Sequence[StepCost]) -> list[Row]:
    """A row for each model."""
    return [
        {"model": cost.name, "blocks, MB": f"{cost.block_mb:.0f}"}
        | {f"{n} row{'s' * (n > 1)}, ms": f"{ms:.2f}" for n, ms in cost.ms.items()}
        for cost in costs
    ]


def pair_rows(costs: Sequence[StepCost]) -> list[Row]:
    """A row for each pair of a model and a faster one that could propose to it."""
    rows = []
    for model, draft in itertools.permutations(costs, 2):
        if draft.of_rows(1) >= model.of_rows(1):
            continue
        share = break_even(model, draft)
        rows.append(
            {
                "model": model.name,
                "draft": draft.name,
                "pays from": "never" if share is None else f"{share:.0%}",
            }
            | {f"at {s:.0%}": f"{best_gain(model, draft, s):.2f} x" for s in _SHARES}
        )
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    parser = parser_of("benchmarks.drafts", __doc__)
    parser.add_argument("--sizes", type=names, default=["small", "large"], metavar="S,S")
    parser.add_argument("--precisions", type=names, default=["fp32", "int8", "int4"])
    parser.add_argument("--budget", type=float, default=4.0, help="seconds for a number of rows")
    args = parser.parse_args(argv)
    print(describe_machine())
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        models = {
            f"{size} {precision}": make_coarse(size, precision)
            for size, precision in itertools.product(args.sizes, args.precisions)
        }
        costs = measure_steps(models, args.budget)
    finally:
        torch.set_num_threads(before)
    print(f"\nA step behind {_N_PAST} positions:\n\n{markdown(step_rows(costs))}")
    pairs = pair_rows(costs)
    if pairs:
        print(f"\nTimes as fast with a draft, by its share of true ones:\n\n{markdown(pairs)}")
    keep(args, {"steps": costs, "pairs": pairs})


if __name__ == "__main__":
    main()
