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
from protocol import serve  # this file's folder is on the path of a script


class FileWorkload:
    """The parent's workload, read from the file that it wrote."""

    def __init__(self, path: str) -> None:
        arrays = np.load(path)
        self.text_ids, self.semantic = arrays["text_ids"], arrays["semantic"]
        self.coarse, self.codes = arrays["coarse"], arrays["codes"]
        self.n_semantic = len(self.semantic)
        self.max_duration_s = float(arrays["max_duration_s"])
        names = ("semantic_prompt", "coarse_prompt", "fine_prompt")
        self.voice = {n: arrays[n] for n in names} if names[0] in arrays.files else None


def hide_torchaudio() -> None:
    """Lets transformers and encodec be imported beside a torchaudio of another torch."""
    empty = types.ModuleType("torchaudio")
    empty.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    sys.modules["torchaudio"] = empty


class Reference:
    """suno-ai/bark from a folder that holds its package.

    Args:
        size: "small" or "large".
        folder: of the random weights.
        path: the folder in which `bark/generation.py` lies.
    """

    def __init__(self, *, size: str, folder: str, path: str) -> None:
        hide_torchaudio()
        sys.path.insert(0, path)
        self.size, self.folder = size, Path(folder)
        self.generation = importlib.import_module("bark.generation")

    def load(self, stage: str) -> None:
        """Puts a stage's model where the reference looks for it."""
        models = self.generation.models
        if stage == "decode":
            codec = importlib.import_module("encodec").EncodecModel.encodec_model_24khz(
                pretrained=False
            )
            codec.set_target_bandwidth(6.0)
            models["codec"] = codec.eval()
            return
        name = {"semantic": "text"}.get(stage, stage)
        file = torch.load(self.folder / f"{self.size}-{name}.pt", mmap=True, weights_only=True)
        module = importlib.import_module("bark.model_fine" if name == "fine" else "bark.model")
        prefix = "Fine" if name == "fine" else ""
        config = getattr(module, f"{prefix}GPTConfig")(**file["model_args"])
        with torch.device("meta"):
            model = getattr(module, f"{prefix}GPT")(config)
        model.load_state_dict(file["model"], strict=False, assign=True)
        if name == "fine":
            for i, head in enumerate(model.lm_heads):
                model.transformer.wtes[i + 1].weight = head.weight
        model.eval()
        models[name] = {"model": model, "tokenizer": self} if name == "text" else model

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        """Stands for the tokenizer, whose part in the time is nothing."""
        return self.ids

    def run(self, stage: str, workload: FileWorkload, n_clips: int) -> None:
        """Runs a stage as `generate_audio` would, the clips one after the other."""
        generation, voice = self.generation, workload.voice
        self.ids = workload.text_ids.tolist()
        for seed in range(n_clips):
            torch.manual_seed(seed)
            if stage == "semantic":
                generation.generate_text_semantic(
                    "text",
                    history_prompt=voice,
                    max_gen_duration_s=workload.max_duration_s,
                    allow_early_stop=False,
                    silent=True,
                    use_kv_caching=True,
                )
            elif stage == "coarse":
                generation.generate_coarse(
                    workload.semantic, history_prompt=voice, silent=True, use_kv_caching=True
                )
            elif stage == "fine":
                generation.generate_fine(workload.coarse, history_prompt=voice, temp=0.5)
            else:
                with torch.inference_mode():
                    generation.codec_decode(workload.codes)


class Transformers:
    """transformers' BarkModel with random weights of its own."""

    def __init__(self, *, size: str, sizes: dict[str, int]) -> None:
        hide_torchaudio()
        self.module = importlib.import_module("transformers.models.bark.modeling_bark")
        self.configs = importlib.import_module("transformers.models.bark.configuration_bark")
        self.options = importlib.import_module(
            "transformers.models.bark.generation_configuration_bark"
        )
        names = {"n_layer": "num_layers", "n_head": "num_heads", "n_embd": "hidden_size"}
        self.sizes = {names[name]: value for name, value in sizes.items()}
        self.models: dict[str, Any] = {}

    def load(self, stage: str) -> None:
        """Builds a stage's model."""
        if stage == "decode":
            encodec = importlib.import_module("transformers.models.encodec.modeling_encodec")
            config = importlib.import_module("transformers").EncodecConfig()
            self.models[stage] = encodec.EncodecModel(config).eval()
            return
        vocabularies = {
            "semantic": (129_600, 10_048),
            "coarse": (12_096, 12_096),
            "fine": (1_056, 1_056),
        }
        n_in, n_out = vocabularies[stage]
        name = stage.capitalize()
        config = getattr(self.configs, f"Bark{name}Config")(
            **self.sizes, bias=False, input_vocab_size=n_in, output_vocab_size=n_out
        )
        self.models[stage] = getattr(self.module, f"Bark{name}Model")(config).eval()
        self.options_of = {
            "semantic": self.options.BarkSemanticGenerationConfig(do_sample=True, temperature=0.7),
            "coarse": self.options.BarkCoarseGenerationConfig(do_sample=True, temperature=0.7),
            "fine": self.options.BarkFineGenerationConfig(temperature=0.5),
        }

    @torch.inference_mode()
    def run(self, stage: str, workload: FileWorkload, n_clips: int) -> None:
        """Runs a stage, the clips one after the other."""
        for seed in range(n_clips):
            torch.manual_seed(seed)
            getattr(self, f"_{stage}")(workload)

    def _semantic(self, workload: FileWorkload) -> None:
        n = 256
        ids = torch.zeros(1, n, dtype=torch.int64)
        ids[0, : len(workload.text_ids)] = torch.from_numpy(workload.text_ids)
        mask = (torch.arange(n) < len(workload.text_ids)).long()[None]
        self.models["semantic"].generate(
            ids,
            semantic_generation_config=self.options_of["semantic"],
            history_prompt=self._voice(workload),
            attention_mask=mask,
            max_new_tokens=workload.n_semantic,
            min_new_tokens=workload.n_semantic,
        )

    def _coarse(self, workload: FileWorkload) -> None:
        self.models["coarse"].generate(
            torch.from_numpy(workload.semantic)[None],
            semantic_generation_config=self.options_of["semantic"],
            coarse_generation_config=self.options_of["coarse"],
            codebook_size=1_024,
            history_prompt=self._voice(workload),
        )

    def _fine(self, workload: FileWorkload) -> None:
        codes = torch.from_numpy(workload.coarse) + torch.tensor([[10_000], [11_024]])
        self.models["fine"].generate(
            codes.T.reshape(1, -1),
            semantic_generation_config=self.options_of["semantic"],
            coarse_generation_config=self.options_of["coarse"],
            fine_generation_config=self.options_of["fine"],
            codebook_size=1_024,
            history_prompt=self._voice(workload),
        )

    def _decode(self, workload: FileWorkload) -> None:
        codec = self.models["decode"]
        codes = torch.from_numpy(workload.codes)[:, None]
        codec.decoder(codec.quantizer.decode(codes))

    def _voice(self, workload: FileWorkload) -> dict[str, torch.Tensor] | None:
        if workload.voice is None:
            return None
        return {name: torch.from_numpy(array) for name, array in workload.voice.items()}


def build(*, kind: str, **options: Any) -> Reference | Transformers:
    """The implementation of this worker."""
    return Reference(**options) if kind == "reference" else Transformers(**options)


if __name__ == "__main__":
    serve(build, FileWorkload)
