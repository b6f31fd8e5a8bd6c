"""`python -m training STEP`: makes nano, step by step or all at once."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from .recipe import ALL_STEPS, QUICK_STEPS, STEPS, losses_that_did_not_fall
from .sizes import BUDGETS, Recipe, quick_recipe

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the steps; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    whole = Recipe().scaled(options.share)
    recipe = quick_recipe() if options.quick else _with_minutes(whole, options)
    everything = QUICK_STEPS if options.quick else ALL_STEPS
    names = everything if options.step == "all" else (options.step,)
    out = Path(options.out)
    log.info("%s on %s, %d threads, to %s", ", ".join(names), options.device, options.threads, out)
    for name in names:
        log.info("step: %s", name)
        STEPS[name](recipe, out, options.device)
    if options.quick and options.step == "all" and (stuck := losses_that_did_not_fall(out)):
        log.error("did not fall: %s", ", ".join(stuck))
        return 1
    return 0


def _with_minutes(recipe: Recipe, options: argparse.Namespace) -> Recipe:
    """The recipe with the trainings' minutes that were asked for."""
    asked = {name: getattr(options, f"{name}_minutes") for name in BUDGETS}
    changed = {
        name: dataclasses.replace(getattr(recipe, name), minutes=minutes)
        for name, minutes in asked.items()
        if minutes is not None
    }
    return dataclasses.replace(recipe, **changed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Makes nano: the teacher's data, the codec, three models, files, measures. "
        "Every step goes on where it was stopped.",
    )
    parser.add_argument(
        "step",
        choices=[*STEPS, "all"],
        help="what to do; 'all' is all but 'ship'",
    )
    parser.add_argument("--out", default="runs", help="folder of everything made (%(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (%(default)s)")
    parser.add_argument(
        "--quick", action="store_true", help="a handful of sentences; fails if a loss does not fall"
    )
    parser.add_argument(
        "--share",
        type=_share,
        default=1.0,
        help="of the recipe's sentences and minutes, above 0 and up to 1: a tenth takes one core "
        "an hour and a half, and is understood less well",
    )
    for name in BUDGETS:
        parser.add_argument(f"--{name}-minutes", type=float, help=f"of training the {name} model")
    return parser


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} came, expected a share above 0 and up to 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
