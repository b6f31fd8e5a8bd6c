"""Worker process that runs this package's stages; started by `python -m benchmarks`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from bark.coarse import CoarseWindows, generate_coarse
from bark.fine import generate_fine
from bark.quantize import apply_precision
from bark.sampling import SamplingOptions
from bark.semantic import SemanticLimits, generate_semantic
from bark.spec import BARK

from .protocol import serve
from .weights import load_model
from .workload import Workload, make_workload

_FILES = {"semantic": "text", "coarse": "coarse", "fine": "fine"}


class Ours:
    """The stages in one precision."""

    def __init__(self, *, size: str, folder: str, precision: str) -> None:
        self.size, self.folder, self.precision = size, Path(folder), precision
        self.models: dict[str, Any] = {}

    def load(self, stage: str) -> None:
        """Loads and packs a stage's model."""
        if stage in _FILES:
            model = load_model(self.size, _FILES[stage], self.folder)
            self.models[stage] = apply_precision(model, self.precision, "cpu")
        else:
            from .codec import new_codec

            self.models[stage] = new_codec()

    @torch.inference_mode()
    def run(self, stage: str, workload: Workload, n_clips: int) -> list[np.ndarray]:
        """Runs a stage on a batch of equal clips with a seed each; returns what it made."""
        generators = [torch.Generator().manual_seed(seed) for seed in range(n_clips)]
        return getattr(self, f"_{stage}")(workload, generators)

    def _semantic(self, workload: Workload, generators: list[torch.Generator]) -> list[np.ndarray]:
        n, voice = len(generators), workload.voice
        steps = generate_semantic(
            self.models["semantic"],
            BARK,
            [workload.text_ids] * n,
            histories=[voice["semantic_prompt"] if voice else None] * n,
            sampling=SamplingOptions(),
            limits=SemanticLimits(None, workload.max_duration_s, allow_early_stop=False),
            generators=generators,
        )
        return [made.tokens for made in _finish(steps)]

    def _coarse(self, workload: Workload, generators: list[torch.Generator]) -> list[np.ndarray]:
        n, voice = len(generators), workload.voice
        history = (voice["semantic_prompt"], voice["coarse_prompt"]) if voice else None
        steps = generate_coarse(
            self.models["coarse"],
            BARK,
            [workload.semantic] * n,
            histories=[history] * n,
            sampling=SamplingOptions(),
            windows=CoarseWindows(),
            generators=generators,
        )
        return _finish(steps)

    def _fine(self, workload: Workload, generators: list[torch.Generator]) -> list[np.ndarray]:
        n, voice = len(generators), workload.voice
        steps = generate_fine(
            self.models["fine"],
            BARK,
            [workload.coarse] * n,
            histories=[voice["fine_prompt"] if voice else None] * n,
            temperature=0.5,
            generators=generators,
        )
        return _finish(steps)

    def _decode(self, workload: Workload, generators: list[torch.Generator]) -> list[np.ndarray]:
        return [self.models["decode"].decode(workload.codes) for _ in generators]


def _finish(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


if __name__ == "__main__":
    serve(Ours, make_workload)
