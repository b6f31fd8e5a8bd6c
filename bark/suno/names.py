"""The original's small private functions, which programs import from `bark.generation`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np
import torch

from ..spec import BARK
from ..text.splitting import normalize_whitespace

REMOTE_MODEL_PATHS = {
    f"{stage}{'_small' if small else ''}": {
        "repo_id": "suno/bark",
        "file_name": f"{stage}.pt" if small else f"{stage}_2.pt",
    }
    for small in (True, False)
    for stage in ("text", "coarse", "fine")
}


@contextlib.contextmanager
def autocast() -> Iterator[None]:
    """bfloat16 on a CUDA device that computes in it; nothing elsewhere."""
    if torch.cuda.is_available() and torch.cuda.get_device_capability()[0] >= 8:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            yield
    else:
        yield


class InferenceContext:
    """Sets cuDNN's search for the fastest kernel while it lasts; off, as lengths differ."""

    def __init__(self, benchmark: bool = False) -> None:
        self._wanted = benchmark
        self._before = benchmark

    def __enter__(self) -> None:
        self._before = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = self._wanted

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        torch.backends.cudnn.benchmark = self._before


@contextlib.contextmanager
def inference_mode() -> Iterator[None]:
    """No gradients, `autocast`, and `InferenceContext`."""
    with InferenceContext(), torch.inference_mode(), autocast():
        yield


def clear_cuda_cache() -> None:
    """Gives memory that nobody uses back to the GPU."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.synchronize()


def flatten_codebooks(arr: np.ndarray, offset_size: int | None = BARK.codebook_size) -> np.ndarray:
    """(n, T) codes -> (n T,) frame by frame, each codebook `offset_size` above the one before."""
    n_codebooks = len(arr)
    offsets = (offset_size or 0) * np.arange(n_codebooks, dtype=arr.dtype)
    flat: np.ndarray = (arr + offsets[:, None]).ravel("F")
    return flat


def tokenize(tokenizer: Any, text: str) -> list[int]:
    """The ids of a text, without special tokens."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return ids


def detokenize(tokenizer: Any, enc_text: Any) -> str:
    """The text of ids."""
    text: str = tokenizer.decode(enc_text)
    return text


def normalize(text: str) -> str:
    """One space for any white space, none at the ends."""
    return normalize_whitespace(text)
