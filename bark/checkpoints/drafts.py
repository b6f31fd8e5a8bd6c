"""A smaller model of the family that proposes tokens to a larger one, where both are on disk.

See decoding/speculative.py: the tokens are the larger model's in every case. Whether it is faster
depends on how often the two agree, which nobody has measured on the official weights; so it is off
unless it is asked for.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from ..errors import OptionError, WeightsNotFoundError
from ..models.gpt import GPT, Draft
from ..models.quantize import apply_precision, choose_precision
from .registry import ModelFiles, resolve_model

log = logging.getLogger(__name__)

_PARTS = ("text", "coarse")  # the stages whose tokens come one by one


def find_draft(name: str | Path, files: ModelFiles, device: torch.device) -> ModelFiles:
    """The files of a model that is to propose tokens to another one; nothing is downloaded.

    Args:
        name: as `resolve_model` takes it.
        files: the model that decides.
        device: where it computes.

    Raises:
        OptionError: it cannot propose to this model, or not there.
        WeightsNotFoundError: it is not on disk.
    """
    if device.type != "cpu":
        raise OptionError(f"A draft proposes on the CPU, not on {device}; leave it out there.")
    try:
        found = resolve_model(name, offline=True, parts=_PARTS)
    except WeightsNotFoundError as error:
        raise WeightsNotFoundError(
            f"The draft {str(name)!r} is not on this disk ({error}) Load that model once, "
            "or leave the draft out."
        ) from error
    if found.spec != files.spec:
        raise OptionError(
            f"The draft {str(name)!r} is of another family than {files.info.name!r}; "
            "use a smaller model of the same."
        )
    if found.info.name == files.info.name:
        raise OptionError(
            f"The model {files.info.name!r} cannot be its own draft; name a smaller one."
        )
    return found


def fitting_draft(name: str | Path, files: ModelFiles, device: torch.device) -> ModelFiles | None:
    """As `find_draft`, for a wish that holds for all models: None where this one cannot have it.

    Raises:
        WeightsNotFoundError: it could, but the draft is not on disk.
    """
    try:
        return find_draft(name, files, device)
    except WeightsNotFoundError:
        raise
    except OptionError as reason:
        log.info("no draft for %s: %s", files.info.name, reason)
        return None


def give_draft(model: GPT, files: ModelFiles, stage: str) -> None:
    """Lets a smaller model propose this one's tokens; it is loaded when it is first asked for.

    Args:
        model: the stage's model, on the CPU.
        files: of the smaller one.
        stage: "text" or "coarse".
    """

    def load() -> GPT:
        draft = apply_precision(files.load_stage(stage), choose_precision("auto", "cpu"), "cpu")
        assert isinstance(draft, GPT)
        draft.draft = None
        wanted, has = model.config, draft.config
        if has.block_size < wanted.block_size or has.input_vocab_size < wanted.input_vocab_size:
            raise OptionError(
                f"The draft {files.info.name!r} has room for {has.block_size} positions and "
                f"{has.input_vocab_size} tokens; the {stage} model needs {wanted.block_size} and "
                f"{wanted.input_vocab_size}."
            )
        return draft

    model.draft = Draft(load, is_copy=False)
