"""The layout of suno-ai/bark: one .pt file a stage, with an optimizer's state inside."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ..codecs.encodec import EncodecCodec
from ..errors import CheckpointError
from ..models.fine import FineGPT
from ..models.gpt import GPT
from .stage_building import build_stage
from .torch_file import named_tensors, read_torch_file

_COMPILED_PREFIX = "_orig_mod."  # what torch.compile puts in front of every name


def read_stage(path: Path, stage: str) -> GPT | FineGPT:
    """Loads one stage; of the file only the model's tensors are read.

    Args:
        path: for example `text_2.pt`.
        stage: "text", "coarse" or "fine".

    Raises:
        WeightsNotFoundError: there is no such file.
        CheckpointError: it is damaged, or not this stage's.
    """
    checkpoint = read_torch_file(path)
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f"{path} holds a {type(checkpoint).__name__}; a dict was expected.")
    for key in ("model", "model_args"):
        if not isinstance(checkpoint.get(key), dict):
            raise CheckpointError(f"{path} has no {key!r}; it is no checkpoint of suno-ai/bark.")
    sizes = dict(checkpoint["model_args"])
    if "vocab_size" in sizes:  # older files: one size for both
        vocab_size = sizes.pop("vocab_size")
        sizes = {"input_vocab_size": vocab_size, "output_vocab_size": vocab_size, **sizes}
    weights = _named_tensors(checkpoint["model"], path)
    return build_stage(stage, sizes, weights, source=str(path))


def read_codec(path: Path, *, all_codebooks: bool = False) -> EncodecCodec:
    """Loads the codec from the encodec package's `encodec_24khz-d7cc33bc.th`.

    Raises:
        WeightsNotFoundError, CheckpointError: as `read_stage`.
    """
    weights = _named_tensors(read_torch_file(path), path)
    return EncodecCodec.from_weights(weights, source=str(path), all_codebooks=all_codebooks)


def _named_tensors(values: object, path: Path) -> dict[str, Tensor]:
    tensors = named_tensors(values, path)
    return {name.removeprefix(_COMPILED_PREFIX): tensor for name, tensor in tensors.items()}
