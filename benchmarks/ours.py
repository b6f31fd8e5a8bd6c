"""Worker process that runs this package's stages; started by `python -m benchmarks`."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import numpy as np
import torch

from bark import Bark, GenerationOptions, VoicePrompt
from bark.batch import Batch
from bark.models.gpt import GPT
from bark.request import Request

from .protocol import Workload, serve


class Ours:
    """The stages of a model folder in one precision, as `Bark` runs them.

    Args:
        drafts: whether float32 tokens may be proposed by a draft, and windows be read by oneDNN.
    """

    def __init__(self, *, folder: str, drafts: bool = True, **options: Any) -> None:
        self.bark = Bark.from_pretrained(folder, offline=True, lazy=True, **options)
        self._drafts = drafts

    def load(self, stage: str) -> None:
        """Loads and packs a stage's model."""
        if stage == "decode":
            assert self.bark.codec is not None
        else:
            model = self.bark.model(stage)
            if isinstance(model, GPT) and not self._drafts:
                model.draft = model.of_many = None

    @torch.inference_mode()
    def run(
        self, stage: str, workload: Workload, n_clips: int, first_seed: int = 0
    ) -> np.ndarray | None:
        """Runs a stage on all clips together."""
        options = GenerationOptions(
            min_eos_p=None, max_duration_s=workload.max_duration_s, allow_early_stop=False
        )
        voice = VoicePrompt.from_dict(workload.voice) if workload.voice else None
        given = VoicePrompt(workload.semantic, workload.coarse, workload.fine)
        requests = []
        for i, seed in enumerate(range(first_seed, first_seed + n_clips)):
            ids = workload.text_ids if workload.one_text else np.roll(workload.text_ids, i)
            text = " ".join(f"w{word}" for word in ids)
            requests.append(
                Request(text, voice, dataclasses.replace(options, seed=seed), stage, stage, given)
            )
        batch = Batch(self.bark, requests, preview=False)
        collections.deque(batch.events(), maxlen=0)
        return getattr(batch.items[0], stage, None)


if __name__ == "__main__":
    serve(Ours)
