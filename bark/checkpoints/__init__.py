"""Weights on disk: which models there are, where their files lie, and how each layout is read."""

from .registry import (
    ModelFiles as ModelFiles,
)
from .registry import (
    ModelInfo as ModelInfo,
)
from .registry import (
    best_local_model as best_local_model,
)
from .registry import (
    list_models as list_models,
)
from .registry import (
    packaged_nano_dir as packaged_nano_dir,
)
from .registry import (
    resolve_model as resolve_model,
)
