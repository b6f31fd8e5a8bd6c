"""Tiny random checkpoints in the layouts that official Bark comes in, for tests of every floor."""

from __future__ import annotations

import json
import pickle
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

WIDTH, N_LAYER, N_HEAD, BLOCK_SIZE = 32, 2, 2, 1_024
VOCABULARIES = {"text": (129_600, 10_048), "coarse": (12_096, 12_096), "fine": (1_056, 1_056)}
CODEC_NAME = "encodec_24khz-d7cc33bc.th"


def tiny_vocabulary() -> dict[str, int]:
    """A cased WordPiece vocabulary that spells every word of Latin letters."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789äöüßéïÅñ"
    words = "hello Hello world the The one two three in I is ##lo ##ing ##s".split()
    others = list(".,!?'\"-—…♪()[]:;") + list("東京大阪です") + ["привет", "##вет", "नमस्ते", "😀"]
    tokens = [*specials, *words, *letters, *(f"##{c}" for c in letters), *others]
    return {token: i for i, token in enumerate(dict.fromkeys(tokens))}


def stage_weights(stage: str, *, seed: int = 0, width: int = WIDTH) -> dict[str, Tensor]:
    """Random weights of one stage ("text", "coarse" or "fine") under nanoGPT's names.

    The fine stage's tied embeddings are there under both names, as in the official files.
    """
    generator = torch.Generator().manual_seed(seed + list(VOCABULARIES).index(stage))
    n_in, n_out = VOCABULARIES[stage]
    fine = stage == "fine"

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * 0.25

    weights: dict[str, Tensor] = {"transformer.wpe.weight": normal(BLOCK_SIZE, width)}
    norms = ["transformer.ln_f"]
    for i in range(N_LAYER):
        block = f"transformer.h.{i}"
        norms += [f"{block}.ln_1", f"{block}.ln_2"]
        weights[f"{block}.attn.c_attn.weight"] = normal(3 * width, width)
        weights[f"{block}.attn.c_proj.weight"] = normal(width, width)
        weights[f"{block}.mlp.c_fc.weight"] = normal(4 * width, width)
        weights[f"{block}.mlp.c_proj.weight"] = normal(width, 4 * width)
    for norm in norms:
        weights[f"{norm}.weight"] = 1 + normal(width)
        if fine:
            weights[f"{norm}.bias"] = normal(width)
    if fine:
        for i in range(8):
            weights[f"transformer.wtes.{i}.weight"] = normal(n_in, width)
        for i in range(7):
            weights[f"lm_heads.{i}.weight"] = weights[f"transformer.wtes.{i + 1}.weight"]
    else:
        weights["transformer.wte.weight"] = normal(n_in, width)
        weights["lm_head.weight"] = normal(n_out, width)
    return weights


def codec_weights(*, seed: int = 0) -> dict[str, Tensor]:
    """A random state of encodec's 24 kHz model, as its .th file holds it."""
    from bark.codecs.encodec import new_encodec_model

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        weights = new_encodec_model().state_dict()
        for name, weight in weights.items():
            if name.endswith("_codebook.embed"):  # zeros until trained: all codes sound the same
                weight.normal_()
        return weights


class _OldNumpyPickler(pickle._Pickler):  # type: ignore[name-defined]
    """Names numpy's scalar as NumPy 1 did, with which the official files were written."""

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if getattr(obj, "__module__", None) == "numpy._core.multiarray":
            self.write(b"cnumpy.core.multiarray\nscalar\n")
            self.memoize(obj)
        else:
            super().save_global(obj, name)


def write_stage(path: Path, stage: str, *, seed: int = 0, **changes: Any) -> Path:
    """Writes one official checkpoint with all that the real ones carry.

    Args:
        changes: entries of the file to replace, for example `model={}`.
    """
    weights = stage_weights(stage, seed=seed)
    n_in, n_out = VOCABULARIES[stage]
    args: dict[str, Any] = {
        "n_layer": N_LAYER,
        "n_head": N_HEAD,
        "n_embd": WIDTH,
        "block_size": BLOCK_SIZE,
        "bias": False,
        "dropout": 0.0,
    }
    if stage == "coarse":
        args["vocab_size"] = n_in  # the older name of both vocabularies
    else:
        args |= {"input_vocab_size": n_in, "output_vocab_size": n_out}
    if stage == "fine":
        args |= {"n_codes_total": 8, "n_codes_given": 1}
    model = {f"_orig_mod.{key}": weight for key, weight in weights.items()}
    if stage != "fine":
        mask = torch.ones(BLOCK_SIZE, BLOCK_SIZE, dtype=torch.bool).tril()
        for i in range(N_LAYER):
            model[f"_orig_mod.transformer.h.{i}.attn.bias"] = mask[None, None]
    first = next(iter(weights.values()))
    content = {
        "model": model,
        "model_args": args,
        "optimizer": {"state": {0: {"step": 7, "exp_avg": torch.zeros_like(first)}}},
        "best_val_loss": np.float64(2.5),
        "iter_num": 7,
        "config": {"dataset": "made up", "learning_rate": 1e-4},
    }
    torch.save(
        content | changes,
        path,
        pickle_module=types.SimpleNamespace(__name__="pickle", Pickler=_OldNumpyPickler),
    )
    return path


