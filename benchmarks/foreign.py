"""Worker process that runs suno-ai/bark or transformers' Bark on random weights.

Run as a script, not as a module, so that `bark` is the reference's package and not this one.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from protocol import Workload, serve  # this file's folder is on the path of a script


def hide_torchaudio() -> None:
    """Lets transformers and encodec be imported beside a torchaudio of another torch."""
    empty = types.ModuleType("torchaudio")
    empty.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    sys.modules["torchaudio"] = empty


class Reference:
    """suno-ai/bark, loading and running its models as it does itself.

    Args:
        path: the folder in which `bark/generation.py` lies.
        folder: of the random weights.
    """

    def __init__(self, *, path: str, folder: str) -> None:
        hide_torchaudio()
        sys.path.insert(0, path)
        self.generation = importlib.import_module("bark.generation")
        self.generation.CACHE_DIR = folder
        # The tokenizer would be fetched from the Hub; its part in the time is nothing.
        self.generation.BertTokenizer = types.SimpleNamespace(from_pretrained=lambda name: self)
        encodec = importlib.import_module("encodec").EncodecModel
        self.generation.EncodecModel = types.SimpleNamespace(
            encodec_model_24khz=lambda: encodec.encodec_model_24khz(pretrained=False)
        )

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        """The ids of words such as "w12"."""
        return [int(word[1:]) for word in text.split()]

    def load(self, stage: str) -> None:
        """Loads a stage's model."""
        if stage == "decode":
            self.generation.load_codec_model()
        else:
            name = {"semantic": "text"}.get(stage, stage)
            self.generation.load_model(model_type=name, use_small=True)

    def run(
        self, stage: str, workload: Workload, n_clips: int, first_seed: int = 0
    ) -> np.ndarray | None:
        """Runs a stage as `generate_audio` would, the clips one after the other."""
        made = []
        for seed in range(first_seed, first_seed + n_clips):
            torch.manual_seed(seed)
            made.append(getattr(self, f"_{stage}")(workload))
        return made[0]

    def _semantic(self, workload: Workload) -> np.ndarray:
        return self.generation.generate_text_semantic(
            " ".join(f"w{i}" for i in workload.text_ids),
            history_prompt=workload.voice,
            max_gen_duration_s=workload.max_duration_s,
            allow_early_stop=False,
            silent=True,
            use_kv_caching=True,
        )

    def _coarse(self, workload: Workload) -> np.ndarray:
        return self.generation.generate_coarse(
            workload.semantic, history_prompt=workload.voice, silent=True, use_kv_caching=True
        )

    def _fine(self, workload: Workload) -> np.ndarray:
        return self.generation.generate_fine(
            workload.coarse, history_prompt=workload.voice, temp=0.5
        )

    def _decode(self, workload: Workload) -> None:
        with torch.inference_mode():
            self.generation.codec_decode(workload.fine)


class Transformers:
    """transformers' BarkModel.

    Args:
        folder: of its random weights, written when there are none.
        sizes: n_layer, n_head and n_embd of all stages.
        vocabularies: of "text", "coarse" and "fine", in and out.
    """

    def __init__(
        self, *, folder: str, sizes: dict[str, int], vocabularies: dict[str, tuple[int, int]]
    ) -> None:
        hide_torchaudio()
        self.bark = importlib.import_module("transformers.models.bark")
        self.folder = Path(folder)
        self.model: Any = None
        if not (self.folder / "config.json").exists():
            own = {"num_layers": "n_layer", "num_heads": "n_head", "hidden_size": "n_embd"}
            parts = {"text": "semantic", "coarse": "coarse_acoustics", "fine": "fine_acoustics"}
            configs: dict[str, Any] = {
                f"{parts[part]}_config": {
                    **{name: sizes[ours] for name, ours in own.items()},
                    "bias": False,
                    "input_vocab_size": n_in,
                    "output_vocab_size": n_out,
                }
                for part, (n_in, n_out) in vocabularies.items()
            }
            self.bark.BarkModel(self.bark.BarkConfig(**configs)).save_pretrained(self.folder)

    def load(self, stage: str) -> None:
        """Loads all stages at once."""
        if self.model is None:
            self.model = self.bark.BarkModel.from_pretrained(self.folder).eval()
            options = importlib.import_module(f"{self.bark.__name__}.generation_configuration_bark")
            self.options = {
                "semantic_generation_config": options.BarkSemanticGenerationConfig(
                    do_sample=True, temperature=0.7
                ),
                "coarse_generation_config": options.BarkCoarseGenerationConfig(
                    do_sample=True, temperature=0.7
                ),
                "fine_generation_config": options.BarkFineGenerationConfig(temperature=0.5),
            }

    @torch.inference_mode()
    def run(self, stage: str, workload: Workload, n_clips: int, first_seed: int = 0) -> None:
        """Runs a stage, the clips one after the other; its weights are not the others'."""
        for seed in range(first_seed, first_seed + n_clips):
            torch.manual_seed(seed)
            getattr(self, f"_{stage}")(workload)

    def _semantic(self, workload: Workload) -> None:
        n_text, n_semantic = len(workload.text_ids), len(workload.semantic)
        ids = torch.zeros(1, 256, dtype=torch.int64)
        ids[0, :n_text] = torch.from_numpy(workload.text_ids)
        self.model.semantic.generate(
            ids,
            semantic_generation_config=self.options["semantic_generation_config"],
            history_prompt=self._voice(workload),
            attention_mask=(torch.arange(256) < n_text).long()[None],
            max_new_tokens=n_semantic,
            min_new_tokens=n_semantic,
        )

    def _coarse(self, workload: Workload) -> None:
        names = ("semantic_generation_config", "coarse_generation_config")
        self.model.coarse_acoustics.generate(
            torch.from_numpy(workload.semantic)[None],
            history_prompt=self._voice(workload),
            **{name: self.options[name] for name in names},
        )

    def _fine(self, workload: Workload) -> None:
        codes = torch.from_numpy(workload.coarse) + torch.tensor([[10_000], [11_024]])
        self.model.fine_acoustics.generate(
            codes.T.reshape(1, -1), history_prompt=self._voice(workload), **self.options
        )

    def _decode(self, workload: Workload) -> None:
        self.model.codec_decode(torch.from_numpy(workload.fine)[None])

    def _voice(self, workload: Workload) -> dict[str, torch.Tensor] | None:
        if workload.voice is None:
            return None
        return {name: torch.from_numpy(array) for name, array in workload.voice.items()}


def build(*, kind: str, **options: Any) -> Reference | Transformers:
    """The implementation of this worker."""
    return Reference(**options) if kind == "reference" else Transformers(**options)


if __name__ == "__main__":
    serve(build)
