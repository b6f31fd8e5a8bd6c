"""The layout of transformers: one file for the three stages and the codec, beside a config.json."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor

from ..codecs.encodec import EncodecCodec
from ..errors import CheckpointError, WeightsNotFoundError
from ..files.json_file import read_json
from ..models.fine import FineGPT
from ..models.gpt import GPT
from .stage_building import build_stage
from .torch_file import named_tensors, read_safetensors, read_torch_file

MAX_CONFIG_BYTES = 1 << 20
_CODEC_PREFIX = "codec_model."
_STAGE_PREFIXES = {"text": "semantic.", "coarse": "coarse_acoustics.", "fine": "fine_acoustics."}
_STAGE_CONFIGS = {stage: f"{prefix[:-1]}_config" for stage, prefix in _STAGE_PREFIXES.items()}
_DEFAULT_N_HEAD = 12  # transformers leaves defaults out of a config

_STAGE_NAMES = (
    (r"^input_embeds_layer\.", "transformer.wte."),
    (r"^input_embeds_layers\.", "transformer.wtes."),
    (r"^position_embeds_layer\.", "transformer.wpe."),
    (r"^layernorm_final\.", "transformer.ln_f."),
    (r"^layers\.", "transformer.h."),
    (r"\.layernorm_([12])\.", r".ln_\1."),
    (r"\.attn\.att_proj\.", ".attn.c_attn."),
    (r"\.attn\.out_proj\.", ".attn.c_proj."),
    (r"\.mlp\.in_proj\.", ".mlp.c_fc."),
    (r"\.mlp\.out_proj\.", ".mlp.c_proj."),
)
_CODEC_NAMES = (
    # every third layer of the decoder but the first and the last is a transposed convolution
    (r"^decoder\.layers\.(3|6|9|12)\.conv\.", r"decoder.model.\1.convtr.convtr."),
    (r"^(en|de)coder\.layers\.", r"\1coder.model."),
    (r"\.conv\.", ".conv.conv."),
    (r"^quantizer\.layers\.(\d+)\.codebook\.", r"quantizer.vq.layers.\1._codebook."),
)


def read_stage(path: Path, config_path: Path, stage: str) -> GPT | FineGPT:
    """Loads one stage.

    Sizes are the tensors' own; only the number of heads, which leaves no trace in a tensor's
    shape, comes from the config.

    Args:
        path: `pytorch_model.bin` or `model.safetensors`.
        config_path: `config.json`.
        stage: "text", "coarse" or "fine".

    Raises:
        WeightsNotFoundError: one of the files is missing.
        CheckpointError: one is damaged, or no Bark of transformers' layout.
    """
    n_head = _read_n_head(config_path, stage)
    prefix = _STAGE_PREFIXES[stage]
    tensors = _read(path, prefix)
    if not tensors:
        raise CheckpointError(
            f"{path} has no tensor whose name begins with {prefix!r}; "
            "it is no Bark in transformers' layout."
        )
    weights = {_rename(name, _STAGE_NAMES): tensor for name, tensor in tensors.items()}
    sizes = _sizes(weights, stage) | {"n_head": n_head}
    return build_stage(stage, sizes, weights, source=f"{path} ({prefix[:-1]})")


def read_codec(path: Path, *, all_codebooks: bool = False) -> EncodecCodec:
    """Loads the codec from Bark's own file, or from that of `facebook/encodec_24khz`.

    Raises:
        WeightsNotFoundError, CheckpointError: as `read_stage`.
    """
    tensors = _read(path, _CODEC_PREFIX) or _read(path, "")
    weights = {_rename(name, _CODEC_NAMES): tensor for name, tensor in tensors.items()}
    return EncodecCodec.from_weights(weights, source=f"{path} (codec)", all_codebooks=all_codebooks)


def _read(path: Path, prefix: str) -> dict[str, Tensor]:
    if path.suffix == ".json":
        found: dict[str, Tensor] = {}
        for shard in _shards(path, prefix):
            found |= _read(shard, prefix)
        return found
    if path.suffix == ".safetensors":
        return read_safetensors(path, prefix=prefix)
    values = named_tensors(read_torch_file(path), path)
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }


def _shards(path: Path, prefix: str) -> list[Path]:
    """The files that an index says hold tensors of these names; all lie beside it."""
    try:
        names = read_json(path, max_bytes=MAX_CONFIG_BYTES)["weight_map"]
        files = sorted({file for name, file in names.items() if name.startswith(prefix)})
        if any(Path(file).name != file or Path(file).suffix == ".json" for file in files):
            raise ValueError("a file of another folder")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path} is no index of weights; it must say in which file beside it each tensor lies."
        ) from error
    return [path.parent / file for file in files]


def _read_n_head(path: Path, stage: str) -> int:
    try:
        config = read_json(path, max_bytes=MAX_CONFIG_BYTES)
        section = config[_STAGE_CONFIGS[stage]]
        result: int = section.get("num_heads", _DEFAULT_N_HEAD)
        return result
    except FileNotFoundError as error:
        raise WeightsNotFoundError(f"There is no config file at {path}.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path} has no {_STAGE_CONFIGS[stage]}; it is no config of a Bark model."
        ) from error


def _sizes(weights: dict[str, Tensor], stage: str) -> dict[str, Any]:
    """The sizes that the shapes tell; where a tensor is missing, `build_stage` says so."""

    def shape(*names: str) -> tuple[int, ...]:
        for name in names:
            if name in weights and weights[name].ndim == 2:
                return tuple(weights[name].shape)
        return (1, 1)

    tables = _indices(weights, r"transformer\.wtes\.(\d+)\.")
    heads = _indices(weights, r"lm_heads\.(\d+)\.")
    block_size, n_embd = shape("transformer.wpe.weight")
    sizes: dict[str, Any] = {
        "n_layer": len(_indices(weights, r"transformer\.h\.(\d+)\.")),
        "n_embd": n_embd,
        "block_size": block_size,
        "input_vocab_size": shape("transformer.wte.weight", "transformer.wtes.0.weight")[0],
        "output_vocab_size": shape(
            "lm_head.weight", "lm_heads.0.weight", "transformer.wtes.1.weight"
        )[0],
        "bias": "transformer.h.0.attn.c_attn.bias" in weights,
    }
    if stage == "fine":  # of the tied tensors either name may be left out
        sizes["n_codes_total"] = len(tables | {i + 1 for i in heads})
    return sizes


def _indices(weights: dict[str, Tensor], pattern: str) -> set[int]:
    return {int(match[1]) for name in weights if (match := re.match(pattern, name))}


def _rename(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name
