"""From named weights to a stage's model, once a layout's own names have been translated."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..errors import CheckpointError, shown
from ..models.assign import assign_weights, empty_modules
from ..models.blocks import GPTConfig
from ..models.fine import FineGPT, FineGPTConfig
from ..models.gpt import GPT
from ..spec import BARK, NANO, ModelSpec

_MAX_NAMES_CHARS = 200

STAGES = ("text", "coarse", "fine")
"""As the official files are named; the text stage makes semantic tokens."""

MAX_SIZE = 1 << 20
"""No size of a model is larger; past it torch's own sums overflow."""


_ROOM = {
    "bark": dict.fromkeys(STAGES, BARK.fine_window_len),
    "nano": {
        "text": NANO.text_len + 1 + NANO.max_semantic_len,
        "coarse": 2 * round(NANO.coarse_per_semantic),  # half of a window is kept for the next
        "fine": NANO.fine_window_len,
    },
}
"""Positions that a stage looks up, by family."""

_CODES_GIVEN = {"bark": 1, "nano": NANO.n_coarse_codebooks}


def build_stage(
    stage: str, sizes: Mapping[str, Any], weights: Mapping[str, Tensor], *, source: str
) -> GPT | FineGPT:
    """A stage's model with these weights, on the CPU, in float32, for inference only.

    Args:
        stage: one of `STAGES`.
        sizes: names and values of `GPTConfig`, or of `FineGPTConfig` for the fine stage.
        weights: under nanoGPT's names; of the fine stage's tied tensors one name is enough, and
            masks (`*.attn.bias`) are ignored.
        source: what an error names, for example the file.

    Raises:
        CheckpointError: it is another stage, or names, shapes or sizes do not fit.
    """
    weights = {name: weight for name, weight in weights.items() if not _is_mask(name)}
    found = _stage_of(weights)
    if found != stage:
        held = f"a {found} model" if found else "none of Bark's models"
        raise CheckpointError(f"{source} holds {held}; the {stage} model was expected.")
    config = _config(sizes, stage, source)
    check_sizes(stage, config, source)
    n_layer = len({m[1] for name in weights if (m := re.match(r"transformer\.h\.(\d+)\.", name))})
    if n_layer != config.n_layer:
        raise CheckpointError(f"{source} has {n_layer} layers; it says {config.n_layer}.")
    with empty_modules():
        model = FineGPT(config) if isinstance(config, FineGPTConfig) else GPT(config)
    if isinstance(model, FineGPT):
        assign_weights(model, with_both_names(weights, model.config), source=source)
        model.tie_heads()
    else:
        assign_weights(model, weights, source=source)
    return model


def _is_mask(name: str) -> bool:
    # Causal masks were buffers in older files; `attn.c_attn.bias` is a real bias.
    return name.endswith(".attn.bias")


def _stage_of(weights: Mapping[str, Tensor]) -> str | None:
    if "transformer.wtes.0.weight" in weights:
        return "fine"
    table = weights.get("transformer.wte.weight")
    n_tokens = 0 if table is None else table.shape[0]
    if n_tokens > BARK.semantic_infer_token:
        return "text"
    return "coarse" if n_tokens > BARK.coarse_infer_token else None


def _config(values: Mapping[str, Any], stage: str, source: str) -> GPTConfig:
    kind = FineGPTConfig if stage == "fine" else GPTConfig
    known = {field.name for field in dataclasses.fields(kind)} - {"position_sizes"}
    unknown = sorted({str(name) for name in values} - known)
    if unknown:
        raise CheckpointError(
            f"{source} has the sizes {', '.join(unknown)[:_MAX_NAMES_CHARS]}, "
            f"which a {stage} model does not know."
        )
    missing = sorted(known - set(values) - {"dropout", "bias", "n_codes_total", "n_codes_given"})
    if missing:
        raise CheckpointError(f"{source} does not say its {', '.join(missing)}.")
    sizes = {name: value for name, value in values.items() if name not in ("dropout", "bias")}
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SIZE:
            raise CheckpointError(
                f"{source} says {name} is {shown(value)}; it must be from 1 to {MAX_SIZE:,}."
            )
    if sizes["n_embd"] % sizes["n_head"]:
        raise CheckpointError(
            f"{source} says a width of {sizes['n_embd']} for {sizes['n_head']} heads; "
            "the heads must share it evenly."
        )
    return kind(**sizes, bias=bool(values.get("bias", False)))


def check_sizes(stage: str, config: GPTConfig, source: str, spec: ModelSpec = BARK) -> None:
    """Whether the tables reach every token and position that the stage will look up.

    Args:
        stage: one of `STAGES`.
        config: the sizes that were given.
        source: what an error names, for example the file.
        spec: the family that the stage is of.

    Raises:
        CheckpointError: they do not.
    """
    family = spec.name.capitalize()
    n_coarse = spec.n_coarse_codebooks * spec.codebook_size
    reads, writes = {
        "text": (spec.semantic_infer_token + 1, spec.semantic_pad_token + 1),
        "coarse": (spec.coarse_infer_token + 1, spec.coarse_offset + n_coarse),
        "fine": (spec.fine_pad_token + 1, spec.codebook_size),
    }[stage]
    if config.input_vocab_size < reads or config.output_vocab_size < writes:
        raise CheckpointError(
            f"{source} reads {config.input_vocab_size} and writes {config.output_vocab_size} "
            f"tokens; {family}'s {stage} model needs at least {reads} and {writes}."
        )
    room = _ROOM[spec.name][stage]
    if config.block_size < room:
        raise CheckpointError(
            f"{source} has room for {config.block_size} positions; {family} needs {room}."
        )
    n_given = _CODES_GIVEN[spec.name]
    if isinstance(config, FineGPTConfig) and (
        (config.n_codes_total, config.n_codes_given) != (spec.n_codebooks, n_given)
    ):
        raise CheckpointError(
            f"{source} has {config.n_codes_total} codebooks, {config.n_codes_given} of them given; "
            f"{family}'s fine model has {spec.n_codebooks} and {n_given}."
        )


def with_both_names(weights: Mapping[str, Tensor], config: FineGPTConfig) -> dict[str, Tensor]:
    """Adds the other name of each of the fine model's tied tensors."""
    both = dict(weights)
    for i in range(config.n_codes_total - config.n_codes_given):
        table = f"transformer.wtes.{i + config.n_codes_given}.weight"
        head = f"lm_heads.{i}.weight"
        if head in both:  # as the reference, whose loading ends with the output layers
            both[table] = both[head]
        elif table in both:
            both[head] = both[table]
    return both