def write_official_layout(folder: Path, *, large: bool = False, seed: int = 0) -> Path:
    """Fills a folder as suno-ai/bark's CACHE_DIR: three .pt, vocab.txt and the codec's .th.

    Args:
        large: name the files as the large model's (text_2.pt, ...); the sizes stay tiny.

    Returns:
        The folder, fit for `Bark.from_pretrained(folder)` and BARK_MODEL.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stage in VOCABULARIES:
        write_stage(folder / f"{stage}{'_2' if large else ''}.pt", stage, seed=seed)
    (folder / "vocab.txt").write_text("\n".join(tiny_vocabulary()) + "\n", encoding="utf-8")
    torch.save(codec_weights(seed=seed), folder / CODEC_NAME)
    return folder


def write_hub_layout(folder: Path, *, new_names: bool = False, seed: int = 0) -> Path:
    """Fills a folder as transformers keeps Bark: one weight file, config.json and tokenizer.json.

    Args:
        new_names: model.safetensors with the weight norm's newer names and the tied tensors once,
            as today's transformers saves; otherwise pytorch_model.bin as on the Hub.
    """
    import tokenizers
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    sections = {"text": "semantic", "coarse": "coarse_acoustics", "fine": "fine_acoustics"}
    weights: dict[str, Tensor] = {}
    config: dict[str, Any] = {"model_type": "bark"}
    for stage, section in sections.items():
        n_in, n_out = VOCABULARIES[stage]
        config[f"{section}_config"] = {
            "num_layers": N_LAYER,
            "num_heads": N_HEAD,
            "hidden_size": WIDTH,
            "block_size": BLOCK_SIZE,
            "input_vocab_size": n_in,
            "output_vocab_size": n_out,
            "bias": False,
        }
        for name, tensor in stage_weights(stage, seed=seed).items():
            if not (new_names and name.startswith("lm_heads.")):
                weights[f"{section}.{_hub_stage_name(name)}"] = tensor
    for name, tensor in codec_weights(seed=seed).items():
        weights[f"codec_model.{_hub_codec_name(name, new_names)}"] = tensor.clone()
    (folder / "config.json").write_text(json.dumps(config))
    if new_names:
        save_file(weights, folder / "model.safetensors")
    else:
        torch.save(weights, folder / "pytorch_model.bin")
    tokenizer = tokenizers.BertWordPieceTokenizer(dict(tiny_vocabulary()), lowercase=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


_HUB_STAGE_NAMES = {
    "transformer.wtes": "input_embeds_layers",
    "transformer.wte": "input_embeds_layer",
    "transformer.wpe": "position_embeds_layer",
    "transformer.ln_f": "layernorm_final",
    "transformer.h": "layers",
    "ln_1": "layernorm_1",
    "ln_2": "layernorm_2",
    "c_attn": "att_proj",
    "attn.c_proj": "attn.out_proj",
    "c_fc": "in_proj",
    "mlp.c_proj": "mlp.out_proj",
}


def _hub_stage_name(name: str) -> str:
    for ours, theirs in _HUB_STAGE_NAMES.items():
        name = name.replace(ours, theirs)
    return name


def _hub_codec_name(name: str, new_names: bool) -> str:
    name = name.replace("coder.model.", "coder.layers.")
    name = name.replace("convtr.convtr.", "conv.").replace("conv.conv.", "conv.")
    name = name.replace("quantizer.vq.", "quantizer.").replace("._codebook.", ".codebook.")
    if new_names:
        name = name.replace("weight_g", "parametrizations.weight.original0")
        name = name.replace("weight_v", "parametrizations.weight.original1")
    return name
