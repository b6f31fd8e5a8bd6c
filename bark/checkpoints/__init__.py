"""Weights on disk: which models there are, where their files lie, and how each layout is read."""

from .registry import (
    ModelFiles,
    ModelInfo,
    best_local_model,
    list_models,
    packaged_nano_dir,
    resolve_model,
)

__all__ = [
    "ModelFiles",
    "ModelInfo",
    "best_local_model",
    "list_models",
    "packaged_nano_dir",
    "resolve_model",
]
